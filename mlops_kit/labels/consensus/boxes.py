"""Questions of type `boxes`: boxes of one label that overlap are one thing, and it stays when more than half of the weight has seen it."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from mlops_kit.artifacts.duck import Duck
from mlops_kit.labels.consensus.given import give_votes, keep, known_answers, take_newest
from mlops_kit.labels.consensus.model import ConsensusOptions, Decided
from mlops_kit.labels.events.counting import Votes
from mlops_kit.spec.labels import LabelTask

OVERLAP = 0.5
"""Intersection over union from which on two boxes are the same thing."""
_SIDES = ("x", "y", "width", "height")
_DIGITS = 6


class Box(NamedTuple):
    """One box of one annotator."""

    label: str
    annotator: str
    sides: tuple[float, float, float, float]
    weight: int


class Agreed(NamedTuple):
    """What the boxes of an item come to."""

    value: str
    probability: float
    disagreement: float


def decide_boxes(votes: Votes, task: LabelTask, options: ConsensusOptions) -> Decided:
    """Decide questions of type `boxes`.

    Sides are the medians of the boxes that are matched. The probability is the mean share of the weight that has seen each box that stays, where none
    stays what the most seen one lacks; the disagreement is the mean entropy of all things that anybody has seen.
    """
    del task
    give_votes(votes, options)
    duck = votes.duck
    duck.run(
        'CREATE OR REPLACE TEMP TABLE whole AS SELECT item, CAST(sum(weight) AS BIGINT) AS total, count(*) AS votes, max("time") AS last, '
        "min(value) AS one, min(value) = max(value) AS same FROM given GROUP BY item"
    )
    _agree_items(duck)
    duck.run(
        """CREATE OR REPLACE TEMP TABLE decided AS SELECT item, CASE WHEN total = 0 THEN NULL WHEN same THEN one ELSE text END AS value,
        CASE WHEN total = 0 THEN NULL WHEN same THEN 1.0 ELSE probability END AS probability, votes,
        CASE WHEN same THEN 0.0 ELSE disagreement END AS disagreement, last FROM whole LEFT JOIN agreed USING (item)"""
    )
    if options.method == "latest":
        take_newest(duck, "decided")
    duck.run(f"CREATE OR REPLACE TEMP TABLE known AS {known_answers(votes)}")
    return Decided(duck, "decided")


def _agree_items(duck: Duck) -> None:
    """Make the table `agreed` of the items whose votes are not all equal."""
    import pyarrow as pa

    rows = duck.run(
        "SELECT item, any_value(total), list(struct_pack(annotator := annotator, weight := weight, value := value) ORDER BY annotator) "
        "FROM given JOIN whole USING (item) WHERE NOT same AND total > 0 GROUP BY item ORDER BY item"
    ).fetchall()
    made = [(item, *agree_boxes(_boxes(given), total)) for item, total, given in rows]
    names = ("item", "text", "probability", "disagreement")
    kinds = (pa.string(), pa.string(), pa.float64(), pa.float64())
    columns = list(zip(*made, strict=True)) or [()] * len(names)
    keep(duck, "agreed", pa.table({n: pa.array(c, k) for n, c, k in zip(names, columns, kinds, strict=True)}))


def agree_boxes(boxes: Iterable[Box], total: int) -> Agreed:
    """Match `boxes` of one item, whose votes weigh `total`, and keep what more than half have seen.

    A box goes to the thing of its label that it overlaps most, of those its annotator has not seen yet; largest boxes first, so that the result does not depend
    on their order.
    """
    things: list[list[Box]] = []
    for box in sorted(boxes, key=lambda box: (-box.sides[2] * box.sides[3], box)):
        open_things = [
            thing
            for thing in things
            if thing[0].label == box.label and all(seen.annotator != box.annotator for seen in thing)
        ]
        overlaps = [overlap(_middle(thing), box.sides) for thing in open_things]
        if overlaps and max(overlaps) >= OVERLAP:
            open_things[overlaps.index(max(overlaps))].append(box)
        else:
            things.append([box])
    shares = [sum(box.weight for box in thing) / total for thing in things]
    stay = [
        (_middle(thing), thing[0].label, share)
        for thing, share in zip(things, shares, strict=True)
        if share > 0.5
    ]
    value = [dict(zip(_SIDES, sides, strict=True)) | {"label": label} for sides, label, _ in sorted(stay)]
    sure = statistics.fmean(share for *_, share in stay) if stay else 1 - max(shares, default=0.0)
    spread = statistics.fmean(map(_entropy, shares)) if shares else 0.0
    return Agreed(json.dumps(value, ensure_ascii=False), round(sure, 9), round(spread, 9))


def overlap(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the intersection over union (0 to 1) of two boxes, each x, y, width, height."""
    wide = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    high = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    both = max(0.0, wide) * max(0.0, high)
    either = first[2] * first[3] + second[2] * second[3] - both
    return both / either if either > 0 else 0.0


def _middle(thing: Sequence[Box]) -> tuple[float, ...]:
    return tuple(
        round(statistics.median(sides), _DIGITS) for sides in zip(*(box.sides for box in thing), strict=True)
    )


def _entropy(share: float) -> float:
    if not 0 < share < 1:
        return 0.0
    return -(share * math.log2(share) + (1 - share) * math.log2(1 - share))


def _boxes(given: Sequence[dict[str, Any]]) -> list[Box]:
    return [
        Box(one["label"], vote["annotator"], tuple(float(one[side]) for side in _SIDES), vote["weight"])  # type: ignore[arg-type] # four sides
        for vote in given
        for one in json.loads(vote["value"])
    ]
