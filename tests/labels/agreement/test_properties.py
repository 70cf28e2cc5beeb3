"""What holds for any votes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.labels.agreement.alpha import fleiss_kappa, krippendorff_alpha
from mlops_kit.labels.agreement.interval import wilson
from mlops_kit.labels.agreement.kappa import pairwise_kappa
from mlops_kit.labels.agreement.others import against_others
from mlops_kit.labels.agreement.ratings import Ratings

VOTES = st.dictionaries(
    st.tuples(st.integers(0, 12), st.integers(0, 4)), st.integers(0, 3), min_size=1, max_size=40
)
FEW = settings(max_examples=60, deadline=None)


def _ratings(votes: dict[tuple[int, int], int], weights: np.ndarray | None = None) -> Ratings:
    items, who = np.array(list(votes)).T
    given_values = np.array(list(votes.values()))
    weights = np.ones(13, np.int64) if weights is None else weights
    return Ratings(items, who, given_values, tuple("abcde"), ("0", "1", "2", "3"), weights)


@FEW
@given(VOTES)
def test_alpha_is_what_counting_all_pairs_gives(votes: dict[tuple[int, int], int]) -> None:
    by_item: dict[int, list[int]] = {}
    for (item, _), value in votes.items():
        by_item.setdefault(item, []).append(value)
    paired = [values for values in by_item.values() if len(values) > 1]
    flat = [value for values in paired for value in values]
    observed = math.fsum(
        sum(a != b for a, b in itertools.permutations(values, 2)) / (len(values) - 1) for values in paired
    )
    expected = sum(a != b for a, b in itertools.permutations(flat, 2)) / max(1, len(flat) - 1)
    found = krippendorff_alpha(_ratings(votes).tallies)
    if not expected:
        assert found is None
        return
    assert found is not None
    assert found.value == pytest.approx(1 - observed / expected, abs=1e-12)
    assert found.low is None or found.high is None or found.low <= found.high


@FEW
@given(VOTES)
def test_fleiss_with_unequal_numbers_is_gwets_mean_over_items(votes: dict[tuple[int, int], int]) -> None:
    counts = np.zeros((13, 4))
    for (item, _), value in votes.items():
        counts[item, value] += 1
    counts = counts[counts.sum(axis=1) >= 2]
    found = fleiss_kappa(_ratings(votes).tallies)
    sizes = counts.sum(axis=1)
    shares = (counts / sizes[:, None]).mean(axis=0) if len(counts) else np.zeros(4)
    if not len(counts) or (shares**2).sum() > 1 - 1e-12:
        assert found is None
        return
    agreed = ((counts * (counts - 1)).sum(axis=1) / (sizes * (sizes - 1))).mean()
    chance = (shares**2).sum()
    assert found is not None
    assert found.value == pytest.approx((agreed - chance) / (1 - chance), abs=1e-9)


@FEW
@given(VOTES, st.lists(st.integers(1, 3), min_size=13, max_size=13))
def test_items_that_are_alike_count_as_often_as_they_are(
    votes: dict[tuple[int, int], int], times: list[int]
) -> None:
    weighted = _ratings(votes, np.array(times))
    copies = [(item + 13 * n, who) for (item, who), _ in votes.items() for n in range(times[item])]
    values = [value for (item, _), value in votes.items() for _ in range(times[item])]
    spread = _ratings(dict(zip(copies, values, strict=True)), np.ones(13 * 3, np.int64))
    assert krippendorff_alpha(weighted.tallies) == krippendorff_alpha(spread.tallies)
    assert against_others(weighted) == against_others(spread)
    one, other = pairwise_kappa(weighted), pairwise_kappa(spread)
    assert [pair.agreed for pair in one.pairs] == [pair.agreed for pair in other.pairs]
    assert (one.mean is None) == (other.mean is None)
    assert one.mean is None or other.mean is None or one.mean.low == pytest.approx(other.mean.low, abs=1e-9)


@FEW
@given(VOTES)
def test_agreement_with_others_is_what_leaving_out_ones_own_vote_gives(
    votes: dict[tuple[int, int], int],
) -> None:
    wanted: dict[str, list[float]] = {}
    for (item, who), value in votes.items():
        others = [v for (i, w), v in votes.items() if i == item and w != who]
        if others:
            best = max(map(others.count, others))
            top = [v for v in set(others) if others.count(v) == best]
            wanted.setdefault("abcde"[who], []).append((value in top) / len(top))
    found = against_others(_ratings(votes))
    assert {name: count for name, (_, count) in found.items()} == {n: len(v) for n, v in wanted.items()}
    for name, (share, _) in found.items():
        assert share == pytest.approx(sum(wanted[name]), abs=1e-9)


@FEW
@given(st.integers(0, 50), st.integers(1, 50))
def test_wilsons_interval_holds_the_share_and_stays_within_bounds(right: int, more: int) -> None:
    found = wilson(right, right + more)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.value <= found.high <= 1
