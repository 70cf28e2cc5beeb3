"""Two tables, column by column: schema, cells, and whether the same rows stand in another order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_kit.compare.deviation.findings import Findings, show
from mlops_kit.compare.deviation.model import Level
from mlops_kit.compare.deviation.noise import name_noise

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

MOST_ROWS_FOR_ORDER = 20_000_000
"""Rows of which a hash each is kept to see whether they only moved."""
_PART = 500_000


@dataclass(frozen=True)
class Columns:
    """A table that hands out one column at a time."""

    names: tuple[str, ...]
    """Column names, made unique."""
    types: tuple[str, ...]
    """Their types, as text."""
    rows: int
    """Number of rows."""
    column: Callable[[int], pa.ChunkedArray]
    """Returns a column by its place."""
    key: tuple[str, ...] = ()
    """Columns that name a row, where known."""
    texts: bool = False
    """Whether every cell is text, as in CSV; numbers are then compared as numbers."""


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return `names` with a number behind those that stand twice."""
    seen: dict[str, int] = {}
    made = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        made.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(made)


def compare_tables(old: Columns, new: Columns, found: Findings) -> None:
    """Compare schema, number of rows, order and cells of two tables."""
    _compare_schema(old, new, found)
    shared = [name for name in old.names if name in new.names]
    if old.rows != new.rows:
        found.change("number of rows", old.rows, new.rows)
    if not shared or not (old.rows or new.rows):
        return
    table = _Pair(old, new, tuple(shared))
    if old.rows == new.rows:
        before, largest = found.level, found.largest
        cells = [difference for name in shared if (difference := table.differences(name, found))]
        if not cells:
            return
        if all(cell.level is Level.EQUAL for cell in cells) and before is Level.EQUAL:
            for cell in cells:
                found.say(cell.text)
            return
        by_place, found.largest = found.largest, largest  # rows that moved are no deviation of their numbers
        if not (max(old.rows, new.rows) <= MOST_ROWS_FOR_ORDER and _explain_order(table, found)):
            found.largest = by_place
            for cell in cells:
                found.say(cell.text, cell.level)
    elif max(old.rows, new.rows) <= MOST_ROWS_FOR_ORDER:
        _explain_order(table, found)


def _compare_schema(old: Columns, new: Columns, found: Findings) -> None:
    for fresh, (one, other) in enumerate(((old, new), (new, old))):
        lost = [name for name in one.names if name not in other.names]
        if lost:
            found.only(bool(fresh), f"column{'s' * (len(lost) > 1)} {', '.join(lost[:8])}")
    shared = [name for name in old.names if name in new.names]
    if shared != [name for name in new.names if name in old.names]:
        found.say("the same columns in another order", Level.DIFFERENT)
    types = (dict(zip(old.names, old.types, strict=True)), dict(zip(new.names, new.types, strict=True)))
    for name in shared:
        if types[0][name] != types[1][name]:
            found.say(f"column {name}, type: {types[0][name]} -> {types[1][name]}", Level.DIFFERENT)


@dataclass(frozen=True)
class _Cells:
    """How the cells of one column differ."""

    text: str
    level: Level


class _Pair:
    """The shared columns of two tables."""

    def __init__(self, old: Columns, new: Columns, shared: tuple[str, ...]) -> None:
        self.old, self.new, self.shared = old, new, shared
        self.key = tuple(name for name in (old.key or new.key) if name in shared)

    def differences(
        self, name: str, found: Findings, rows: tuple[Array, Array] | None = None
    ) -> _Cells | None:
        """Return how column `name` differs, row by row or in the `rows` that belong together; None when it does not."""
        one, other = self._columns(name)
        summary = _ColumnSummary(name, self, found, rows)
        for start, a, b in _parts(one, other, rows):
            summary.add(start, a, b)
        return summary.made()

    def _columns(self, name: str) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
        return self.old.column(self.old.names.index(name)), self.new.column(self.new.names.index(name))

    def describe_row(self, row: int) -> str:
        """Return the row (from 0) of the recorded table as `row 17 (id=5)`, counted from 1."""
        names = [
            f"{name}={show(self.old.column(self.old.names.index(name))[row].as_py())}" for name in self.key
        ]
        return f"row {row + 1:,}" + (f" ({', '.join(names)})" if names else "")

    def hashes(self, names: Sequence[str]) -> tuple[Array, Array]:
        """Return one hash for each row of both tables, over the columns `names`."""
        import numpy as np

        sides = []
        for table in (self.old, self.new):
            total = np.zeros(table.rows, np.uint64)
            for name in names:
                total = total * np.uint64(1_000_003) + _hash(table.column(table.names.index(name)))
            sides.append(total)
        return sides[0], sides[1]


