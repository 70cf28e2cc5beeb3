"""How much is labelled, and how the values are spread."""

from __future__ import annotations

from typing import Any

from mlops_kit.artifacts.duck import Duck
from mlops_kit.labels.agreement.reading import Patterns

MOST_VALUES = 50


def count_coverage(
    patterns: Patterns, *, wanted: int, items: int | None, labelled: int | None
) -> dict[str, Any]:
    """Return how far the labelling is.

    `answered`: items with an answer of a person or vendor; `enough_votes`: those with `wanted` votes of them or more, or decided by adjudication or
    gold; `decided`: by adjudication or gold; `cannot_tell`: those where everybody abstained; `by_votes`: number of votes -> items;
    `labelled`: items with a label of any origin, `items` how many there are, and the shares of these that are known.
    """
    import numpy as np

    weights, decided = patterns.ratings.weights, patterns.decided
    votes = np.bincount(patterns.ratings.items, minlength=weights.size)
    answered = int(weights[(votes > 0) | decided].sum())
    enough = int(weights[(votes >= wanted) | decided].sum())
    by_votes = {str(n): int(weights[votes == n].sum()) for n in sorted(set(votes.tolist()))}
    return {
        "items": items,
        "labelled": labelled,
        "answered": answered,
        "enough_votes": enough,
        "votes_wanted": wanted,
        "decided": int(weights[decided].sum()),
        "cannot_tell": int(weights[(votes == 0) & ~decided].sum()),
        "by_votes": by_votes,
        "labelled_share": _share(labelled, items),
        "answered_share": _share(answered, items),
        "enough_share": _share(enough, items),
    }


def count_values(duck: Duck, table: str) -> dict[str, Any]:
    """Return how often each value occurs in `table` (a table or query with `value`): the 50 most frequent, and how many others there are."""
    rows = duck.run(
        f"SELECT CAST(value AS VARCHAR) AS v, count(*) AS n FROM {table} WHERE value IS NOT NULL GROUP BY v ORDER BY n DESC, v"
    ).fetchall()
    shown = dict(rows[:MOST_VALUES])
    return {"values": shown, "others": sum(count for _, count in rows[MOST_VALUES:]), "kinds": len(rows)}


def _share(part: int | None, whole: int | None) -> float | None:
    return None if part is None or not whole else part / whole
