"""The rules that the list `rules` of a clean step's section in params.yaml may have, and the reader of that list.

Each item of the list is a mapping with one key, the name of the rule; rules run in the order of the list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, Literal, TypeAlias

from mlops_kit.errors import SpecError
from mlops_kit.spec.kinds import ColumnType
from mlops_kit.spec.load import load_dataclass

Value: TypeAlias = bool | int | float | str


@dataclass(frozen=True)
class Rename:
    """Give columns other names: `rename: {old: new}`."""

    columns: Mapping[str, str]
    """Old name -> new name; all at once, so that two columns can swap names."""


@dataclass(frozen=True)
class Drop:
    """Leave columns out: `drop: [a, b]`."""

    columns: tuple[str, ...]
    """Columns that end here. Columns that schema.yaml does not name end after the last rule anyway."""


@dataclass(frozen=True)
class Trim:
    """Remove white space round texts: `trim: [a, b]`, or `trim: ["*"]` for every column of texts."""

    columns: tuple[str, ...]
    """Columns of texts, or `*`."""


@dataclass(frozen=True)
class Replace:
    """Put other values in the place of some: `replace: {origin: {NYC: JFK}}`."""

    columns: Mapping[str, Mapping[str, Value | None]]
    """Column -> old value -> new value (empty for a missing one). Old values are compared as texts."""


@dataclass(frozen=True)
class Fill:
    """Put a value where one is missing: `fill: {gate: unknown}`."""

    columns: Mapping[str, Value]
    """Column -> the value."""


@dataclass(frozen=True)
class Bounds:
    """What `clip` limits a column to."""

    min: float | None = None
    """Smaller values become this one."""
    max: float | None = None
    """Larger values become this one."""


@dataclass(frozen=True)
class Clip:
    """Limit numbers: `clip: {temp: {min: -60, max: 60}}`. A range of schema.yaml quarantines such rows instead."""

    columns: Mapping[str, Bounds]
    """Column -> bounds."""


@dataclass(frozen=True)
class Cast:
    """Read columns as types of the data contract: `cast: {distance: integer}`; rows whose value cannot be read go to quarantine.

    schema.yaml casts all its columns after the last rule; this is for rules that need a type before.
    """

    columns: Mapping[str, ColumnType]
    """Column -> `string`, `integer`, `number`, `boolean` or `timestamp`."""


@dataclass(frozen=True)
class ParseNumber:
    """Read numbers as people of some country write them: `parse_number: {columns: [price], locale: de}` makes 1234.5 of `1.234,50`.

    What does not fit exactly goes to quarantine: `1.5` is no German number, groups have three digits.
    """

    columns: tuple[str, ...]
    """Columns of texts; columns of numbers pass as they are."""
    locale: str = "en"
    """Language, which gives the signs: `en` 1,234.5; `de`, `es`, `it`, `nl`, `pt` 1.234,5; `fr`, `pl`, `ru`, `sv` 1 234,5; `ch` 1'234.5."""
    decimal: str | None = None
    """The sign before the fraction, instead of the locale's."""
    grouping: str | None = None
    """The signs between groups of digits (any of these), instead of the locale's; empty text for none."""
    type: Literal["number", "integer"] = "number"
    """`integer` keeps all of up to 18 digits, and takes no fraction."""


@dataclass(frozen=True)
class ParseTime:
    """Read times as people of some country write them: `parse_time: {columns: [day], locale: de}` reads `31.01.2025`."""

    columns: tuple[str, ...]
    """Columns of texts; columns of times pass as they are."""
    format: str | tuple[str, ...] = ()
    """How they are written, such as `%d.%m.%Y %H:%M`; of several the first that fits. By default the locale's numeric date, with a time if any."""
    locale: str = "en"
    """Language of the names of months (`en`, `de`, `es`, `fr`, `it`, `nl`, `pt`), and by default the order of day and month; `en` is American,
    `en-GB` has the day first."""
    timezone: str = "UTC"
    """Where the clock hung, such as `Europe/Berlin`, for times that do not say it themselves. An hour that summer time skipped goes to
    quarantine; of an hour that came twice the second is taken (standard time)."""


