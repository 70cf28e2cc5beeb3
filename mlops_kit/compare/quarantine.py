"""How the rows in quarantine differ between two sides: by rule, with examples that show no value of a `pii` column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.datafiles import DataFile
from mlops_kit.compare.hiding import Hiding
from mlops_kit.compare.section import QuarantineChange, QuarantineExample, QuarantineRule

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "quarantine.parquet"
WORDS = ("rule", "column", "value")
PLACE = ("partition", "row", "reason")
"""Columns that say where a row was and why it is none; they change when rows before it do."""
MOST_ROWS = 100_000
"""Quarantines of more rows are only counted."""
MOST_RULES = 30
EXAMPLES = 3
LONGEST = 120


def compare_quarantine(old: DataFile | None, new: DataFile | None, hiding: Hiding) -> QuarantineChange | None:
    """Return how two quarantines differ; None when they do not, or are no quarantines that are here.

    A row that could not be read at all is about no column: where anything is hidden, its text is not shown either.
    """
    if old is not None and new is not None and old.digest == new.digest:
        return None
    if new is None or not _is_quarantine(new) or not (old is None or _is_quarantine(old)):
        return None
    if max(_rows(old), _rows(new)) > MOST_ROWS:
        counts = [_counts(file) for file in (old, new)]
        rules = [
            QuarantineRule(*name, counts[0].get(name, 0), counts[1].get(name, 0))
            for name in counts[0].keys() | counts[1]
        ]
    else:
        before, after = (_by_rule(file.table() if file else None) for file in (old, new))
        rules = [
            _rule(name, before.get(name, ()), after.get(name, ()), hiding) for name in before.keys() | after
        ]
    moved = [rule for rule in rules if rule.old != rule.new or rule.examples]
    moved.sort(key=lambda rule: (-abs(rule.new - rule.old), -rule.new, rule.column, rule.rule))
    return QuarantineChange(
        new.path,
        _rows(old),
        _rows(new),
        tuple(moved[:MOST_RULES]),
        others=len(rules) - len(moved[:MOST_RULES]),
    )


def _is_quarantine(file: DataFile) -> bool:
    shape = file.shape()
    return shape is not None and set(WORDS) <= set(shape.columns)


def _rows(file: DataFile | None) -> int:
    shape = file.shape() if file else None
    return shape.rows if shape else 0


def _counts(file: DataFile | None) -> dict[tuple[str, str], int]:
    """Return (column, rule) -> rows; of the table only these two columns are read, in pieces."""
    found: dict[tuple[str, str], int] = {}
    if file is None or file.place is None:
        return found
    import pyarrow.parquet as pq

    with pq.ParquetFile(file.place) as parquet:
        for batch in parquet.iter_batches(65_536, columns=["column", "rule"]):
            for pair in zip(batch["column"].to_pylist(), batch["rule"].to_pylist(), strict=True):
                name = (_text(pair[0]) or "", _text(pair[1]) or "")
                found[name] = found.get(name, 0) + 1
    return found


Row = tuple[tuple[tuple[str, str | None], ...], str | None]


def _by_rule(table: pa.Table | None) -> dict[tuple[str, str], list[Row]]:
    """Return (column, rule) -> the rows, each as its key and the value."""
    found: dict[tuple[str, str], list[Row]] = {}
    if table is None:
        return found
    keys = [name for name in table.column_names if name not in WORDS + PLACE]
    columns: list[list[Any]] = [table[name].to_pylist() for name in (*keys, *WORDS)]
    for *key, rule, column, value in zip(*columns, strict=True):
        named = tuple((name, _text(item)) for name, item in zip(keys, key, strict=True))
        found.setdefault((_text(column) or "", _text(rule) or ""), []).append((named, _text(value)))
    return found


def _text(value: Any) -> str | None:
    return None if value is None else str(value)[:LONGEST]


def _rule(
    name: tuple[str, str], old: list[Row] | tuple[()], new: list[Row] | tuple[()], hiding: Hiding
) -> QuarantineRule:
    column, rule = name
    hidden = hiding.hides(column) or (hiding.anything and not column)
    known = set(old)
    fresh = [row for row in new if row not in known]
    if not fresh and len(old) > len(new):
        still = set(new)
        fresh = [row for row in old if row not in still]
    shown = sorted(fresh, key=lambda row: tuple((value is None, value or "") for _, value in row[0]))
    examples = tuple(_example(row, hiding, hidden=hidden) for row in shown[:EXAMPLES])
    return QuarantineRule(column, rule, len(old), len(new), examples)


def _example(row: Row, hiding: Hiding, *, hidden: bool) -> QuarantineExample:
    key = tuple((name, value) for name, value in row[0] if not hiding.hides(name))
    return QuarantineExample(key, None if hidden else row[1], hidden)
