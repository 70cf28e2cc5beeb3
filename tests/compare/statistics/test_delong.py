"""DeLong's interval against its definition, and Obuchowski's for groups."""

from __future__ import annotations

import numpy as np
import pytest

from mlops_kit.compare.metrics import roc_auc
from mlops_kit.compare.statistics import delong_interval
from tests.compare.statistics.rows import classified


def test_delong_variance_is_that_of_the_definition() -> None:
    old, new = classified(5, 60)
    positive, negative = np.flatnonzero(old.actual > 0.5), np.flatnonzero(old.actual < 0.5)
    parts = []
    for score in (old.score, new.score):
        wins = (score[positive][:, None] > score[negative]) + 0.5 * (
            score[positive][:, None] == score[negative]
        )
        parts.append((wins.mean(axis=1), wins.mean(axis=0)))
    difference = parts[1][0].mean() - parts[0][0].mean()
    variance = np.var(parts[1][0] - parts[0][0], ddof=1) / len(positive) + np.var(
        parts[1][1] - parts[0][1], ddof=1
    ) / len(negative)
    interval = delong_interval(old.actual, old.score, new.score)
    assert (interval.low + interval.high) / 2 == pytest.approx(difference)
    assert (interval.high - interval.low) / 2 == pytest.approx(1.959963984540054 * variance**0.5)


def test_groups_of_one_row_give_delong() -> None:
    old, new = classified(6, 80)
    plain = delong_interval(old.actual, old.score, new.score)
    grouped = delong_interval(old.actual, old.score, new.score, codes=np.arange(80))
    assert grouped.low == pytest.approx(plain.low)
    assert grouped.high == pytest.approx(plain.high)


def test_groups_agree_with_drawing_whole_groups() -> None:
    old, new = classified(7, 900)
    codes = np.sort(np.random.default_rng(0).integers(0, 90, 900))  # neighbours share a group
    order = np.argsort(old.actual + 0.3 * old.score, kind="stable")  # so that groups are alike
    sides = [(side.actual[order], side.score[order]) for side in (old, new)]
    interval = delong_interval(sides[0][0], sides[0][1], sides[1][1], codes=codes)
    rng = np.random.default_rng(1)
    members = [np.flatnonzero(codes == code) for code in range(90)]
    draws = []
    for _ in range(2000):
        rows = np.concatenate([members[code] for code in rng.integers(0, 90, 90)])
        draws.append(
            roc_auc(sides[1][0][rows], sides[1][1][rows]) - roc_auc(sides[0][0][rows], sides[0][1][rows])
        )
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * np.std(draws), rel=0.1)


def test_no_spread_is_no_proof() -> None:
    actual = np.array([0.0, 1.0])
    assert delong_interval(actual, np.array([0.9, 0.1]), np.array([0.1, 0.9])).p == 1.0
