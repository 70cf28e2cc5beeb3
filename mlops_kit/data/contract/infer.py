"""A data contract read off data: for each column what it seems to promise, and why. People own it from there on."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from typing import Any

from mlops_kit.data.contract.facts import ColumnFacts
from mlops_kit.spec.model import Column, Schema
from mlops_kit.spec.scalars import resolve_scalar

_ENOUGH = 100
_SHOWN = 6
_SHAPE = re.compile(r"[Aa9_./:-]{1,24}")
_CLASSES = {"A": "[A-Z]", "a": "[a-z]", "9": "[0-9]"}
_NAMES = re.compile(
    r"(^|_)(e_?mail|phone|mobile|telephone|fax|first_?name|last_?name|sur_?name|full_?name|birth_?day|birth_?date|date_of_birth|dob|ssn"
    r"|passport|iban|street|address|ip_?address|credit_?card|user_?name)(_|$)",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ ./+-]*(?<! )")


@dataclass(frozen=True)
class InferredColumn:
    """One column as a contract would have it."""

    name: str
    """Its name."""
    column: Column
    """What it seems to promise."""
    reasons: tuple[str, ...]
    """Why, a phrase each; never values of a column that is marked `pii`."""


@dataclass(frozen=True)
class Change:
    """One difference between a contract that is there and what the data say."""

    column: str
    """The column."""
    words: str
    """What differs, in words."""
    line: str
    """The line that the contract would have by the data; empty when it would have none."""


def infer_column(facts: ColumnFacts, *, key: bool = False) -> InferredColumn:
    """Return what the column seems to promise.

    Ranges are not read off data, but for whole numbers that are never negative: the largest value seen says little about the next one. `values` need
    100 rows with no more than 12 texts, each seen twice; a pattern needs 100 rows of one shape.
    """
    reasons = []
    personal = facts.personal
    named = _NAMES.search(facts.name)
    pii = bool(personal or named)
    if pii:
        reasons.append(f"looks like {personal}" if personal else "named like something about persons")
    full = not facts.missing and facts.rows > 0
    if full:
        reasons.append("no value is missing")
    values = _values(facts) if not pii else ()
    pattern = None if values or pii else _pattern(facts)
    if values:
        reasons.append(f"only {len(values)} different values in {facts.rows:,} rows")
    if pattern:
        reasons.append(f"all {facts.distinct:,} different values have one shape")
    counted = facts.type == "integer" and facts.low is not None and facts.low >= 0 and facts.rows >= _ENOUGH
    low = 0.0 if counted else None
    if facts.low is not None and not pii:
        reasons.append(f"from {facts.low:.6g} to {facts.high:.6g}")
    unique = facts.unique and facts.rows > 1
    if unique:
        reasons.append("no value comes twice")
    column = Column(
        type=facts.type,
        nullable=not full,
        min=low,
        values=values,
        pattern=pattern,
        unique=unique and not key and _names_rows(facts),
        pii=pii,
    )
    return InferredColumn(facts.name, column, tuple(reasons))


def schema_text(columns: Sequence[InferredColumn], *, notes: Sequence[str] = ()) -> str:
    """Return a schema.yaml with the columns, a line each."""
    head = "".join(f"# {note}\n" for note in notes)
    return f"{head}columns:\n" + "".join(f"  {column_line(each.name, each.column)}\n" for each in columns)


def column_line(name: str, column: Column) -> str:
    """Return the line of schema.yaml for a column, without what is the default."""
    plain = asdict(column)
    default = {field.name: field.default for field in fields(Column)}
    given = {key: value for key, value in plain.items() if key == "type" or value != default[key]}
    return f"{_scalar(name)}: {{{', '.join(f'{key}: {_scalar(value)}' for key, value in given.items())}}}"


def changes(schema: Schema, found: Sequence[InferredColumn]) -> tuple[Change, ...]:
    """Return where the data say something else than `schema`: columns that only one of them has, types, missing values, other values.

    What only people can know (roles, ranges, descriptions) is left alone.
    """
    named = {each.name: each for each in found}
    made = [
        Change(name, "schema.yaml has it, the data do not", "")
        for name in schema.columns
        if name not in named
    ]
    for each in found:
        there = schema.columns.get(each.name)
        line = column_line(each.name, each.column)
        if there is None:
            made.append(Change(each.name, "the data have it, schema.yaml does not", line))
            continue
        made += [Change(each.name, words, line) for words in _differences(there, each.column)]
    return tuple(made)


def _differences(there: Column, seen: Column) -> list[str]:
    found = []
    wider = (there.type, seen.type) in (("number", "integer"), ("string", "integer"), ("string", "number"))
    if (
        there.type != seen.type
        and not wider
        and not (there.type == "boolean" and seen.type in ("integer", "string"))
    ):
        found.append(f"type: schema.yaml says {there.type}, the data are {seen.type}")
    if there.nullable and not seen.nullable:
        found.append("nullable: no value is missing, `nullable: false` would hold")
    if not there.nullable and seen.nullable:
        found.append("nullable: schema.yaml says false, values are missing")
    if there.values and seen.values and set(seen.values) - set(there.values) and not there.pii:
        found.append(f"values: new are {', '.join(sorted(set(seen.values) - set(there.values))[:_SHOWN])}")
    if seen.pii and not there.pii:
        found.append("pii: the values look as if they were about persons")
    return found


def _values(facts: ColumnFacts) -> tuple[str, ...]:
    if facts.type != "string" or facts.rows < _ENOUGH or not facts.values:
        return ()
    proper = all(value == value.strip() and count > 1 for value, count in facts.values)
    return tuple(value for value, _ in facts.values) if proper else ()


def _pattern(facts: ColumnFacts) -> str | None:
    if facts.rows < _ENOUGH or not _SHAPE.fullmatch(facts.shape):
        return None
    runs = [(sign, len(list(group))) for sign, group in groupby(facts.shape)]
    return "".join(
        (_CLASSES.get(sign) or re.escape(sign)) + (f"{{{length}}}" if length > 1 else "")
        for sign, length in runs
    )


def _names_rows(facts: ColumnFacts) -> bool:
    """Return whether a column without repeated values is likely to stay so: texts and whole numbers of a table of some size."""
    return facts.rows >= _ENOUGH and facts.type in ("string", "integer")


def _scalar(value: Any) -> str:
    """Return a value in YAML's flow style."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_scalar, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.15g}"
    text = str(value)
    plain = _PLAIN.fullmatch(text) and isinstance(resolve_scalar(text), str)
    return text if plain else json.dumps(text, ensure_ascii=False)
