"""The best items of a stream, whatever the order in which they come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

DIGITS = 9


@dataclass
class Shelf:
    """At most `room` items with the highest scores seen so far; equal scores by draw, then by name, so that batches and their order do not
    count. Scores are compared to 9 digits: sums of floats differ beyond that between numbers of threads."""

    room: int
    """How many are kept."""
    seen: int = 0
    """How many were offered."""
    kept: dict[str, Array] = field(default_factory=dict)
    """Columns `item`, `draw`, `score` and what else came with the items, best first."""

    def offer(self, score: Array, columns: dict[str, Array]) -> None:
        """Take the items of one batch: their `score` (higher is better; NaN or -inf: not wanted) and `columns`, `item` and `draw` among them."""
        import numpy as np

        wanted = np.isfinite(score)
        self.seen += int(wanted.sum())
        if not self.room or not wanted.any():
            return
        fresh = {name: column[wanted] for name, column in columns.items()}
        fresh["score"] = np.round(score[wanted], DIGITS) + 0.0
        if self.kept:
            fresh = {name: np.concatenate([self.kept[name], column]) for name, column in fresh.items()}
        if len(fresh["score"]) > 4 * self.room:  # names are compared as texts, which is slow
            bar = -np.partition(-fresh["score"], self.room)[self.room]
            above = fresh["score"] >= bar
            fresh = {name: column[above] for name, column in fresh.items()}
        order = np.lexsort((fresh["item"].astype(str), fresh["draw"], -fresh["score"]))[: self.room]
        self.kept = {name: column[order] for name, column in fresh.items()}

    def __len__(self) -> int:
        return len(self.kept["item"]) if self.kept else 0


def weighted_keys(weight: Array, draw: Array) -> Array:
    """Return keys whose largest are a random sample without replacement with chances by `weight`; -inf where it is 0.

    `draw` are uniform integers below 2^64, one for each item, so that the sample depends on the seed and the items alone. Source: P. S.
    Efraimidis and P. G. Spirakis, Weighted random sampling with a reservoir, Information Processing Letters 97 (2006), algorithm A.
    """
    import numpy as np

    uniform = (draw.astype(np.float64) + 0.5) / 2.0**64
    with np.errstate(divide="ignore"):
        return np.where(weight > 0, np.log(uniform) / np.where(weight > 0, weight, 1.0), -np.inf)
