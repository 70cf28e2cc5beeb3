"""Two versions of one table into a TableDiff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_kit.artifacts.duck import Duck, open_duck
from mlops_kit.data.diff.alignment import Pair, align, schema_changes
from mlops_kit.data.diff.balance import class_balance
from mlops_kit.data.diff.cancel import Leftover, cancel, cancel_spellings
from mlops_kit.data.diff.files import FileSet, match_files
from mlops_kit.data.diff.hiding import hidden_columns
from mlops_kit.data.diff.keys import KeyWish, choose_key
from mlops_kit.data.diff.model import (
    ColumnDiff,
    FileChange,
    RowExample,
    TableDiff,
    TableState,
)
from mlops_kit.data.diff.pairing import Paired, as_text, cell_changes, changed_counts, pair_rows, row_examples
from mlops_kit.data.diff.reading import FileVersion, Relation, footer_rows, open_relation
from mlops_kit.data.diff.shift import Sides, compare_columns
from mlops_kit.data.diff.words import count_words, row_words, table_words
from mlops_kit.errors import BadDataError


@dataclass(frozen=True)
class DiffOptions:
    """What is known of a table beside its content, and how much is wanted."""

    wishes: tuple[KeyWish, ...] = ()
    """Keys in the order of preference."""
    keyed: bool = True
    """Whether rows are matched by a key; otherwise as a whole."""
    hidden: frozenset[str] = frozenset()
    """Columns whose values must not appear."""
    hides_all: bool = False
    """Whether no column's values may appear."""
    target: str = ""
    """Column whose classes are counted; a column named `target`, `label`, `class` or `y` if empty."""
    time: str = ""
    """Column that says when a row happened; the first timestamp if empty."""
    limit: int = 5
    """Examples of each kind."""
    shifts: bool = True
    """Whether distributions are compared."""
    rows: Path | None = None
    """File for all rows that differ; see patch.py."""
    memory: int | None = None
    """Bytes that DuckDB may hold; chosen by open_duck if None."""
    threads: int | None = None
    """Threads; all processors if None. The result does not depend on them."""


@dataclass(frozen=True)
class _Work:
    """A table that is being compared."""

    duck: Duck
    old: Relation
    new: Relation
    pairs: tuple[Pair, ...]
    options: DiffOptions
    reference: str
    compared_with: str


def diff_table(
    path: str,
    old: Sequence[FileVersion] | None,
    new: Sequence[FileVersion] | None,
    options: DiffOptions | None = None,
) -> TableDiff:
    """Return what differs between the files `old` and `new` of the table `path`; None is a side without the table.

    Only files whose content differs are read; they must be here (`place`). Without rows that differ on one side, distributions are
    compared with unchanged files that are here, the last ones by name. Raises BadDataError for files that cannot be read.
    """
    wanted = options or DiffOptions()
    files = match_files(old or (), new or ())
    if not files.old and not files.new:
        return _same(path, files, old, new)
    for file in (*files.old, *files.new):
        if file.place is None:
            raise BadDataError(f"{path}: {file.name} is not here", fix=f"dvc fetch {path}")
    with open_duck(memory=wanted.memory, threads=wanted.threads) as duck:
        work = _prepare(duck, files, wanted)
        found = _compare(path, work, files)
        if old is None or new is None:
            state: TableState = "added" if old is None else "removed"
            rows = found.new_rows if old is None else found.old_rows
            reason = f"the table was {state}" + (f": {count_words(rows, 'row')}" if rows is not None else "")
            return replace(found, state=state, reason=reason, schema=())
        return found


def _same(
    path: str, files: FileSet, old: Sequence[FileVersion] | None, new: Sequence[FileVersion] | None
) -> TableDiff:
    rows = _sum([footer_rows(file) for file in files.same])
    words = (
        f"{count_words(len(files.changes), 'file')} renamed, no row differs" if files.changes else "the same"
    )
    state: TableState = (
        "added" if old is None else "removed" if new is None else "changed" if files.changes else "same"
    )
    return TableDiff(
        path, state, words, old_rows=rows, new_rows=rows, unchanged=rows, files=files.changes, same_files=len(files.same)
    )  # fmt: skip


