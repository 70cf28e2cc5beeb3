"""Questions of type `classes`: for each class whether it belongs to the item, as a question of its own."""

from __future__ import annotations

import json
from typing import Any

from mlops_kit.artifacts.duck import Duck
from mlops_kit.labels.consensus.classes import number_names
from mlops_kit.labels.consensus.dawid_skene import estimate
from mlops_kit.labels.consensus.given import NEWEST, binary_entropy, give_votes, keep, known_answers
from mlops_kit.labels.consensus.model import ConsensusOptions, Decided
from mlops_kit.labels.events.counting import Votes
from mlops_kit.spec.labels import LabelTask


def decide_sets(votes: Votes, task: LabelTask, options: ConsensusOptions) -> Decided:
    """Decide questions of type `classes`: a class belongs to the item when more than half of the weight says so.

    The probability is that of the whole set, the product over classes; the disagreement is the mean entropy of the classes that anybody named.
    """
    give_votes(votes, options)
    duck = votes.duck
    outside = _spell(votes, task)
    _whole(duck)
    told: dict[str, float] = {"votes_outside_task": outside} if outside else {}
    _share_votes(duck)
    certainty = "share"
    if options.method == "dawid_skene":
        told |= _estimate(duck, len(task.classes))
        certainty = "estimated"
    _decide(duck, certainty, len(task.classes), soft=options.soft)
    if options.method == "latest":
        _take_newest(duck)
    duck.run(
        "CREATE OR REPLACE TEMP TABLE known AS SELECT item, spelled.answer AS value, role, last, codes "
        f"FROM ({known_answers(votes)}) AS given JOIN spelled ON spelled.text = given.value"
    )
    names = tuple(f"p{code}" for code in range(len(task.classes))) if options.soft else ()
    return Decided(duck, "decided", names, told)


def _spell(votes: Votes, task: LabelTask) -> int:
    """Make the table `spelled` (text, answer, codes) of what votes say; return how many votes name what is no class of the task (any more)."""
    import pyarrow as pa

    texts = votes.duck.run(f"SELECT DISTINCT value FROM {votes.table} WHERE value IS NOT NULL").fetchall()
    order = {name: code for code, name in enumerate(task.classes)}
    rows = []
    for (text,) in sorted(texts):
        named = json.loads(text)
        if isinstance(named, list) and all(isinstance(name, str) and name in order for name in named):
            chosen = sorted(set(named), key=lambda name: order[name])
            rows.append((text, json.dumps(chosen, ensure_ascii=False), [order[name] for name in chosen]))
    columns = {
        "text": pa.array([row[0] for row in rows], pa.string()),
        "answer": pa.array([row[1] for row in rows], pa.string()),
        "codes": pa.array([row[2] for row in rows], pa.list_(pa.int64())),
    }
    keep(votes.duck, "spelled", pa.table(columns))
    names = {
        "answer": pa.array(task.classes, pa.string()),
        "code": pa.array(range(len(task.classes)), pa.int64()),
    }
    keep(votes.duck, "answers", pa.table(names))
    votes.duck.run(
        "CREATE OR REPLACE TEMP TABLE coded AS SELECT given.* EXCLUDE (value), answer, codes FROM given JOIN spelled ON spelled.text = value"
    )
    (outside,) = votes.duck.run(
        "SELECT (SELECT count(*) FROM given) - (SELECT count(*) FROM coded)"
    ).fetchone() or (0,)
    return int(outside)


def _whole(duck: Duck) -> None:
    duck.run(
        'CREATE OR REPLACE TEMP TABLE whole AS SELECT item, CAST(sum(weight) AS BIGINT) AS total, count(*) AS votes, max("time") AS last '
        "FROM coded GROUP BY item"
    )


def _share_votes(duck: Duck) -> None:
    """Make the table `shares` of (item, code, share): of every class that anybody named."""
    duck.run(
        "CREATE OR REPLACE TEMP TABLE shares AS SELECT item, code, CAST(sum(weight) AS BIGINT) / nullif(any_value(total), 0) AS share "
        "FROM (SELECT item, weight, unnest(codes) AS code FROM coded) JOIN whole USING (item) GROUP BY item, code"
    )


def _decide(duck: Duck, certainty: str, classes: int, *, soft: bool) -> None:
    names = "".join(
        f", coalesce(max({certainty}) FILTER (code = {code}), 0.0) AS p{code}"
        for code in range(classes)
        if soft
    )
    duck.run(
        f"""CREATE OR REPLACE TEMP TABLE decided AS SELECT item,
        CASE WHEN any_value(total) > 0 THEN coalesce(CAST(to_json(list(answer ORDER BY code) FILTER ({certainty} > 0.5)) AS VARCHAR), '[]') END AS value,
        coalesce(round(list_product(list(greatest({certainty}, 1 - {certainty}) ORDER BY code)), 9), 1.0) AS probability, any_value(votes) AS votes,
        coalesce(round(list_avg(list({binary_entropy("share")} ORDER BY code) FILTER (share IS NOT NULL)), 9), 0.0) AS disagreement,
        any_value(last) AS last{names}
        FROM whole LEFT JOIN shares USING (item) LEFT JOIN answers USING (code) GROUP BY item"""
    )


def _take_newest(duck: Duck) -> None:
    duck.run(
        f"""CREATE OR REPLACE TEMP TABLE decided AS SELECT decided.* REPLACE (newest.value AS value, newest.share AS probability) FROM decided JOIN (
        SELECT item, any_value(one) AS value, count(*) FILTER (answer = one) / count(*) AS share
        FROM coded JOIN (SELECT item, max_by(answer, {NEWEST}) AS one FROM coded GROUP BY item) USING (item) GROUP BY item) AS newest USING (item)"""
    )


def _estimate(duck: Duck, classes: int) -> dict[str, float]:
    """Put the estimates of Dawid and Skene into `shares`, as `estimated`: every class is a question with yes and no."""
    import numpy as np
    import pyarrow as pa

    items, people = number_names(duck)
    given: Any = duck.run(
        "SELECT n, a, row_number() OVER (ORDER BY n, a, id) - 1 AS vote FROM coded JOIN numbered USING (item) JOIN people USING (annotator) ORDER BY n, a, id"
    ).fetchnumpy()
    named: Any = duck.run(
        "SELECT vote, unnest(codes) AS code FROM (SELECT row_number() OVER (ORDER BY n, a, id) - 1 AS vote, codes FROM coded "
        "JOIN numbered USING (item) JOIN people USING (annotator)) ORDER BY vote, code"
    ).fetchnumpy()
    rounds, converged, columns = 0, True, []
    for code in range(classes):
        yes = np.zeros(len(given["n"]), dtype=np.int64)
        yes[named["vote"][named["code"] == code]] = 1
        made = estimate(given["n"], given["a"], yes, sizes=(items, people, 2))
        rounds, converged = max(rounds, made.rounds), converged and made.converged
        columns.append(np.round(made.probabilities[:, 1], 9))
    table = {
        "n": np.repeat(np.arange(items), classes),
        "code": np.tile(np.arange(classes), items),
        "estimated": np.column_stack(columns).ravel() if columns else np.zeros(0),
    }
    keep(duck, "estimates", pa.table(table))
    duck.run(
        "CREATE OR REPLACE TEMP TABLE shares AS SELECT item, code, share, estimated FROM estimates JOIN numbered USING (n) LEFT JOIN shares USING (item, code)"
    )
    return {"rounds": rounds, "converged": float(converged)}
