"""What is machine noise and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from mlops_kit.compare.noise import fold_noise, is_noise


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("train.run_time", 12.5, 13.5),
        ("params.yaml:meta.hostname", "a", "b"),
        ("params.yaml:run_id", "x1", "x2"),
        ("elapsed_seconds", 1, 2),
        ("anything", "123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174001"),
        ("made", "2026-01-01T10:00:00Z", "2026-01-02 11:30:00+01:00"),
        ("folder", "/tmp/abc", "/tmp/def"),
    ],
)
def test_what_differs_by_nature_is_folded(name: str, old: Any, new: Any) -> None:
    assert is_noise(name, old, new)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("latency_ms", 3.0, 4.0),
        ("inference_time", 3.0, 4.0),
        ("split.date", "2013-10-01", "2013-11-01"),
        ("time_steps", 10, 20),
        ("timeout", 10, 20),
        ("updates", 1, 2),
        ("run_time", None, 2),
        ("path", "/tmp/a", "data/a"),
        ("user_embedding_size", 8, 16),
        ("shuffle_timestamp", True, False),
    ],
)
def test_what_somebody_set_is_shown(name: str, old: Any, new: Any) -> None:
    assert not is_noise(name, old, new)


def test_a_promised_metric_is_never_folded() -> None:
    old, new = {"run_time": 1.0, "f1": 0.5}, {"run_time": 2.0, "f1": 0.6}
    assert fold_noise(old, new) == {"run_time"}
    assert fold_noise(old, new, frozenset({"run_time"})) == frozenset()
