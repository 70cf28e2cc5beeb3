"""Counted votes of a database as arrays of numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.duck import Duck, literal
from mlops_kit.labels.agreement.ratings import Ratings
from mlops_kit.spec.labels import LabelType

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

PEOPLE = ("person", "vendor")
ANSWERS = "agreement_answers"


def make_answers(duck: Duck, votes: str, kind: LabelType, view: str = ANSWERS) -> str:
    """Make the view `view` of the votes in the table `votes`, and return its name: the same columns, and equal values as equal texts.

    A list of classes is put in order, a number is written as DuckDB writes a DOUBLE; other values are as they came.
    """
    forms = {
        "classes": "list_sort(from_json(value, '[\"VARCHAR\"]'))::JSON::VARCHAR",
        "number": "CAST(TRY_CAST(value AS DOUBLE) AS VARCHAR)",
    }
    form = forms.get(kind, "CAST(value AS VARCHAR)")
    duck.run(f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT * REPLACE ({form} AS value) FROM {votes}")
    return view


def told_votes(votes: str, sources: Sequence[str] = ()) -> str:
    """Return a query in parentheses of the rows of `votes` that are votes with a value: no adjudication, no gold, no abstention; of these
    `sources` alone if any are given."""
    return f"(SELECT * FROM {votes} WHERE role = 'vote' AND value IS NOT NULL{of_sources(sources)})"


def of_sources(sources: Sequence[str]) -> str:
    """Return SQL that keeps the rows of these sources; of all if none are given."""
    return f" AND source IN ({', '.join(map(literal, sources))})" if sources else ""


@dataclass(frozen=True, eq=False)
class Patterns:
    """All items that people answered; those that were answered alike are one."""

    ratings: Ratings
    """Their votes."""
    decided: Array
    """For each item of `ratings` whether gold or an adjudication decides it."""
    truth: Array
    """For each item of `ratings` the number of the true value; -1 where none is known, or none of the values that were voted for."""
    gold: Array
    """For each item of `ratings` whether that is gold."""


def read_patterns(duck: Duck, answers: str, classes: Sequence[str] = ()) -> Patterns:
    """Read what people and vendors answered from the view `answers` (make_answers), and what is true from `agreement_truth` (make_truth).

    Values that are `classes` come in their order, others after them by their text. The order of items is that of their answers.
    """
    names, categories = _number_answers(duck, answers, classes, PEOPLE)
    kinds = duck.run(
        f"""SELECT coalesce(codes, []), decided, coalesce(v.number, -1), coalesce(gold, false), count(*)
        FROM {_coded(answers, len(categories), PEOPLE)} LEFT JOIN agreement_truth AS t USING (item)
            LEFT JOIN agreement_values AS v ON v.name = t.value
        GROUP BY ALL ORDER BY ALL"""
    ).fetchnumpy()
    return _patterns(kinds, names, categories)


def read_ratings(
    duck: Duck, answers: str, *, classes: Sequence[str] = (), sources: Sequence[str] = PEOPLE
) -> Ratings:
    """Read the votes alone, of these `sources` (all of them if none are given), from the view or table `answers`, as read_patterns does."""
    names, categories = _number_answers(duck, answers, classes, sources)
    kinds = duck.run(
        f"""SELECT codes, false, -1, false, count(*) FROM {_coded(answers, len(categories), sources)}
        WHERE codes IS NOT NULL GROUP BY ALL ORDER BY ALL"""
    ).fetchnumpy()
    return _patterns(kinds, names, categories).ratings


def _number_answers(
    duck: Duck, answers: str, classes: Sequence[str], sources: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Make `agreement_names` and `agreement_values`, and return both lists in their order."""
    told = told_votes(answers, sources)
    names = duck.run(f"SELECT DISTINCT annotator FROM {told} ORDER BY annotator").fetchall()
    texts = duck.run(f"SELECT DISTINCT CAST(value AS VARCHAR) AS v FROM {told} ORDER BY v").fetchall()
    annotators, categories = [name for (name,) in names], ordered([text for (text,) in texts], classes)
    _number_names(duck, "agreement_names", annotators)
    _number_names(duck, "agreement_values", categories)
    return annotators, categories


def _coded(answers: str, values: int, sources: Sequence[str]) -> str:
    """Return a query in parentheses: each `item` with the votes for it as sorted numbers (`codes`; NULL without any), and whether it is `decided`."""
    return f"""(SELECT item, list_sort(list(n.number * {max(1, values)} + v.number) FILTER (role = 'vote' AND answers.value IS NOT NULL)) AS codes,
            bool_or(role <> 'vote' AND answers.value IS NOT NULL) AS decided
        FROM {answers} AS answers LEFT JOIN agreement_names AS n ON n.name = annotator
            LEFT JOIN agreement_values AS v ON v.name = CAST(answers.value AS VARCHAR)
        WHERE true{of_sources(sources)} GROUP BY item)"""


def _patterns(kinds: Any, names: Sequence[str], categories: Sequence[str]) -> Patterns:
    import numpy as np

    codes, decided, truth, gold, weights = (np.asarray(column) for column in kinds.values())
    lengths = np.array([len(one) for one in codes], np.int64)
    flat = np.concatenate([*codes, np.zeros(0, np.int64)]).astype(np.int64)
    who, given = np.divmod(flat, max(1, len(categories)))
    items = np.repeat(np.arange(lengths.size, dtype=np.int64), lengths)
    ratings = Ratings(items, who, given, tuple(names), tuple(categories), weights.astype(np.int64))
    return Patterns(ratings, decided.astype(bool), truth.astype(np.int64), gold.astype(bool))


def ordered(texts: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Return values as JSON texts, those of `classes` first and in their order."""
    first = [text for text in map(value_text, classes) if text in set(texts)]
    return [*first, *(text for text in texts if text not in set(first))]


def value_text(value: Any) -> str:
    """Return a value as the JSON text that votes have."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _number_names(duck: Duck, table: str, names: Sequence[str]) -> None:
    """Make `table` of the names and their numbers. By SQL: an array of pyarrow's would load pandas, which takes as long as all the rest."""
    duck.run(f"CREATE OR REPLACE TEMP TABLE {table} (name VARCHAR, number BIGINT)")
    if names:
        sql = f"INSERT INTO {table} SELECT unnest(?::VARCHAR[]), unnest(range(?))"
        duck.run(sql, [list(names), len(names)])
