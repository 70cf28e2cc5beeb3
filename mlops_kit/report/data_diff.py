"""A data diff as lines for a terminal, and as JSON. All text of the data is made harmless."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from mlops_kit.artifacts.side import SideInfo
from mlops_kit.data.diff.model import CellChange, ColumnDiff, DataDiff, RowExample, TableDiff, ValueShare
from mlops_kit.report.inert import visible

MOST_COLUMNS = 12
MOST_CELLS = 6
MOST_ROWS = 2
MOST_FILES = 5


def dumps(found: DataDiff) -> str:
    """Return a data diff as JSON; the fields are those of data/diff/model.py, and `empty` says whether nothing differs."""
    value = {"version": 1, "empty": found.is_empty, **asdict(found)}
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def render(found: DataDiff, *, limit: int = 3, everything: bool = False) -> str:
    """Return a data diff as text, at most `limit` examples of each kind; a line for a derived table, and all of it with `everything`."""
    lines = [f"{_side(found.base)} -> {_side(found.head)}"]
    brief = () if everything else found.derived
    for table in found.tables:
        if table.path not in brief:
            lines += ["", *_table(table, limit)]
    told = [table for table in found.tables if table.path in brief]
    lines += ["", "computed from these (--all shows more):"] if told else []
    lines += [f"  {visible(table.path)}: {visible(table.reason, longest=200)}" for table in told]
    if not found.tables and not found.unreadable:
        lines += ["", "no table differs"]
    lines += _others(found, everything=everything)
    lines += [f"note: {visible(text, longest=400)}" for text in found.notes]
    for item in found.unreadable:
        lines += [
            "",
            f"error: {item.side}: {visible(item.what)}: {visible(item.reason, longest=400)}",
            f"  fix: {visible(item.fix)}",
        ]
    return "\n".join(lines) + "\n"


def _others(found: DataDiff, *, everything: bool) -> list[str]:
    if not found.other:
        return []
    if everything:
        return ["", *(f"also: {visible(text)}" for text in found.other)]
    names = ", ".join(visible(text.partition(":")[0]) for text in found.other[:3])
    return [
        "",
        f"also {len(found.other):,} that are no tables: {names}{', …' if len(found.other) > 3 else ''}",
    ]


def _side(info: SideInfo | None) -> str:
    if info is None:
        return "nothing"
    label = visible(info.label)
    return f"{label} ({info.sha[:9]})" if info.sha and not info.sha.startswith(info.label) else label[:12]


def _table(table: TableDiff, limit: int) -> Iterator[str]:
    yield f"{visible(table.path)}: {visible(table.reason, longest=400)}"
    yield from (f"  {name:<9}{text}" for name, text in _facts(table) if text)
    yield from _columns(table, limit)
    for word, examples in (("added", table.added_examples), ("removed", table.removed_examples)):
        for number, example in enumerate(examples[: min(limit, MOST_ROWS)]):
            yield f"  {word if number == 0 else '':<9}{_row(example)}"


def _facts(table: TableDiff) -> Iterator[tuple[str, str]]:
    counts = [f"{table.added:,} added", f"{table.removed:,} removed"]
    counts += [f"{table.changed:,} changed"] if table.changed is not None else []
    counts += [f"{table.unchanged:,} the same"] if table.unchanged is not None else []
    yield "rows", f"{_count(table.old_rows)} -> {_count(table.new_rows)}: {', '.join(counts)}"
    if table.state == "changed":
        repeated = f"; {table.repeated:,} rows repeat a key" if table.repeated else ""
        source = f" ({table.key_source}){repeated}"
        yield (
            "key",
            f"{visible(', '.join(table.key))}{source}"
            if table.key
            else "none: rows were compared as a whole",
        )
    yield "files", _files(table)
    yield (
        "schema",
        "; ".join(
            f"{visible(c.column)} {c.kind} {visible(' -> '.join(part for part in (c.old, c.new) if part))}"
            for c in table.schema[:MOST_COLUMNS]
        ),
    )
    if table.time:
        yield (
            "time",
            f"added rows have {visible(table.time[0])} {visible(table.time[1])} to {visible(table.time[2])}",
        )
    if table.classes and table.classes.reason:
        yield "classes", f"{visible(table.classes.column)}: {visible(table.classes.reason, longest=400)}"
    if table.compared_with:
        yield "shifts", f"against {table.compared_with}"
    for note in table.notes:
        yield "note", visible(note, longest=400)


def _files(table: TableDiff) -> str:
    if not table.files or (len(table.files) == 1 and not table.same_files):
        return ""
    names = [f"{visible(file.name)} {file.kind}" for file in table.files[:MOST_FILES]]
    rest = len(table.files) - len(names)
    more = f" and {rest:,} more" if rest > 0 else ""
    return f"{', '.join(names)}{more}; {table.same_files:,} the same, not read"


def _columns(table: TableDiff, limit: int) -> Iterator[str]:
    told = [c for c in table.columns if c.changed or c.level not in ("same", "unknown") or c.reason][
        :MOST_COLUMNS
    ]
    if not told:
        return
    width = max(6, *(len(visible(c.column)) for c in told))
    yield f"  {'column':<{width}}  {'changed':>11}  {'shift':<7}  in words"
    for column in told:
        level = "" if column.level == "unknown" else column.level
        words = visible(column.reason, longest=400) or ("values are not shown" if column.pii else "")
        yield f"  {visible(column.column):<{width}}  {_count(column.changed):>11}  {level:<7}  {words}".rstrip()
        for example in column.examples[: min(limit, 3)]:
            yield f"  {'':<{width}}  {'':>11}  {_change(example)}"
        if not column.examples and column.level not in ("same", "unknown") and column.values:
            yield f"  {'':<{width}}  {'':>11}  {_values(column)}"


def _change(example: CellChange) -> str:
    where = ", ".join(f"{visible(name)}={_value(value)}" for name, value in example.key)
    rows = f" in {example.rows:,} rows, first at {where}" if example.rows > 1 else f" at {where}"
    return f"{_value(example.old)} -> {_value(example.new)}{rows if where else ''}"


def _values(column: ColumnDiff) -> str:
    return "; ".join(_share(value) for value in column.values[:3])


def _share(value: ValueShare) -> str:
    return f"{_value(value.value)}: {value.old:,} -> {value.new:,} rows"


def _row(example: RowExample) -> str:
    cells = [f"{visible(name)}={_value(value)}" for name, value in example.values[:MOST_CELLS]]
    return ", ".join(cells) + (", …" if len(example.values) > MOST_CELLS else "")


def _value(value: str | None) -> str:
    return "(missing)" if value is None else f"`{visible(value, longest=60)}`"


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"
