"""Who is asked what next: pure bookkeeping of one server, without files and clocks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mlops_kit.labels.queue.model import Prelabel
from mlops_kit.spec.kinds import JsonValue

LEASE_SECONDS = 600.0
"""How long an item that somebody looks at is kept from the others."""


@dataclass(frozen=True)
class Asked:
    """One item as it is shown."""

    item: str
    """Name of the item."""
    content: str
    """Hash of what is shown."""
    cells: Sequence[tuple[str, str | None]] = ()
    """Column and the text of its value, None where it is missing, in the order of the task's `show`."""
    text: str | None = None
    """The text that spans are marked in."""
    has_image: bool = False
    """Whether there is an image."""
    prelabel: Prelabel | None = None
    """What the model would answer."""
    votes: Sequence[tuple[str, JsonValue]] = ()
    """Annotator and answer of the earlier votes: for who adjudicates, empty for everybody else."""


@dataclass(frozen=True)
class Given:
    """An annotator's last answer for an item."""

    id: str
    """Id of the event."""
    value: JsonValue
    """The answer; None for who cannot tell."""
    taken_back: bool = False
    """Whether it was taken back and nothing stands in its place."""


@dataclass
class Slot:
    """One item that is asked about, and how far it is."""

    asked: Asked
    """The item."""
    wanted: int | None
    """How many answers it needs here; None: one of everybody."""
    counted: set[str] = field(default_factory=set)
    """Annotators whose answers count towards `wanted`."""
    done: set[str] = field(default_factory=set)
    """Annotators who are not asked again."""
    given: dict[str, Given] = field(default_factory=dict)
    """Annotator -> last answer, of this server or before."""
    holder: str = ""
    """Who looks at it now."""
    until: float = 0.0
    """When that ends."""
    usual: int = 1
    """After how many answers it counts as complete where nobody may see that everybody is asked: as many as other items get."""

    def is_complete(self) -> bool:
        """Return whether it has the answers that it needs, as far as annotators see: a gold question counts like every other item."""
        return len(self.counted) >= (self.usual if self.wanted is None else self.wanted)

    def is_free(self, annotator: str, now: float) -> bool:
        """Return whether `annotator` can be asked at the time `now`: has not answered, and is not one too many."""
        if annotator in self.done:
            return False
        if self.wanted is None:
            return True
        waiting = bool(self.holder) and self.holder != annotator and self.until > now
        return len(self.counted) + waiting < self.wanted


class Board:
    """Items in the order of work, who holds which, and what was put off. Times are seconds of any clock that only goes forward."""

    def __init__(self) -> None:
        self.slots: dict[str, Slot] = {}
        self._later: dict[str, dict[str, None]] = {}
        self._held: dict[str, str] = {}

    def add(self, slots: Iterable[Slot]) -> None:
        """Add items behind those that are there; one that is there already stays as it is."""
        for slot in slots:
            self.slots.setdefault(slot.asked.item, slot)

    def next_for(self, annotator: str, now: float) -> Slot | None:
        """Give `annotator` the next item, the same again until it is answered or put off; None when there is none.

        With `wanted` of one nobody else gets it for LEASE_SECONDS. What was put off comes when nothing else is left.
        """
        later = self._later.setdefault(annotator, {})
        held = self._held.get(annotator)
        if held is not None and self.slots[held].is_free(annotator, now):
            return self._hold(self.slots[held], annotator, now)
        free = (slot for slot in self.slots.values() if slot.is_free(annotator, now))
        chosen = next((slot for slot in free if slot.asked.item not in later), None)
        if chosen is None:
            names = [name for name in later if self.slots[name].is_free(annotator, now)]
            chosen = self.slots[names[0]] if names else None
        return self._hold(chosen, annotator, now) if chosen else None

    def put_off(self, annotator: str, item: str) -> None:
        """Ask `annotator` about `item` after everything else."""
        later = self._later.setdefault(annotator, {})
        later.pop(item, None)
        later[item] = None
        self._let_go(annotator)

    def record(self, annotator: str, item: str, given: Given) -> None:
        """Note an answer: `given` stands in place of what the annotator said before."""
        slot = self.slots[item]
        slot.given[annotator] = given
        slot.counted.discard(annotator)
        slot.done.discard(annotator)
        if not given.taken_back:
            slot.done.add(annotator)
            if given.value is not None:
                slot.counted.add(annotator)
        self._later.setdefault(annotator, {}).pop(item, None)
        self._let_go(annotator)

    def show_again(self, annotator: str, item: str, now: float) -> Slot:
        """Give `annotator` this item next, whose answer was taken back."""
        self._let_go(annotator)
        return self._hold(self.slots[item], annotator, now)

    def complete(self) -> int:
        """Return how many items have all answers that they need."""
        return sum(slot.is_complete() for slot in self.slots.values())

    def _hold(self, slot: Slot, annotator: str, now: float) -> Slot:
        if self._held.get(annotator) not in (None, slot.asked.item):
            self._let_go(annotator)
        self._held[annotator] = slot.asked.item
        if not slot.holder or slot.holder == annotator or slot.until <= now:
            slot.holder, slot.until = annotator, now + LEASE_SECONDS
        return slot

    def _let_go(self, annotator: str) -> None:
        held = self._held.pop(annotator, None)
        if held is not None and self.slots[held].holder == annotator:
            self.slots[held].holder, self.slots[held].until = "", 0.0
