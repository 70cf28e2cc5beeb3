"""Alpha and kappa against nltk, statsmodels and scikit-learn: equal to 1e-9."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlops_kit.labels.agreement.alpha import Level, alpha_of_sets, fleiss_kappa, krippendorff_alpha
from mlops_kit.labels.agreement.kappa import Weights, cohen_kappa, pairwise_kappa
from mlops_kit.labels.agreement.ratings import Ratings, tally
from tests.support.environments import program

pytestmark = pytest.mark.slow
NEAR = 1e-9
Z = 1.959963984540054


def _case(seed: int, items: int, annotators: int, categories: int, missing: float) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    truth = random.integers(0, categories, items)
    votes = []
    for item in range(items):
        for who in range(annotators):
            if random.random() >= missing:
                right = random.random() < 0.4 + 0.1 * (who % 5)
                votes.append([item, who, int(truth[item] if right else random.integers(0, categories))])
    return {"votes": votes, "categories": categories}


# Missing answers, many categories, complete ones (Fleiss' own), and many annotators of whom few answer an item.
CASES = [
    _case(1, 60, 4, 3, 0.3),
    _case(2, 40, 3, 12, 0.2),
    _case(3, 50, 5, 2, 0.0),
    _case(4, 80, 4, 5, 0.0),
    _case(5, 80, 9, 4, 0.7),
]


@cache
def _references() -> list[dict[str, Any]]:
    script = Path(__file__).with_name("reference.py")
    python = program("reference")
    made = subprocess.run(
        [python, script], input=json.dumps(CASES), capture_output=True, text=True, check=True
    )
    return json.loads(made.stdout)  # type: ignore[no-any-return]


def _ratings(case: dict[str, Any]) -> Ratings:
    items, who, values = np.array(case["votes"]).T
    names = tuple(f"a{number:02}" for number in range(who.max() + 1))
    weights = np.ones(items.max() + 1, np.int64)
    return Ratings(items, who, values, names, tuple(map(str, range(case["categories"]))), weights)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
@pytest.mark.parametrize("place", range(len(CASES)))
def test_krippendorff_alpha_is_that_of_nltk(place: int, level: Level) -> None:
    ratings = _ratings(CASES[place])
    found = krippendorff_alpha(ratings.tallies, level, np.arange(CASES[place]["categories"], dtype=float))
    assert found is not None
    assert found.value == pytest.approx(_references()[place][level], abs=NEAR)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high


@pytest.mark.parametrize("place", range(len(CASES)))
def test_alpha_of_sets_is_that_of_nltk(place: int) -> None:
    sets = [
        frozenset(str(n) for n in range(8) if value >> n & 1) for value in range(CASES[place]["categories"])
    ]
    found = alpha_of_sets(_ratings(CASES[place]).tallies, sets)
    assert found is not None
    assert found.value == pytest.approx(_references()[place]["sets"], abs=NEAR)


@pytest.mark.parametrize("place", [2, 3])
def test_fleiss_kappa_is_that_of_statsmodels(place: int) -> None:
    found = fleiss_kappa(_ratings(CASES[place]).tallies)
    assert found is not None
    assert found.value == pytest.approx(_references()[place]["fleiss"], abs=NEAR)


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
@pytest.mark.parametrize("place", range(len(CASES)))
def test_cohen_kappa_and_its_error_are_those_of_sklearn_and_statsmodels(place: int, weights: Weights) -> None:
    votes = np.array(CASES[place]["votes"])
    for pair in _references()[place]["pairs"]:
        first, second = ({i: v for i, who, v in votes if who == pair[end]} for end in ("first", "second"))
        table = np.zeros((CASES[place]["categories"],) * 2, np.int64)
        for item in first.keys() & second.keys():
            table[first[item], second[item]] += 1
        found = cohen_kappa(table, weights)
        if found is None:
            assert pair[weights] is None or np.isnan(pair[weights])
            continue
        assert found.value == pytest.approx(pair[weights], abs=NEAR)
        if pair["items"] >= 10:  # of fewer statsmodels' variance is rounding, even below 0
            assert found.low == pytest.approx(max(-1, found.value - Z * pair[f"{weights} error"]), abs=NEAR)


@pytest.mark.parametrize("place", [0, 2, 3])
def test_pairwise_kappa_finds_the_pairs_and_their_mean(place: int) -> None:
    found = pairwise_kappa(_ratings(CASES[place]))
    expected = {(f"a{p['first']:02}", f"a{p['second']:02}"): p["none"] for p in _references()[place]["pairs"]}
    assert {(one.first, one.second) for one in found.pairs} == set(expected)
    for one in found.pairs:
        assert one.kappa is not None
        assert one.kappa.value == pytest.approx(expected[one.first, one.second], abs=NEAR)
    assert found.mean is not None
    assert found.mean.value == pytest.approx(sum(expected.values()) / len(expected), abs=NEAR)


def test_tally_counts_items_that_were_answered_alike_once() -> None:
    made = tally(np.array([5, 5, 9, 9, 7, 4, 4]), np.array([0, 1, 1, 0, 1, 1, 1]), 2)
    assert made.items.tolist() == [2, 1]
    assert made.counts.tolist() == [1, 1, 2]
