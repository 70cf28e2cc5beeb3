"""Intervals: against SciPy's bootstrap and DeLong, and the properties that a fair comparison has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from mlops_kit.compare.metrics import compute_metrics
from mlops_kit.compare.statistics import Scores, difference_intervals, drawing
from tests.compare.statistics.rows import assert_near, classified, measured

Kind = Literal["classification", "regression"]
SIDES = {"classification": classified, "regression": measured}
PROPERTY = settings(max_examples=10, deadline=None)


@pytest.fixture(params=["row by row", "many rows"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of drawing, on the same small tables."""
    if request.param == "many rows":
        monkeypatch.setattr(drawing, "ROW_BY_ROW", 100)
        monkeypatch.setattr(drawing, "EXTREMES", 32)
    return str(request.param)


def intervals(kind: Kind, old: Scores, new: Scores, **options: Any) -> Any:
    extra = {"quantile": 0.7} if kind == "regression" else {}
    return difference_intervals(kind, old, new, **{"resamples": 200, **extra, **options})


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_intervals_agree_with_scipy(kind: Kind, way: str) -> None:
    old, new = SIDES[kind](3, 500)
    if (
        kind == "classification"
    ):  # far from calibrated, so that the gaps of every bin stand out of their noise
        old, new = Scores(old.actual, old.score**4), Scores(new.actual, new.score**3)
    extra = {"quantile": 0.7} if kind == "regression" else {}
    names = sorted(compute_metrics(kind, old.actual, old.score, **extra))

    def statistic(take: Any) -> Any:
        rows = take.astype(int)
        one, two = (
            compute_metrics(kind, side.actual[rows], side.score[rows], **extra) for side in (old, new)
        )
        return np.array([two[name] - one[name] for name in names])

    theirs = bootstrap(
        (np.arange(500),), statistic, method="percentile", n_resamples=4000, vectorized=False, rng=np.random.default_rng(99)
    )  # fmt: skip
    found = intervals(kind, old, new, resamples=4000)
    assert sorted(found) == names
    for number, name in enumerate(names):
        shift = 0.0
        if name == "calibration_error":  # its draws lie around other gaps, see gaps.py
            shift = found[name].change - theirs.bootstrap_distribution[number].mean()
        low, high = (theirs.confidence_interval[end][number] + shift for end in (0, 1))
        assert_near(found[name], low, high, 0.06 if not shift else 0.15, name)


def test_calibration_errors_near_zero_keep_their_level() -> None:
    """Two calibrated models: gaps are noise alone, and drawing around the observed ones would add noise to noise."""
    rng = np.random.default_rng(1)
    outside, widths, changes = 0, [], []
    for _ in range(200):
        truth = rng.normal(size=(2, 1000))
        actual = (rng.random(1000) < 1 / (1 + np.exp(-truth.sum(axis=0)))).astype(float)
        sides = [Scores(actual, 1 / (1 + np.exp(-0.85 * part))) for part in truth]
        found = intervals("classification", *sides, only=frozenset({"calibration_error"}))[
            "calibration_error"
        ]
        outside += not found.low <= 0 <= found.high
        widths.append(found.high - found.low)
        changes.append(found.change)
    assert outside <= 200 * 0.08
    assert 0.95 < np.mean(widths) / (2 * 1.96 * np.std(changes)) < 1.25


def test_labels_that_differ_are_bootstrapped_for_the_area_too(way: str) -> None:
    old, new = classified(6, 800)
    other = Scores(
        np.where(np.random.default_rng(0).random(800) < 0.2, 1 - old.actual, old.actual), old.score
    )
    found = intervals("classification", other, new, resamples=3000)["roc_auc"]
    rng = np.random.default_rng(1)
    draws = []
    for _ in range(1500):
        rows = rng.integers(0, 800, 800)
        one, two = (
            compute_metrics("classification", side.actual[rows], side.score[rows])["roc_auc"]
            for side in (other, new)
        )
        draws.append(two - one)
    low, high = np.quantile(draws, [0.025, 0.975])
    assert_near(found, float(low), float(high), 0.08)


@PROPERTY
@given(
    st.integers(0, 10_000),
    st.sampled_from(["classification", "regression"]),
    st.integers(20, 300),
    st.booleans(),
)
def test_swapped_sides_give_the_mirror_image(seed: int, kind: Kind, count: int, grouped: bool) -> None:
    old, new = SIDES[kind](seed, count)
    options = {"groups": np.random.default_rng(seed).integers(0, 15, count)} if grouped else {}
    one, other = intervals(kind, old, new, **options), intervals(kind, new, old, **options)
    for name, interval in one.items():
        assert (interval.low, interval.high, interval.p) == (
            -other[name].high,
            -other[name].low,
            other[name].p,
        )


