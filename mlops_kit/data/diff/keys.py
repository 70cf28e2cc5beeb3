"""Which columns name a row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlops_kit.artifacts.duck import Duck
from mlops_kit.data.diff.alignment import WHOLE, Pair

_LOOK = 2000
_FEWEST = 20
_WIDEST = 64
_NAMED = re.compile(r"(?i)^(id|key|uuid|guid)$|(_|\b)(id|key|uuid|guid)$|[a-z](Id|ID|Key)$")
_COUNTED = re.compile(r"(?i)^(column \d+|unnamed.*|index|level_\d+|row(_?(number|nr|no))?)$")


@dataclass(frozen=True)
class KeyWish:
    """Columns that somebody says name a row."""

    columns: tuple[str, ...]
    """The columns."""
    source: str
    """Who says so, in words: `task.key in mlops.yaml`."""


def choose_key(
    duck: Duck, pairs: Sequence[Pair], wishes: Sequence[KeyWish], old: str, new: str
) -> KeyWish | None:
    """Return the first wish whose columns both sides have, else one column that is unique and never missing on both, else None.

    Columns that are called like an id are tried first; others count only in tables of 20 rows and more, and when half of the values of
    the smaller side are on the other one too. Numbers with fractions, long texts and numbered rows are no keys.
    """
    names = {pair.name for pair in pairs}
    for wish in wishes:
        if wish.columns and names.issuperset(wish.columns):
            return wish
    for pair in _candidates(pairs):
        if all(_is_unique(duck, column, side) for column, side in ((pair.old, old), (pair.new, new))) and (
            _NAMED.search(pair.name) or _is_shared(duck, pair, old, new)
        ):
            return KeyWish((pair.name,), "found: unique on both sides")
    return None


def _candidates(pairs: Sequence[Pair]) -> Iterator[Pair]:
    fit = [
        pair
        for pair in pairs
        if (pair.type in WHOLE or pair.type in ("VARCHAR", "UUID")) and not _COUNTED.search(pair.name)
    ]
    yield from sorted(fit, key=lambda pair: not _NAMED.search(pair.name))


def _is_unique(duck: Duck, column: str, side: str) -> bool:
    """Return whether no value is missing, there twice, a fraction or a long text. Few rows are looked at first: they can only say no."""
    for rows in (f"(SELECT {column} AS v FROM {side} LIMIT {_LOOK})", f"(SELECT {column} AS v FROM {side})"):
        found = duck.run(
            "SELECT count(*) > 0 AND count(DISTINCT v) = count(*) "
            f"AND NOT bool_or(length(v::VARCHAR) > {_WIDEST} OR regexp_full_match(v::VARCHAR, '[-+]?[0-9]*\\.[0-9]*')) FROM {rows}"
        ).fetchone()
        if not found or not found[0]:
            return False
    return True


def _is_shared(duck: Duck, pair: Pair, old: str, new: str) -> bool:
    found = duck.run(
        f"SELECT (SELECT count(*) FROM {old}), (SELECT count(*) FROM {new}), "
        f"(SELECT count(*) FROM (SELECT {pair.old} AS v FROM {old}) o SEMI JOIN (SELECT {pair.new} AS v FROM {new}) n USING (v))"
    ).fetchone()
    if not found:
        return False
    fewest = min(found[0], found[1])
    return bool(fewest >= _FEWEST and 2 * found[2] >= fewest)
