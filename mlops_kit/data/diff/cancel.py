"""Rows that both sides have cancel each other out; what is left over is what changed.

A row is told by two 64-bit hashes of its values in opposite orders. Every copy on one side cancels one copy on the other, so the order
of rows and the files that they lie in do not matter, and equal files need not be read: their rows would cancel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_kit.artifacts.duck import Duck
from mlops_kit.data.diff.alignment import Pair, typed
from mlops_kit.data.diff.spelling import spelled_types


@dataclass(frozen=True)
class Leftover:
    """What is left of both sides: the tables `gone` and `came`, in which column number i of `pairs` is `v<i>`."""

    pairs: tuple[Pair, ...]
    """The columns."""
    gone: int
    """Rows of `gone`: those that only the base side has."""
    came: int
    """Rows of `came`: those that only the head side has."""
    spelled: tuple[str, ...] = ()
    """Columns whose values are written in several ways (`1` and `1.0`), and were compared by what they mean."""


def cancel(duck: Duck, pairs: Sequence[Pair], old: str, new: str) -> Leftover:
    """Cancel the rows of the relations `old` and `new` in the columns `pairs`, at least one."""
    if not _any(duck, old) or not _any(duck, new):  # nothing can cancel, and nothing needs a copy
        duck.run(f"CREATE OR REPLACE VIEW gone AS {_values(pairs, 'old', old)}")
        duck.run(f"CREATE OR REPLACE VIEW came AS {_values(pairs, 'new', new)}")
        return Leftover(tuple(pairs), _count(duck, "gone"), _count(duck, "came"))
    _drop(duck, "gone", "came")
    _cancel(duck, _values(pairs, "old", old), _values(pairs, "new", new), len(pairs))
    return Leftover(tuple(pairs), _count(duck, "gone"), _count(duck, "came"))


def cancel_spellings(duck: Duck, left: Leftover, old: str, new: str) -> Leftover:
    """Cancel once more what is left of two tables of texts, by meaning: `1.0` is `1` in a column of numbers.

    A column is one of numbers, times or truth values when all of its values are, on both sides and as a whole; numbers with leading zeros
    or more than 15 digits stay texts. `old` and `new` are the whole relations.
    """
    types = spelled_types(duck, left.pairs, old, new) if left.gone and left.came else {}
    if not types:
        return left
    places = [Pair(pair.name, pair.type, f"v{i}", f"v{i}") for i, pair in enumerate(left.pairs)]
    pairs = typed(places, types)
    for table, side in (("gone", "old"), ("came", "new")):
        duck.run(f"CREATE OR REPLACE TABLE {table}_typed AS {_values(pairs, side, table)}")
    _drop(duck, "gone", "came")
    _cancel(duck, "SELECT * FROM gone_typed", "SELECT * FROM came_typed", len(pairs))
    _drop(duck, "gone_typed", "came_typed")
    kinds = tuple(Pair(pair.name, types.get(pair.name, pair.type), pair.old, pair.new) for pair in left.pairs)
    return Leftover(kinds, _count(duck, "gone"), _count(duck, "came"), tuple(sorted(types)))


def row_hash(width: int) -> str:
    """Return the expression of the hash of a row with the columns `v0` to `v<width - 1>`."""
    return f"hash({', '.join(f'v{i}' for i in range(width))})"


def _cancel(duck: Duck, old: str, new: str, width: int) -> None:
    """Make `gone` and `came` of the queries `old` and `new`: rows whose hash the other side lacks, unless copies have to be counted.

    The head is read once: rows that the base lacks are kept beside the hashes of all, as lists, which cost nothing where there is none.
    """
    backwards = f"hash(42, {', '.join(f'v{i}' for i in reversed(range(width)))})"
    marks = f"{row_hash(width)} AS h, {backwards} AS g"
    columns = ", ".join(f"v{i}" for i in range(width))
    row = ", ".join(f"v{i} := v{i}" for i in range(width))
    duck.run(f"CREATE OR REPLACE TABLE old_marks AS SELECT {marks} FROM ({old})")
    duck.run(
        "CREATE OR REPLACE TABLE new_marks AS SELECT h, g, CASE WHEN h NOT IN (SELECT h FROM old_marks) "
        f"THEN [struct_pack({row})] END AS r FROM (SELECT *, {marks} FROM ({new}))"
    )
    duck.run(
        f"CREATE TABLE gone AS SELECT * FROM (SELECT *, {marks} FROM ({old})) ANTI JOIN new_marks USING (h)"
    )
    if _balanced(duck):
        for mark in "hg":
            duck.run(f"ALTER TABLE gone DROP COLUMN {mark}")
        fields = ", ".join(f"r[1].v{i} AS v{i}" for i in range(width))
        duck.run(f"CREATE TABLE came AS SELECT {fields} FROM new_marks WHERE r IS NOT NULL")
    else:
        _drop(duck, "gone")
        _count_copies(duck, old, new, marks=marks, columns=columns)
    _drop(duck, "old_marks", "new_marks")


def _balanced(duck: Duck) -> bool:
    """Return whether what both sides share is the same with all copies: as many rows, and the same sums of both hashes.

    It is not where a row has another number of copies, or where two rows have one `h` and not one `g`.
    """
    sums = "SELECT count(*), coalesce(sum(h), 0), coalesce(sum(g), 0) FROM"
    old, gone, new, came = (
        duck.run(f"{sums} {rows}").fetchone() or (0, 0, 0)
        for rows in ("old_marks", "gone", "new_marks", "new_marks WHERE r IS NOT NULL")
    )
    return all(a - b == c - d for a, b, c, d in zip(old, gone, new, came, strict=True))


def _count_copies(duck: Duck, old: str, new: str, *, marks: str, columns: str) -> None:
    """Make `gone` and `came` by counting the copies of each row."""
    duck.run(
        "CREATE OR REPLACE TABLE net AS SELECT h, g, sum(s)::BIGINT AS d FROM ("
        "SELECT h, g, -1 AS s FROM old_marks UNION ALL SELECT h, g, 1 AS s FROM new_marks"
        ") GROUP BY h, g HAVING sum(s) <> 0"
    )
    for table, rows, sign in (("gone", old, -1), ("came", new, 1)):
        duck.run(
            f"CREATE TABLE {table}_all AS SELECT r.*, {sign} * n.d AS d FROM (SELECT *, {marks} FROM ({rows})) r "
            f"JOIN net n ON r.h = n.h AND r.g = n.g WHERE {sign} * n.d > 0"
        )
        wanted = duck.run(
            f"SELECT coalesce(sum({sign} * d), 0)::BIGINT FROM net WHERE {sign} * d > 0"
        ).fetchone()
        kept = f"SELECT {columns} FROM {table}_all"
        if wanted and wanted[0] != _count(duck, f"{table}_all"):  # some copies of a row have cancelled
            kept += " QUALIFY row_number() OVER (PARTITION BY h, g) <= d"
        duck.run(f"CREATE TABLE {table} AS {kept}")
        _drop(duck, f"{table}_all")
    _drop(duck, "net")


def _values(pairs: Sequence[Pair], side: str, relation: str) -> str:
    columns = ", ".join(f"{pair.old if side == 'old' else pair.new} AS v{i}" for i, pair in enumerate(pairs))
    return f"SELECT {columns} FROM {relation}"


def _count(duck: Duck, table: str) -> int:
    found = duck.run(f"SELECT count(*) FROM {table}").fetchone()
    return int(found[0]) if found else 0


def _any(duck: Duck, table: str) -> bool:
    return duck.run(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None


def _drop(duck: Duck, *tables: str) -> None:
    for table in tables:
        kind = duck.run(
            "SELECT table_type FROM information_schema.tables WHERE table_name = ?", [table]
        ).fetchone()
        if kind:
            duck.run(f"DROP {'VIEW' if kind[0] == 'VIEW' else 'TABLE'} {table}")
