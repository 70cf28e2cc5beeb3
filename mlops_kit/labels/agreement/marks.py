"""Agreement on marks: spans of a text, boxes in an image. How many marks of one annotator another one made too."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from mlops_kit.artifacts.duck import Duck
from mlops_kit.labels.agreement.interval import Estimate, Summed, estimate
from mlops_kit.labels.agreement.reading import told_votes

ENOUGH_OVERLAP = 0.5


def mark_agreement(
    duck: Duck, votes: str, sources: Sequence[str] = ()
) -> tuple[Estimate | None, dict[str, Estimate | None]]:
    """Return the pairwise F1 of the marks of all annotators, and of each one with the others: twice the marks that two share by the marks that
    both made, over all pairs on all items, with an interval over items.

    Where what is not marked cannot be counted, kappa comes to this (Hripcsak and Rothschild 2005, JAMIA 12:296). Spans are shared with equal
    ends and label, boxes with equal label and an intersection of half their union or more.
    """
    told = told_votes(votes, sources)
    rows = duck.run(
        f"SELECT list(annotator ORDER BY annotator), list(value ORDER BY annotator) FROM {told} GROUP BY item HAVING count(*) >= 2"
    )
    whole: Counter[tuple[int, int]] = Counter()
    each: dict[str, Counter[tuple[int, int]]] = defaultdict(Counter)
    while batch := rows.fetchmany(10_000):
        for names, texts in batch:
            sums: dict[str | None, list[int]] = defaultdict(lambda: [0, 0])
            for (a, first), (b, second) in combinations(zip(names, map(json.loads, texts), strict=True), 2):
                shared = shared_marks(first, second)
                for who in (a, b, None):
                    sums[who][0] += 2 * shared
                    sums[who][1] += len(first) + len(second)
            for who, (both, made) in sums.items():
                (whole if who is None else each[who])[both, made] += 1
    return _f1(whole), {name: _f1(each[name]) for name in sorted(each)}


def shared_marks(first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]) -> int:
    """Return how many marks two lists share. Boxes are paired by their overlap, the largest first."""
    if any("width" in mark for mark in (*first, *second)):
        return _shared_boxes(first, second)
    counts = Counter(map(_span, first)) & Counter(map(_span, second))
    return counts.total()


def box_overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Return the intersection of two boxes as a share of their union; 0 to 1."""
    across = _shared(one["x"], one["width"], other["x"], other["width"])
    down = _shared(one["y"], one["height"], other["y"], other["height"])
    union = one["width"] * one["height"] + other["width"] * other["height"] - across * down
    return float(across * down / union) if union > 0 else 0.0


def _shared_boxes(first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]) -> int:
    found = [
        (-overlap, a, b)
        for a, one in enumerate(first)
        for b, other in enumerate(second)
        if one.get("label") == other.get("label") and (overlap := box_overlap(one, other)) >= ENOUGH_OVERLAP
    ]
    left, right = set(range(len(first))), set(range(len(second)))
    for _, a, b in sorted(found):
        if a in left and b in right:
            left.remove(a)
            right.remove(b)
    return len(first) - len(left)


def _shared(start: float, size: float, other: float, other_size: float) -> float:
    return max(0.0, min(start + size, other + other_size) - max(start, other))


def _span(mark: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return mark.get("start"), mark.get("end"), mark.get("label")


def _f1(sums: Counter[tuple[int, int]]) -> Estimate | None:
    import numpy as np

    if not sums:
        return None
    rows = sorted(sums)
    return estimate(Summed(np.array(rows, np.int64), np.array([sums[row] for row in rows]), _ratio))


def _ratio(totals: Any) -> Any:
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(totals[..., 1] > 0, totals[..., 0] / totals[..., 1], np.nan)
