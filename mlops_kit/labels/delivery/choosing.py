"""Which items go out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mlops_kit.labels.delivery.model import Manifest
from mlops_kit.spec.kinds import JsonValue
from mlops_kit.spec.labels import Queue


@dataclass(frozen=True)
class Known:
    """What is known of the items of a task from accepted events."""

    answers: Mapping[str, int]
    """Item -> number of people who answered; `cannot tell` is an answer."""
    gold: Collection[str]
    """Items whose answer is known to be right."""
    decided: Collection[str]
    """Items that an adjudication or gold decides."""


@dataclass(frozen=True)
class Choice:
    """The items that go out."""

    items: tuple[str, ...]
    """In the order in which they are to be labelled."""
    gold: int = 0
    """How many of them are gold questions."""
    waiting: int = 0
    """How many were left out because another export holds them."""
    gone: int = 0
    """How many were left out because they are no items any more."""
    suggestions: Mapping[str, tuple[JsonValue, float | None]] = field(default_factory=dict)
    """Item -> the model's answer and its probability."""


def choose_open(
    wanted: Sequence[str],
    there: Collection[str],
    known: Known,
    out: Sequence[Manifest],
    votes: int,
    *,
    budget: int | None = None,
    again: Collection[str] = (),
) -> Choice:
    """Return those of `wanted` that are `there` and lack answers, counting the open exports `out` as answers that will come; at most `budget`.

    Gold questions among `wanted` stay: they ask about the annotator, not the item. So do those of `again`, which are to be answered once more
    although they have their answers.
    """
    coming = Counter(item for manifest in out for item in manifest.items)
    kept: list[str] = []
    waiting = gone = 0
    for item in wanted:
        if budget is not None and len(kept) == budget:
            break
        if item not in there:
            gone += 1
        elif item in known.gold:
            kept.append(item)
        elif item in again:
            waiting += bool(coming[item])
            kept += [item] * (not coming[item])
        elif item in known.decided or known.answers.get(item, 0) >= votes:
            continue
        elif known.answers.get(item, 0) + coming[item] >= votes:
            waiting += 1
        else:
            kept.append(item)
    return Choice(tuple(kept), waiting=waiting, gone=gone)


def blend_gold(choice: Choice, gold: Mapping[str, str], queue: Queue, budget: int | None) -> Choice:
    """Return the choice with as many gold questions as `queue.gold` asks for, at places that nobody can guess.

    The places come from a hash of the seed and the item, so that the same choice gives the same file. Within `budget`, gold takes places.
    """
    ordinary = [item for item in choice.items if item not in gold]
    room = len(ordinary) if budget is None else budget
    many = min(len(gold), round(room * queue.gold)) if ordinary else 0
    drawn = sorted(gold, key=lambda item: _draw(queue.seed, ("gold", *ordinary[:1], item)))[:many]
    ordinary = ordinary[: len(ordinary) if budget is None else max(0, budget - many)]
    total = len(ordinary) + many
    places = sorted(range(total), key=lambda at: _draw(queue.seed, ("place", *ordinary[:1], str(at))))[:many]
    blended, known, rest = [], iter(drawn), iter(ordinary)
    at_gold = set(places)
    for at in range(total):
        blended.append(next(known) if at in at_gold else next(rest))
    return replace(choice, items=tuple(blended), gold=many)


def _draw(seed: int, said: tuple[str, ...]) -> str:
    return hashlib.sha256("\x1f".join((str(seed), *said)).encode()).hexdigest()
