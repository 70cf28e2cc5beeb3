"""Counted votes of a database as arrays of numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.duck import Duck, literal
from mlops_kit.labels.agreement.ratings import Ratings

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

PEOPLE = ("person", "vendor")


def told_votes(votes: str, sources: Sequence[str] = ()) -> str:
    """Return a query in parentheses of the rows of `votes` that are votes with a value: no adjudication, no gold, no abstention; of these
    `sources` alone if any are given."""
    of = f" AND source IN ({', '.join(map(literal, sources))})" if sources else ""
    return f"(SELECT * FROM {votes} WHERE role = 'vote' AND value IS NOT NULL{of})"


def read_ratings(
    duck: Duck, votes: str, *, classes: Sequence[str] = (), sources: Sequence[str] = (), fewest: int = 2
) -> Ratings:
    """Read the votes of items that have `fewest` or more, from the table or query `votes` (`labels/events/counting.py` has its columns).

    Values that are `classes` come in their order, others after them by their text. The order of items is none.
    """
    import numpy as np

    told = told_votes(votes, sources)
    names = [
        name for (name,) in duck.run(f"SELECT DISTINCT annotator FROM {told} ORDER BY annotator").fetchall()
    ]
    texts = [
        text
        for (text,) in duck.run(
            f"SELECT DISTINCT CAST(value AS VARCHAR) AS v FROM {told} ORDER BY v"
        ).fetchall()
    ]
    categories = ordered(texts, classes)
    _number_names(duck, "agreement_names", names)
    _number_names(duck, "agreement_values", categories)
    packed = duck.run(
        f"SELECT list(n.number * {max(1, len(categories))} + v.number) FROM {told} AS told "
        "JOIN agreement_names AS n ON n.name = told.annotator JOIN agreement_values AS v ON v.name = CAST(told.value AS VARCHAR) "
        f"GROUP BY told.item HAVING count(*) >= {int(fewest)}"
    ).to_arrow_table()
    assert packed is not None
    lists = packed.column(0).combine_chunks()
    codes = lists.flatten().to_numpy(zero_copy_only=False).astype(np.int64)
    lengths = lists.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    who, given = np.divmod(codes, max(1, len(categories)))
    items = np.repeat(np.arange(lengths.size, dtype=np.int64), lengths)
    return Ratings(items, who, given, tuple(names), tuple(categories))


def ordered(texts: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Return values as JSON texts, those of `classes` first and in their order."""
    first = [text for text in map(value_text, classes) if text in set(texts)]
    return [*first, *(text for text in texts if text not in set(first))]


def value_text(value: Any) -> str:
    """Return a value as the JSON text that votes have."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _number_names(duck: Duck, table: str, names: Sequence[str]) -> None:
    import pyarrow as pa

    rows = pa.table({"name": pa.array(names, pa.string()), "number": pa.array(range(len(names)), pa.int64())})
    duck.connection.register("agreement_rows", rows)
    duck.run(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM agreement_rows")
    duck.connection.unregister("agreement_rows")
