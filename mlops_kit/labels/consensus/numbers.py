"""Questions of type `number`: the median of the votes, their mean weighted by trust, or the newest."""

from __future__ import annotations

from mlops_kit.labels.consensus.given import UNIT, give_votes, known_answers, take_newest
from mlops_kit.labels.consensus.model import ConsensusOptions, Decided
from mlops_kit.labels.events.counting import Votes
from mlops_kit.spec.labels import LabelTask


def decide_numbers(votes: Votes, task: LabelTask, options: ConsensusOptions) -> Decided:
    """Decide questions of type `number`.

    There is no probability. The disagreement is the mean distance of the votes from the value, as a share of the range that the task allows;
    without bounds of the size of the value plus that distance.
    """
    give_votes(votes, options)
    duck = votes.duck
    total = "sum(weight)"
    # Floats are added in the order of annotators: another order is another sum.
    mean = f"list_sum(list(x * (weight / {UNIT}) ORDER BY annotator)) / ({total} / {UNIT})"
    middle = (
        f"CASE WHEN {total} > 0 THEN {mean} END" if options.method == "weighted" else "quantile_cont(x, 0.5)"
    )
    far = "list_avg(list(abs(x - middle) ORDER BY annotator))"
    size = f"{task.max - task.min!r}" if task.min is not None and task.max is not None else "0"
    wide = f"coalesce(nullif({size}::DOUBLE, 0), abs(any_value(middle)) + {far})"
    duck.run(
        'CREATE OR REPLACE TEMP VIEW numbers AS SELECT item, annotator, CAST(value AS DOUBLE) AS x, weight, "time" FROM given'
    )
    duck.run(
        f"""CREATE OR REPLACE TEMP TABLE decided AS SELECT item, CAST(any_value(middle) AS VARCHAR) AS value, NULL::DOUBLE AS probability,
        count(*) AS votes, coalesce(round(least(1.0, {far} / nullif({wide}, 0)), 9), 0.0) AS disagreement, max("time") AS last
        FROM numbers JOIN (SELECT item, {middle} AS middle FROM numbers GROUP BY item) USING (item) GROUP BY item"""
    )
    if options.method == "latest":
        take_newest(duck, "decided")
        duck.run("UPDATE decided SET value = CAST(CAST(value AS DOUBLE) AS VARCHAR), probability = NULL")
    duck.run(
        f"CREATE OR REPLACE TEMP TABLE known AS SELECT * REPLACE (CAST(CAST(value AS DOUBLE) AS VARCHAR) AS value) FROM ({known_answers(votes)})"
    )
    return Decided(duck, "decided")
