"""From batches of items to the queue: every strategy keeps its best, places go round by shares, gold questions take some of them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from mlops_kit.labels.queue import pool
from mlops_kit.labels.queue.diversity import fit_encoding, pick_centers
from mlops_kit.labels.queue.model import Pick, Prelabel, QueuedItem
from mlops_kit.labels.queue.ranking import Shelf, weighted_keys
from mlops_kit.labels.queue.regions import drift_weight, slice_weight
from mlops_kit.labels.queue.scores import Scorer, Scores
from mlops_kit.labels.queue.shares import apportion, interleave, spread

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Array = np.ndarray[Any, Any]

SAMPLE = 20_000
"""Most items among which `diverse` chooses: its cost grows with items times places."""
KNOWN = 2_000
"""Most answered items from which `diverse` keeps its distance."""
POINT = "point "
FIRST = ("random", "review", "disagreeing", "mislabelled", "uncertain", "diverse", "drifted", "slices")
"""Who chooses first, where two want one item. `random` does, so that it is a fair sample, by which the others are judged; then the rare ones."""


@dataclass(frozen=True, eq=False)
class Signals:
    """What strategies go by, beside the items themselves."""

    scorer: Scorer | None = None
    """The model."""
    features: tuple[str, ...] = ()
    """Columns that make points of rows for `diverse`."""
    slices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Column -> value -> weight (`regions.failing_slices`)."""
    drifted: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Column -> bin -> ratio (`regions.drifted_columns`)."""
    mislabelled: Mapping[str, float] = field(default_factory=dict)
    """Item -> how likely its label is wrong."""
    review: frozenset[str] = frozenset()
    """Items that a change of the guidelines asks to look at again."""
    prelabels: bool = True
    """Whether the model's answers go along."""


@dataclass(frozen=True)
class Wanted:
    """How long the queue is, and what it is made of."""

    budget: int
    """Places."""
    shares: Mapping[str, float]
    """Strategy -> share."""
    gold: float
    """Share of gold questions."""
    seed: int
    """Decides which places they take."""


@dataclass(frozen=True)
class Picked:
    """The queue and where it came from."""

    picks: tuple[Pick, ...]
    found: Mapping[str, int]
    """Strategy -> how many it could have taken."""
    taken: Mapping[str, int]
    """Strategy -> places."""


def pick_items(frames: Iterable[pd.DataFrame], wanted: Wanted, signals: Signals) -> Picked:
    """Return the queue from `frames` of items (`pool.Pool.frames`), in any order and any batches: the same items give the same queue."""
    shelves = {name: Shelf(SAMPLE if name == "diverse" else wanted.budget) for name in FIRST}
    known, golden = Shelf(KNOWN), Shelf(wanted.budget)
    for frame in frames:
        columns = _columns(frame, signals)
        # Rows, from which `diverse` makes points when all have been seen.
        points = columns | {f"{POINT}{name}": frame[name].to_numpy() for name in signals.features}
        for name, score in _strategies(frame, columns, signals).items():
            shelves[name].offer(score, points if name == "diverse" else columns)
        answers, gold = frame[pool.ANSWERS].to_numpy().astype(float), frame[pool.GOLD].to_numpy().astype(bool)
        known.offer(
            _when(
                ((answers > 0) | gold) & frame[pool.HERE].to_numpy().astype(bool),
                -columns["draw"].astype(float),
            ),
            points,
        )
        golden.offer(_when(gold, -answers), columns)
    gold_places = min(round(wanted.gold * wanted.budget), len(golden))
    counts = apportion(wanted.budget - gold_places, wanted.shares)
    chosen = _Choice(shelves, known, signals).choose(counts)
    picks = _with_gold(_in_turn(chosen, signals), _rows(golden)[:gold_places], wanted, signals)
    taken = {name: sum(pick.item.strategy == name for pick in picks) for name in wanted.shares}
    found = {name: shelves[name].seen for name in wanted.shares}
    return Picked(tuple(picks), found, taken)


def _columns(frame: pd.DataFrame, signals: Signals) -> dict[str, Array]:
    """Return what the shelves keep of each item."""
    import numpy as np

    rows = len(frame)
    here = frame[pool.HERE].to_numpy().astype(bool)
    scores = signals.scorer(frame[here]) if signals.scorer and here.any() else None
    made = {
        "item": frame[pool.ITEM].to_numpy(dtype=object),
        "content": frame[pool.CONTENT].to_numpy(dtype=object),
        "draw": frame[pool.DRAW].to_numpy().astype(np.uint64),
        "open": frame[pool.OPEN].to_numpy().astype(bool),
        "value": np.full(rows, None, dtype=object),
        "probability": np.full(rows, np.nan),
        "doubt": np.full(rows, np.nan),
    }
    if scores is not None:
        _note(scores, here, made)
    return made


def _note(scores: Scores, here: Array, made: dict[str, Array]) -> None:
    """Put what the model says of the rows that are `here` into the columns of all."""
    made["probability"][here] = scores.probability
    if scores.values is not None:
        made["value"][here] = scores.values
    if scores.uncertainty is not None:
        made["doubt"][here] = scores.uncertainty


