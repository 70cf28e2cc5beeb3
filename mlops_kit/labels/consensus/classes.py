"""One answer of several: questions of type `class`, and `json` by exact equality.

Votes are counted per item and answer; sums are of integers (trust in millionths), so they are the same in any order. A tie goes to the class that
stands first in the task, for `json` to the first text.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.duck import Duck
from mlops_kit.errors import BadDataError
from mlops_kit.labels.consensus.dawid_skene import Estimate, estimate
from mlops_kit.labels.consensus.model import ConsensusOptions, Decided
from mlops_kit.labels.events.counting import Votes
from mlops_kit.spec.labels import LabelTask

if TYPE_CHECKING:
    import pyarrow as pa

UNIT = 1_000_000
"""Weight of a vote of trust 1; trust counts in millionths."""
MOST_ANSWERS = 1 << 20
MOST_SOFT = 1000
MOST_CELLS = 100_000_000
_TERM = 1_000_000_000_000
"""Terms of the entropy are added as whole trillionths: sums of floats depend on their order, and that on threads."""


def decide_classes(votes: Votes, task: LabelTask, options: ConsensusOptions) -> Decided:
    """Decide questions of type `class` and `json`. Raises BadDataError for estimates of more classes than fit."""
    duck = votes.duck
    answers = answer_table(votes, task)
    outside = code_votes(votes, options)
    know_classes(votes)
    tally(duck, answers, latest=options.method == "latest")
    told: dict[str, float] = {"votes_outside_task": outside} if outside else {}
    soft = tuple(f"p{n}" for n in range(answers)) if options.soft else ()
    if soft and answers > MOST_SOFT:
        raise BadDataError(f"{answers} different answers are too many for soft labels", fix="soft: false")
    if options.method == "dawid_skene":
        told |= _estimate(votes, answers, soft)
    else:
        _by_weight(duck, soft)
    extra = "".join(f", {name}" for name in soft)
    duck.run(
        f"CREATE OR REPLACE TEMP TABLE decided AS SELECT item, answers.answer AS value, probability, votes, disagreement, "
        f"'{options.method}' AS provenance, last{extra} FROM chosen JOIN answers USING (code)"
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


def code_votes(votes: Votes, options: ConsensusOptions) -> int:
    """Make the table `coded` of the votes that have an answer: `item`, `annotator`, `code`, `weight`, `time`, `id`. Return how many are no answer
    of the task (any more)."""
    weight = f"CAST(round(trust * {UNIT}) AS BIGINT)" if options.method == "weighted" else f"{UNIT}::BIGINT"
    votes.duck.run(
        f'CREATE OR REPLACE TEMP TABLE coded AS SELECT item, annotator, code, {weight} AS weight, "time", id '
        f"FROM {votes.table} LEFT JOIN spelling ON spelling.text = value WHERE coalesce(role, 'vote') = 'vote' AND value IS NOT NULL"
    )
    (outside,) = votes.duck.run("SELECT count(*) - count(code) FROM coded").fetchone() or (0,)
    if outside:
        votes.duck.run("DELETE FROM coded WHERE code IS NULL")
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
    term = f"CASE WHEN weight > 0 THEN CAST(round({share} * ln({share}) * {_TERM}) AS HUGEINT) ELSE 0 END"
    duck.run(
        f"CREATE OR REPLACE TEMP TABLE counted AS SELECT item, CAST(votes AS BIGINT) AS votes, total, {MOST_ANSWERS - 1} - best % {MOST_ANSWERS} AS code, "
        f"{_entropy(answers)} AS disagreement, last FROM (SELECT item, sum(votes) AS votes, sum(weight) AS total, {best} AS best, "
        f"sum({term}) AS terms, max(last) AS last, count(*) AS different FROM tallied GROUP BY item)"
    )
    if latest:
        duck.run(
            "CREATE OR REPLACE TEMP TABLE counted AS SELECT counted.* REPLACE (newest.code AS code) FROM counted JOIN "
            '(SELECT item, max_by(code, ("time", id)) AS code FROM coded GROUP BY item) AS newest USING (item)'
        )


def _entropy(answers: int) -> str:
    """Return SQL of the entropy of the weights of an item, divided by the largest that it could be: ln W - sum(w ln w) / W, over ln K."""
    whole = f"(total / {UNIT})"
    return (
        f"CASE WHEN different = 1 OR total = 0 THEN 0.0 ELSE "
        f"round(greatest(0.0, least(1.0, (ln({whole}) - CAST(terms AS DOUBLE) / {_TERM} / {whole}) / ln({max(2, answers)}))), 9) END"
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


def _estimate(votes: Votes, answers: int, soft: tuple[str, ...]) -> dict[str, float]:
    """Make the table `chosen` by the estimator of Dawid and Skene; items with a known answer teach it how good annotators are."""
    import numpy as np
    import pyarrow as pa

    duck = votes.duck
    made = number_votes(votes, answers)
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


def number_votes(votes: Votes, answers: int) -> Estimate:
    """Number items and annotators by name, and estimate."""
    import numpy as np

    duck = votes.duck
    duck.run(
        "CREATE OR REPLACE TEMP TABLE numbered AS SELECT item, row_number() OVER (ORDER BY item) - 1 AS n FROM (SELECT DISTINCT item FROM coded)"
    )
    duck.run(
        "CREATE OR REPLACE TEMP TABLE people AS SELECT annotator, row_number() OVER (ORDER BY annotator) - 1 AS a FROM (SELECT DISTINCT annotator FROM coded)"
    )
    items, people = (
        int((duck.run(f"SELECT count(*) FROM {name}").fetchone() or (0,))[0])
        for name in ("numbered", "people")
    )
    if max(people * answers * answers, items * answers) > MOST_CELLS:
        raise BadDataError(
            f"{items} items and {people} annotators with {answers} answers are too many for `dawid_skene`",
            fix="method: weighted",
        )
    given: Any = duck.run(
        "SELECT n, a, code FROM coded JOIN numbered USING (item) JOIN people USING (annotator) ORDER BY n, a"
    ).fetchnumpy()
    known = np.full(items, -1, dtype=np.int64)
    certain: Any = duck.run("SELECT n, code FROM known JOIN numbered USING (item)").fetchnumpy()
    known[certain["n"]] = certain["code"]
    return estimate(given["n"], given["a"], given["code"], sizes=(items, people, answers), known=known)


def known_answers(votes: Votes) -> str:
    """Return SQL of the answers that decide an item, adjudicated or gold, the newest by (time, id): `item`, `value`, `role`, `last`."""
    return (
        f'SELECT item, max_by(value, ("time", id)) AS value, max_by(role, ("time", id)) AS role, max("time") AS last '
        f"FROM {votes.table} WHERE role <> 'vote' AND value IS NOT NULL GROUP BY item"
    )


def know_classes(votes: Votes) -> None:
    """Make the table `known` of the items that are known for certain: `item`, `value`, `role`, `last`, `code`."""
    votes.duck.run(
        "CREATE OR REPLACE TEMP TABLE known AS SELECT item, answer AS value, role, last, code "
        f"FROM ({known_answers(votes)}) AS given JOIN spelling ON spelling.text = given.value JOIN answers USING (code)"
    )


def keep(duck: Duck, name: str, table: pa.Table) -> None:
    """Make `table` a table of the database."""
    duck.connection.register(f"{name}_arrow", table)
    duck.run(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM {name}_arrow")
    duck.connection.unregister(f"{name}_arrow")


def _meant(text: str, task: LabelTask) -> str | None:
    """Return the answer that the JSON `text` spells, None when it is none of a question of type `class`."""
    value = json.loads(text)
    if task.type == "json":
        return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return value if isinstance(value, str) else None
