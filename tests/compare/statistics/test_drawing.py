"""Sums drawn fast have the law of sums drawn row by row."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from mlops_kit.compare.statistics.drawing import ROW_BY_ROW, draw_sums, draw_weights
from mlops_kit.compare.statistics.fixed import exact_sum, to_fixed

Array = np.ndarray[Any, Any]


def heavy(rows: int) -> Array:
    """Return columns like squared errors with outliers, a log loss, and a rare event."""
    rng = np.random.default_rng(5)
    return np.column_stack(
        [
            rng.standard_t(3, rows) ** 2,
            -np.log(rng.random(rows)) * rng.standard_normal(rows),
            rng.random(rows) < 0.001,
        ]
    ).astype(float)


def test_weights_are_multinomial() -> None:
    drawn = np.concatenate([weights for _, weights in draw_weights(50, 4000, [1])])
    assert (drawn.sum(axis=1) == 50).all()
    assert drawn.mean() == 1
    assert drawn.var() == pytest.approx(1 - 1 / 50, rel=0.02)


def test_batches_do_not_change_the_draws() -> None:
    one = np.concatenate([weights for _, weights in draw_weights(500, 60, [1])])
    other = np.concatenate([weights for _, weights in draw_weights(500, 60, [1], rows=1_000_000)])
    assert np.array_equal(one, other)


def test_many_rows_have_the_law_of_drawing_every_row() -> None:
    rows = 2 * ROW_BY_ROW
    columns = heavy(rows)
    fast = draw_sums(columns, 4000, [7])
    slow = np.concatenate([weights @ columns for _, weights in draw_weights(rows, 1500, [8])])
    for number in range(columns.shape[1]):
        assert ks_2samp(fast[:, number], slow[:, number]).pvalue > 0.01
        assert fast[:, number].std() == pytest.approx(columns[:, number].std() * rows**0.5, rel=0.05)
    assert np.corrcoef(fast.T) == pytest.approx(np.corrcoef(slow.T), abs=0.08)


def test_one_row_that_carries_everything_is_drawn_as_often_as_it_should() -> None:
    """Its number of draws is Poisson; a normal law, or a bin that spreads it, would get this wrong."""
    columns = np.zeros((3 * ROW_BY_ROW, 1))
    columns[123] = 1.0
    counts = np.bincount(draw_sums(columns, 5000, [3])[:, 0].round().astype(int), minlength=4) / 5000
    assert counts[:3] == pytest.approx([0.368, 0.368, 0.184], abs=0.02)


def test_columns_that_depend_on_each_other_stay_so() -> None:
    column = heavy(3 * ROW_BY_ROW)[:, 0]
    drawn = draw_sums(np.column_stack([column, 2 * column]), 300, [3])
    assert drawn[:, 1] == pytest.approx(2 * drawn[:, 0])


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=60), st.randoms())
def test_sums_are_the_same_in_any_order(values: list[float], random: Any) -> None:
    shuffled = random.sample(values, len(values))
    assert exact_sum(np.array(values)) == exact_sum(np.array(shuffled))
    largest = max(map(abs, values))
    assert abs(to_fixed(np.array(values)) - values).max() <= largest * 2.0**-44


def test_result_does_not_depend_on_threads() -> None:
    program = (
        "import numpy as np\n"
        "from tests.compare.statistics.rows import classified, measured\n"
        "from mlops_kit.compare.statistics import difference_intervals\n"
        "for rows in (700, 20000):\n"
        "    print(difference_intervals('classification', *classified(1, rows), resamples=100))\n"
        "    print(difference_intervals('regression', *measured(1, rows), resamples=100, quantile=0.5))\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
        ).stdout
        for threads in ("1", "2", "3")
    }  # fmt: skip
    assert len(outputs) == 1
