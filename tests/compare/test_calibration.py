"""The verdict keeps its promise: rarely wrong when nothing changed, right when something did."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy.special import expit
from sklearn.ensemble import RandomForestClassifier

from mlops_kit.compare.metrics import DIRECTIONS, compute_metrics
from mlops_kit.compare.model import MetricDiff, Verdict
from mlops_kit.compare.statistics import Scores, difference_intervals
from mlops_kit.compare.verdict import judge, margins_for

Array = np.ndarray[Any, Any]


def verdicts(actual: Array, old: Array, new: Array, *, resamples: int = 400) -> dict[str, Verdict]:
    intervals = difference_intervals(
        "classification", Scores(actual, old), Scores(actual, new), resamples=resamples
    )
    before, after = (
        compute_metrics("classification", actual, old),
        compute_metrics("classification", actual, new),
    )
    return {
        name: judge(
            MetricDiff(name, before[name], after[name], DIRECTIONS[name], Verdict.NO_ERROR_BAR),
            intervals[name], len(actual), margins_for(name, before[name], 0.0),
        ).verdict
        for name in intervals
    }  # fmt: skip


def make_rows(rng: np.random.Generator, rows: int) -> tuple[Array, Array]:
    features = rng.normal(size=(rows, 6))
    return features, (rng.random(rows) < expit(features[:, 0] + 0.7 * features[:, 1])).astype(float)


@pytest.mark.slow
def test_only_another_seed_is_called_better_or_worse_at_most_at_the_nominal_rate() -> None:
    """200 pairs of forests that differ in nothing but the seed of their training, on one test set each."""
    rng = np.random.default_rng(7)
    calls: Counter[str] = Counter()
    pairs = 200
    for number in range(pairs):
        features, target = make_rows(rng, 1100)
        scores = [
            RandomForestClassifier(60, min_samples_leaf=5, random_state=2 * number + side)
            .fit(features[:300], target[:300])
            .predict_proba(features[300:])[:, 1]
            for side in range(2)
        ]
        for name, verdict in verdicts(target[300:], *scores, resamples=200).items():
            calls[name] += verdict in (Verdict.BETTER, Verdict.WORSE)
    rates = {name: calls[name] / pairs for name in DIRECTIONS if name in calls}
    assert rates
    assert max(rates.values()) <= 0.05, sorted(rates.items())


@pytest.mark.slow
def test_pure_test_set_noise_is_called_at_most_at_the_nominal_rate() -> None:
    """200 pairs of equally good models whose errors are independent: what a bootstrap over test rows is made for."""
    rng = np.random.default_rng(11)
    calls: Counter[str] = Counter()
    for _ in range(200):
        truth = rng.normal(size=1500)
        target = (rng.random(1500) < expit(truth)).astype(float)
        scores = [expit(truth + rng.normal(scale=0.7, size=1500)) for _ in range(2)]
        for name, verdict in verdicts(target, *scores, resamples=200).items():
            calls[name] += verdict in (Verdict.BETTER, Verdict.WORSE)
    assert all(count / 200 <= 0.065 for count in calls.values()), (
        calls
    )  # 5 % and two standard errors of 200 pairs
    assert sum(calls.values()) / (200 * 8) <= 0.05


@pytest.mark.parametrize("rows", [4000, 8000])
def test_planted_improvement_is_found(rows: int) -> None:
    """Less noise in the score is worth about 0.03 of ROC AUC here."""
    found = 0
    gains = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=rows)
        target = (rng.random(rows) < expit(1.5 * truth)).astype(float)
        old, new = (expit(1.5 * truth + rng.normal(scale=scale, size=rows)) for scale in (1.0, 0.7))
        gains.append(
            compute_metrics("classification", target, new)["roc_auc"]
            - compute_metrics("classification", target, old)["roc_auc"]
        )
        found += verdicts(target, old, new, resamples=100)["roc_auc"] is Verdict.BETTER
    assert 0.02 < np.mean(gains) < 0.04
    assert found >= 19
