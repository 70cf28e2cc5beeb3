"""One answer of several: questions of type `class`, and `json` by exact equality.

Votes are counted per item and answer; sums are of integers (trust in millionths), so they are the same in any order. A tie goes to the class that
stands first in the task, for `json` to the first text.
"""

from __future__ import annotations

import json
from typing import Any

from mlops_kit.artifacts.duck import Duck
from mlops_kit.errors import BadDataError
from mlops_kit.labels.consensus.dawid_skene import Estimate, estimate
from mlops_kit.labels.consensus.given import NEWEST, TERM, UNIT, give_votes, keep, known_answers
from mlops_kit.labels.consensus.model import ConsensusOptions, Decided
from mlops_kit.labels.events.counting import Votes
from mlops_kit.spec.labels import LabelTask

MOST_ANSWERS = 1 << 20
MOST_SOFT = 1000
MOST_CELLS = 100_000_000


def decide_classes(votes: Votes, task: LabelTask, options: ConsensusOptions) -> Decided:
    """Decide questions of type `class` and `json`. Raises BadDataError for estimates of more classes than fit."""
    duck = votes.duck
    answers = answer_table(votes, task)
    give_votes(votes, options)
    outside = code_votes(duck)
    know_classes(votes)
    tally(duck, answers, latest=options.method == "latest")
    told: dict[str, float] = {"votes_outside_task": outside} if outside else {}
    soft = tuple(f"p{n}" for n in range(answers)) if options.soft else ()
    if soft and answers > MOST_SOFT:
        raise BadDataError(f"{answers} different answers are too many for soft labels", fix="soft: false")
    if options.method == "dawid_skene":
        told |= _estimate(duck, answers, soft)
    else:
        _by_weight(duck, soft)
    extra = "".join(f", {name}" for name in soft)
    duck.run(
        f"CREATE OR REPLACE TEMP TABLE decided AS SELECT item, answers.answer AS value, probability, votes, disagreement, "
        f"last{extra} FROM chosen LEFT JOIN answers USING (code)"
    )
    return Decided(duck, "decided", soft, told)


def answer_table(votes: Votes, task: LabelTask) -> int:
    """Make the tables `spelling` (text as votes spell it, code) and `answers` (answer, code); return how many answers there are."""
    import pyarrow as pa

    found = votes.duck.run(
        f"SELECT DISTINCT value FROM {votes.table} WHERE value IS NOT NULL LIMIT {MOST_ANSWERS}"
    )
    meant = {text: _meant(text, task) for (text,) in found.fetchall()}
    if len(meant) >= MOST_ANSWERS:
        raise BadDataError(f"{len(meant)} or more different answers", fix="ask a question with fewer answers")
    answers = (
        sorted({one for one in meant.values() if one is not None}) if task.type == "json" else task.classes
    )
    codes = {answer: code for code, answer in enumerate(answers)}
    spelled = [(text, codes[answer]) for text, answer in sorted(meant.items()) if answer in codes]
    texts, numbers = pa.array([text for text, _ in spelled], pa.string()), [code for _, code in spelled]
    keep(votes.duck, "spelling", pa.table({"text": texts, "code": pa.array(numbers, pa.int64())}))
    order = pa.array(range(len(answers)), pa.int64())
    keep(votes.duck, "answers", pa.table({"answer": pa.array(list(answers), pa.string()), "code": order}))
    return len(answers)


def code_votes(duck: Duck) -> int:
    """Make the table `coded` of the `given` votes that have an answer: `item`, `annotator`, `code`, `weight`, `time`, `id`. Return how
    many are no answer of the task (any more)."""
    duck.run(
        "CREATE OR REPLACE TEMP TABLE coded AS SELECT given.* EXCLUDE (value), code FROM given LEFT JOIN spelling ON spelling.text = value"
    )
    (outside,) = duck.run("SELECT count(*) - count(code) FROM coded").fetchone() or (0,)
    if outside:
        duck.run("DELETE FROM coded WHERE code IS NULL")
    return int(outside)


def tally(duck: Duck, answers: int, *, latest: bool = False) -> None:
    """Make the tables `tallied` (item, code, weight, votes) and `counted` (item, votes, total, code, disagreement, last): the code of the largest
    weight, of the newest vote if `latest`."""
    duck.run(
        'CREATE OR REPLACE TEMP TABLE tallied AS SELECT item, code, CAST(sum(weight) AS BIGINT) AS weight, count(*) AS votes, max("time") AS last '
        "FROM coded GROUP BY item, code"
    )
    best = f"max(weight * {MOST_ANSWERS} + {MOST_ANSWERS - 1} - code)"
    share = f"(weight / {UNIT})"
    term = f"CASE WHEN weight > 0 THEN CAST(round({share} * ln({share}) * {TERM}) AS HUGEINT) ELSE 0 END"
    duck.run(
        f"CREATE OR REPLACE TEMP TABLE counted AS SELECT item, CAST(votes AS BIGINT) AS votes, total, CASE WHEN total > 0 THEN {MOST_ANSWERS - 1} - best % {MOST_ANSWERS} END AS code, "
        f"{_entropy(answers)} AS disagreement, last FROM (SELECT item, sum(votes) AS votes, sum(weight) AS total, {best} AS best, "
        f"sum({term}) AS terms, max(last) AS last, count(*) AS different FROM tallied GROUP BY item)"
    )
    if latest:
        duck.run(
            "CREATE OR REPLACE TEMP TABLE counted AS SELECT counted.* REPLACE (newest.code AS code) FROM counted JOIN "
            f"(SELECT item, max_by(code, {NEWEST}) AS code FROM coded GROUP BY item) AS newest USING (item)"
        )


