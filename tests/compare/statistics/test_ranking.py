"""Ranking metrics on weighted rows, and the influence of a row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.compare.metrics import average_precision, roc_auc
from mlops_kit.compare.statistics.ranking import Ranking, influence_on_average_precision, influence_on_roc_auc

Array = np.ndarray[Any, Any]


def tied_rows(seed: int, count: int = 40) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    actual = (rng.random(count) < 0.4).astype(float)
    actual[:2] = (0.0, 1.0)
    return actual, np.round(rng.random(count), 1)


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_weights_count_like_repeated_rows(seed: int) -> None:
    actual, score = tied_rows(seed)
    weights = np.random.default_rng(seed).multinomial(40, np.full(40, 1 / 40), size=3)
    ranking = Ranking(actual, score)
    for line, area, precision in zip(
        weights, ranking.roc_auc(weights), ranking.average_precision(weights), strict=True
    ):
        repeated = np.repeat(actual, line), np.repeat(score, line)
        if 0 < repeated[0].sum() < len(repeated[0]):
            assert area == pytest.approx(roc_auc(*repeated))
            assert precision == pytest.approx(average_precision(*repeated))
        else:
            assert area == 0.0


@pytest.mark.parametrize(
    ("influence", "name"),
    [(influence_on_average_precision, "average_precision"), (influence_on_roc_auc, "roc_auc")],
)
@pytest.mark.parametrize("seed", range(4))
def test_influence_is_the_derivative_by_the_weight(influence: Any, name: str, seed: int) -> None:
    actual, score = tied_rows(seed)
    evaluate = getattr(Ranking(actual, score), name)
    steps = np.eye(40) * 1e-6
    slopes = (evaluate(1 + steps) - evaluate(1 - steps)) / 2e-6
    found = influence(actual, score)
    assert found == pytest.approx(slopes, abs=1e-6)
    assert found.sum() == pytest.approx(0.0, abs=1e-12)