def _parts(one: Any, other: Any, rows: tuple[Array, Array] | None) -> Iterator[tuple[int, Any, Any]]:
    if rows is not None:
        import pyarrow as pa

        one, other = one.take(pa.array(rows[0])), other.take(pa.array(rows[1]))
    for start in range(0, len(one), _PART):
        yield start, _flat(one.slice(start, _PART)), _flat(other.slice(start, _PART))


def _flat(column: Any) -> Any:
    import pyarrow as pa

    array = column.combine_chunks()
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


class _ColumnSummary:
    """Counts the cells of a column that differ, and keeps the first and the farthest apart."""

    def __init__(self, name: str, table: _Pair, found: Findings, rows: tuple[Array, Array] | None) -> None:
        self._name, self._table, self._found, self._rows = name, table, found, rows
        self._count, self._apart, self._level = 0, 0.0, Level.EQUAL
        self._numeric = True
        self._first: tuple[int, Any, Any] | None = None

    def add(self, start: int, old: Any, new: Any) -> None:
        import numpy as np

        differ = _differing(old, new)
        if not differ.any():
            return
        places = np.flatnonzero(differ)
        if self._first is None:
            place = int(places[0])
            self._first = (start + place, old[place].as_py(), new[place].as_py())
        self._count += len(places)
        numbers = _as_numbers(old, new, places)
        if numbers is None:
            self._numeric, self._level = False, Level.DIFFERENT
            return
        a, b = numbers
        with np.errstate(all="ignore"):
            apart, size = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
            relative = np.divide(apart, size, out=np.zeros(len(a)), where=size > 0)
        finite = np.isfinite(a) & np.isfinite(b)
        relative[apart <= self._found.tolerance.absolute] = 0.0
        self._apart = max(self._apart, float(apart[finite].max(initial=0.0)))
        self._found.measure(float(relative[finite].max(initial=0.0)))
        nans = np.isnan(a) & np.isnan(b)
        if (relative[finite] > self._found.tolerance.relative).any() or (~finite & ~nans & (a != b)).any():
            self._level = Level.DIFFERENT

    def made(self) -> _Cells | None:
        if self._first is None:
            return None
        row, one, other = self._first
        row = int(self._rows[0][row]) if self._rows is not None else row
        if self._numeric and self._apart == 0 and self._level is Level.EQUAL:
            more = ", the same numbers written otherwise"
        else:
            more = f", by at most {self._apart:.3g}" if self._numeric else ""
        noise = name_noise(one, other) if isinstance(one, str) and isinstance(other, str) else ""
        shown = f"{show(one)} -> {show(other)}{f' ({noise})' if noise else ''}"
        return _Cells(
            f"column {self._name}: {self._count:,} cells differ{more}; {self._table.describe_row(row)}: {shown}",
            self._level,
        )


def _differing(old: Any, new: Any) -> Array:
    """Return where two arrays differ; missing equals missing, NaN equals NaN."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if old.type != new.type or pa.types.is_nested(old.type):
        one, other = ([repr(value) for value in side.to_pylist()] for side in (old, new))
        return np.array([a != b for a, b in zip(one, other, strict=True)], dtype=bool)
    differ = pc.fill_null(pc.not_equal(old, new), False)
    if pa.types.is_floating(old.type):
        both = pc.and_(pc.is_nan(old), pc.is_nan(new))
        differ = pc.and_not(differ, pc.fill_null(both, False))
    differ = pc.or_(differ, pc.xor(pc.is_null(old), pc.is_null(new)))
    made: Array = differ.to_numpy(zero_copy_only=False)
    return made


def _as_numbers(old: Any, new: Any, places: Array) -> tuple[Array, Array] | None:
    """Return the differing cells of both sides as floats; None where one of them is no number."""
    import numpy as np
    import pyarrow as pa

    sides = []
    for side in (old, new):
        cells = side.take(pa.array(places))
        if cells.null_count:
            return None
        if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
            try:
                sides.append(np.array(cells.to_pylist(), dtype=object).astype(np.float64))
            except (ValueError, TypeError):
                return None
        elif pa.types.is_integer(cells.type) or pa.types.is_floating(cells.type):
            sides.append(cells.to_numpy(zero_copy_only=False).astype(np.float64))
        else:
            return None
    return sides[0], sides[1]


def _hash(column: Any) -> Array:
    """Return a hash of each cell, the same in every process."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    made = []
    for start in range(0, len(column), _PART):
        part = _flat(column.slice(start, _PART))
        if not part.null_count and (pa.types.is_integer(part.type) or pa.types.is_floating(part.type)):
            values = part.to_numpy(zero_copy_only=False)
            made.append(pd.util.hash_array(values + 0 if values.dtype.kind == "f" else values))
            continue
        cells = [repr(value) for value in part.to_pylist()]
        made.append(pd.util.hash_array(np.array(cells, dtype=object), categorize=True))
    return np.concatenate(made).astype(np.uint64) if made else np.zeros(0, np.uint64)


