"""What is left of both sides, paired by key: rows added, removed and changed, and how each column changed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mlops_kit.artifacts.duck import Duck
from mlops_kit.data.diff.cancel import Leftover
from mlops_kit.data.diff.model import CellChange, RowExample

LONGEST = 200


@dataclass(frozen=True)
class Paired:
    """Rows of the same key on both sides: the table `changed`, with `o<i>` and `n<i>` for column i of the left-over rows."""

    added: int
    """Rows whose key only the head side has."""
    removed: int
    """Rows whose key only the base side has."""
    changed: int
    """Rows of the same key."""
    repeated: int
    """Rows beyond the first of their key, the larger of both sides."""


def pair_rows(duck: Duck, left: Leftover, key: Sequence[str]) -> Paired:
    """Match the tables `gone` and `came` by the columns `key`.

    Rows of one key are matched in the order of all their values, so that the result does not depend on the order of rows.
    """
    places = [_place(left, name) for name in key]
    repeated = max(_repeated(duck, table, places) for table in ("gone", "came"))
    match = " AND ".join(f"g.{place} IS NOT DISTINCT FROM c.{place}" for place in places)
    for table in ("gone", "came"):
        extra = (
            f", row_number() OVER (PARTITION BY {', '.join(places)} ORDER BY {_all(left)}) AS r"
            if repeated
            else ""
        )
        duck.run(f"CREATE OR REPLACE VIEW {table}_keyed AS SELECT *{extra} FROM {table}")
    if repeated:
        match += " AND g.r = c.r"
    columns = ", ".join(f"g.v{i} AS o{i}, c.v{i} AS n{i}" for i in range(len(left.pairs)))
    duck.run(
        f"CREATE OR REPLACE TABLE changed AS SELECT {columns} FROM gone_keyed g JOIN came_keyed c ON {match}"
    )
    for table, one, other in (("only_old", "g", "c"), ("only_new", "c", "g")):
        sides = {"g": "gone_keyed", "c": "came_keyed"}
        duck.run(
            f"CREATE OR REPLACE VIEW {table} AS SELECT {one}.* FROM {sides[one]} {one} "
            f"ANTI JOIN {sides[other]} {other} ON {match}"
        )
    found = duck.run("SELECT count(*) FROM changed").fetchone()
    changed = int(found[0]) if found else 0
    return Paired(left.came - changed, left.gone - changed, changed, repeated)


def changed_counts(duck: Duck, left: Leftover) -> dict[str, int]:
    """Return column -> rows of the table `changed` in which it differs."""
    counts = ", ".join(f"count(*) FILTER (o{i} IS DISTINCT FROM n{i})" for i in range(len(left.pairs)))
    found = duck.run(f"SELECT {counts} FROM changed").fetchone() or ()
    return {pair.name: int(count) for pair, count in zip(left.pairs, found, strict=True)}


def cell_changes(
    duck: Duck, left: Leftover, column: str, key: Sequence[str], *, hidden: Collection[str], limit: int
) -> tuple[CellChange, ...]:
    """Return the most frequent changes of `column`, at most `limit`, each with the first key that has it, less `hidden` columns."""
    place = _place(left, column)[1:]
    types = {pair.name: pair.type for pair in left.pairs}
    numbers = [_place(left, name)[1:] for name in key]
    alone = len(key) == 1  # the smallest of a struct takes twice as long as that of a value
    first = (
        f"n{numbers[0]}"
        if alone
        else f"struct_pack({', '.join(f'k{i} := n{n}' for i, n in enumerate(numbers))})"
    )
    shown = [("k" if alone else f"k.k{i}", name) for i, name in enumerate(key) if name not in hidden]
    keys = "".join(f", {as_text(part, types[name])}" for part, name in shown)
    rows = duck.run(
        f"SELECT {as_text('o', types[column])}, {as_text('n', types[column])}, rows{keys} FROM ("
        f"SELECT o{place} AS o, n{place} AS n, count(*) AS rows, min({first}) AS k FROM changed "
        f"WHERE o{place} IS DISTINCT FROM n{place} GROUP BY o{place}, n{place} "
        f"ORDER BY rows DESC, k, o, n LIMIT {limit}) ORDER BY rows DESC, k, o, n"
    ).fetchall()
    return tuple(
        CellChange(
            tuple((name, value) for (_, name), value in zip(shown, row[3:], strict=True)),
            row[0],
            row[1],
            row[2],
        )
        for row in rows
    )


def row_examples(
    duck: Duck, left: Leftover, table: str, key: Sequence[str], *, hidden: Collection[str], limit: int
) -> tuple[RowExample, ...]:
    """Return the first rows of `table` by key (by all values without one), key columns first, less `hidden` columns."""
    types = {pair.name: pair.type for pair in left.pairs}
    names = [*key, *(pair.name for pair in left.pairs if pair.name not in key)]
    shown = [name for name in names if name not in hidden]
    order = ", ".join(_place(left, name) for name in names)
    columns = ", ".join(f"{as_text(_place(left, name), types[name])} AS t{i}" for i, name in enumerate(shown))
    if not shown:
        return ()
    rows = duck.run(
        f"SELECT {columns} FROM (FROM {table} ORDER BY {order} LIMIT {limit}) ORDER BY {order}"
    ).fetchall()
    return tuple(RowExample(tuple(zip(shown, row, strict=True))) for row in rows)


def as_text(value: str, kind: str = "") -> str:
    """Return the expression of a value of type `kind` as text of at most LONGEST characters; a time without zone, a midnight as a day."""
    text = f"CAST({value} AS VARCHAR)"
    if kind.startswith("TIMESTAMP"):
        text = f"regexp_replace(regexp_replace({text}, '[+]00$', ''), ' 00:00:00$', '')"
    return f"left({text}, {LONGEST})"


def _repeated(duck: Duck, table: str, places: Sequence[str]) -> int:
    group = ", ".join(places)
    found = duck.run(
        f"SELECT coalesce(sum(n - 1), 0)::BIGINT FROM (SELECT count(*) AS n FROM {table} GROUP BY {group} HAVING count(*) > 1)"
    ).fetchone()
    return int(found[0]) if found else 0


def _all(left: Leftover) -> str:
    return ", ".join(f"v{i}" for i in range(len(left.pairs)))


def _place(left: Leftover, column: str) -> str:
    return f"v{next(i for i, pair in enumerate(left.pairs) if pair.name == column)}"
