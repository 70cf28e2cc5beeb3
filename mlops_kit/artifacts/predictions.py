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

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_kit.spec.model import Task

METADATA = b"mlops_kit"


@dataclass(frozen=True)
class PredictionTable:
    """Predictions of one model on its test rows, sorted by key."""

    key: np.ndarray[Any, Any]
    """One text for each row, made of its key columns; unique."""
    actual: np.ndarray[Any, Any]
    """True values: 0 or 1, or numbers."""
    score: np.ndarray[Any, Any]
    """Probability of the positive class, or predicted value; rows x runs where the file has several runs."""
    slices: Mapping[str, np.ndarray[Any, Any]]
    """Slice column -> value of each row as text."""
    task: str
    """`classification` or `regression`."""
    threshold: float
    """Probability from which a row counts as positive."""
    group: np.ndarray[Any, Any] | None = None
    """Group of each row as text (several rows of one customer); None where each row is its own."""
    quantile: float | None = None
    """Level of the predicted quantile, between 0 and 1; None where means are predicted."""


def feature_columns(columns: Sequence[str], task: Task) -> list[str]:
    """Return the columns that a model may learn from: all but the key, the time, the group and the target, order kept."""
    taken = {*task.key, task.target, task.time, task.group}
    return [name for name in columns if name not in taken]


def make_predictions(
    table: pa.Table,
    *,
    task: Task,
    threshold: float,
    slices: Sequence[str],
    runs: Sequence[str] = (),
    quantile: float | None = None,
) -> pa.Table:
    """Return the predictions artifact from `table`, which has the key columns, `actual`, `score`, the slice columns and the group.

    `runs` names further score columns: predictions of the same training with other seeds, one column for each. Metrics are then means
    over the runs, and a comparison measures what seeds change. `quantile` is the level of predicted quantiles. Rows are sorted by key
    and what the columns mean goes into the schema's metadata. Raises BadDataError for duplicate keys, for scores that are not finite
    and for rows without a group.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = ("actual", "score", *runs)
    named = [name for name in (*slices, *([task.group] if task.group else [])) if name not in task.key]
    columns = [*task.key, *numbers, *dict.fromkeys(named)]
    for name in numbers:
        if not pc.all(pc.is_finite(table[name].cast(pa.float64()))).as_py():
            raise BadDataError(
                f"predictions: column `{name}` has missing or infinite values",
                fix="look at the rows of data/test.parquet",
            )
    if task.group and table[task.group].null_count:
        raise BadDataError(
            f"predictions: {table[task.group].null_count:,} rows have no `{task.group}`, which task.group in mlops.yaml names",
            fix="give these rows a group of their own in the step that makes the column",
        )
    texts = [name for name in columns if name in slices]
    made = table.select(columns)
    for name in numbers:
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
    further = {"group": task.group, "runs": [*numbers[1:]] if runs else None, "quantile": quantile}
    meta |= {name: value for name, value in further.items() if value is not None}
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
    runs, group = meta.get("runs") or ["score"], meta.get("group")
    lost = {*runs, *([group] if group else [])} - set(table.column_names)
    if lost:
        raise BadDataError(f"{path}: its metadata names columns that it lacks: {', '.join(sorted(lost))}")
    keys = meta.get("key") or [
        name for name in table.column_names if name not in ("actual", "score", group, *runs, *slices)
    ]
    columns = [_texts(table, name) for name in keys]
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
    scores = [table[name].cast(pa.float64()).to_numpy()[order] for name in runs]
    return PredictionTable(
        key=key,
        actual=table["actual"].cast(pa.float64()).to_numpy()[order],
        score=scores[0] if len(scores) == 1 else np.column_stack(scores),
        slices={name: _texts(table, name)[order] for name in slices},
        task=meta.get("task", "classification"),
        threshold=float(meta.get("threshold", 0.5)),
        group=_texts(table, group)[order] if group else None,
        quantile=float(meta["quantile"]) if meta.get("quantile") is not None else None,
    )


def _texts(table: pa.Table, name: str) -> np.ndarray[Any, Any]:
    import pyarrow as pa

    texts: np.ndarray[Any, Any] = table[name].cast(pa.string()).to_numpy(zero_copy_only=False).astype(str)
    return texts