@PROPERTY
@given(st.integers(0, 10_000), st.sampled_from(["classification", "regression"]), st.booleans())
def test_permuted_rows_give_the_same_bits(seed: int, kind: Kind, grouped: bool) -> None:
    old, new = SIDES[kind](seed, 250)
    groups = np.random.default_rng(seed).integers(0, 40, 250) if grouped else None
    order = np.random.default_rng(seed + 1).permutation(250)
    moved = [Scores(side.actual[order], side.score[order]) for side in (old, new)]
    one = intervals(kind, old, new, groups=groups)
    other = intervals(kind, moved[0], moved[1], groups=None if groups is None else groups[order])
    assert {name: (i.low, i.high) for name, i in one.items()} == {
        name: (i.low, i.high) for name, i in other.items()
    }


def test_permuted_rows_give_the_same_bits_on_many_rows() -> None:
    old, new = classified(8, 30_000)
    order = np.random.default_rng(2).permutation(30_000)
    moved = [Scores(side.actual[order], side.score[order]) for side in (old, new)]
    assert intervals("classification", *moved) == intervals("classification", old, new)


@PROPERTY
@given(st.integers(0, 10_000), st.sampled_from(["classification", "regression"]))
def test_same_inputs_have_no_difference(seed: int, kind: Kind) -> None:
    old, _ = SIDES[kind](seed, 100)
    found = intervals(kind, old, Scores(old.actual.copy(), old.score.copy()))
    assert all((i.low, i.high, i.p) == (0.0, 0.0, 1.0) for i in found.values())


@PROPERTY
@given(st.integers(0, 10_000), st.sampled_from(["classification", "regression"]))
def test_groups_of_one_row_are_no_groups(seed: int, kind: Kind) -> None:
    old, new = SIDES[kind](seed, 120)
    names = np.random.default_rng(seed).permutation(120).astype(str)
    assert intervals(kind, old, new, groups=names) == intervals(kind, old, new)


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_an_interval_does_not_depend_on_what_else_is_asked_for(kind: Kind, way: str) -> None:
    old, new = SIDES[kind](1, 400)
    whole = intervals(kind, old, new)
    for name in whole:
        assert intervals(kind, old, new, only=frozenset({name})) == {name: whole[name]}


def test_rows_repeated_in_groups_widen_as_if_each_group_were_one_row(way: str) -> None:
    """Four identical rows of one customer say no more than one."""
    old, new = classified(4, 600)
    four = [Scores(np.repeat(side.actual, 4), np.repeat(side.score, 4)) for side in (old, new)]
    single = intervals("classification", old, new, resamples=2000)
    grouped = intervals("classification", *four, resamples=2000, groups=np.repeat(np.arange(600), 4))
    ungrouped = intervals("classification", *four, resamples=2000)
    for name, interval in single.items():
        assert_near(grouped[name], interval.low, interval.high, 0.08, name)
        assert ungrouped[name].high - ungrouped[name].low < 0.6 * (interval.high - interval.low)


def test_sides_that_swap_into_themselves_have_a_symmetric_interval() -> None:
    old, new = classified(5, 100)
    one = Scores(np.tile(old.actual, 2), np.append(old.score, new.score))
    two = Scores(np.tile(old.actual, 2), np.append(new.score, old.score))
    assert all(i.low == -i.high and i.p == 1.0 for i in intervals("classification", one, two).values())


def test_one_class_leaves_ranking_metrics_out_and_the_rest_in() -> None:
    old, new = classified(5, 50)
    none = [replace(side, actual=np.zeros(50)) for side in (old, new)]
    found = intervals("classification", *none)
    assert "roc_auc" not in found
    assert found["recall"].low == found["recall"].high == 0.0


def test_f_beta_is_there_on_request() -> None:
    old, new = classified(5, 300)
    found = intervals("classification", old, new, only=frozenset({"f2", "f0_5"}))
    said = [side.score >= 0.5 for side in (old, new)]
    from sklearn.metrics import fbeta_score

    for name, beta in (("f2", 2.0), ("f0_5", 0.5)):
        before, after = (fbeta_score(old.actual, answers, beta=beta) for answers in said)
        assert found[name].change == pytest.approx(after - before)
