"""What a data file says about itself: types, key, time and task, each with the reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.columns import cast_column
from mlops_kit.data.formats.reading import read_table
from mlops_kit.errors import BadDataError, UsageError
from mlops_kit.spec.model import Column, ColumnRole, ColumnType, TaskKind

if TYPE_CHECKING:
    import pyarrow as pa

KEY_NAMES = re.compile(r"(^|_)(id|key|uuid|index|number)$", re.IGNORECASE)
REGRESSION_VALUES = 20
POSITIVE_WORDS = ("1", "true", "yes", "y", "t", "positive", "bad", "fraud", "churn")


@dataclass(frozen=True)
class Inferred:
    """What was read off a data file."""

    kind: TaskKind
    key: tuple[str, ...]
    time: str | None
    columns: dict[str, Column]
    label: dict[str, Any]
    """Section `label` of params.yaml."""
    slices: tuple[str, ...]
    """Columns with few values, to be watched as slices."""
    notes: tuple[str, ...] = field(default=())
    """What was inferred and why, a sentence each."""


def infer_dataset(path: Path, *, target: str, key: Sequence[str] = (), time: str | None = None) -> Inferred:
    """Infer task, key, time column and schema of the data file at `path` for predicting the column `target`.

    Given `key` and `time` are taken as they are. Raises BadDataError for a file that cannot be read or has no key, UsageError for
    columns that do not exist and for targets with more than two classes.
    """
    table = read_table(path)
    if table.num_rows == 0:
        raise BadDataError(f"{path}: no rows, only a header")
    for name in (target, *key, *([time] if time else [])):
        _require(table, name, path)
    types = {name: _type_of(table[name]) for name in table.column_names}
    notes: list[str] = []
    chosen_key = tuple(key) or _find_key(table, types, target, notes, path)
    _check_unique(table, chosen_key, path)
    chosen_time = time or _find_time(types, notes)
    if chosen_time and types[chosen_time] != "timestamp":
        raise BadDataError(
            f"{path}: column `{chosen_time}` holds no times such as 2013-01-31T12:00:00Z",
            fix="name another with --time",
        )
    kind, label = _task(table[target], types[target], target, notes)
    columns = {
        name: _column(types[name], _role(name, target, chosen_key, chosen_time))
        for name in table.column_names
    }
    slices = tuple(
        name
        for name in table.column_names
        if columns[name].role == "feature" and _is_slice(table[name], types[name])
    )[:2]
    notes.append(
        "value ranges and lists of allowed values are not read off a sample; write what you know into schema.yaml"
    )
    return Inferred(kind, chosen_key, chosen_time, columns, label, slices, tuple(notes))


def _require(table: pa.Table, name: str, path: Path) -> None:
    if name not in table.column_names:
        close = get_close_matches(name, table.column_names, n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"it has: {', '.join(table.column_names)}"
        raise UsageError(f"{path}: no column `{name}`", fix=hint)


def _type_of(column: pa.ChunkedArray) -> ColumnType:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "timestamp"
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if not pa.types.is_string(kind):
        return "string"
    candidates: tuple[ColumnType, ...] = ("integer", "number", "timestamp")
    for candidate in candidates:
        values, unreadable = cast_column(column, candidate)
        if not unreadable.any() and values.null_count < len(values):
            return candidate
    return "string"


def _find_key(
    table: pa.Table, types: dict[str, ColumnType], target: str, notes: list[str], path: Path
) -> tuple[str, ...]:
    import pyarrow.compute as pc

    candidates = [
        name
        for name in table.column_names
        if types[name] in ("string", "integer") and name != target and not table[name].null_count
    ]
    unique = [name for name in candidates if pc.count_distinct(table[name]).as_py() == table.num_rows]
    if not unique:
        raise BadDataError(
            f"{path}: no column names a row uniquely", fix="name the columns that do: --key COL[,COL]"
        )
    best = next((name for name in unique if KEY_NAMES.search(name)), unique[0])
    notes.append(f"key: `{best}`, its {table.num_rows:,} values are all different")
    return (best,)


def _check_unique(table: pa.Table, key: tuple[str, ...], path: Path) -> None:
    rows = set(zip(*(table[name].to_pylist() for name in key), strict=True))
    if len(rows) < table.num_rows:
        raise BadDataError(
            f"{path}: {table.num_rows - len(rows)} rows repeat the key {', '.join(key)}",
            fix="name other columns: --key COL[,COL]",
        )


def _find_time(types: dict[str, ColumnType], notes: list[str]) -> str | None:
    found = next((name for name, kind in types.items() if kind == "timestamp"), None)
    notes.append(
        f"time: `{found}` holds times"
        if found
        else "time: no column holds times, so the split goes by a hash of the key"
    )
    return found


def _task(
    column: pa.ChunkedArray, kind: ColumnType, target: str, notes: list[str]
) -> tuple[TaskKind, dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    values = [str(value) for value in pc.unique(column.drop_null()).to_pylist()]
    label: dict[str, Any] = {"column": target}
    if len(values) == 2:
        positive = next((value for value in values if value.lower() in POSITIVE_WORDS), None) or _rarer(
            column.cast(pa.string()), values
        )
        notes.append(f"task: classification, `{target}` has two values; `{positive}` is the positive class")
        return "classification", label | {"equals": positive}
    if kind in ("integer", "number") and len(values) >= REGRESSION_VALUES:
        notes.append(f"task: regression, `{target}` is a number with {len(values):,} values")
        return "regression", label
    if len(values) < 2:
        raise BadDataError(
            f"column `{target}` has only the value {values[0] if values else '(missing)'}",
            fix="name another with --target",
        )
    raise UsageError(
        f"column `{target}` has {len(values)} values; two classes or a number with at least {REGRESSION_VALUES} values can be predicted",
        fix="make a column with two values, or name another with --target",
    )


def _rarer(column: pa.ChunkedArray, values: list[str]) -> str:
    import pyarrow.compute as pc

    return min(sorted(values), key=lambda value: pc.sum(pc.equal(column, value)).as_py())


def _role(name: str, target: str, key: tuple[str, ...], time: str | None) -> ColumnRole:
    if name == target:
        return "label_source"
    if name in key:
        return "key"
    return "time" if name == time else "feature"


def _column(kind: ColumnType, role: ColumnRole) -> Column:
    return Column(type=kind, role=role, nullable=role not in ("key", "time"))


def _is_slice(column: pa.ChunkedArray, kind: ColumnType) -> bool:
    import pyarrow.compute as pc

    return kind == "string" and 2 <= pc.count_distinct(column).as_py() <= 20
