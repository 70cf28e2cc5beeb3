"""Many questions to one test set: Holm's correction."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import TypeVar

from mlops_kit.compare.statistics.delong import normal_quantile
from mlops_kit.compare.statistics.values import Interval

Name = TypeVar("Name", bound=Hashable)


def holm_levels(p_values: Mapping[Name, float], alpha: float) -> dict[Name, float]:
    """Return the level that each p value has to reach, so that the chance of any false call among them is at most `alpha`.

    The smallest of m is held against alpha / m, the next against alpha / (m - 1), and so on; from the first that fails, all others are
    held against the level that it failed (Holm 1979, Scandinavian Journal of Statistics 6). Needs no assumption on how they depend.
    """
    levels: dict[Name, float] = {}
    level, failed = 0.0, False
    for number, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        level = level if failed else alpha / (len(p_values) - number)
        failed = failed or p > level
        levels[name] = level
    return levels


def at_level(interval: Interval, *, confidence: float, level: float) -> Interval:
    """Return `interval`, given at `confidence`, at the level 1 - `level`.

    The distances of its ends from the change are scaled by the ratio of normal quantiles: a thousand draws do not reach the quantiles
    that a correction for many questions asks for.
    """
    scale = normal_quantile(1 - level / 2) / normal_quantile(1 - (1 - confidence) / 2)
    change = interval.change if interval.change is not None else (interval.low + interval.high) / 2
    return replace(
        interval, low=change - scale * (change - interval.low), high=change + scale * (interval.high - change)
    )
