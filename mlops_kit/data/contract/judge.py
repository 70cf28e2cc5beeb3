# ruff: noqa: S608 - queries are put together here; names and texts go through quoted() and literal()
"""Rows judged by the contract: one pass over them finds the bad ones, with the first rule that each breaks.

Bad rows are kept beside, in a temporary table of the database, which spills to disk like everything there; good rows are those that are not
in it. Which rows are bad depends on the rows and their order alone, not on threads or memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from mlops_kit.artifacts.duck import literal, quoted
from mlops_kit.data.contract.casts import shown_sql
from mlops_kit.data.contract.rules import ROW, Contract, SetRule

if TYPE_CHECKING:
    from mlops_kit.artifacts.duck import Duck

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

    def good_sql(self, *, keep_row: bool = False) -> str:
        """Return the query of the good rows, cast, with the columns of the schema (and `__row` if `keep_row`), in no order."""
        return good_sql(self.contract, self.relation, self.bad_table, keep_row=keep_row)

    def bad_sql(self) -> str:
        """Return the query of the quarantine: key as texts, `rule`, `column`, `value` (raw, as text); by key, rule, column and row."""
        return bad_sql(self.contract, self.bad_table)


def judge(duck: Duck, contract: Contract, relation: str, *, rows: int | None = None) -> Judged:
    """Return the rows of `relation` (a table, or what stands after FROM; it has the column `__row`, see `numbered`) judged by `contract`.

    `rows` is their number where it is known. Reads the columns of the contract once, and the columns of the key and of each unique column
    once more. Costs the memory and disk of the bad rows.
    """
    table = f"__bad_{next(_NUMBERS)}"
    raw = ", ".join(f"r{number}" for number in range(len(contract.casts)))
    faults = " ".join(f"WHEN {rule.broken} THEN {index}" for index, rule in enumerate(contract.rules))
    duck.run(
        f"CREATE TEMP TABLE {table} AS SELECT {ROW}, fault, {raw} FROM ("
        f"SELECT *, CAST(CASE {faults} END AS INTEGER) AS fault FROM ({contract.cast_rows(relation)})) WHERE fault IS NOT NULL"
    )
    for index, rule in enumerate(contract.set_rules, start=len(contract.rules)):
        _add_repeated(duck, contract, relation, table, index, rule)
    total = rows if rows is not None else _number(duck, f"SELECT count(*) FROM {relation}")
    counted = duck.run(
        f"SELECT fault, count(*) FROM {table} GROUP BY fault ORDER BY count(*) DESC, fault"
    ).fetchall()
    breaks = tuple(Break(*_named(contract, fault), number) for fault, number in counted)
    return Judged(contract, relation, table, total, sum(each.rows for each in breaks), breaks)


def good_sql(contract: Contract, relation: str, bad_table: str, *, keep_row: bool = False) -> str:
    """Return the query of the rows of `relation` that are not in `bad_table`, cast, in no order."""
    values = [f"c{number} AS {quoted(name)}" for number, name in enumerate(contract.schema.columns)]
    if keep_row:
        values.append(quoted(ROW))
    good = f"(SELECT * FROM {relation} ANTI JOIN {bad_table} USING ({quoted(ROW)}))"
    return f"SELECT {', '.join(values)} FROM ({contract.cast_rows(good)})"


def bad_sql(contract: Contract, bad_table: str) -> str:
    """Return the query of the quarantine of the rows in `bad_table`: one line for each, with the first rule that it breaks."""
    names = list(contract.schema.columns)
    shown = {name: shown_sql(f"r{number}", contract.stored[name]) for number, name in enumerate(names)}
    rules, columns, values = [], [], []
    named = [_named(contract, index) for index in range(len(contract.rules) + len(contract.set_rules))]
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


def _add_repeated(
    duck: Duck, contract: Contract, relation: str, table: str, index: int, rule: SetRule
) -> None:
    """Add the rows that repeat the values of an earlier good row to the bad ones.

    Two steps, because a window over all rows would sort them all: hashes that occur twice (8 bytes a row, numbers only), then the few
    rows that have one, compared by their values.
    """
    names = list(contract.schema.columns)
    numbers = [names.index(name) for name in rule.columns]
    values = ", ".join(f"c{number}" for number in numbers)
    known = "" if rule.missing_counts else f"WHERE c{numbers[0]} IS NOT NULL"
    rows = contract.cast_rows(relation)
    hashed = f"SELECT hash({values}) AS h FROM ({rows}) {known}"
    twice = f"{table}_twice"
    duck.run(f"CREATE TEMP TABLE {twice} AS SELECT h FROM ({hashed}) GROUP BY h HAVING count(*) > 1")
    if _number(duck, f"SELECT count(*) FROM {twice}"):
        raw = ", ".join(f"r{number}" for number in range(len(names)))
        duck.run(
            f"INSERT INTO {table} SELECT {ROW}, {index}, {raw} FROM ("
            f"SELECT * FROM ({rows}) {known}) WHERE hash({values}) IN (SELECT h FROM {twice}) "
            f"AND {ROW} NOT IN (SELECT {ROW} FROM {table}) "
            f"QUALIFY row_number() OVER (PARTITION BY {values} ORDER BY {ROW}) > 1"
        )
    duck.run(f"DROP TABLE {twice}")


def _named(contract: Contract, index: int) -> tuple[str, str]:
    if index < len(contract.rules):
        rule = contract.rules[index]
        return rule.column, rule.name
    repeated = contract.set_rules[index - len(contract.rules)]
    return repeated.columns[0], repeated.name


def _first(contract: Contract, index: int) -> str:
    return _named(contract, index)[0]


def _free(name: str, taken: tuple[str, ...]) -> str:
    """Return the name of a column of the quarantine, `_` added while a column of the key has it."""
    while name in taken:
        name += "_"
    return name


def _number(duck: Duck, sql: str) -> int:
    return int(duck.run(sql).fetchall()[0][0])
