"""Monitor: do the newest rows, whose labels are not known yet, look like the rows that the model learned from?

For each feature and for the model's score the population stability index (PSI) between training and live rows, on bins of the
training rows. A column drifts when its PSI is above both a floor (a size that matters) and the value that chance alone exceeds
with probability `alpha` over all columns together: PSI times n m / (n + m) is about chi-squared with bins - 1 degrees of freedom
(Yurdakul & Naranjo 2020, doi:10.21314/JRMV.2020.227). Fewer than `min_rows` live rows give no verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from mlops_kit import Document, Metrics, Model, Table, Task, feature_columns, run, step

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

BINS = 10
TOP_VALUES = 20


@dataclass(frozen=True)
class MonitorParams:
    """Section of params.yaml."""

    alpha: float = 0.01
    """Chance of a false alarm in a run without any drift."""
    psi_floor: float = 0.1
    """PSI below which a difference does not matter; 0.1 is a shift of a mean by about a third of its standard deviation."""
    min_rows: int = 200
    """Live rows without which there is no verdict."""
    ignore: tuple[str, ...] = ()
    """Features that change by nature, such as the month."""


class Monitored(NamedTuple):
    """What the step writes."""

    drift: Metrics
    drift_columns: Document
    alerts: Document


@step(contract=1)
def monitor(model: Model, train: Table, live: Table, *, task: Task, params: MonitorParams) -> Monitored:
    """Compare the live rows with the training rows, column by column and by the model's score."""
    names = [
        name
        for name in feature_columns(list(train.columns), task)
        if name in live.columns and name not in params.ignore
    ]
    days = {
        "train_end_day": _last_day(train, task),
        "live_end_day": _last_day(live if len(live) else train, task),
    }
    if len(live) < params.min_rows:
        alert = {
            "rule": "too few rows",
            "severity": "note",
            "message": f"{len(live)} live rows, {params.min_rows} are needed",
        }
        return Monitored(
            {"rows_live": len(live), **days},
            {"status": "insufficient", "columns": {}},
            {"status": "insufficient", "alerts": [alert]},
        )
    columns = {name: compare_column(train[name], live[name], params, len(names) + 1) for name in names}
    features = feature_columns(list(train.columns), task)
    scores = [
        _score(model, table[[c for c in train.columns if c in features]], task) for table in (train, live)
    ]
    columns["(score)"] = score = compare_column(scores[0], scores[1], params, len(names) + 1)
    drifted = sorted(name for name, entry in columns.items() if entry["drifted"])
    alerts = [_alert(name, columns[name]) for name in drifted]
    metrics = {
        "columns_drifted": len(drifted),
        "columns_watched": len(columns),
        "max_psi": max(entry["psi"] for entry in columns.values()),
        "score_psi": score["psi"],
        "mean_score_train": float(scores[0].mean()),
        "mean_score_live": float(scores[1].mean()),
        "rows_live": len(live),
        **days,
    }
    status = "drift" if drifted else "ok"
    return Monitored(metrics, {"status": status, "columns": columns}, {"status": status, "alerts": alerts})


def compare_column(reference: Any, live: Any, params: MonitorParams, comparisons: int) -> dict[str, Any]:
    """Return PSI, threshold, whether the column drifted, and the shares of the bins on both sides."""
    from scipy.stats import chi2

    counts = (
        _numeric_counts(reference, live) if reference.dtype.kind in "biuf" else _text_counts(reference, live)
    )
    labels, before, now = counts
    n, m = before.sum(), now.sum()
    chance = chi2.ppf(1 - params.alpha / comparisons, max(1, len(labels) - 1)) * (1 / n + 1 / m)
    threshold = max(params.psi_floor, float(chance))
    value = stability_index(before, now)
    shares = {label: [float(b / n), float(a / m)] for label, b, a in zip(labels, before, now, strict=True)}
    return {"psi": value, "threshold": threshold, "drifted": bool(value > threshold), "shares": shares}


def stability_index(before: Array, now: Array) -> float:
    """Return the PSI of two arrays of counts over the same bins, half a row added to each bin so that empty ones have a logarithm."""
    import numpy as np

    old = (before + 0.5) / (before.sum() + 0.5 * len(before))
    new = (now + 0.5) / (now.sum() + 0.5 * len(now))
    return float(((new - old) * np.log(new / old)).sum())


def _numeric_counts(reference: Any, live: Any) -> tuple[list[str], Array, Array]:
    import numpy as np

    sides = [np.asarray(side, dtype=float) for side in (reference, live)]
    known = sides[0][np.isfinite(sides[0])]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.array([])
    counts = []
    for side in sides:
        finite = np.isfinite(side)
        inside = np.bincount(np.searchsorted(edges, side[finite], side="left"), minlength=len(edges) + 1)
        counts.append(np.append(inside, (~finite).sum()))
    labels = [f"<= {edge:.6g}" for edge in edges] + [
        f"> {edges[-1]:.6g}" if len(edges) else "any",
        "(missing)",
    ]
    return _drop_empty(labels, *counts)


def _text_counts(reference: Any, live: Any) -> tuple[list[str], Array, Array]:
    import numpy as np

    sides = [
        side.astype(object).where(side.notna(), "(missing)").astype(str).value_counts()
        for side in (reference, live)
    ]
    ranked = sorted(sides[0].items(), key=lambda entry: (-entry[1], entry[0]))
    labels = [str(name) for name, _ in ranked[:TOP_VALUES]]
    counts = []
    for side in sides:
        taken = [int(side.get(label, 0)) for label in labels]
        counts.append(np.array([*taken, int(side.sum()) - sum(taken)]))
    return _drop_empty([*labels, "(other)"], *counts)


def _drop_empty(labels: list[str], before: Array, now: Array) -> tuple[list[str], Array, Array]:
    used = (before + now) > 0
    return [label for label, keep in zip(labels, used, strict=True) if keep], before[used], now[used]


def _score(model: Any, rows: Any, task: Task) -> Any:
    import pandas as pd

    return pd.Series(
        model.predict_proba(rows)[:, 1] if task.kind == "classification" else model.predict(rows)
    )


def _alert(name: str, entry: dict[str, Any]) -> dict[str, str]:
    severity = "page" if name == "(score)" else "ticket"
    what = "the model's score" if name == "(score)" else f"`{name}`"
    return {
        "rule": "drift",
        "column": name,
        "severity": severity,
        "message": f"{what} drifted: PSI {entry['psi']:.3f}, limit {entry['threshold']:.3f}",
    }


def _last_day(table: Any, task: Task) -> float:
    if task.time is None or not len(table):
        return 0.0
    return float(table[task.time].max().timestamp() / 86_400)


if __name__ == "__main__":
    run(monitor)
