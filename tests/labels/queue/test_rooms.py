"""Shares, ranking, diversity, regions and the queue's file, on small values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.errors import BadDataError
from mlops_kit.labels.queue.diversity import fit_encoding, pick_centers
from mlops_kit.labels.queue.model import Prelabel, QueuedItem, queue_text, read_queue
from mlops_kit.labels.queue.ranking import Shelf, weighted_keys
from mlops_kit.labels.queue.regions import drift_weight, failing_slices, slice_weight
from mlops_kit.labels.queue.scores import score_probabilities
from mlops_kit.labels.queue.shares import apportion, interleave
from mlops_kit.labels.queue.uncertainty import class_uncertainty, classes_uncertainty
from tests.support.shapes import write

SHARES = st.dictionaries(st.sampled_from("abcde"), st.floats(0, 10), min_size=1).filter(
    lambda s: sum(s.values()) > 1e-6
)


@settings(deadline=None)
@given(st.integers(1, 500), SHARES)
def test_places_are_all_given_and_nobody_is_off_by_one(places: int, shares: dict[str, float]) -> None:
    counts = apportion(places, shares)
    assert sum(counts.values()) == places
    total = sum(shares.values())
    assert all(abs(count - places * shares[name] / total) < 1 for name, count in counts.items())


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abcde"), st.integers(0, 40), min_size=1))
def test_every_beginning_of_the_queue_has_the_shares(counts: dict[str, int]) -> None:
    order = interleave(counts)
    total = sum(counts.values())
    assert {name: order.count(name) for name in counts} == counts
    for length in range(1, total + 1):
        for name in counts:
            assert abs(order[:length].count(name) - counts[name] * length / total) < len(counts)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 20), st.integers(1, 5))
def test_shelf_keeps_the_same_whatever_the_batches(seed: int, room: int, parts: int) -> None:
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 5, 60).astype(float)
    columns = {
        "item": np.array([f"i{n}" for n in range(60)], dtype=object),
        "draw": rng.integers(0, 4, 60).astype(np.uint64),
    }
    whole, other = Shelf(room), Shelf(room)
    whole.offer(score, columns)
    for part in np.array_split(rng.permutation(60), parts):
        other.offer(score[part], {name: column[part] for name, column in columns.items()})
    assert whole.kept["item"].tolist() == other.kept["item"].tolist()
    assert whole.seen == other.seen == 60


def test_weighted_draw_follows_the_weights() -> None:
    draw = np.random.default_rng(1).integers(0, 2**64, 20_000, dtype=np.uint64)
    weight = np.tile([3.0, 1.0, 0.0, 0.0], 5000)
    taken = np.argsort(-weighted_keys(weight, draw))[:1000]
    assert 0.70 < (taken % 4 == 0).mean() < 0.80
    assert (weight[taken] > 0).all()


def test_uncertainty_is_0_for_the_sure_and_1_for_a_tie() -> None:
    assert class_uncertainty(np.array([[1.0, 0.0, 0.0], [0.4, 0.4, 0.2]])).tolist() == [0.0, 1.0]
    assert classes_uncertainty(np.array([[1.0, 0.0], [0.5, 0.5]])).tolist() == [0.0, 1.0]


def test_prelabel_of_several_classes_is_those_that_are_likely() -> None:
    scores = score_probabilities(np.array([[0.9, 0.2, 0.6]]), ("a", "b", "c"), "classes")
    assert scores.values is not None
    assert scores.values.tolist() == [["a", "c"]]
    assert scores.probability.tolist() == [0.6]


def test_centers_are_spread_over_the_clusters() -> None:
    rng = np.random.default_rng(0)
    points = np.concatenate(
        [rng.normal(size=(200, 2)), rng.normal(size=(5, 2)) + 20, rng.normal(size=(5, 2)) - 20]
    )
    assert {0 if place < 200 else 1 if place < 205 else 2 for place in pick_centers(points, 3)} == {0, 1, 2}
    assert pick_centers(points, 1, known=points[:205])[0] >= 205


def test_texts_and_missing_values_become_points() -> None:
    frame = pd.DataFrame({"x": [1.0, None, 3.0], "kind": ["a", "b", None], "same": [1, 1, 1]})
    points = fit_encoding(frame).points(frame)
    assert points.shape == (3, 3)
    assert points[1, 0] == 0.0
    assert np.isfinite(points).all()


def test_failing_slices_are_those_of_broken_promises_else_the_worse_ones() -> None:
    slices = [
        {"column": "c", "value": value, "rows": 10, "metrics": {"log_loss": loss}}
        for value, loss in (("a", 0.2), ("b", 0.6))
    ]
    assert failing_slices(slices, []) == {"c": {"b": pytest.approx(0.5)}}
    verdict = [{"name": "roc_auc [c=a]", "status": "fail"}, {"name": "roc_auc", "status": "fail"}]
    assert failing_slices(slices, verdict) == {"c": {"a": 1.0}}
    frame = pd.DataFrame({"c": ["a", "b", None]})
    assert slice_weight(frame, {"c": {"a": 1.0, "(missing)": 0.5}}).tolist() == [1.0, 0.0, 0.5]


def test_rows_weigh_what_drift_made_more_frequent() -> None:
    drifted = {"x": {"<= 1": 0.5, "<= 2": 2.0, "> 2": 1.0, "(missing)": 4.0}, "k": {"a": 1.5, "(other)": 0.5}}
    frame = pd.DataFrame({"x": [1.0, 1.5, 9.0, None], "k": ["a", "a", "z", "a"]})
    assert drift_weight(frame, drifted).tolist() == [0.0, 3.0, 0.0, 6.0]


def test_queue_file_comes_back_as_it_was_and_a_broken_line_is_named(tmp_path: Path) -> None:
    items = (QueuedItem("ä|b", "c" * 16, "random", Prelabel(["x"], 0.5)), QueuedItem("2", "d", "uncertain"))
    write(tmp_path, {"labels/queue/t.jsonl": queue_text(items)})
    assert read_queue(tmp_path, "t") == items
    assert read_queue(tmp_path, "none") == ()
    write(tmp_path, {"labels/queue/t.jsonl": queue_text(items) + '{"item": "torn'})
    with pytest.raises(BadDataError, match=r"t\.jsonl:3"):
        read_queue(tmp_path, "t")
