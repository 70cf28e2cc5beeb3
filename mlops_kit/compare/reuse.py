"""How often one test set was looked at."""

from __future__ import annotations

from math import log, sqrt

MANY_LOOKS = 20
"""From so many looks on at 5 % each, one false call by chance alone is expected."""
OPTIMISM = 0.005
"""The smallest difference that matters by default (compare/verdict.py), for metrics between 0 and 1."""


def reuse_warning(looks: int, rows: int) -> str | None:
    """Return a warning when `looks` commits were measured on one test set of `rows` rows, None where that does no harm yet.

    The best of k equally good models looks better than it is by up to sqrt(2 ln k) standard errors, each at most 0.5 / sqrt(rows) for a
    share of rows. The warning comes when that luck is as large as the smallest difference that matters, and there were at least 20
    looks. It is the mild case: who lets each look guide the next model can gain sqrt(k / rows) without any real improvement (Blum &
    Hardt 2015, arXiv:1502.04585; Dwork et al. 2015, doi:10.1126/science.aaa9375).
    """
    if looks < MANY_LOOKS or rows < 1:
        return None
    luck = optimism(looks, rows)
    if luck < OPTIMISM:
        return None
    return (
        f"{looks:,} commits were measured on this test set of {rows:,} rows: the best of so many equally good models looks better by "
        f"about {luck:.2g} through luck alone; measure releases on rows that nobody has looked at"
    )


def optimism(looks: int, rows: int) -> float:
    """Return by how much the best of `looks` equally good models overestimates a share measured on `rows` rows."""
    return sqrt(2 * log(looks)) * 0.5 / sqrt(rows)
