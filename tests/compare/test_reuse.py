"""How often one test set was looked at."""

from __future__ import annotations

import numpy as np
import pytest

from mlops_kit.compare.reuse import MANY_LOOKS, optimism, reuse_warning


@pytest.mark.parametrize(
    ("looks", "rows", "warned"),
    [(1, 100, False), (MANY_LOOKS - 1, 1000, False), (MANY_LOOKS, 1000, True), (40, 1_000_000, False), (40, 0, False)],
)  # fmt: skip
def test_warning_comes_with_many_looks_at_few_rows(looks: int, rows: int, warned: bool) -> None:
    assert (reuse_warning(looks, rows) is not None) == warned


def test_warning_names_looks_rows_and_the_luck() -> None:
    words = reuse_warning(45, 10_000) or ""
    assert "45 commits" in words
    assert "10,000 rows" in words
    assert "0.014" in words


def test_best_of_many_equal_models_is_no_luckier_than_said() -> None:
    rng = np.random.default_rng(0)
    best = rng.binomial(2000, 0.5, size=(2000, 50)).max(axis=1) / 2000 - 0.5
    assert 0.6 * optimism(50, 2000) < best.mean() < optimism(50, 2000)