def _strategies(frame: pd.DataFrame, columns: Mapping[str, Array], signals: Signals) -> dict[str, Array]:
    """Return strategy -> score of each item, -inf where it is no candidate."""
    import numpy as np

    free, draw = columns["open"], columns["draw"]
    here = frame[pool.HERE].to_numpy().astype(bool)
    chance = -(draw.astype(np.float64) / 2.0**64)
    decided = frame[pool.DECIDED].to_numpy().astype(bool)
    dispute = frame[pool.DISPUTE].to_numpy().astype(float)
    made = {
        "random": _when(free, chance),
        "uncertain": _when(free & np.isfinite(columns["doubt"]), columns["doubt"]),
        "disagreeing": _when(dispute > 0, dispute),
    }
    if signals.features:
        made["diverse"] = _when(free & here, chance)
    if signals.slices:
        made["slices"] = _when(free & here, weighted_keys(slice_weight(frame, signals.slices), draw))
    if signals.drifted:
        made["drifted"] = _when(free & here, weighted_keys(drift_weight(frame, signals.drifted), draw))
    if signals.mislabelled:
        suspect = frame[pool.ITEM].map(signals.mislabelled).fillna(-np.inf).to_numpy(dtype=float)
        made["mislabelled"] = _when(~decided, suspect)
    if signals.review:
        asked = frame[pool.ITEM].isin(signals.review).to_numpy() & ~frame[pool.GOLD].to_numpy().astype(bool)
        made["review"] = _when(asked, chance)
    return made


def _when(condition: Array, score: Array) -> Array:
    import numpy as np

    return np.where(condition, score, -np.inf)


@dataclass(frozen=True, eq=False)
class _Choice:
    """What every strategy gets, none of them what another has."""

    shelves: Mapping[str, Shelf]
    known: Shelf
    signals: Signals
    taken: set[str] = field(default_factory=set)

    def choose(self, counts: Mapping[str, int]) -> dict[str, list[_Row]]:
        """Return strategy -> its rows, at most `counts` of them; what one finds too few of goes to `random`, and then to whoever has more."""
        chosen = {name: self._take(name, counts.get(name, 0)) for name in FIRST}
        left = sum(counts.values()) - sum(map(len, chosen.values()))
        for name in ("random", *(name for name in FIRST[1:] if counts.get(name))):
            more = self._take(name, left)
            chosen[name] += more
            left -= len(more)
        return {name: rows for name, rows in chosen.items() if rows}

    def _take(self, name: str, number: int) -> list[_Row]:
        if number <= 0:
            return []
        rows = [row for row in _rows(self.shelves[name]) if row["item"] not in self.taken]
        if name == "diverse" and rows:
            rows = self._spread_out(rows, number)
        self.taken.update(row["item"] for row in rows[:number])
        return rows[:number]

    def _spread_out(self, rows: list[_Row], number: int) -> list[_Row]:
        frame, known = self._points(rows), self._points(_rows(self.known))
        encoding = fit_encoding(frame)
        centers = pick_centers(encoding.points(frame), number, encoding.points(known) if len(known) else None)
        return [rows[place] | {"score": float("nan")} for place in centers.tolist()]

    def _points(self, rows: list[_Row]) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame({name: [row[f"{POINT}{name}"] for row in rows] for name in self.signals.features})


_Row: TypeAlias = dict[str, Any]


def _rows(shelf: Shelf) -> list[_Row]:
    columns = {name: column.tolist() for name, column in shelf.kept.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _in_turn(chosen: Mapping[str, list[_Row]], signals: Signals) -> list[Pick]:
    order = interleave({name: len(rows) for name, rows in chosen.items()})
    waiting = {name: iter(rows) for name, rows in chosen.items()}
    return [_pick(next(waiting[name]), name, signals) for name in order]


def _with_gold(picks: list[Pick], gold: list[_Row], wanted: Wanted, signals: Signals) -> list[Pick]:
    """Return the queue with gold questions among the others, each under the strategy of its neighbour."""
    size = len(picks) + len(gold)
    draws = [
        int(hashlib.md5(f"{wanted.seed}:gold:{place}".encode(), usedforsecurity=False).hexdigest(), 16)
        for place in range(size)
    ]
    places = spread(size, len(gold), draws)
    ordinary, golden, made = iter(picks), iter(gold), list[Pick]()
    names = interleave(
        {
            name: sum(pick.item.strategy == name for pick in picks)
            for name in {pick.item.strategy for pick in picks}
        }
    )
    for place in range(size):
        if place in places:
            neighbour = (
                names[min(len(names) - 1, place - sum(before < place for before in places))]
                if names
                else "random"
            )
            made.append(replace(_pick(next(golden), neighbour, signals), gold=True, score=None))
        else:
            made.append(next(ordinary))
    return made


def _pick(row: _Row, strategy: str, signals: Signals) -> Pick:
    prelabel = None
    if signals.prelabels and row["value"] is not None:
        sure = row["probability"]
        prelabel = Prelabel(row["value"], round(sure, 4) if math.isfinite(sure) else None)
    ranked = strategy in ("uncertain", "disagreeing", "mislabelled") and math.isfinite(row["score"])
    item = QueuedItem(row["item"], row["content"], strategy, prelabel)
    return Pick(item, round(row["score"], 6) if ranked else None)