def _entropy(answers: int) -> str:
    """Return SQL of the entropy of the weights of an item, divided by the largest that it could be: ln W - sum(w ln w) / W, over ln K."""
    whole = f"(total / {UNIT})"
    return (
        f"CASE WHEN different = 1 OR total = 0 THEN 0.0 ELSE "
        f"round(greatest(0.0, least(1.0, (ln({whole}) - CAST(terms AS DOUBLE) / {TERM} / {whole}) / ln({max(2, answers)}))), 9) END"
    )


def _by_weight(duck: Duck, soft: tuple[str, ...]) -> None:
    """Make the table `chosen`: the answer with its share of the weight."""
    shares = "".join(
        f", coalesce(max(tallied.weight) FILTER (tallied.code = {n}), 0) / any_value(total) AS {name}"
        for n, name in enumerate(soft)
    )
    weight = "coalesce(max(tallied.weight) FILTER (tallied.code = counted.code), 0)"
    duck.run(
        f"CREATE OR REPLACE TEMP TABLE chosen AS SELECT item, any_value(counted.code) AS code, {weight} / nullif(any_value(total), 0) AS probability, "
        f"any_value(counted.votes) AS votes, any_value(disagreement) AS disagreement, any_value(counted.last) AS last{shares} "
        f"FROM counted JOIN tallied USING (item) GROUP BY item"
    )


def _estimate(duck: Duck, answers: int, soft: tuple[str, ...]) -> dict[str, float]:
    """Make the table `chosen` by the estimator of Dawid and Skene; items with a known answer teach it how good annotators are."""
    import numpy as np
    import pyarrow as pa

    made = number_votes(duck, answers)
    best = np.round(made.probabilities, 12).argmax(axis=1)  # equal up to rounding is a tie
    columns: dict[str, Any] = {
        "n": np.arange(len(best)),
        "best": best,
        "p": np.round(made.probabilities[np.arange(len(best)), best], 9),
    }
    columns |= {name: np.round(made.probabilities[:, code], 9) for code, name in enumerate(soft)}
    keep(duck, "estimated", pa.table(columns))
    extra = "".join(f", {name}" for name in soft)
    duck.run(
        f"CREATE OR REPLACE TEMP TABLE chosen AS SELECT item, best AS code, p AS probability, votes, disagreement, last{extra} "
        "FROM counted JOIN numbered USING (item) JOIN estimated USING (n)"
    )
    return {"rounds": made.rounds, "converged": float(made.converged)}


def number_votes(duck: Duck, answers: int) -> Estimate:
    """Number items and annotators by name, and estimate."""
    import numpy as np

    items, people = number_names(duck)
    if max(people * answers * answers, items * answers) > MOST_CELLS:
        raise BadDataError(
            f"{items} items and {people} annotators with {answers} answers are too many for `dawid_skene`",
            fix="method: weighted",
        )
    given: Any = duck.run(
        "SELECT n, a, code FROM coded JOIN numbered USING (item) JOIN people USING (annotator) ORDER BY n, a, code"
    ).fetchnumpy()
    known = np.full(items, -1, dtype=np.int64)
    certain: Any = duck.run("SELECT n, code FROM known JOIN numbered USING (item)").fetchnumpy()
    known[certain["n"]] = certain["code"]
    return estimate(given["n"], given["a"], given["code"], sizes=(items, people, answers), known=known)


def number_names(duck: Duck) -> tuple[int, int]:
    """Make the tables `numbered` (item, n) and `people` (annotator, a) of `coded`, numbered by name; return how many there are."""
    counts = []
    for table, column, number in (("numbered", "item", "n"), ("people", "annotator", "a")):
        duck.run(
            f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT {column}, row_number() OVER (ORDER BY {column}) - 1 AS {number} "
            f"FROM (SELECT DISTINCT {column} FROM coded)"
        )
        (count,) = duck.run(f"SELECT count(*) FROM {table}").fetchone() or (0,)
        counts.append(int(count))
    return counts[0], counts[1]


def know_classes(votes: Votes) -> None:
    """Make the table `known` of the items that are known for certain: `item`, `value`, `role`, `last`, `code`, and the list `codes` of it."""
    votes.duck.run(
        "CREATE OR REPLACE TEMP TABLE known AS SELECT item, answer AS value, role, last, code, [code] AS codes "
        f"FROM ({known_answers(votes)}) AS given JOIN spelling ON spelling.text = given.value JOIN answers USING (code)"
    )


def _meant(text: str, task: LabelTask) -> str | None:
    """Return the answer that the JSON `text` spells, None when it is none of a question of type `class`."""
    value = json.loads(text)
    if task.type == "json":
        return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return value if isinstance(value, str) else None
