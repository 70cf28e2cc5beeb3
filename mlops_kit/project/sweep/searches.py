"""How the next point of a sweep is chosen: one function for each search, by name in SEARCHES.

A search is given the number of the point (from 0) and what is known by then, so that a sweep which was stopped goes on as if it had not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any

from mlops_kit.errors import UsageError
from mlops_kit.project.sweep.space import Dimension, Point, grid


@dataclass(frozen=True)
class Known:
    """A point that was tried, and its score; None when it failed."""

    point: Point
    score: float | None


@dataclass(frozen=True)
class Search:
    """What is searched, and how."""

    dimensions: tuple[Dimension, ...]
    """The parameters."""
    seed: int
    """The same seed proposes the same points."""
    higher: bool
    """Whether a higher score is better."""


Propose = Callable[[Search, int, Sequence[Known]], Point | None]


def propose_grid(search: Search, index: int, known: Sequence[Known]) -> Point | None:
    """Return the combination number `index`, None after the last."""
    del known
    return next(islice(grid(search.dimensions), index, None), None)


def propose_random(search: Search, index: int, known: Sequence[Known]) -> Point | None:
    """Return the random point number `index`, which depends on the seed alone."""
    del known
    random = Random(f"{search.seed}:{index}")  # noqa: S311 - no secret
    return {dimension.key: dimension.draw(random) for dimension in search.dimensions}


def propose_optuna(search: Search, index: int, known: Sequence[Known]) -> Point | None:
    """Return the point that Optuna's tree-structured Parzen estimator proposes after `known`.

    The study is built anew each time, from what is known and a seed of its own: one after another, a stopped sweep goes on as it would have.
    Source: Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization", NeurIPS. Raises UsageError when Optuna is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise UsageError(
            "the search `optuna` needs the package optuna, which is not installed",
            fix="pip install 'dvc-mlops-kit[sweep]'",
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    distributions = {dimension.key: _distribution(optuna, dimension) for dimension in search.dimensions}
    sampler = optuna.samplers.TPESampler(seed=Random(f"{search.seed}:{index}").getrandbits(31))  # noqa: S311
    study = optuna.create_study(direction="maximize" if search.higher else "minimize", sampler=sampler)
    for item in known:
        if item.score is not None and item.point.keys() == distributions.keys():
            study.add_trial(
                optuna.trial.create_trial(
                    params=dict(item.point), distributions=distributions, value=item.score
                )
            )
    trial = study.ask(distributions)
    return {
        d.key: trial.params[d.key] if d.values else d.tidy(trial.params[d.key]) for d in search.dimensions
    }


def _distribution(optuna: Any, dimension: Dimension) -> Any:
    kinds = optuna.distributions
    if dimension.values:
        return kinds.CategoricalDistribution(dimension.values)
    if dimension.whole:
        return kinds.IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return kinds.FloatDistribution(dimension.low, dimension.high, log=dimension.log)


SEARCHES: dict[str, Propose] = {"grid": propose_grid, "random": propose_random, "optuna": propose_optuna}
