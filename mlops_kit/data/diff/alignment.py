"""The columns that two versions of a table share, as expressions of one type on both sides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mlops_kit.artifacts.columns import MISSING_WORDS
from mlops_kit.artifacts.duck import Duck, literal
from mlops_kit.data.diff.model import SchemaChange
from mlops_kit.data.diff.reading import Relation

WHOLE = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "HUGEINT",
)
FLOATS = ("FLOAT", "DOUBLE")
_EXACT = 2**53


@dataclass(frozen=True)
class Pair:
    """One column on both sides."""

    name: str
    """Name of the column."""
    type: str
    """Type in which the values are compared."""
    old: str
    """The base side's value as an SQL expression over its relation; NULL where it lacks the column."""
    new: str
    """The head side's value."""


def align(duck: Duck, old: Relation, new: Relation) -> tuple[Pair, ...]:
    """Return the columns that both sides have, in the order of the head."""
    return tuple(
        _checked(
            duck,
            old,
            new,
            _pair(name, old, new, _shared_type(old.columns[name], new.columns[name], old, new)),
        )
        for name in new.columns
        if name in old.columns
    )


def lone_pairs(old: Relation, new: Relation) -> tuple[Pair, ...]:
    """Return the columns that only one side has; the other side's values are missing."""
    gone = [
        Pair(name, kind, old.place(name), f"CAST(NULL AS {kind})")
        for name, kind in old.columns.items()
        if name not in new.columns
    ]
    came = [
        Pair(name, kind, f"CAST(NULL AS {kind})", new.place(name))
        for name, kind in new.columns.items()
        if name not in old.columns
    ]
    return (*gone, *came)


def schema_changes(old: Relation, new: Relation) -> tuple[SchemaChange, ...]:
    """Return the columns that came, went, or have another type or place. Formats without types (CSV) have no types to differ in."""
    gone = [
        SchemaChange(name, "removed", kind) for name, kind in old.columns.items() if name not in new.columns
    ]
    came = [
        SchemaChange(name, "added", new=kind) for name, kind in new.columns.items() if name not in old.columns
    ]
    shared = [name for name in new.columns if name in old.columns]
    before = [name for name in old.columns if name in new.columns]
    typed = not (old.texts or new.texts)
    other = [
        SchemaChange(name, "type", old.columns[name], new.columns[name])
        for name in shared
        if typed and old.columns[name] != new.columns[name]
    ]
    places = [list(side.columns) for side in (old, new)]
    moved = [
        SchemaChange(name, "moved", str(places[0].index(name) + 1), str(places[1].index(name) + 1))
        for name, was in zip(shared, before, strict=True)
        if name != was
    ]
    return (*gone, *came, *other, *moved)


def _pair(name: str, old: Relation, new: Relation, kind: str) -> Pair:
    sides = [
        _cast(side.place(name), side.columns[name], kind, texts=side.texts and not (old.texts and new.texts))
        for side in (old, new)
    ]
    return Pair(name, kind, *sides)


def _cast(place: str, kind: str, wanted: str, *, texts: bool) -> str:
    """Return the expression of a column as `wanted`; a float's two zeros are one value."""
    if texts and wanted != "VARCHAR":
        value = _from_text(place, wanted)
    elif texts:
        value = place
    else:
        value = place if kind == wanted else f"CAST({place} AS {wanted})"
    return f"({value} + 0.0::{wanted})" if wanted in FLOATS else value


def _from_text(place: str, wanted: str) -> str:
    """Return a text as a value, by the rules of artifacts/columns.py; NULL where it cannot be read."""
    text = _text(place)
    if wanted in WHOLE:
        return (
            f"CASE WHEN regexp_full_match({text}, '[-+]?\\d+(\\.0*)?') THEN TRY_CAST({text} AS {wanted}) END"
        )
    if wanted == "BOOLEAN":
        low = f"lower({text})"
        return (
            f"CASE WHEN {low} IN ('true','yes','t','y','1') THEN true "
            f"WHEN {low} IN ('false','no','f','n','0') THEN false END"
        )
    if wanted.startswith("TIMESTAMP"):
        return f"TRY_CAST(rtrim({text}, 'Z') AS {wanted})"
    return f"TRY_CAST({text} AS {wanted})"


def _text(place: str) -> str:
    words = ", ".join(literal(word) for word in MISSING_WORDS)
    return f"CASE WHEN trim({place}) NOT IN ({words}) THEN trim({place}) END"


def _shared_type(old: str, new: str, before: Relation, after: Relation) -> str:
    """Return a type that holds the values of both."""
    if before.texts != after.texts:
        return new if before.texts else old
    if old == new or old == "NULL":
        return new
    if new == "NULL":
        return old
    if old in WHOLE and new in WHOLE:
        return "HUGEINT" if {old, new} & {"UBIGINT", "HUGEINT"} else "BIGINT"
    decimals = [re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind) for kind in (old, new)]
    if all(decimals):
        return f"DECIMAL(38,{max(int(found[2]) for found in decimals if found)})"
    if all(kind in WHOLE or kind in FLOATS or kind.startswith("DECIMAL") for kind in (old, new)):
        return "DOUBLE"
    if all(kind.startswith(("TIMESTAMP", "DATE")) for kind in (old, new)):
        return _time_type((old, new))
    return "VARCHAR"


def _time_type(kinds: Sequence[str]) -> str:
    if any("ZONE" in kind for kind in kinds):
        return "TIMESTAMP WITH TIME ZONE"
    return "TIMESTAMP_NS" if "TIMESTAMP_NS" in kinds else "TIMESTAMP"


def _checked(duck: Duck, old: Relation, new: Relation, pair: Pair) -> Pair:
    """Return the pair compared as texts instead when its type would hide a difference: values that do not fit into it."""
    as_text = Pair(
        pair.name, "VARCHAR", *(f"CAST({side.place(pair.name)} AS VARCHAR)" for side in (old, new))
    )
    for column, side in ((pair.old, old), (pair.new, new)):
        place = side.place(pair.name)
        if side.texts and not (old.texts and new.texts):
            if pair.type == "VARCHAR":
                continue
            lost = f"{_text(place)} IS NOT NULL AND {column} IS NULL"
        elif pair.type == "DOUBLE" and side.columns[pair.name] not in FLOATS:
            lost = f"abs({place}) > {_EXACT}"
        else:
            continue
        if duck.run(f"SELECT 1 FROM {side.sql} WHERE {lost} LIMIT 1").fetchone():
            return as_text
    return pair


def typed(pairs: Sequence[Pair], types: dict[str, str]) -> tuple[Pair, ...]:
    """Return pairs of text columns read as the types of `types` (column -> type) on both sides."""
    return tuple(_typed(pairs, types))


def _typed(pairs: Sequence[Pair], types: dict[str, str]) -> Iterator[Pair]:
    for pair in pairs:
        kind = types.get(pair.name)
        yield (
            pair
            if kind is None
            else replace(
                pair,
                type=kind,
                old=_cast(pair.old, "VARCHAR", kind, texts=True),
                new=_cast(pair.new, "VARCHAR", kind, texts=True),
            )
        )
