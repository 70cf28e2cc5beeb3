"""Active selection needs fewer labels than random: a small version of benchmarks/active.py."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.active import RANDOM, accuracies, cancer_trial, saving

SIZES = [10, 20, 30, 40]


@pytest.mark.slow
def test_uncertain_items_save_a_third_of_the_labels_on_real_data() -> None:
    trial = cancer_trial(end=100)
    curves = {
        name: np.array([accuracies(trial, shares, seed) for seed in range(4)])
        for name, shares in (("random", RANDOM), ("active", {"uncertain": 1.0}))
    }
    assert saving(trial.sizes(), curves["random"], curves["active"], 100).saved >= 0.3


def test_saving_is_the_share_of_labels_that_another_curve_does_without() -> None:
    random, active = np.array([[0.5, 0.6, 0.7, 0.8]] * 3), np.array([[0.5, 0.7, 0.9, 0.9]] * 3)
    found = saving(SIZES, random, active, 40)
    assert (found.target, found.labels) == (pytest.approx(0.8), pytest.approx(25))
    assert found.low == found.high == found.saved == pytest.approx(0.375)


def test_saving_of_a_curve_that_never_arrives_is_none() -> None:
    random, active = np.array([[0.5, 0.6, 0.7, 0.8]] * 3), np.array([[0.5, 0.55, 0.6, 0.7]] * 3)
    assert saving(SIZES, random, active, 40).saved == -np.inf
