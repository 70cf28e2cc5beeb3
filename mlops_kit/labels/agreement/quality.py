"""What is known of the labels of one task: figures that KPIs bind, and a document with everything that is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from mlops_kit.artifacts.duck import Duck
from mlops_kit.labels.agreement.alpha import Level, fleiss_kappa, krippendorff_alpha
from mlops_kit.labels.agreement.interval import Estimate
from mlops_kit.labels.agreement.kappa import PairsAgreement, pairwise_kappa
from mlops_kit.labels.agreement.ratings import Ratings
from mlops_kit.labels.agreement.reading import PEOPLE, read_ratings
from mlops_kit.spec.labels import Labelling, LabelTask


class Quality(NamedTuple):
    """What `quality` returns."""

    metrics: dict[str, float]
    """Flat figures for metrics/labelling.json; what cannot be told is left out."""
    document: dict[str, Any]
    """Everything, for reports/label_quality.json: plain JSON values, the same bytes for the same labels."""


def quality(
    duck: Duck,
    votes: str,
    *,
    task: str,
    labelling: Labelling,
    items: int | None = None,
    consensus: str | None = None,
    counts: Mapping[str, int] | None = None,
) -> Quality:
    """Compute what is known of the labels of `task`.

    `votes` is a table of `duck` with the columns that `counted_votes` makes; `items` how many items there are to label; `consensus` a table
    or query with `item` and `value` (JSON text) of the items that have a label; `counts` what was counted while reading the events, which is
    passed on.
    """
    asked = labelling.tasks[task]
    ratings = read_ratings(duck, votes, classes=asked.classes, sources=PEOPLE)
    agreement = _agreement(ratings, asked)
    del items, consensus
    metrics = _flat(agreement)
    return Quality(metrics, {"task": task, "counts": dict(counts or {}), "agreement": agreement})


def _agreement(ratings: Ratings, task: LabelTask) -> dict[str, Any]:
    level, numbers = _level(ratings, task)
    pairs = pairwise_kappa(ratings)
    return {
        "krippendorff_alpha": _estimate(krippendorff_alpha(ratings.tallies, level, numbers)),
        "fleiss_kappa": _estimate(fleiss_kappa(ratings.tallies)),
        "cohen_kappa": _estimate(pairs.mean),
        "pairs": _pairs(pairs),
    }


def _level(ratings: Ratings, task: LabelTask) -> tuple[Level, Any]:
    import numpy as np

    if task.type != "number":
        return "nominal", None
    return "interval", np.array([float(text) for text in ratings.categories])


def _pairs(found: PairsAgreement) -> list[dict[str, Any]]:
    return [
        {"annotators": [one.first, one.second], "agreed": one.agreed, "kappa": _estimate(one.kappa)}
        for one in found.pairs
    ]


def _estimate(found: Estimate | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "items": found.items,
        "method": found.method,
    }


def _flat(agreement: Mapping[str, Any]) -> dict[str, float]:
    made: dict[str, float] = {}
    for name in ("krippendorff_alpha", "fleiss_kappa", "cohen_kappa"):
        if agreement[name]:
            ends = {f"{name}_{end}": agreement[name][end] for end in ("low", "high")}
            made |= {
                key: value
                for key, value in {name: agreement[name]["value"], **ends}.items()
                if value is not None
            }
    return made
