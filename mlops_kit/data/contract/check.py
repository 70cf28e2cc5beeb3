"""Rows against the data contract, as a result to read: which promises are broken how often, with examples, and whether that is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_kit.artifacts.duck import quoted
from mlops_kit.data.contract.casts import shown_sql
from mlops_kit.data.contract.judge import Break, Judged, judge
from mlops_kit.data.contract.plausible import age_problems, row_problems
from mlops_kit.data.contract.rules import ROW, compile_contract
from mlops_kit.spec.model import Schema

if TYPE_CHECKING:
    from mlops_kit.artifacts.duck import Duck

SHOWN = 120


@dataclass(frozen=True)
class Example:
    """One row that breaks a promise."""

    row: int
    """Its number in the data, from 1."""
    key: Mapping[str, str | None]
    """What names the row, as texts; without columns marked `pii`."""
    value: str | None
    """The value as text, its first 120 signs; None when it is missing, or when the column is marked `pii`."""


@dataclass(frozen=True)
class Broken:
    """One promise of schema.yaml that rows break."""

    column: str
    """The column."""
    rule: str
    """The promise in words."""
    rows: int
    """Rows that break it; a row that breaks several is counted by each."""
    first: int
    """Rows for which it is the first that they break; those that quarantine names it for."""
    hidden: bool
    """Whether values are not shown because the column is marked `pii`."""
    examples: tuple[Example, ...]
    """Some rows for which it is the first, in their order."""


@dataclass(frozen=True)
class Checked:
    """Rows that were checked."""

    where: str
    """What was checked."""
    rows: int = 0
    """Rows and lines that are no rows."""
    bad: int = 0
    """Rows that break a promise, and lines that are no rows."""
    rejected: int = 0
    """Lines that are no rows."""
    allowed: float = 0.0
    """Share of bad rows that schema.yaml allows."""
    broken: tuple[Broken, ...] = ()
    """Promises that are broken, the most frequent first."""
    problems: tuple[str, ...] = ()
    """What is wrong with the table as a whole, a sentence each: too many bad rows, the number of rows, their age."""
    unnamed: tuple[str, ...] = ()
    """Columns that schema.yaml does not name; `clean` leaves them out."""
    unreadable: str = ""
    """Why nothing could be checked; empty when it could."""
    fix: str = ""
    """What mends that."""

    @property
    def share(self) -> float:
        """Return the share of bad rows."""
        return self.bad / self.rows if self.rows else 0.0

    @property
    def fits(self) -> bool:
        """Return whether `clean` would take the rows."""
        return not self.problems and not self.unreadable


def check_rows(
    duck: Duck,
    relation: str,
    *,
    stored: Mapping[str, str],
    schema: Schema,
    key: tuple[str, ...],
    where: str,
    rows: int,
    rejected: int = 0,
    before: tuple[Break, ...] = (),
    tables: Mapping[str, str] | None = None,
    now: float,
    examples: int = 3,
) -> Checked:
    """Return what `relation` (what stands after FROM; it has the column `__row` and the columns `stored`) keeps and breaks of `schema`.

    `rows` is the number of rows in the source, `rejected` of its lines that are no rows, `before` the rows that rules of cleaning found bad
    already, `now` the time in seconds since 1970. Raises BadDataError when columns or referenced tables are missing.
    """
    contract = compile_contract(schema, key=key, stored=stored, tables=tables)
    judged = judge(duck, contract, relation)
    found = _examples(duck, judged, examples)
    every = _every_break(duck, judged)
    first = _firsts(duck, judged)
    broken = []
    for fault in sorted(first.keys() | {fault for fault, count in every.items() if count}):
        column, rule = contract.promise(fault)
        count, own = every.get(fault, 0) or first[fault], first.get(fault, 0)
        broken.append(Broken(column, rule, count, own, schema.columns[column].pii, found.get(fault, ())))
    broken += [Broken(one.column, one.rule, one.rows, one.rows, True, ()) for one in before]
    total, bad = rows + rejected, judged.bad + rejected + sum(one.rows for one in before)
    problems = [
        *row_problems(schema.rows, total),
        *_share_problems(schema, total, bad),
        *_age(duck, judged, now),
    ]
    return Checked(
        where,
        total,
        bad,
        rejected,
        schema.max_quarantine,
        tuple(sorted(broken, key=lambda one: -one.rows)),
        tuple(problems),
        contract.dropped,
    )


def _firsts(duck: Duck, judged: Judged) -> dict[int, int]:
    """Return for each rule that is the first that rows break how many these are."""
    return dict(duck.run(f"SELECT fault, count(*) FROM {judged.bad_table} GROUP BY fault").fetchall())


def _every_break(duck: Duck, judged: Judged) -> dict[int, int]:
    """Return for each rule of single rows how many bad rows break it, first or not."""
    contract = judged.contract
    if not contract.rules or not judged.bad:
        return {}
    # Bad rows hold r0 ... already; the casts take them by the names of the columns.
    names = ", ".join(f"r{place} AS {quoted(name)}" for place, name in enumerate(contract.schema.columns))
    rows = contract.cast_rows(f"(SELECT {ROW}, {names} FROM {judged.bad_table})")
    counts = ", ".join(f"count(*) FILTER ({rule.broken})" for rule in contract.rules)
    return dict(enumerate(duck.run(f"SELECT {counts} FROM ({rows})").fetchall()[0]))


def _examples(duck: Duck, judged: Judged, limit: int) -> dict[int, tuple[Example, ...]]:
    contract, columns = judged.contract, judged.contract.schema.columns
    names = list(columns)
    shown = {name: shown_sql(f"r{place}", contract.stored[name]) for place, name in enumerate(names)}
    open_key = [name for name in contract.key if not columns[name].pii]
    key = ", ".join(f"left({shown[name]}, {SHOWN})" for name in open_key) or "NULL"
    cases = []
    for fault in range(len(contract.rules) + len(contract.set_rules)):
        column, _ = contract.promise(fault)
        value = "NULL" if columns[column].pii else f"left({shown[column]}, {SHOWN})"
        cases.append(f"WHEN {fault} THEN {value}")
    if not cases:
        return {}
    found = duck.run(
        f"SELECT fault, {ROW}, CASE fault {' '.join(cases)} END, {key} FROM {judged.bad_table} "
        f"QUALIFY row_number() OVER (PARTITION BY fault ORDER BY {ROW}) <= {int(limit)} ORDER BY fault, {ROW}"
    ).fetchall()
    made: dict[int, tuple[Example, ...]] = {}
    for fault, row, value, *cells in found:
        example = Example(row + 1, dict(zip(open_key, cells, strict=False)), value)
        made[fault] = (*made.get(fault, ()), example)
    return made


def _share_problems(schema: Schema, rows: int, bad: int) -> list[str]:
    if not rows or bad / rows <= schema.max_quarantine:
        return []
    return [
        f"{bad:,} of {rows:,} rows ({bad / rows:.1%}) are bad, schema.yaml allows {schema.max_quarantine:.1%}"
    ]


def _age(duck: Duck, judged: Judged, now: float) -> tuple[str, ...]:
    freshness = judged.contract.schema.freshness
    if freshness is None:
        return ()
    newest = _newest(duck, judged, freshness.column)
    if newest is None:
        return (
            f"no value of `{freshness.column}` tells how old the newest row is, which schema.yaml asks for",
        )
    return age_problems(freshness, newest, now)


def _newest(duck: Duck, judged: Judged, column: str) -> float | None:
    contract = judged.contract
    value = contract.exact(list(contract.schema.columns).index(column))
    query = f"SELECT epoch_us(max({value})) FROM ({contract.raw_rows(judged.relation)})"
    found = duck.run(query).fetchall()[0][0]
    return None if found is None else float(found) / 1e6
