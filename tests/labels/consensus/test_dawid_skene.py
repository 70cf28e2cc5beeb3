"""The estimator of Dawid and Skene: their own example, its properties, and that it finds out who is right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.labels.consensus import dawid_skene
from mlops_kit.labels.consensus.dawid_skene import estimate
from tests.support.anaesthetists import PRIORS, anaesthetist_votes
from tests.support.crowds import crowd

VOTES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30)


def test_estimates_of_the_paper_come_out() -> None:
    items, annotators, answers = np.array(anaesthetist_votes()).T
    made = estimate(items, annotators, answers, sizes=(45, 5, 4))
    assert tuple(made.priors.round(2)) == PRIORS
    assert made.converged
    assert made.confusion.sum(axis=2) == pytest.approx(1)


def test_truth_is_found_better_than_by_majority() -> None:
    votes = crowd(6000, items=1000, annotators=30, classes=3, seed=1)
    made = estimate(*votes[:3], sizes=votes.sizes)
    shares = np.zeros((1000, 3))
    np.add.at(shares, (votes.items, votes.answers), 1)
    right = [(found.argmax(axis=1) == votes.truth).mean() for found in (made.probabilities, shares)]
    assert right[0] > right[1]


def test_known_items_stay_what_they_are_and_teach() -> None:
    votes = crowd(900, items=300, annotators=6, classes=2, seed=2)
    known = np.where(np.arange(300) < 150, votes.truth, -1)
    made = estimate(*votes[:3], sizes=votes.sizes, known=known)
    assert (made.probabilities.argmax(axis=1)[:150] == votes.truth[:150]).all()
    plain = estimate(*votes[:3], sizes=votes.sizes)
    right = [
        (found.probabilities.argmax(axis=1)[150:] == votes.truth[150:]).mean() for found in (made, plain)
    ]
    assert right[0] >= right[1]


def test_items_of_one_kind_counted_once_give_what_each_alone_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    votes = crowd(2000, items=500, annotators=8, classes=2, seed=3)
    once = estimate(*votes[:3], sizes=votes.sizes)
    monkeypatch.setattr(dawid_skene, "_same", lambda *given: False)
    each = estimate(*votes[:3], sizes=votes.sizes)
    assert once.probabilities == pytest.approx(each.probabilities, abs=1e-6)


def test_items_without_votes_change_nothing() -> None:
    items, annotators, answers = np.array(anaesthetist_votes()).T
    made = estimate(items, annotators, answers, sizes=(50, 5, 4))
    assert tuple(made.priors.round(2)) == PRIORS
    assert made.probabilities[45:] == pytest.approx(np.tile(made.priors, (5, 1)))


def test_no_votes_give_no_estimate() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert estimate(nothing, nothing, nothing, sizes=(0, 0, 2)).probabilities.shape == (0, 2)


@given(VOTES)
@settings(max_examples=60, deadline=None)
def test_probabilities_are_whole_and_do_not_depend_on_the_order_of_votes_within_an_item(
    given: list[tuple[int, int, int]],
) -> None:
    ordered = [np.array(sorted(given, key=key)).T for key in (lambda v: v, lambda v: (v[0], -v[1], -v[2]))]
    found = [estimate(*votes, sizes=(6, 3, 3)).probabilities for votes in ordered]
    assert found[0].sum(axis=1) == pytest.approx(1)
    assert (found[0] == found[1]).all()
