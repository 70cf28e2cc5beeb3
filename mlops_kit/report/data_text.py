"""What a comparison says of the data, in plain words first and then as tables; the same for all renderings. Plain text: untrusted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from mlops_kit.compare.model import Comparison
from mlops_kit.compare.section import DataSection, PartitionChange, QuarantineChange, QuarantineRule
from mlops_kit.data.diff.model import ColumnDiff, RowExample, TableDiff, ValueShare
from mlops_kit.report.inert import visible

MOST_LINES = 8
MOST_VALUES = 3
MOST_CELLS = 8
STATES = {"added": "added", "removed": "removed", "rewritten": "rewritten"}


@dataclass(frozen=True)
class Block:
    """One table of the section."""

    title: str
    """What it is about, with its most important numbers."""
    words: str
    """A sentence above the table; may be empty."""
    columns: tuple[str, ...]
    """Head of the table."""
    alignment: str
    """`l` or `r` for each column."""
    rows: tuple[tuple[str, ...], ...]
    """Cells, as plain text."""
    minor: bool = False
    """Whether a terminal leaves it to the reports."""


def data_lines(comparison: Comparison) -> tuple[str, ...]:
    """Return what happened to the data, a line of plain words each; the first lines say most."""
    section = comparison.data_section
    if section is None:
        return ()
    lines = [f"{folder}: {words}" for folder, words in _partition_words(section)]
    lines += [f"{table.path}: {_table_words(table)}" for table in section.tables if table.reason]
    lines += (
        [_quarantine_words(section.quarantine)] if section.quarantine and section.quarantine.rules else []
    )
    lines += _profile_words(section) if not section.tables else []
    if len(lines) > MOST_LINES:
        lines[MOST_LINES - 1 :] = [f"and {len(lines) - MOST_LINES + 1} more that changed"]
    return (*lines, *section.left_out[:MOST_LINES])


def data_title(comparison: Comparison) -> str:
    """Return one short line for a commit or pull request that brings new data."""
    section = comparison.data_section
    lines = [f"{folder} {words}" for folder, words in _partition_words(section)] if section else []
    return visible(f"Data: {'; '.join(lines) or 'records of what is there'}", longest=100)


def data_blocks(comparison: Comparison) -> tuple[Block, ...]:
    """Return the tables of the section; none without anything to say."""
    section = comparison.data_section
    if section is None:
        return ()
    blocks: list[Block | None] = [_partitions(section)]
    for table in section.tables:
        blocks += [_columns(table), _classes(table), *_examples(table)]
    blocks += [_quarantine(section.quarantine), _profile(section)]
    return tuple(without_empty(block) for block in blocks if block is not None and block.rows)


def without_empty(block: Block) -> Block:
    """Return a block without columns that are empty all along: they only take room from the others."""
    shown = [
        index for index in range(len(block.columns)) if not index or any(row[index] for row in block.rows)
    ]
    return replace(
        block,
        columns=tuple(block.columns[index] for index in shown),
        alignment="".join(block.alignment[index] for index in shown),
        rows=tuple(tuple(row[index] for index in shown) for row in block.rows),
    )


def _table_words(table: TableDiff) -> str:
    said = [table.reason]
    if table.time and not any(file.kind == "added" for file in table.files):  # their names say it
        column, first, last = table.time
        said.append(f"new rows by {column}: {first[:10]} to {last[:10]}")
    if table.classes and table.classes.reason:
        said.append(f"classes of {table.classes.column}: {table.classes.reason}")
    return "; ".join(said)


def _partition_words(section: DataSection) -> Iterator[tuple[str, str]]:
    for folder, changes in groupby(section.partitions, key=lambda change: change.folder):
        yield folder, "; ".join(_states(list(changes)))


def _states(changes: Sequence[PartitionChange]) -> Iterator[str]:
    for state in STATES:
        some = [change for change in changes if change.state == state]
        if not some:
            continue
        names = [change.partition for change in some]
        span = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
        rows = sum((change.old_rows if state == "removed" else change.new_rows) or 0 for change in some)
        noun = "partition" if len(some) == 1 else "partitions"
        yield f"{len(some):,} {noun} {state} ({span}, {rows:,} rows)"


def _partitions(section: DataSection) -> Block:
    rows = tuple(
        (
            change.folder,
            change.partition,
            change.state,
            _count(change.old_rows),
            _count(change.new_rows),
            _count(change.rejected or None),
            " to ".join(change.cursor) if change.cursor else "",
            change.source,
        )
        for change in section.partitions
    )
    title = f"Partitions that differ: {len(rows):,}"
    columns = ("folder", "partition", "", "rows, base", "rows, this", "no rows", "cursor", "source")
    return Block(title, "By the manifests in git.", columns, "lllrrrll", rows)


def _columns(table: TableDiff) -> Block:
    told = [column for column in table.columns if column.changed or column.level not in ("same", "unknown")]
    rows = tuple((column.column, _count(column.changed), _shift(column), _example(column)) for column in told)
    counts = _row_counts(table)
    words = [_key_words(table), f"distributions against {table.compared_with}" if table.compared_with else ""]
    words += [_schema_words(table), *table.notes[:3]]
    if not rows:
        rows = (("every column", "0" if table.changed is not None else "", "none", ""),)
    columns = ("column", "rows changed", "shift", "most frequent change")
    return Block(f"{table.path}: {counts}", "; ".join(part for part in words if part), columns, "lrll", rows)


def _shift(column: ColumnDiff) -> str:
    level = "" if column.level in ("unknown", "same") else column.level
    return ": ".join(part for part in (level, column.reason) if part)


def _row_counts(table: TableDiff) -> str:
    said = [f"{table.added:,} rows added", f"{table.removed:,} removed"]
    said += [f"{table.changed:,} changed"] if table.changed is not None else []
    said += [f"{table.unchanged:,} the same"] if table.unchanged is not None else []
    return ", ".join(said)


def _key_words(table: TableDiff) -> str:
    if not table.key:
        return "Compared as whole rows, without a key"
    source = f" ({table.key_source})" if table.key_source else ""
    repeated = f"; {table.repeated:,} rows repeat a key" if table.repeated else ""
    return f"Rows are matched by {', '.join(table.key)}{source}{repeated}"


def _schema_words(table: TableDiff) -> str:
    said = []
    for change in table.schema[:MOST_CELLS]:
        types = f"{change.old} → {change.new}" if change.old and change.new else change.old or change.new
        kind = "type of column" if change.kind == "type" else f"{change.kind} column"
        said.append(f"{kind} {change.column} ({types})")
    return ", ".join(said)


def _example(column: ColumnDiff) -> str:
    if column.pii:
        return "not shown: about persons" if column.changed else ""
    said = []
    for change in column.examples[:MOST_VALUES]:
        where = f" at {key_words(change.key)}" if change.key and change.rows == 1 else ""
        many = f" in {change.rows:,} rows" if change.rows > 1 else ""
        said.append(f"{value_words(change.old)} → {value_words(change.new)}{many}{where}")
    return "; ".join(said)


def key_words(key: Sequence[tuple[str, str | None]]) -> str:
    """Return a key as `id 7, day 2026-01-31`."""
    return ", ".join(f"{name} {value_words(value)}" for name, value in key[:MOST_CELLS])


def value_words(value: str | None) -> str:
    """Return a cell as text: a missing value is told from an empty text and from the word."""
    if value is None:
        return "missing"
    return value if value.strip() else f'"{value}"'


def _classes(table: TableDiff) -> Block | None:
    if table.classes is None or not table.classes.reason:
        return None
    totals = [sum(getattr(one, side) for one in table.classes.classes) for side in ("old", "new")]
    rows = tuple(_class_row(one, totals) for one in table.classes.classes)
    title = f"{table.path}: classes of {table.classes.column}"
    columns = ("class", "rows, base", "share", "rows, this", "share")
    return Block(title, table.classes.reason, columns, "lrrrr", rows, minor=True)


def _class_row(one: ValueShare, totals: Sequence[int]) -> tuple[str, ...]:
    old, new = (
        f"{100 * count / total:.1f} %" if total else ""
        for count, total in zip((one.old, one.new), totals, strict=True)
    )
    return value_words(one.value), f"{one.old:,}", old, f"{one.new:,}", new


def _examples(table: TableDiff) -> Iterator[Block]:
    for examples, what in ((table.added_examples, "added"), (table.removed_examples, "removed")):
        made = _example_rows(examples)
        if made:
            names, rows = made
            words = "Columns about persons are left out." if any(c.pii for c in table.columns) else ""
            yield Block(f"{table.path}: first rows {what}", words, names, "l" * len(names), rows, minor=True)


def _example_rows(
    examples: Sequence[RowExample],
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]] | None:
    names = tuple(name for name, _ in examples[0].values[:MOST_CELLS]) if examples else ()
    if not names:
        return None
    rows = []
    for example in examples:
        cells = dict(example.values)
        rows.append(tuple(value_words(cells[name]) if name in cells else "" for name in names))
    return names, tuple(rows)


def _quarantine_words(change: QuarantineChange) -> str:
    said = f"{change.path}: {change.new_rows:,} rows in quarantine instead of {change.old_rows:,}"
    worst = [f"{_rule_name(rule)} {rule.new - rule.old:+,}" for rule in change.rules if rule.new != rule.old]
    return f"{said} ({', '.join(worst[:MOST_VALUES])})" if worst else said


def _rule_name(rule: QuarantineRule) -> str:
    return f"{rule.column}: {rule.rule}" if rule.column else rule.rule


def _quarantine(change: QuarantineChange | None) -> Block | None:
    if change is None:
        return None
    rows = tuple(
        (rule.column, rule.rule, f"{rule.old:,}", f"{rule.new:,}", _quarantine_example(rule))
        for rule in change.rules
    )
    title = f"Quarantine: {change.old_rows:,} → {change.new_rows:,} rows"
    noun = "more rule has" if change.others == 1 else "more rules have"
    words = f"{change.others:,} {noun} as many rows on both sides." if change.others else ""
    return Block(title, words, ("column", "rule", "rows, base", "rows, this", "first of them"), "llrrl", rows)


def _quarantine_example(rule: QuarantineRule) -> str:
    said = []
    for one in rule.examples:
        value = "not shown: about persons" if one.hidden else value_words(one.value)
        said.append(f"{value} at {key_words(one.key)}" if one.key else value)
    return "; ".join(said)


def _profile_words(section: DataSection) -> Iterator[str]:
    for change in section.profile[:MOST_VALUES]:
        if change.what == "missing":
            yield f"{change.column} missing in {change.new} instead of {change.old}"
        else:
            yield f"{change.column}: {change.what} {change.new} instead of {change.old}"


def _profile(section: DataSection) -> Block:
    rows = tuple((change.column, change.what, change.old, change.new) for change in section.profile)
    title = f"Profile: {len({change.column for change in section.profile}):,} columns differ"
    return Block(
        title,
        "Of the cleaned table, all rows.",
        ("column", "", "base", "this"),
        "llrr",
        rows,
        minor=bool(section.tables),
    )


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
