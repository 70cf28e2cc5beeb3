"""Whole comparisons: the same inputs are no change, swapped sides mirror, the order of rows does not matter."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_kit.artifacts.side import PredictionFile, Side, SideInfo, Unreadable
from mlops_kit.compare.compare import compare_sides
from mlops_kit.compare.metrics import compute_metrics
from mlops_kit.compare.model import Comparison, MetricDiff, Verdict

MIRROR = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}
KEYS = np.array([f"row{number:05}" for number in range(1500)])


def side(folder: Path, name: str, seed: int, noise: float, *, permuted: bool = False) -> Side:
    """Return a side whose model is the better the smaller `noise` is; `seed` makes its errors."""
    truth = np.random.default_rng(0).normal(size=len(KEYS))
    actual = (np.random.default_rng(1).random(len(KEYS)) < 1 / (1 + np.exp(-2 * truth))).astype(float)
    score = 1 / (1 + np.exp(-2 * (truth + noise * np.random.default_rng(seed).normal(size=len(KEYS)))))
    order = np.random.default_rng(7).permutation(len(KEYS)) if permuted else np.arange(len(KEYS))
    place = folder / f"{name}.parquet"
    columns = {"id": KEYS, "actual": actual, "score": score}
    pq.write_table(pa.table({key: values[order] for key, values in columns.items()}), place)
    digest = hashlib.md5(place.read_bytes()).hexdigest()
    metrics = compute_metrics("classification", actual, score)
    return Side(SideInfo(name, ""), metrics=metrics, predictions=PredictionFile(place, digest))


def judged(made: Comparison) -> dict[str, MetricDiff]:
    return {diff.name: diff for diff in made.metrics}


@pytest.mark.parametrize(("seed", "noise"), [(2, 0.5), (3, 1.5), (4, 0.9)])
def test_swapped_sides_give_the_mirrored_verdict(tmp_path: Path, seed: int, noise: float) -> None:
    one, other = side(tmp_path, "one", 9, 1.0), side(tmp_path, "other", seed, noise)
    there = judged(compare_sides(one, other, project="p"))
    back = judged(compare_sides(other, one, project="p"))
    assert any(diff.verdict in MIRROR for diff in there.values()) or noise == 0.9
    for name, diff in there.items():
        assert back[name].verdict is MIRROR.get(diff.verdict, diff.verdict)
        assert (back[name].low, back[name].high) == pytest.approx((-(diff.high or 0), -(diff.low or 0)))


def test_the_same_predictions_are_no_change_whatever_the_order_of_rows(tmp_path: Path) -> None:
    one, other = side(tmp_path, "one", 2, 0.5), side(tmp_path, "other", 2, 0.5, permuted=True)
    assert one.predictions != other.predictions
    for base, head in ((one, one), (one, other)):
        made = compare_sides(base, head, project="p")
        assert {diff.verdict for diff in made.metrics} == {Verdict.SAME}
        assert {diff.change for diff in made.metrics} == {0.0}


def test_order_of_rows_changes_no_bit_of_the_result(tmp_path: Path) -> None:
    base = side(tmp_path, "base", 9, 1.0)
    plain = compare_sides(base, side(tmp_path, "head", 2, 0.5), project="p")
    assert compare_sides(base, side(tmp_path, "head", 2, 0.5, permuted=True), project="p") == plain


def test_damaged_predictions_are_named_and_give_no_interval(tmp_path: Path) -> None:
    one, other = side(tmp_path, "one", 9, 1.0), side(tmp_path, "other", 2, 0.5)
    assert other.predictions is not None
    with other.predictions.path.open("ab") as file:
        file.write(b"x")
    made = compare_sides(one, other, project="p")
    assert isinstance(made.unreadable[0], Unreadable)
    assert "damaged" in made.unreadable[0].reason
    assert all(diff.low is None for diff in made.metrics)
