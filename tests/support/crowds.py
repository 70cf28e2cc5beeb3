"""Votes of simulated annotators of different skill."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Crowd(NamedTuple):
    """Votes, by item, one of each annotator for each item at most."""

    items: Any
    annotators: Any
    answers: Any
    truth: Any
    sizes: tuple[int, int, int]


def crowd(votes: int, *, items: int, annotators: int, classes: int, seed: int) -> Crowd:
    """Draw about `votes` votes; each annotator is right with a probability of his own between 0.5 and 0.95, and errs evenly."""
    random = np.random.default_rng(seed)
    truth, skill = random.integers(0, classes, items), random.uniform(0.5, 0.95, annotators)
    pairs = np.sort(random.choice(items * annotators, min(votes, items * annotators), replace=False))
    item, annotator = pairs // annotators, pairs % annotators
    wrong = (truth[item] + random.integers(1, classes, len(pairs))) % classes
    answers = np.where(random.random(len(pairs)) < skill[annotator], truth[item], wrong)
    return Crowd(item, annotator, answers, truth, (items, annotators, classes))
