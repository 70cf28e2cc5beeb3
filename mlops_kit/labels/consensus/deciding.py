"""One answer for each item: what is known for certain first, then what the votes say."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mlops_kit.artifacts.duck import literal
from mlops_kit.errors import SpecError
from mlops_kit.labels.consensus.boxes import decide_boxes
from mlops_kit.labels.consensus.classes import decide_classes
from mlops_kit.labels.consensus.model import ConsensusOptions, Decided
from mlops_kit.labels.consensus.numbers import decide_numbers
from mlops_kit.labels.consensus.sets import decide_sets
from mlops_kit.labels.consensus.spans import decide_spans
from mlops_kit.labels.events.counting import Votes
from mlops_kit.spec.labels import LabelTask

Decide = Callable[[Votes, LabelTask, ConsensusOptions], Decided]
DECIDERS: Mapping[str, Decide] = {
    "class": decide_classes,
    "classes": decide_sets,
    "number": decide_numbers,
    "spans": decide_spans,
    "boxes": decide_boxes,
    "json": decide_classes,
}
WITH_CLASSES = ("class", "classes", "json")
"""Types of questions whose answers can be right or wrong, which `dawid_skene` and soft labels need."""


def decide(votes: Votes, task: LabelTask, options: ConsensusOptions) -> Decided:
    """Decide every item of `votes` that has an answer.

    An adjudicated or gold answer stands, whatever the votes say (the newest, where there are several). Items with fewer than `min_votes`, or a
    value less probable than `min_probability`, are there without a value. Raises SpecError where the method does not fit the question.
    """
    if task.type not in WITH_CLASSES and (options.method == "dawid_skene" or options.soft):
        said = "`soft: true`" if options.soft else "`method: dawid_skene`"
        raise SpecError(
            f"{said} does not fit a question of type `{task.type}`",
            where="params.yaml (label)",
            fix="method: majority",
        )
    made = DECIDERS[task.type](votes, task, options)
    duck = votes.duck
    too_few = f"votes < {options.min_votes} OR coalesce(probability, 1) < {options.min_probability!r}"
    soft = "".join(
        f", CASE WHEN known.item IS NULL THEN {name} ELSE CAST(list_contains(known.codes, {code}) AS DOUBLE) END AS {name}"
        for code, name in enumerate(made.soft)
    )
    duck.run(
        f"""CREATE OR REPLACE TEMP TABLE consensus AS SELECT item,
        CASE WHEN known.item IS NOT NULL THEN known.value WHEN {too_few} THEN NULL ELSE made.value END AS value,
        CASE WHEN known.item IS NOT NULL THEN 1.0 ELSE probability END AS probability,
        CAST(coalesce(votes, 0) AS INTEGER) AS votes, coalesce(disagreement, 0.0) AS disagreement,
        CASE WHEN known.role = 'gold' THEN 'gold' WHEN known.item IS NOT NULL THEN 'adjudicated'
             WHEN made.value IS NULL OR {too_few} THEN 'undecided' ELSE {literal(options.method)} END AS provenance,
        greatest(made.last, known.last) AS last{soft}
        FROM {made.table} AS made FULL JOIN known USING (item)"""
    )
    return Decided(duck, "consensus", made.soft, made.told)
