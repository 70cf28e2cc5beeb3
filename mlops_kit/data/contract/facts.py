"""What is in the columns of a table, as far as a data contract wants to know: counted by queries, with bounded memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.duck import literal, quoted
from mlops_kit.data.contract.casts import cast_sql
from mlops_kit.data.contract.judge import find_twice
from mlops_kit.data.contract.rules import ROW
from mlops_kit.spec.model import ColumnType

if TYPE_CHECKING:
    from mlops_kit.artifacts.duck import Duck

SAMPLE = 1_000_000
FEW = 12
_CANDIDATES: tuple[ColumnType, ...] = ("integer", "number", "timestamp")
PERSONAL: dict[str, str] = {
    "mail addresses": r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}",
    "phone numbers": r"\+[0-9][0-9 ()/.-]{6,18}[0-9]",
    "internet addresses": r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}",
    "bank accounts (IBAN)": r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?",
}
"""What texts about persons look like, and the pattern of a whole value."""


@dataclass(frozen=True)
class ColumnFacts:
    """One column of a table, by the rows that were looked at."""

    name: str
    """Its name."""
    type: ColumnType
    """The narrowest type that all values can be read as."""
    rows: int
    """Rows that were looked at."""
    missing: int
    """Rows without a value."""
    distinct: int
    """Different values."""
    low: float | None
    """Smallest value of a numeric column."""
    high: float | None
    """Largest value of a numeric column."""
    values: tuple[tuple[str, int], ...]
    """Values, as texts, and how often each comes, by value; empty when there are more than 12."""
    shape: str
    """The one shape that all texts have (`A` for a capital letter, `a` for a small one, `9` for a digit); empty when they have several."""
    personal: str
    """What the texts look like when nearly all (19 of 20) are about persons: one of PERSONAL."""
    unique: bool
    """Whether no value is missing and no two rows of the whole table have the same one."""


def look_at(
    duck: Duck, relation: str, stored: Mapping[str, str], *, rows: int, sample: int = SAMPLE
) -> tuple[ColumnFacts, ...]:
    """Return the facts about each column of `relation` (what stands after FROM; it has the column `__row`) with `rows` rows.

    Of a larger table `sample` rows are looked at, spread evenly over it, always the same; whether a column is unique is judged by all rows.
    """
    # Texts in one table of their own: types are told by reading each of them several times.
    step = max(1, -(-rows // sample))
    names = [name for name in stored if name != ROW]
    cells = ", ".join(
        f"{cast_sql(quoted(name), stored[name], 'string', text='').text} AS r{place}"
        for place, name in enumerate(names)
    )
    where = f"WHERE {ROW} % {step} = 0" if step > 1 else ""
    duck.run(f"CREATE OR REPLACE TEMP TABLE __looked AS SELECT {cells} FROM {relation} {where}")
    return tuple(
        _facts(duck, name, f"r{place}", stored[name], relation, rows) for place, name in enumerate(names)
    )


def are_unique(
    duck: Duck, relation: str, stored: Mapping[str, str], names: Sequence[str], *, rows: int
) -> bool:
    """Return whether no two rows of `relation` have the same values in the columns `names`; missing ones count as a value."""
    cells = ", ".join(_as_text(name, stored[name]) for name in names)
    table = "__key_twice"
    # Different values can share a hash, so those that do are looked at by value.
    if not find_twice(duck, f"SELECT hash({cells}) AS h FROM {relation}", table, rows):
        return True
    again = (
        f"SELECT count(*) FROM (SELECT {cells} FROM {relation} WHERE hash({cells}) IN (SELECT h FROM {table}) "
        "GROUP BY ALL HAVING count(*) > 1)"
    )
    twice = duck.run(again).fetchall()[0][0]
    duck.run(f"DROP TABLE {table}")
    return not twice


def _as_text(name: str, stored: str) -> str:
    return cast_sql(quoted(name), stored, "string", text="").inline


def _facts(duck: Duck, name: str, cell: str, stored: str, relation: str, rows: int) -> ColumnFacts:
    looked = "(SELECT * FROM __looked)"
    total, present, distinct = duck.run(
        f"SELECT count(*), count({cell}), count(DISTINCT {cell}) FROM {looked}"
    ).fetchall()[0]
    kind = _type_of(duck, cell, stored, present)
    low, high = _range(duck, cell, kind)
    values: tuple[tuple[str, int], ...] = ()
    if 0 < distinct <= FEW:
        counted = f"SELECT CAST({cell} AS VARCHAR), count(*) FROM {looked} WHERE {cell} IS NOT NULL GROUP BY 1 ORDER BY 1"
        values = tuple((str(value), int(count)) for value, count in duck.run(counted).fetchall())
    text = kind == "string" and present > 0 and stored.upper().startswith(("VARCHAR", "ENUM"))
    unique = bool(present) and present == total == distinct and kind in ("string", "integer")
    return ColumnFacts(
        name,
        kind,
        total,
        total - present,
        distinct,
        low,
        high,
        values,
        _shape(duck, cell) if text else "",
        _personal(duck, cell, present) if text else "",
        unique and are_unique(duck, relation, {name: stored}, [name], rows=rows),
    )


def _type_of(duck: Duck, cell: str, stored: str, present: int) -> ColumnType:
    kind = stored.upper()
    if kind.startswith(("DATE", "TIMESTAMP")):
        return "timestamp"
    if kind == "BOOLEAN":
        return "boolean"
    if kind in ("FLOAT", "DOUBLE") or kind.startswith("DECIMAL"):
        return "number"
    if kind.removeprefix("U") in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"):
        return "integer"
    if kind != "VARCHAR" or not present:
        return "string"
    counts = ", ".join(f"count({cast_sql(cell, 'VARCHAR', each, text=cell).value})" for each in _CANDIDATES)
    readable = duck.run(f"SELECT {counts} FROM __looked").fetchall()[0]
    return next(
        (each for each, count in zip(_CANDIDATES, readable, strict=True) if count == present), "string"
    )


def _range(duck: Duck, cell: str, kind: ColumnType) -> tuple[float | None, float | None]:
    if kind not in ("integer", "number"):
        return None, None
    value = f"TRY_CAST({cell} AS DOUBLE)"
    low, high = duck.run(f"SELECT min({value}), max({value}) FROM __looked").fetchall()[0]
    return low, high


def _shape(duck: Duck, cell: str) -> str:
    shape = f"regexp_replace(regexp_replace(regexp_replace({cell}, '[A-Z]', 'A', 'g'), '[a-z]', 'a', 'g'), '[0-9]', '9', 'g')"
    found: list[Any] = duck.run(
        f"SELECT DISTINCT {shape} FROM __looked WHERE {cell} IS NOT NULL LIMIT 2"
    ).fetchall()
    return str(found[0][0]) if len(found) == 1 else ""


def _personal(duck: Duck, cell: str, present: int) -> str:
    counts = ", ".join(
        f"count(*) FILTER (regexp_full_match({cell}, {literal(pattern)}))" for pattern in PERSONAL.values()
    )
    found = duck.run(f"SELECT {counts} FROM __looked").fetchall()[0]
    return next((name for name, count in zip(PERSONAL, found, strict=True) if count >= 0.95 * present), "")
