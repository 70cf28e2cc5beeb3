"""Rows judged by the contract: one pass over them finds the bad ones, with the first rule that each breaks.

Bad rows are kept beside, in a temporary table of the database, which spills to disk like everything there; good rows are those that are not
in it. Which rows are bad depends on the rows and their order alone, not on threads or memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from mlops_kit.artifacts.duck import literal, quoted
from mlops_kit.data.contract.casts import shown_sql, zoned
from mlops_kit.data.contract.rules import ROW, Contract

if TYPE_CHECKING:
    from mlops_kit.artifacts.duck import Duck

FEW = 1 / 16
"""Up to this share of doubtful rows they are copied, so that all rows are read once for them; a larger one is read again where needed."""
MANY = 1 / 2
"""From this share of doubtful rows on all rows are judged one by one, without looking up each."""
PIECE = 1 << 24
"""Hashes that are sorted in memory at once."""
_NUMBERS = count(1)


@dataclass(frozen=True)
class Break:
    """How often one rule is the first that a row breaks."""

    column: str
    """Column of schema.yaml; the columns of the key, with commas."""
    rule: str
    """The rule in words."""
    rows: int
    """Rows that break it, and no rule before it."""


@dataclass(frozen=True)
class Judged:
    """A relation that was judged. Good and bad rows together are all rows, each once."""

    contract: Contract
    """What it was judged by."""
    relation: str
    """What stands after FROM to read its rows, with `__row`."""
    bad_table: str
    """Temporary table with one row for each bad row: `__row`, `fault` (index into the rules) and r0 ... (raw values)."""
    rows: int
    """All rows."""
    bad: int
    """Rows that break a rule."""
    breaks: tuple[Break, ...]
    """By rule, the most frequent first."""
    odd: frozenset[int]
    """Numbers of the columns in which some value is not `Cast.plain`; in the others `Cast.quick` says what a row has."""

    def good_sql(self, *, keep_row: bool = False) -> str:
        """Return the query of the good rows, cast, with the columns of the schema (and `__row` if `keep_row`), in no order."""
        return good_sql(self.contract, self.relation, self.bad_table, odd=self.odd, keep_row=keep_row)

    def bad_sql(self) -> str:
        """Return the query of the quarantine: key as texts, `rule`, `column`, `value` (raw, as text); by key, rule, column and row."""
        return bad_sql(self.contract, self.bad_table)


def judge(duck: Duck, contract: Contract, relation: str, *, rows: int | None = None) -> Judged:
    """Return the rows of `relation` (a table, or what stands after FROM; it has the column `__row`, see `numbered`) judged by `contract`.

    `rows` is their number where it is known. Reads each column a few times, alone, those of the key and unique ones once or twice more, and
    all columns once for the rows that may be bad. Costs the memory and disk of these.
    """
    table = f"__bad_{next(_NUMBERS)}"
    looked, fetched = f"{table}_looked", f"{table}_fetched"
    total = rows if rows is not None else _number(duck, f"SELECT count(*) FROM {relation}")
    odd = _find_doubtful(duck, contract, relation, looked)
    for place in range(len(contract.set_rules)):
        _find_repeated(duck, contract, relation, looked, place=place, rows=total, odd=odd)
    raw = ", ".join(f"r{number}" for number in range(len(contract.casts)))
    share = _number(duck, f"SELECT count(*) FROM {looked}") / max(1, total)
    source, among = relation, "true" if share > MANY else f"{ROW} IN (SELECT {ROW} FROM {looked})"
    if share <= FEW:
        few = f"SELECT {ROW}, {raw} FROM ({contract.raw_rows(relation)}) WHERE {among if share else 'false'}"
        duck.run(f"CREATE TEMP TABLE {fetched} AS {few}")
        names = ", ".join(
            f"r{number} AS {quoted(name)}" for number, name in enumerate(contract.schema.columns)
        )
        source, among = f"(SELECT {ROW}, {names} FROM {fetched})", "true"
    faults = " ".join(f"WHEN {rule.broken} THEN {index}" for index, rule in enumerate(contract.rules))
    duck.run(
        f"CREATE TEMP TABLE {table} AS SELECT {ROW}, fault, {raw} FROM ("
        f"SELECT *, CAST(CASE {faults or 'WHEN false THEN 0'} END AS INTEGER) AS fault "
        f"FROM ({contract.cast_rows(source, among)})) WHERE fault IS NOT NULL"
    )
    for place in range(len(contract.set_rules)):
        _add_repeated(duck, contract, source, table, looked, place=place)
    duck.run(f"DROP TABLE {looked}; DROP TABLE IF EXISTS {fetched}")
    counted = duck.run(
        f"SELECT fault, count(*) FROM {table} GROUP BY fault ORDER BY count(*) DESC, fault"
    ).fetchall()
    breaks = tuple(Break(*contract.promise(fault), number) for fault, number in counted)
    return Judged(contract, relation, table, total, sum(each.rows for each in breaks), breaks, odd)


def _find_doubtful(duck: Duck, contract: Contract, relation: str, table: str) -> frozenset[int]:
    """Make `table` of the numbers of all rows that may break a rule; return the columns in which some value is not `Cast.plain`.

    Column by column and condition by condition: a filter on one column is evaluated within the scan, for the entries of its dictionary or
    by the smallest and largest values in Parquet's footer, where a condition on several columns is evaluated for each row.
    """
    conditions = [(number, each) for number, odd in enumerate(contract.odd) for each in odd]
    conditions += [(-1, each) for each in contract.doubts]
    parts = [
        f"SELECT {ROW}, {number} AS odd FROM ({contract.raw_rows(relation)}) WHERE {condition}"
        for number, condition in conditions
    ]
    parts = parts or [f"SELECT {ROW}, -1 AS odd FROM {relation} WHERE false"]
    duck.run(f"CREATE TEMP TABLE {table} AS {' UNION ALL '.join(parts)}")
    found = duck.run(f"SELECT DISTINCT odd FROM {table} WHERE odd >= 0").fetchall()
    return frozenset(row[0] for row in found)


def good_sql(
    contract: Contract, relation: str, bad_table: str, *, odd: frozenset[int], keep_row: bool = False
) -> str:
    """Return the query of the rows of `relation` that are not in `bad_table`, cast, in no order; `odd` is `Judged.odd`."""
    columns = contract.schema.columns
    values = []
    for number, (name, column) in enumerate(columns.items()):
        cast = contract.casts[number]
        exact = number in odd or cast.plain == "false"
        value = contract.exact(number) if exact else cast.quick
        values.append(f"{zoned(value, column.type)} AS {quoted(name)}")
    if keep_row:
        values.append(quoted(ROW))
    good = f"(SELECT * FROM {relation} ANTI JOIN {bad_table} USING ({quoted(ROW)}))"
    return f"SELECT {', '.join(values)} FROM ({contract.raw_rows(good)})"


def bad_sql(contract: Contract, bad_table: str) -> str:
    """Return the query of the quarantine of the rows in `bad_table`: one line for each, with the first rule that it breaks."""
    names = list(contract.schema.columns)
    shown = {name: shown_sql(f"r{number}", contract.stored[name]) for number, name in enumerate(names)}
    rules, columns, values = [], [], []
    named = [contract.promise(index) for index in range(len(contract.rules) + len(contract.set_rules))]
    for index, (column, rule) in enumerate(named):
        rules.append(f"WHEN {index} THEN {literal(rule)}")
        columns.append(f"WHEN {index} THEN {literal(column)}")
        values.append(f"WHEN {index} THEN {shown[_first(contract, index)]}")
    parts = [f"{shown[name]} AS {quoted(name)}" for name in contract.key]
    parts += [
        f"CASE fault {' '.join(cases)} END AS {quoted(_free(what, contract.key))}"
        for what, cases in (("rule", rules), ("column", columns), ("value", values))
    ]
    order = ", ".join(str(position) for position in range(1, len(contract.key) + 3))
    return f"SELECT {', '.join(parts)} FROM {bad_table} ORDER BY {order}, {quoted(ROW)}"


def _find_repeated(
    duck: Duck, contract: Contract, relation: str, looked: str, *, place: int, rows: int, odd: frozenset[int]
) -> None:
    """Add to `looked`, with `odd` = -2 - `place`, the rows whose values another row may have: their hashes occur twice.

    A window over all rows would sort them all; this holds 8 bytes for each, numbers only.
    """
    rule = contract.set_rules[place]
    names = list(contract.schema.columns)
    numbers = [names.index(name) for name in rule.columns]
    cells = [contract.exact(number) if number in odd else contract.casts[number].same for number in numbers]
    quick = f"hash({', '.join(cells)})"
    known = "true" if rule.missing_counts else f"{cells[0]} IS NOT NULL"
    values, twice = f"FROM ({contract.raw_rows(relation)}) WHERE {known}", f"{looked}_twice"
    if find_twice(duck, f"SELECT {quick} AS h {values}", twice, rows):
        duck.run(
            f"INSERT INTO {looked} SELECT {ROW}, {-2 - place} {values} AND {quick} IN (SELECT h FROM {twice})"
        )
        duck.run(f"DROP TABLE {twice}")


def _add_repeated(
    duck: Duck, contract: Contract, source: str, table: str, looked: str, *, place: int
) -> None:
    """Add the rows of `source` that repeat the values of an earlier good row to the bad ones in `table`.

    Only those that `_find_repeated` found are compared, by their values.
    """
    rule = contract.set_rules[place]
    names = list(contract.schema.columns)
    values = ", ".join(f"c{names.index(name)}" for name in rule.columns)
    raw = ", ".join(f"r{number}" for number in range(len(names)))
    again = contract.cast_rows(source, f"{ROW} IN (SELECT {ROW} FROM {looked} WHERE odd = {-2 - place})")
    duck.run(
        f"INSERT INTO {table} SELECT {ROW}, {len(contract.rules) + place}, {raw} FROM ({again}) "
        f"WHERE {ROW} NOT IN (SELECT {ROW} FROM {table}) "
        f"QUALIFY row_number() OVER (PARTITION BY {values} ORDER BY {ROW}) > 1"
    )


def find_twice(duck: Duck, hashes: str, table: str, rows: int) -> bool:
    """Make the table `table` of the hashes that the query `hashes` gives more than once; return whether there are any.

    They are sorted in pieces of 16 million (128 MB), piece by piece of their range: 3 times as fast as a GROUP BY with as many groups.
    """
    import numpy as np
    import pyarrow as pa

    pieces = max(1, -(-rows // PIECE))
    found = []
    for piece in range(pieces):
        low, high = (edge * 2**64 // pieces for edge in (piece, piece + 1))
        within = f" WHERE h BETWEEN {low} AND {high - 1}" if pieces > 1 else ""
        reader = duck.connection.cursor().sql(f"SELECT h FROM ({hashes}){within}").to_arrow_reader(1 << 20)
        parts = [batch.column(0).to_numpy() for batch in reader]
        values = np.concatenate(parts) if parts else np.zeros(0, np.uint64)
        values.sort()
        found.append(np.unique(values[1:][values[1:] == values[:-1]]))
    twice = np.concatenate(found)
    if len(twice):
        duck.connection.register(f"{table}_rows", pa.table({"h": twice}))
        duck.run(f"CREATE TEMP TABLE {table} AS SELECT h FROM {table}_rows")
        duck.connection.unregister(f"{table}_rows")
    return bool(len(twice))


def _first(contract: Contract, index: int) -> str:
    return contract.promise(index)[0]


def _free(name: str, taken: tuple[str, ...]) -> str:
    """Return the name of a column of the quarantine, `_` added while a column of the key has it."""
    while name in taken:
        name += "_"
    return name


def _number(duck: Duck, sql: str) -> int:
    return int(duck.run(sql).fetchall()[0][0])
