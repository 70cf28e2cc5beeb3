"""What is known of the labels of one task: figures that KPIs bind, and a document with everything that is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from mlops_kit.artifacts.duck import Duck
from mlops_kit.labels.agreement.alpha import alpha_of_sets, fleiss_kappa, krippendorff_alpha
from mlops_kit.labels.agreement.annotators import (
    add_up,
    against_gold,
    confusions,
    count_answers,
    make_truth,
)
from mlops_kit.labels.agreement.coverage import count_coverage, count_values
from mlops_kit.labels.agreement.functions import judge_functions
from mlops_kit.labels.agreement.interval import Estimate, wilson
from mlops_kit.labels.agreement.kappa import PairsAgreement, pairwise_kappa
from mlops_kit.labels.agreement.marks import mark_agreement
from mlops_kit.labels.agreement.others import against_others, numbers_against_others
from mlops_kit.labels.agreement.ratings import Ratings, tally
from mlops_kit.labels.agreement.reading import PEOPLE, Patterns, make_answers, read_patterns, read_ratings
from mlops_kit.labels.agreement.summary import flat_figures
from mlops_kit.spec.labels import Labelling, LabelTask

MOST_ANNOTATORS = 500


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
    or query in parentheses with `item` and `value` (JSON text) of the items that have a label; `counts` what was counted while reading the
    events, which is passed on. Agreement is that of people and vendors; label functions and models are told apart. The result does not depend
    on the order of votes, nor on threads.
    """
    asked = labelling.tasks[task]
    answers = make_answers(duck, votes, asked.type)
    labels = consensus and make_answers(duck, consensus, asked.type, "agreement_labels")
    make_truth(duck, answers, labels)
    (labelled,) = duck.run("SELECT count(*) FROM agreement_truth").fetchone() or (0,)
    patterns = read_patterns(duck, answers, asked.classes)
    annotators = count_answers(duck, answers, labelling.annotators)
    document = {
        "task": task,
        "type": asked.type,
        "counts": dict(sorted((counts or {}).items())),
        "coverage": count_coverage(
            patterns, wanted=asked.votes, items=items, labelled=labelled if labels else None
        ),
        "balance": count_values(duck, "agreement_truth" if labels else answers),
        "agreement": _agreement(duck, answers, patterns.ratings, asked),
        "work": add_up(duck, answers, annotators),
        "annotators": _annotators(annotators, patterns, asked),
        "functions": judge_functions(duck, answers, items=items),
        "guidelines": _guidelines(duck, answers),
    }
    return Quality(flat_figures(document), document)


def _agreement(duck: Duck, answers: str, ratings: Ratings, task: LabelTask) -> dict[str, Any]:
    if task.type in ("spans", "boxes"):
        whole, each = mark_agreement(duck, answers, PEOPLE)
        return {"f1": plain(whole), "f1_by_annotator": {name: plain(one) for name, one in each.items()}}
    pairs = pairwise_kappa(ratings, "quadratic" if task.ordered else "none")
    made = {
        "krippendorff_alpha": plain(task_alpha(ratings, task)),
        "fleiss_kappa": plain(fleiss_kappa(ratings.tallies)),
        "cohen_kappa": plain(pairs.mean),
        "level": _level(task),
        "items": int(ratings.tallies.items.sum()),
        "pairs": _pairs(pairs),
        "pairs_known": pairs.known,
    }
    if task.type == "number":  # equal numbers are luck
        made |= {"fleiss_kappa": None, "cohen_kappa": None, "pairs": []}
    return {**made, "by_class": _by_class(ratings, task)} if task.type == "classes" else made


def task_alpha(ratings: Ratings, task: LabelTask) -> Estimate | None:
    """Return Krippendorff's alpha by what the task asks: of classes (in order, if they are `ordered`), sets of classes, or numbers."""
    import numpy as np

    if task.type == "classes":
        return alpha_of_sets(ratings.tallies, [frozenset(json.loads(text)) for text in ratings.categories])
    numbers = np.array([float(text) for text in ratings.categories]) if task.type == "number" else None
    return krippendorff_alpha(ratings.tallies, _level(task), numbers)  # type: ignore[arg-type] # no sets, as was looked at above


def alpha_of_votes(duck: Duck, votes: str, task: LabelTask) -> Estimate | None:
    """Return Krippendorff's alpha of people's votes in the table `votes`: the figure `krippendorff_alpha` of quality; None for marks."""
    if task.type in ("spans", "boxes"):
        return None
    answers = make_answers(duck, votes, task.type)
    return task_alpha(read_ratings(duck, answers, classes=task.classes), task)


def _level(task: LabelTask) -> str:
    levels = {"number": "interval", "classes": "jaccard"}
    return levels.get(task.type, "ordinal" if task.ordered else "nominal")


def _by_class(ratings: Ratings, task: LabelTask) -> dict[str, Any]:
    """Return alpha of whether each class was named or not."""
    import numpy as np

    sets = [frozenset(json.loads(text)) for text in ratings.categories]
    made = {}
    for name in task.classes:
        named = np.array([name in one for one in sets], dtype=np.int64)
        values = named[ratings.values] if sets else ratings.values
        made[name] = plain(krippendorff_alpha(tally(ratings.items, values, 2, ratings.weights)))
    return made


def _pairs(found: PairsAgreement) -> list[dict[str, Any]]:
    return [
        {
            "annotators": [one.first, one.second],
            "items": one.items,
            "agreed": one.agreed,
            "kappa": plain(one.kappa),
        }
        for one in found.pairs
    ]


def _annotators(
    counted: Mapping[str, Mapping[str, Any]], patterns: Patterns, task: LabelTask
) -> dict[str, dict[str, Any]]:
    """Return what is known of each annotator; of the 500 with most answers."""
    most = sorted(counted, key=lambda name: (-counted[name]["answers"], name))[:MOST_ANNOTATORS]
    gold, tables, ratings = against_gold(patterns), confusions(patterns), patterns.ratings
    near = task.type == "number"
    others = numbers_against_others(ratings) if near else against_others(ratings)
    return {
        name: {
            **counted[name],
            "against_gold": plain(gold.get(name)),
            "distance_to_others" if near else "against_others": _with_others(others.get(name), near=near),
            "confusion": tables.get(name),
        }
        for name in sorted(most)
    }


def _with_others(found: tuple[float, int] | None, *, near: bool) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"value": found[0], "items": found[1]} if near else plain(wilson(*found))


def _guidelines(duck: Duck, answers: str) -> dict[str, int]:
    rows = duck.run(
        f"SELECT coalesce(guideline, ''), count(*) FROM {answers} WHERE source IN ('person', 'vendor') GROUP BY 1 ORDER BY 1"
    ).fetchall()
    return dict(rows)


def plain(found: Estimate | None) -> dict[str, Any] | None:
    """Return an estimate as plain JSON values."""
    if found is None:
        return None
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "items": found.items,
        "method": found.method,
    }
