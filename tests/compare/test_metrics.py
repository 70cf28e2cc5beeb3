"""Metrics agree with scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from mlops_kit.compare.metrics import compute_metrics, guess_direction


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ties", [False, True])
def test_classification_metrics_agree_with_scikit_learn(seed: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    actual, score = (rng.random(300) < 0.3).astype(float), rng.random(300)
    score = np.round(score, 1) if ties else score
    said = score >= 0.5
    found = compute_metrics("classification", actual, score)
    assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(actual, score))
    assert found["average_precision"] == pytest.approx(sk.average_precision_score(actual, score))
    assert found["log_loss"] == pytest.approx(sk.log_loss(actual, score))
    assert found["brier"] == pytest.approx(sk.brier_score_loss(actual, score))
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(actual, said))
    assert found["f1"] == pytest.approx(sk.f1_score(actual, said))
    assert found["precision"] == pytest.approx(sk.precision_score(actual, said))
    assert found["recall"] == pytest.approx(sk.recall_score(actual, said))


def test_regression_metrics_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    actual = rng.normal(size=200)
    score = actual + rng.normal(size=200)
    found = compute_metrics("regression", actual, score)
    assert found["rmse"] == pytest.approx(sk.root_mean_squared_error(actual, score))
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(actual, score))
    assert found["r2"] == pytest.approx(sk.r2_score(actual, score))


def test_one_class_leaves_ranking_metrics_out() -> None:
    found = compute_metrics("classification", np.zeros(5), np.linspace(0, 1, 5))
    assert "roc_auc" not in found
    assert found["recall"] == 0.0
    assert compute_metrics("classification", np.array([]), np.array([])) == {}


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("roc_auc", "higher"),
        ("train:val_loss", "lower"),
        ("test.accuracy", "higher"),
        ("rows", None),
        ("latency_seconds", "lower"),
        ("loss_accuracy", None),
    ],
)
def test_direction_is_read_off_the_name_or_left_open(name: str, direction: str | None) -> None:
    assert guess_direction(name) == direction
