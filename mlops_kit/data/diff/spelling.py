"""Columns of texts that hold numbers, times or truth values, written in more than one way."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_kit.artifacts.columns import MISSING_WORDS
from mlops_kit.artifacts.duck import Duck, literal
from mlops_kit.data.diff.alignment import Pair

_LOOK = 1000
_LONGEST = 17  # with sign and point: 15 digits, which a double holds exactly


def spelled_types(duck: Duck, pairs: Sequence[Pair], old: str, new: str) -> dict[str, str]:
    """Return column -> type of the text columns whose left-over values (tables `gone`, `came`) could mean the same in other words."""
    found: dict[str, str] = {}
    for number, pair in enumerate(pairs):
        if pair.type != "VARCHAR":
            continue
        for kind, fits in _FITS.items():
            value = f"v{number}"
            if not _all_fit(duck, fits, f"(SELECT {value} FROM gone LIMIT {_LOOK})", value):
                continue
            mixed = f"(SELECT {value} FROM gone UNION ALL SELECT {value} FROM came)"
            if (
                _all_fit(duck, fits, mixed, value)
                and _is_mixed(duck, kind, mixed, value)
                and _all_fit(duck, fits, old, pair.old)
                and _all_fit(duck, fits, new, pair.new)
            ):
                found[pair.name] = kind
            break
    return found


def _is_missing(value: str) -> str:
    return f"({value} IS NULL OR trim({value}) IN ({', '.join(literal(word) for word in MISSING_WORDS)}))"


# `{v}` stands for the value. Leading zeros make a name, not a number.
_FITS = {
    "DOUBLE": (
        f"TRY_CAST({{v}} AS DOUBLE) IS NOT NULL AND length({{v}}) <= {_LONGEST} "
        "AND regexp_full_match({v}, '[-+]?(0|[1-9][0-9]*)?(\\.[0-9]*)?([eE][-+]?[0-9]+)?')"
    ),
    "TIMESTAMP": (
        "length({v}) >= 10 AND TRY_CAST(rtrim({v}, 'Z') AS TIMESTAMP) IS NOT NULL "
        "AND regexp_full_match({v}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ][0-9:.]+)?Z?')"
    ),
    "BOOLEAN": "lower({v}) IN ('true', 'false')",
}


def _all_fit(duck: Duck, fits: str, rows: str, value: str) -> bool:
    """Return whether every value that is not missing fits, and there is one."""
    found = duck.run(
        f"SELECT bool_and({fits.format(v=value)}) FILTER (NOT {_is_missing(value)}) FROM {rows}"
    ).fetchone()
    return bool(found and found[0])


def _is_mixed(duck: Duck, kind: str, rows: str, value: str) -> bool:
    """Return whether values are written in more than one way, so that equal ones may look different."""
    if kind == "BOOLEAN":
        query = f"SELECT count(DISTINCT {value}) > 2 FROM {rows}"
    elif kind == "TIMESTAMP":
        query = f"SELECT count(DISTINCT regexp_replace({value}, '[0-9]', '9', 'g')) > 1 FROM {rows}"
    else:
        pointed = f"regexp_matches({value}, '[.eE]')"
        plain = f"{value} = CAST(TRY_CAST({value} AS DOUBLE) AS VARCHAR)"
        query = (
            f"SELECT bool_or({pointed} AND NOT {plain}) OR (bool_or({pointed}) AND bool_or(NOT {pointed})) "
            f"OR bool_or({value}[1] = '+' OR {value} = '-0') FROM {rows} WHERE NOT {_is_missing(value)}"
        )
    missing = f"SELECT count(DISTINCT coalesce({value}, '')) > 1 FROM {rows} WHERE {_is_missing(value)}"
    return any(
        bool(found and found[0]) for found in (duck.run(query).fetchone(), duck.run(missing).fetchone())
    )