def _explain_order(table: _Pair, found: Findings) -> bool:
    """Add how rows moved, came and went; return False, with nothing added, when that says nothing that cells do not say."""
    import numpy as np

    one, other = table.hashes(table.shared)
    if len(one) == len(other) and np.array_equal(np.sort(one), np.sort(other)):
        moved = int((one != other).sum())
        found.say(f"the same {len(one):,} rows in another order; {moved:,} at another place", Level.DIFFERENT)
        return True
    if _align(table, found):
        return True
    if len(one) == len(other):
        return False
    for fresh, (side, rest) in enumerate(((one, other), (other, one))):
        alone = _alone(side, rest)
        if len(alone):
            what = (
                table.describe_row(int(alone[0]))
                if not fresh or not table.key
                else f"row {int(alone[0]) + 1:,}"
            )
            found.only(bool(fresh), f"{len(alone):,} rows, first {what}")
    return True


def _alone(side: Array, other: Array) -> Array:
    """Return the places of the rows in `side` that are more often there than in `other`."""
    import numpy as np

    order = np.argsort(side, kind="stable")
    values = side[order]
    starts = np.searchsorted(values, values, side="left")
    sorted_other = np.sort(other)
    there = np.searchsorted(sorted_other, values, side="right") - np.searchsorted(
        sorted_other, values, side="left"
    )
    return np.sort(order[np.arange(len(values)) - starts >= there])


def _align(table: _Pair, found: Findings) -> bool:
    """Bring rows together by their key and compare what is left; False where there is no key or the rows did not move."""
    import numpy as np

    key = table.key or _find_key(table)
    if not key:
        return False
    one, other = table.hashes(key)
    if any(len(np.unique(side)) != len(side) for side in (one, other)):
        return False
    same, in_old, in_new = np.intersect1d(one, other, assume_unique=True, return_indices=True)
    if not len(same) or (len(one) == len(other) and np.array_equal(one, other)):
        return False
    by_place = np.argsort(in_old, kind="stable")
    in_old, in_new = in_old[by_place], in_new[by_place]
    moved = bool((np.diff(in_new) < 0).any())
    if not (moved or table.key or len(one) != len(other)):
        return False
    named = ", ".join(key)
    for fresh, (side, places) in enumerate(((one, in_old), (other, in_new))):
        if len(side) > len(places):
            found.only(bool(fresh), f"{len(side) - len(places):,} rows by {named}")
    if moved:
        found.say(
            f"the {len(same):,} shared rows (by {named}) stand in another order",
            Level.DIFFERENT,
        )
    for name in table.shared:
        if name not in key:
            cell = table.differences(name, found, (in_old, in_new))
            if cell is not None:
                found.say(cell.text, cell.level)
    return True


def _find_key(table: _Pair) -> tuple[str, ...]:
    """Return the first column that names each row of both tables, if most of its values are on both sides."""
    import numpy as np

    kinds = dict(zip(table.old.names, table.old.types, strict=True))
    for name in table.shared[:50]:
        if kinds[name] in ("double", "float", "halffloat"):
            continue
        one, other = table.hashes((name,))
        if len(np.unique(one)) == len(one) and len(np.unique(other)) == len(other):
            shared = len(np.intersect1d(one, other, assume_unique=True))
            if shared * 2 >= max(len(one), len(other)):
                return (name,)
    return ()
