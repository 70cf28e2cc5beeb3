"""Confident learning, against cleanlab and by hand."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlops_kit.labels.queue.confident import confident_classes, confident_joint, mislabelled_scores
from tests.support.environments import program

Array = np.ndarray[Any, Any]


def _case(seed: int, classes: int, items: int = 500) -> tuple[Array, Array]:
    """Return labels, a tenth of them wrong, and probabilities that know the truth more or less."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, items)
    given = np.where(rng.random(items) < 0.1, rng.integers(0, classes, items), truth)
    logits = rng.normal(size=(items, classes)) + 2.5 * np.eye(classes)[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return given, probabilities


def test_label_below_its_own_threshold_with_another_class_above_is_suspect() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.1, 0.9], [0.4, 0.6]])
    given = np.array([0, 0, 0, 1, 1])
    assert confident_classes(given, probabilities).tolist() == [0, 0, -1, 1, -1]
    probabilities[2] = [0.2, 0.8]
    assert mislabelled_scores(given, probabilities).tolist() == [
        -np.inf,
        -np.inf,
        pytest.approx(0.8),
        -np.inf,
        -np.inf,
    ]


def test_class_without_labels_is_never_confident() -> None:
    probabilities = np.array([[0.5, 0.1, 0.4], [0.2, 0.3, 0.5]])
    assert 2 not in confident_classes(np.array([0, 1]), probabilities)


def test_turned_labels_are_found_and_few_others() -> None:
    given, probabilities = _case(3, 4, 4000)
    suspects = np.flatnonzero(mislabelled_scores(given, probabilities) > -1)
    wrong = np.flatnonzero(given != _truth(3, 4, 4000))
    assert len(np.intersect1d(suspects, wrong)) > 0.5 * len(wrong)
    assert len(np.intersect1d(suspects, wrong)) > 0.5 * len(suspects)


def _truth(seed: int, classes: int, items: int) -> Array:
    return np.random.default_rng(seed).integers(0, classes, items)


@pytest.mark.slow
def test_confident_joint_is_that_of_cleanlab(tmp_path: Path) -> None:
    cases = [_case(seed, classes) for seed, classes in enumerate((2, 2, 3, 5, 10))]
    plain = [
        {"given": given.tolist(), "probabilities": probabilities.tolist()} for given, probabilities in cases
    ]
    (tmp_path / "cases.json").write_text(json.dumps(plain), encoding="utf-8")
    script = Path(__file__).with_name("cleanlab_joint.py")
    done = subprocess.run(
        [program("reference"), script, tmp_path / "cases.json"], capture_output=True, check=True
    )
    for (given, probabilities), theirs in zip(cases, json.loads(done.stdout), strict=True):
        same = _likeliest_is_confident(given, probabilities)
        suspects = np.flatnonzero(mislabelled_scores(given, probabilities) > -1)
        # Where the likeliest class of all does not reach its threshold, the paper takes the likeliest of those that do, cleanlab that one.
        assert set(suspects[same[suspects]]) == {place for place in theirs["places"] if same[place]}
        if same.all():
            assert confident_joint(given, probabilities).tolist() == theirs["joint"]
        assert same.mean() > 0.9


def _likeliest_is_confident(given: Array, probabilities: Array) -> Array:
    """Return which items are told alike by the paper and by cleanlab."""
    found = confident_classes(given, probabilities)
    classes = probabilities.shape[1]
    threshold = np.array([probabilities[given == each, each].mean() for each in range(classes)])
    several = (probabilities >= threshold - 1e-6).sum(axis=1) > 1
    return ~several | (found == probabilities.argmax(axis=1))