@dataclass(frozen=True)
class Derive:
    """Compute columns: `derive: {speed: "distance / (air_time / 60.0)"}`."""

    columns: Mapping[str, str]
    """Column, new or not -> SQL expression of DuckDB over one row. Nothing that depends on the day, on chance, on other rows or on files.
    All are computed from the row as it was before this rule. Rows for which it fails go to quarantine."""


@dataclass(frozen=True)
class Filter:
    """Keep the rows for which a condition holds: `filter: "distance > 0"`. The others go to quarantine, set aside."""

    condition: str
    """SQL condition of DuckDB over one row; a missing answer counts as no."""


@dataclass(frozen=True)
class Deduplicate:
    """Keep one row of those with equal values: `deduplicate: {by: [id], keep: last, order_by: updated}`. The others go to quarantine, set
    aside."""

    by: tuple[str, ...]
    """Columns that must differ together; missing values are equal."""
    keep: Literal["first", "last"] = "first"
    """Which row wins: the first or the last by `order_by`. Ties are broken by the order of the rows in the data, the same way."""
    order_by: str | None = None
    """Column by which rows are ordered (missing values lose); by default their order in the data: by partition, then as they arrived."""


@dataclass(frozen=True)
class Apply:
    """Call a function of yours: `apply: steps/tidy.py:tidy`, or `apply: {function: steps/tidy.py:tidy, keeps_rows: false}`.

    It gets rows in batches, a pandas DataFrame each (a pyarrow Table if its first parameter is annotated `Arrow`), and returns them changed.
    """

    function: str
    """`path.py:name`. The file, and what it imports of the project, are dependencies of the stage."""
    batch_rows: int = 65_536
    """Rows of a batch, except the last one."""
    keeps_rows: bool = True
    """Whether every batch comes back with the same rows in the same order; otherwise batches have a column `_row` that must come back, and
    rows that do not come back go to quarantine, set aside."""


Rule: TypeAlias = (
    Rename
    | Drop
    | Trim
    | Replace
    | Fill
    | Clip
    | Cast
    | ParseNumber
    | ParseTime
    | Derive
    | Filter
    | Deduplicate
    | Apply
)

RULES: dict[str, type[Rule]] = {
    "rename": Rename,
    "drop": Drop,
    "trim": Trim,
    "replace": Replace,
    "fill": Fill,
    "clip": Clip,
    "cast": Cast,
    "parse_number": ParseNumber,
    "parse_time": ParseTime,
    "derive": Derive,
    "filter": Filter,
    "deduplicate": Deduplicate,
    "apply": Apply,
}
_MANY_KEYS = (ParseNumber, ParseTime, Deduplicate)


@dataclass(frozen=True)
class Declared:
    """One rule of the list."""

    number: int
    """Its place in the list, from 1."""
    name: str
    """Its name, such as `trim`."""
    rule: Rule
    """What it says."""
    stage: str = "clean"
    """The stage, which is the section of params.yaml."""

    @property
    def where(self) -> str:
        """Return how messages name the rule."""
        return f"params.yaml, {self.stage} rule {self.number} ({self.name})"


def read_rules(items: Sequence[Mapping[str, Any]], *, stage: str = "clean") -> tuple[Declared, ...]:
    """Return the rules of a list from params.yaml. Raises SpecError, naming the rule by its number, for what is no rule."""
    return tuple(_read(number, item, stage) for number, item in enumerate(items, start=1))


def _read(number: int, item: Mapping[str, Any], stage: str) -> Declared:
    where = f"params.yaml, {stage} rule {number}"
    if not isinstance(item, dict) or len(item) != 1:
        keys = ", ".join(map(str, item)) if isinstance(item, dict) else repr(item)
        raise SpecError(
            f"a rule has one key, its name; this one has: {keys or 'none'}",
            where=where,
            fix="begin every rule with a dash of its own: `- trim: [a]`",
        )
    name, value = next(iter(item.items()))
    if name not in RULES:
        close = get_close_matches(str(name), RULES, n=1)
        raise SpecError(
            f"unknown rule `{name}`",
            where=where,
            fix=f"did you mean `{close[0]}`?" if close else f"one of {', '.join(RULES)}",
        )
    cls = RULES[name]
    plain = cls not in _MANY_KEYS and not (cls is Apply and isinstance(value, Mapping))
    section = {fields(cls)[0].name: value} if plain else value
    return Declared(number, name, load_dataclass(cls, section, where=f"{where} ({name})"), stage)
