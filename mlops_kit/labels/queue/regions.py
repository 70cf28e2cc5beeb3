"""Where the model does badly or the world has changed, as weights of rows: from the reports of evaluate and monitor."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Array = np.ndarray[Any, Any]

LOSSES = ("log_loss", "rmse", "mae")
"""Metrics by which slices are compared where no promise of kpis.yaml is broken, the first that is there; smaller is better."""
_BROKEN = re.compile(r".* \[(?P<column>[^=\]]+)=(?P<value>.*)\]")
MOST = 20.0
"""Largest weight of a row by drift: a bin that was all but empty says that it is new, not how much it matters."""


def failing_slices(
    slices: Sequence[Mapping[str, Any]], verdict: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, float]]:
    """Return column -> value -> weight of the slices to look at.

    Those that break a promise of kpis.yaml (`verdict`: entries with `name` such as `roc_auc [origin=JFK]` and `status`) weigh 1 each. Where none
    does, slices whose loss is above the mean of their column's, weighted by rows, weigh what they are above it, as a share of it.
    """
    broken: dict[str, dict[str, float]] = {}
    for entry in verdict:
        found = _BROKEN.fullmatch(str(entry.get("name", ""))) if entry.get("status") == "fail" else None
        if found:
            broken.setdefault(found["column"], {})[found["value"]] = 1.0
    return broken or _worse(slices)


def _worse(slices: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    measured = [part for part in slices if part.get("metrics")]
    names = {name for part in measured for name in part["metrics"]}
    loss = next((name for name in LOSSES if name in names), None)
    made: dict[str, dict[str, float]] = {}
    for column in sorted({str(part["column"]) for part in measured}) if loss else ():
        parts = [part for part in measured if part["column"] == column and loss in part["metrics"]]
        rows = sum(part["rows"] for part in parts)
        mean = sum(part["rows"] * part["metrics"][loss] for part in parts) / rows if rows else 0.0
        above = {str(part["value"]): part["metrics"][loss] / mean - 1 for part in parts if mean > 0}
        kept = {value: gap for value, gap in above.items() if gap > 0}
        if kept:
            made[column] = kept
    return made


def slice_weight(frame: pd.DataFrame, slices: Mapping[str, Mapping[str, float]]) -> Array:
    """Return for each row of `frame` the largest weight of a slice that it is in, 0 for none; columns that it lacks are left out."""
    import numpy as np

    weight = np.zeros(len(frame))
    for column, values in slices.items():
        if column in frame:
            weight = np.maximum(weight, _texts(frame[column]).map(values).fillna(0.0).to_numpy(dtype=float))
    return weight


def drifted_columns(document: Mapping[str, Any], columns: Iterable[str]) -> dict[str, dict[str, float]]:
    """Return column -> bin -> how much more frequent the bin is now, of the drifted ones of `columns`; from reports/drift_columns.json."""
    known = set(columns)
    made = {}
    for name, entry in document.get("columns", {}).items():
        if entry.get("drifted") and name in known:
            made[str(name)] = {
                str(label): (now + 1e-4) / (before + 1e-4) for label, (before, now) in entry["shares"].items()
            }
    return made


def drift_weight(frame: pd.DataFrame, drifted: Mapping[str, Mapping[str, float]]) -> Array:
    """Return for each row how much more frequent its kind is now than in training: the product over the drifted columns, at most MOST, 0
    where it is not more frequent."""
    import numpy as np

    weight = np.ones(len(frame))
    for column, ratios in drifted.items():
        weight = weight * _ratio(frame[column], ratios)
    return np.where(weight > 1.0, np.minimum(weight, MOST), 0.0)


def _ratio(column: Any, ratios: Mapping[str, float]) -> Array:
    import numpy as np

    if column.dtype.kind not in "biuf":
        texts = _texts(column)
        found: Array = texts.map(ratios).fillna(ratios.get("(other)", 1.0)).to_numpy(dtype=float)
        return found
    edges = sorted(float(label[2:]) for label in ratios if label.startswith("<= "))
    steps = [ratios[f"<= {edge:.6g}"] for edge in edges]
    last = next((ratios[label] for label in ratios if label.startswith("> ") or label == "any"), 1.0)
    values = column.to_numpy(dtype=float, na_value=np.nan)
    inside = np.array([*steps, last])[np.searchsorted(np.array(edges), np.nan_to_num(values), side="left")]
    return np.where(np.isfinite(values), inside, ratios.get("(missing)", 1.0))


def _texts(column: Any) -> Any:
    return column.astype(object).where(column.notna(), "(missing)").astype(str)
