"""Label functions (and models) as annotators: how much they answer, where they overlap and contradict each other, how often they are right."""

from __future__ import annotations

from typing import Any

from mlops_kit.artifacts.duck import Duck
from mlops_kit.labels.agreement.interval import wilson
from mlops_kit.labels.agreement.reading import PEOPLE, told_votes

MACHINES = ("function", "model")


def judge_functions(duck: Duck, votes: str, *, items: int | None) -> dict[str, Any]:
    """Return what is known of functions and models, by name and together; empty where none voted.

    `coverage` is the share of the `items` with a vote (None where it is unknown how many there are), `overlap` the share of a function's votes on items
    that another one voted on too, `conflicts` where another one voted otherwise. `accuracy` is by what people say: gold, else
    adjudication, else the answer that most people gave, ties left out; never by a consensus in which the functions themselves count.
    """
    told = told_votes(votes, MACHINES)
    duck.run(
        f"CREATE OR REPLACE TEMP TABLE agreement_machines AS SELECT item, count(*) AS votes, count(DISTINCT value) AS kinds FROM {told} GROUP BY item"
    )
    both = duck.run(
        "SELECT count(*), count(*) FILTER (WHERE votes > 1), count(*) FILTER (WHERE kinds > 1) FROM agreement_machines"
    ).fetchone() or (0, 0, 0)
    if not both[0]:
        return {}
    _make_reference(duck, votes)
    rows = duck.run(
        f"""SELECT annotator, min(source), count(*), count(*) FILTER (WHERE m.votes > 1), count(*) FILTER (WHERE m.kinds > 1),
            count(r.value), count(*) FILTER (WHERE told.value = r.value), list_sort(list(DISTINCT told.value))[:20]
        FROM {told} AS told JOIN agreement_machines AS m USING (item) LEFT JOIN agreement_reference AS r USING (item)
        GROUP BY annotator ORDER BY annotator"""
    ).fetchall()
    each = {
        name: {
            "source": source,
            "votes": count,
            "coverage": count / items if items else None,
            "overlap": overlap / count,
            "conflicts": conflicts / count,
            "values": values,
            "accuracy": _plain(right, judged),
        }
        for name, source, count, overlap, conflicts, judged, right, values in rows
    }
    return {
        "items": both[0],
        "coverage": both[0] / items if items else None,
        "overlap": both[1] / both[0],
        "conflicts": both[2] / both[0],
        "accuracy": _plain(sum(row[6] for row in rows), sum(row[5] for row in rows)),
        "each": each,
    }


def _make_reference(duck: Duck, votes: str) -> None:
    """Make `agreement_reference` (item, value) of what people say on items that functions voted on."""
    people = (
        f"(SELECT * FROM {told_votes(votes, PEOPLE)} WHERE item IN (SELECT item FROM agreement_machines))"
    )
    duck.run(
        f"""CREATE OR REPLACE TEMP TABLE agreement_reference AS
        WITH ruled AS (SELECT item, max_by(value, (role = 'gold', "time", id)) AS value FROM {votes}
            WHERE role IN ('gold', 'adjudication') AND value IS NOT NULL GROUP BY item),
        counted AS (SELECT item, value, count(*) AS n FROM {people} WHERE item NOT IN (SELECT item FROM ruled) GROUP BY item, value),
        most AS (SELECT item, max(n) AS n FROM counted GROUP BY item)
        SELECT item, value FROM ruled UNION ALL
        SELECT item, min(value) FROM counted JOIN most USING (item, n) GROUP BY item HAVING count(*) = 1"""
    )


def _plain(right: int, of: int) -> dict[str, Any] | None:
    found = wilson(right, of)
    if found is None:
        return None
    return {"value": found.value, "low": found.low, "high": found.high, "answers": of}
