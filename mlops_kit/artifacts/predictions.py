"""Per-row predictions: how evaluate writes them and how a comparison reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.canonical.text import canonical_json_line
from mlops_kit.artifacts.tables import read_parquet
from mlops_kit.errors import BadDataError
from mlops_kit.spec.model import Task

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

METADATA = b"mlops_kit"


@dataclass(frozen=True)
class PredictionTable:
    """Predictions of one model on its test rows, sorted by key."""

    key: np.ndarray[Any, Any]
    """One text for each row, made of its key columns; unique."""
    actual: np.ndarray[Any, Any]
    """True values: 0 or 1, or numbers."""
    score: np.ndarray[Any, Any]
    """Probability of the positive class, or predicted value."""
    slices: Mapping[str, np.ndarray[Any, Any]]
    """Slice column -> value of each row as text."""
    task: str
    """`classification` or `regression`."""
    threshold: float
    """Probability from which a row counts as positive."""


def feature_columns(columns: Sequence[str], task: Task) -> list[str]:
    """Return the columns that a model may learn from: all but the key, the time and the target, order kept."""
    taken = {*task.key, task.target, task.time}
    return [name for name in columns if name not in taken]


def make_predictions(table: pa.Table, *, task: Task, threshold: float, slices: Sequence[str]) -> pa.Table:
    """Return the predictions artifact from `table`, which has the key columns, `actual`, `score` and the slice columns.

    Rows are sorted by key and what the columns mean goes into the schema's metadata. Raises BadDataError for duplicate keys
    and for scores that are not finite.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = [*task.key, "actual", "score", *(name for name in slices if name not in task.key)]
    for name in ("actual", "score"):
        if not pc.all(pc.is_finite(table[name].cast(pa.float64()))).as_py():
            raise BadDataError(
                f"predictions: column `{name}` has missing or infinite values",
                fix="look at the rows of data/test.parquet",
            )
    texts = [name for name in columns if name in slices]
    made = table.select(columns)
    for name in ("actual", "score"):
        made = made.set_column(columns.index(name), name, made[name].cast(pa.float64()))
    for name in texts:
        made = made.set_column(
            columns.index(name), name, pc.fill_null(made[name].cast(pa.string()), "(missing)")
        )
    made = made.sort_by([(name, "ascending") for name in task.key])
    meta = {
        "kind": "predictions",
        "task": task.kind,
        "key": list(task.key),
        "slices": list(slices),
        "threshold": threshold,
    }
    return made.replace_schema_metadata({METADATA: canonical_json_line(meta).strip().encode()})


def read_predictions(path: Path) -> PredictionTable:
    """Read a predictions artifact. Raises BadDataError for a file that is none, and for duplicate keys (named)."""
    import numpy as np
    import pyarrow as pa

    table = read_parquet(path)
    missing = {"actual", "score"} - set(table.column_names)
    if missing:
        raise BadDataError(
            f"{path}: no column {', '.join(sorted(missing))}; a predictions file has `actual` and `score`"
        )
    meta = json.loads((table.schema.metadata or {}).get(METADATA, b"{}"))
    slices = [name for name in meta.get("slices", []) if name in table.column_names]
    keys = meta.get("key") or [
        name for name in table.column_names if name not in ("actual", "score", *slices)
    ]
    columns = [table[name].cast(pa.string()).to_numpy(zero_copy_only=False).astype(str) for name in keys]
    key = columns[0] if columns else np.arange(table.num_rows).astype(str)
    for column in columns[1:]:
        key = np.char.add(np.char.add(key, "\x1f"), column)
    order = np.argsort(key, kind="stable")
    key = key[order]
    twice = key[1:][key[1:] == key[:-1]]
    if len(twice):
        raise BadDataError(
            f"{path}: {len(twice)} keys stand twice, such as {twice[0]!r}",
            fix="make task.key in mlops.yaml unique",
        )
    return PredictionTable(
        key=key,
        actual=table["actual"].cast(pa.float64()).to_numpy()[order],
        score=table["score"].cast(pa.float64()).to_numpy()[order],
        slices={
            name: table[name].cast(pa.string()).to_numpy(zero_copy_only=False).astype(str)[order]
            for name in slices
        },
        task=meta.get("task", "classification"),
        threshold=float(meta.get("threshold", 0.5)),
    )
