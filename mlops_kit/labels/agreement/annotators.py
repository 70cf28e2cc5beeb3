"""What is known of each annotator: answers, time and cost, and how the answers compare with what is known to be right."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mlops_kit.artifacts.duck import Duck
from mlops_kit.labels.agreement.interval import Estimate, wilson
from mlops_kit.labels.agreement.reading import PEOPLE, Patterns, of_sources
from mlops_kit.spec.labels import Annotator

MOST_CLASSES = 30
_HOUR = 3_600_000
_MILLISECONDS = "CAST(round(seconds * 1000) AS BIGINT)"  # whole numbers: their sum has no order


def count_answers(duck: Duck, votes: str, roster: Mapping[str, Annotator]) -> dict[str, dict[str, Any]]:
    """Return for each annotator, by pseudonym, what stands in `votes` of it, whatever its role: answers and abstentions, changes of mind,
    seconds (median and sum), cost by the roster (None without one), first and last time, batches, versions of the guidelines."""
    rows = duck.run(
        f"""WITH parts AS (SELECT annotator, source, batch, guideline, count(*) AS answers, count(value) AS told,
            count(*) FILTER (WHERE role = 'gold') AS gold, count(*) FILTER (WHERE role = 'adjudication') AS adjudications,
            coalesce(sum(changes), 0) AS changes, count("seconds") AS timed, coalesce(sum({_MILLISECONDS}), 0) AS took,
            min("time") AS first, max("time") AS last FROM {votes} GROUP BY ALL),
        medians AS (SELECT annotator, median("seconds") AS middle FROM {votes} GROUP BY annotator)
        SELECT annotator, string_agg(DISTINCT source, ',' ORDER BY source), sum(answers), sum(told), sum(gold), sum(adjudications),
            sum(changes), sum(timed), sum(took), any_value(middle), strftime(min(first), '%Y-%m-%dT%H:%M:%SZ'),
            strftime(max(last), '%Y-%m-%dT%H:%M:%SZ'), count(DISTINCT batch), list_sort(list(DISTINCT guideline))
        FROM parts JOIN medians USING (annotator) GROUP BY annotator ORDER BY annotator"""
    ).fetchall()
    return {row[0]: _answers(row, roster.get(row[0])) for row in rows}


def _answers(row: Sequence[Any], known: Annotator | None) -> dict[str, Any]:
    answers, told, gold, adjudications, changes, timed, milliseconds = map(int, row[2:9])
    return {
        "source": row[1],
        "in_roster": known is not None,
        "active": known.active if known else None,
        "answers": answers,
        "abstentions": answers - told,
        "gold": gold,
        "adjudications": adjudications,
        "changes": changes,
        "timed": timed,
        "seconds_total": milliseconds / 1000,
        "seconds_median": row[9],
        "cost": cost_of(known, answers, milliseconds),
        "first": row[10],
        "last": row[11],
        "batches": row[12],
        "guidelines": [one for one in row[13] or [] if one is not None],
    }


def add_up(duck: Duck, votes: str, annotators: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return answers, abstentions, changes of mind and time of all people and vendors among `annotators` (count_answers), and the cost of all
    who are in the roster, label functions too."""
    people = [one for one in annotators.values() if set(one["source"].split(",")) & set(PEOPLE)]
    (middle,) = duck.run(
        f'SELECT median("seconds") FROM {votes} WHERE true{of_sources(PEOPLE)}'
    ).fetchone() or (None,)
    costs = [one["cost"] for one in annotators.values()]
    known = [cost for cost in costs if cost is not None]
    names = ("answers", "abstentions", "changes", "timed")
    return {
        **{name: sum(one[name] for one in people) for name in names},
        "annotators": len(people),
        "seconds_total": sum(round(one["seconds_total"] * 1000) for one in people) / 1000,
        "seconds_median": middle,
        "cost": math.fsum(known) if known else None,
        "cost_unknown_for": costs.count(None),
    }


def cost_of(known: Annotator | None, answers: int, milliseconds: int) -> float | None:
    """Return what answers cost by the roster, in the project's currency; None for who is not in it."""
    return (
        None if known is None else known.cost_per_label * answers + known.cost_per_hour * milliseconds / _HOUR
    )


def make_truth(duck: Duck, votes: str, consensus: str | None) -> None:
    """Make the tables `agreement_gold` (item, value by the newest gold event) and `agreement_truth` (item, value, whether it is gold: gold, else the
    newest adjudication, else the `consensus`)."""
    newest = 'max_by(value, ("time", id))'
    duck.run(
        f"CREATE OR REPLACE TEMP TABLE agreement_gold AS SELECT item, {newest} AS value FROM {votes} "
        "WHERE role = 'gold' AND value IS NOT NULL GROUP BY item"
    )
    ruled = f"SELECT item, {newest} AS value FROM {votes} WHERE role = 'adjudication' AND value IS NOT NULL GROUP BY item"
    duck.run(
        f"""CREATE OR REPLACE TEMP TABLE agreement_truth AS
        WITH ruled AS ({ruled} HAVING item NOT IN (SELECT item FROM agreement_gold)),
        known AS (SELECT item, value, true AS gold FROM agreement_gold UNION ALL SELECT item, value, false FROM ruled)
        SELECT * FROM known"""
        + (
            f" UNION ALL SELECT item, value, false FROM {consensus} WHERE value IS NOT NULL AND item NOT IN (SELECT item FROM known)"
            if consensus
            else ""
        )
    )


def against_gold(patterns: Patterns) -> dict[str, Estimate]:
    """Return for each annotator the share of gold questions answered rightly, with Wilson's interval. Who cannot tell is not judged."""
    import numpy as np

    ratings = patterns.ratings
    asked = patterns.gold[ratings.items]
    who, items = ratings.annotators[asked], ratings.items[asked]
    right = ratings.values[asked] == patterns.truth[items]
    weights = ratings.weights[items]
    of = np.bincount(who, weights=weights, minlength=len(ratings.names))
    good = np.bincount(who, weights=weights * right, minlength=len(ratings.names))
    found = ((name, wilson(int(a), int(b))) for name, a, b in zip(ratings.names, good, of, strict=True))
    return {name: made for name, made in found if made}


def confusions(patterns: Patterns) -> dict[str, list[list[int]]]:
    """Return for each annotator a table of counts, what is true (rows) by what was answered (columns), in the order of the values; nothing
    for more than 30 values. What is true is gold, else the adjudication, else the consensus, in which the answer itself has a part."""
    import numpy as np

    ratings = patterns.ratings
    size = len(ratings.categories)
    if not 0 < size <= MOST_CLASSES:
        return {}
    known = patterns.truth[ratings.items] >= 0
    items = ratings.items[known]
    cells = (ratings.annotators[known] * size + patterns.truth[items]) * size + ratings.values[known]
    counts = np.bincount(cells, weights=ratings.weights[items], minlength=len(ratings.names) * size * size)
    tables = counts.astype(np.int64).reshape(-1, size, size)
    return {name: table.tolist() for name, table in zip(ratings.names, tables, strict=True) if table.any()}