def _prepare(duck: Duck, files: FileSet, options: DiffOptions) -> _Work:
    """Open both sides; a side without files gets the other's columns, and unchanged files to compare distributions with."""
    sides = [
        open_relation(duck, side, name) if side else None
        for side, name in ((files.old, "a"), (files.new, "b"))
    ]
    reference, told = "", ""
    if not all(sides) and files.same:
        chosen = files.reference()
        if chosen:
            known = open_relation(duck, chosen, "known")
            rows = _scalar(duck, "SELECT count(*) FROM known")
            reference = known.sql
            told = f"{count_words(rows, 'row')} of {count_words(len(chosen), 'unchanged file')}"
            sides = [side or _empty(duck, known, name) for side, name in zip(sides, ("a", "b"), strict=True)]
    one = next(side for side in sides if side)
    old, new = (side or _empty(duck, one, name) for side, name in zip(sides, ("a", "b"), strict=True))
    names = (*old.columns, *new.columns)
    options = replace(options, hidden=hidden_columns(names, options.hidden, everything=options.hides_all))
    return _Work(duck, old, new, align(duck, old, new), options, reference, told)


def _empty(duck: Duck, like: Relation, name: str) -> Relation:
    duck.run(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM {like.sql} LIMIT 0")
    return replace(like, sql=name, rejects=0)


def _compare(path: str, work: _Work, files: FileSet) -> TableDiff:
    duck, options = work.duck, work.options
    counts = [_scalar(duck, f"SELECT count(*) FROM {side.sql}") for side in (work.old, work.new)]
    totals = [_sum([count, *(footer_rows(file) for file in files.same)]) for count in counts]
    schema = schema_changes(work.old, work.new)
    changes = _file_rows(files, counts)
    if not work.pairs:
        rows = row_words(counts[1], counts[0], None, changes)
        return TableDiff(
            path, "changed", table_words(rows, schema, (), changes), old_rows=totals[0], new_rows=totals[1],
            added=counts[1], removed=counts[0], schema=schema, files=changes, same_files=len(files.same),
            notes=("no column is on both sides",),
        )  # fmt: skip
    key = choose_key(duck, work.pairs, options.wishes, *_whole(work)) if options.keyed else None
    left = _leftover(work)
    happened = _Rows.of(work, left, key)
    counts_by_column = changed_counts(duck, left) if happened.changed else {}
    shifts = _columns(work, key, left, _same_values(left, counts, happened, counts_by_column))
    columns = _with_changes(work, left, counts_by_column, shifts, key)
    classes = class_balance(
        duck, work.pairs, work.old.sql, work.new.sql, target=options.target, hidden=options.hidden
    )
    unchanged = None if totals[0] is None else totals[0] - left.gone
    words = row_words(happened.added, happened.removed, happened.changed, changes)
    if options.rows:
        from mlops_kit.data.diff.patch import write_patch

        write_patch(duck, work.old, work.new, work.pairs, key.columns if key else (), options, done=left)
    return TableDiff(
        path=path,
        state="changed",
        reason=table_words(words, schema, columns, changes),
        key=key.columns if key else (),
        key_source=key.source if key else "",
        old_rows=totals[0],
        new_rows=totals[1],
        added=happened.added,
        removed=happened.removed,
        changed=happened.changed,
        unchanged=unchanged,
        repeated=happened.repeated,
        schema=schema,
        columns=columns,
        classes=classes,
        added_examples=happened.added_examples,
        removed_examples=happened.removed_examples,
        files=changes,
        same_files=len(files.same),
        time=happened.time,
        compared_with=work.compared_with,
        notes=_notes(work, left, files),
    )


def _leftover(work: _Work) -> Leftover:
    left = cancel(work.duck, work.pairs, work.old.sql, work.new.sql)
    if work.old.texts and work.new.texts:
        return cancel_spellings(work.duck, left, work.old.sql, work.new.sql)
    return left


@dataclass(frozen=True)
class _Rows:
    """What happened to the rows."""

    added: int
    removed: int
    changed: int | None
    repeated: int
    added_examples: tuple[RowExample, ...]
    removed_examples: tuple[RowExample, ...]
    time: tuple[str, str, str] | None

    @classmethod
    def of(cls, work: _Work, left: Leftover, key: KeyWish | None) -> _Rows:
        """Pair what is left over by the key, or count it without one."""
        names = key.columns if key else ()
        paired = pair_rows(work.duck, left, names) if key else Paired(left.came, left.gone, 0, 0)
        tables = ("only_new", "only_old") if key else ("came", "gone")
        limit, hidden = work.options.limit, work.options.hidden
        examples = [
            row_examples(work.duck, left, table, names, hidden=hidden, limit=limit) if rows else ()
            for table, rows in zip(tables, (paired.added, paired.removed), strict=True)
        ]
        return cls(
            paired.added,
            paired.removed,
            paired.changed if key else None,
            paired.repeated,
            examples[0],
            examples[1],
            _time(work, left, tables[0]) if paired.added else None,
        )


def _time(work: _Work, left: Leftover, table: str) -> tuple[str, str, str] | None:
    """Return the time column, and its first and last value among the added rows."""
    pair = _time_pair(left.pairs, work.options)
    if pair is None:
        return None
    place = f"v{left.pairs.index(pair)}"
    edges = work.duck.run(
        f"SELECT {as_text(f'min({place})', pair.type)}, {as_text(f'max({place})', pair.type)} FROM {table}"
    ).fetchone()
    return (pair.name, edges[0], edges[1]) if edges and edges[0] is not None else None


def _time_pair(pairs: Sequence[Pair], options: DiffOptions) -> Pair | None:
    """Return the column that says when a row happened: the declared one, else the first timestamp; it may be shown."""
    named = [pair for pair in pairs if pair.name == options.time]
    stamps = [pair for pair in pairs if pair.type.startswith("TIMESTAMP")]
    return next((pair for pair in named or stamps if pair.name not in options.hidden), None)


def _whole(work: _Work) -> tuple[str, str]:
    """Return both relations, the unchanged files in place of one that has no rows of its own."""
    if not work.reference:
        return work.old.sql, work.new.sql
    empty = not _scalar(work.duck, f"SELECT count(*) FROM {work.old.sql}")
    return (work.reference, work.new.sql) if empty else (work.old.sql, work.reference)


def _same_values(
    left: Leftover, counts: Sequence[int], rows: _Rows, changed: dict[str, int]
) -> dict[str, int]:
    """Return column -> rows that have the same value on both sides: unchanged ones, and with a key those changed elsewhere."""
    unchanged = counts[0] - left.gone
    return {pair.name: unchanged + (rows.changed or 0) - changed.get(pair.name, 0) for pair in left.pairs}


def _columns(work: _Work, key: KeyWish | None, left: Leftover, same: dict[str, int]) -> dict[str, ColumnDiff]:
    """Return column -> its shift, against the unchanged files where one side has no rows of its own."""
    options = work.options
    old, new = _whole(work)
    pairs = work.pairs
    sides = Sides(
        pairs if options.shifts else (),
        old,
        new,
        key.columns if key else (),
        options.hidden,
        {} if work.reference else same,
        frozenset({time.name} if (time := _time_pair(pairs, options)) else ()),
        cancelled=not work.reference and not left.spelled,
    )
    return compare_columns(work.duck, sides)


def _with_changes(
    work: _Work,
    left: Leftover,
    counts: dict[str, int],
    shifts: dict[str, ColumnDiff],
    key: KeyWish | None,
) -> tuple[ColumnDiff, ...]:
    """Return all columns with what changed in them, most changed first, then by distance."""
    hidden = work.options.hidden
    made = []
    for place, pair in enumerate(left.pairs):
        column = shifts.get(pair.name) or ColumnDiff(
            pair.name, pair.type, None, (), None, None, None, "unknown", "", pair.name in hidden
        )
        changed = counts.get(pair.name, 0) if key else None
        told = changed and key and pair.name not in hidden and pair.name not in key.columns
        examples = (
            cell_changes(work.duck, left, pair.name, key.columns, hidden=hidden, limit=work.options.limit)
            if told and key
            else ()
        )
        made.append((place, replace(column, changed=changed, examples=examples)))
    made.sort(key=lambda item: (-(item[1].changed or 0), -(item[1].distance or 0.0), item[0]))
    return tuple(column for _, column in made)


def _notes(work: _Work, left: Leftover, files: FileSet) -> tuple[str, ...]:
    notes = []
    for side, relation in (("base", work.old), ("head", work.new)):
        if relation.rejects:
            notes.append(
                f"{count_words(relation.rejects, 'line')} of the {side} are no rows and were not compared"
            )
    if files.old and files.new and work.old.texts != work.new.texts:
        notes.append("one side has texts (CSV) where the other has types: texts were read as those types")
    if left.spelled:
        names = ", ".join(f"`{name}`" for name in left.spelled)
        notes.append(f"{names}: values are written in several ways and were compared by what they mean")
    if work.options.hidden & {pair.name for pair in work.pairs}:
        notes.append("values of columns marked pii are not shown")
    return tuple(notes)


def _file_rows(files: FileSet, counts: Sequence[int]) -> tuple[FileChange, ...]:
    """Return the changed files with their rows: from footers, or the count where a side has one file."""
    rows = [
        {file.name: (count if len(side) == 1 else footer_rows(file)) for file in side}
        for side, count in ((files.old, counts[0]), (files.new, counts[1]))
    ]
    return tuple(
        replace(change, old_rows=rows[0].get(change.name), new_rows=rows[1].get(change.name))
        for change in files.changes
    )


def _sum(parts: Sequence[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _scalar(duck: Duck, sql: str) -> int:
    found = duck.run(sql).fetchone()
    return int(found[0]) if found else 0
