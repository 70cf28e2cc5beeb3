"""One server's work: what each annotator is asked next, and every answer on the disk before anybody is told that it is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from time import monotonic
from types import TracebackType

from mlops_kit import __version__
from mlops_kit.errors import BadDataError, OutsideError, UsageError
from mlops_kit.labels.asking.board import Asked, Board, Given, Slot
from mlops_kit.labels.asking.items import TAKEN_BACK, Items
from mlops_kit.labels.events.model import LabelEvent
from mlops_kit.labels.events.values import value_fault
from mlops_kit.labels.guidelines import read_guidelines
from mlops_kit.project.labelling.serve.images import find_image
from mlops_kit.project.labelling.store import append_event
from mlops_kit.spec.kinds import JsonValue

TOOL = f"mlops-kit {__version__} label serve"
WITH_PRELABEL = f"{TOOL}, pre-label shown"
LONGEST_REASON = 2000
MOST_SECONDS = 86_400.0


class ConflictError(UsageError):
    """The answer does not fit what was answered before, or what is shown now."""


class UnknownItemError(UsageError):
    """There is no such item here."""


@dataclass(frozen=True)
class Reply:
    """An answer as it came from the page."""

    item: str
    """Name of the item."""
    value: JsonValue
    """The answer; None for who cannot tell."""
    content: str | None = None
    """Hash of what was shown."""
    seconds: float | None = None
    """How long it took."""
    confidence: float | None = None
    """How sure the annotator is, 0 to 1."""
    reason: str | None = None
    """The annotator's comment."""
    guideline: str | None = None
    """Version of the guidelines that was shown."""
    supersedes: str | None = None
    """Id of the annotator's own answer that this one replaces; without it an answer to what was answered is a conflict."""


@dataclass(frozen=True)
class Taken:
    """An answer that is on the disk."""

    event: str
    """Id of the event."""
    fresh: bool
    """Whether it was written now; False for the same answer once more."""


@dataclass(frozen=True)
class Progress:
    """How far the work is."""

    total: int
    """Items that are asked about: those of the queue, or all that were open at the start."""
    complete: int
    """Items that have all answers they need, of those that were looked at."""
    own: int
    """Answers of this annotator that stand, since the server started."""


class _Door:
    """A lock that can be closed for good, after whoever is inside has left."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._closed = False

    def __enter__(self) -> None:
        self._lock.acquire()
        if self._closed:
            self._lock.release()
            raise OutsideError("the server is ending", fix="mlops-kit label serve")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def close(self) -> None:
        with self._lock:
            self._closed = True


class LabelSession:
    """Answers the page's questions; from several threads, one after the other."""

    def __init__(
        self,
        items: Items,
        batches: Mapping[str, str],
        *,
        prelabels: bool = True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.items = items
        self.batches = batches
        self.prelabels = prelabels
        self._now = now
        self._last = datetime.min.replace(tzinfo=UTC)
        self._board = Board()
        self._board.add(items.more())
        self._history = {name: items.earlier(name) for name in batches}
        self._own = dict.fromkeys(batches, 0)
        self._lock = _Door()

    def next(self, annotator: str) -> Asked | None:
        """Return what `annotator` is asked now; the same again until it is answered or put off; None when nothing is left."""
        with self._lock:
            slot = self._board.next_for(annotator, monotonic())
            while slot is None and (more := self.items.more()):
                self._board.add(more)
                slot = self._board.next_for(annotator, monotonic())
            return slot.asked if slot else None

    def answer(self, annotator: str, reply: Reply) -> Taken:
        """Write an answer; it is on the disk when this returns. The same answer once more changes nothing.

        Raises BadDataError for a value that the task does not take, UnknownItemError, and ConflictError where the annotator has answered
        something else and `supersedes` does not name that, or what is shown has changed.
        """
        with self._lock:
            slot = self._slot(reply.item)
            self._check(slot, reply)
            before = slot.given.get(annotator)
            if before is not None and not before.taken_back and annotator in slot.done:
                if before.value == reply.value and reply.supersedes in (None, before.id):
                    return Taken(before.id, fresh=False)
                if reply.supersedes != before.id:
                    raise ConflictError(
                        f"{annotator} has answered this item already",
                        fix=f"take it back, or send supersedes: {before.id}",
                    )
            return Taken(self._write(annotator, slot, reply, before), fresh=True)

    def undo(self, annotator: str) -> tuple[Asked, JsonValue] | None:
        """Take the annotator's last answer back, and ask about the item again; return the item and what was said, None when there is none.

        Answers of earlier runs are taken back likewise, the newest first.
        """
        with self._lock:
            if not self._history[annotator]:
                return None
            item, said = self._history[annotator][-1]
            slot = self._slot(item)
            event = self._event(annotator, slot, None, supersedes=said.id, reason=TAKEN_BACK)
            id = append_event(self.items.pool.root, self.batches[annotator], event)  # noqa: A001 - the word
            self._history[annotator].pop()
            self._own[annotator] = max(0, self._own[annotator] - 1)
            self._board.record(annotator, item, Given(id, None, taken_back=True))
            return self._board.show_again(annotator, item, monotonic()).asked, said.value

    def put_off(self, annotator: str, item: str) -> None:
        """Ask about `item` later. Nothing is written. Raises UnknownItemError."""
        with self._lock:
            self._slot(item)
            self._board.put_off(annotator, item)

    def guideline(self) -> str | None:
        """Return the version of the guidelines as the file is now; None without one. Raises SpecError for a file that cannot be used."""
        found = read_guidelines(self.items.pool.root, self.items.pool.task.guidelines)
        return found.version if found else None

    def progress(self, annotator: str) -> Progress:
        """Return how far the work is."""
        with self._lock:
            return Progress(self.items.total, self._board.complete(), self._own[annotator])

    def image(self, item: str) -> tuple[str, bytes] | None:
        """Return media type and bytes of an item's image. Raises UnknownItemError for an item that nobody is asked about."""
        with self._lock:
            self._slot(item)
            return find_image(self.items.pool.root, self.items.image(item))

    def close(self) -> dict[str, int]:
        """Let the answer that is being written end, and take no other; return annotator -> answers of this run that stand."""
        self._lock.close()
        return dict(self._own)

    def _slot(self, item: str) -> Slot:
        if item not in self._board.slots:
            one = self.items.one(item)
            if one is None:
                raise UnknownItemError(f"no item `{item[:100]}` is asked about here")
            self._board.add([one])
        return self._board.slots[item]

    def _check(self, slot: Slot, reply: Reply) -> None:
        try:
            fault = value_fault(self.items.pool.task, reply.value)
        except OverflowError:  # a whole number with hundreds of digits
            raise BadDataError("the number is too large") from None
        if fault is not None:
            raise BadDataError(f"this is no answer to `{self.items.pool.name}`: {fault[1]}")
        if reply.content is not None and reply.content != slot.asked.content:
            raise ConflictError("what is shown has changed since", fix="load the page again")
        for name, value, most in (
            ("seconds", reply.seconds, float("inf")),
            ("confidence", reply.confidence, 1.0),
        ):
            if value is not None and not 0 <= value <= most:
                raise BadDataError(f"{name} is {value}, which it cannot be")
        if slot.asked.text is not None and isinstance(reply.value, list):
            ends = [part.get("end") for part in reply.value if isinstance(part, dict)]
            if any(isinstance(end, int) and end > len(slot.asked.text) for end in ends):
                raise BadDataError(f"a span ends after the text, which has {len(slot.asked.text)} characters")

    def _write(self, annotator: str, slot: Slot, reply: Reply, before: Given | None) -> str:
        event = self._event(
            annotator,
            slot,
            reply.value,
            supersedes=before.id if before else None,
            reason=(reply.reason or "").strip()[:LONGEST_REASON] or None,
            reply=reply,
        )
        id = append_event(self.items.pool.root, self.batches[annotator], event)  # noqa: A001 - the word
        given = Given(id, reply.value)
        self._board.record(annotator, slot.asked.item, given)
        history = [entry for entry in self._history[annotator] if entry[0] != slot.asked.item]
        self._own[annotator] += 1
        self._history[annotator] = [*history, (slot.asked.item, given)]
        return id

    def _event(
        self,
        annotator: str,
        slot: Slot,
        value: JsonValue,
        *,
        supersedes: str | None,
        reason: str | None,
        reply: Reply | None = None,
    ) -> LabelEvent:
        pool = self.items.pool
        known = pool.labelling.annotators.get(annotator)
        shown = self.prelabels and slot.asked.prelabel is not None
        seconds = reply.seconds if reply else None
        return LabelEvent(
            item=slot.asked.item,
            task=pool.name,
            value=value,
            annotator=annotator,
            time=self._time(),
            source=known.source if known else "person",
            role=self.items.role,
            content=slot.asked.content,
            confidence=reply.confidence if reply else None,
            seconds=None if seconds is None else round(min(seconds, MOST_SECONDS), 1),
            guideline=(reply.guideline if reply else None) or self.guideline(),
            batch=self.batches[annotator],
            tool=WITH_PRELABEL if shown else TOOL,
            supersedes=supersedes,
            reason=reason,
        )

    def _time(self) -> str:
        """Return the time as events have it; no two are the same, so that the order of one annotator's answers is known."""
        now = self._now().astimezone(UTC)
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        self._last = max(now, self._last + timedelta(milliseconds=1)) if self._last.year > 1 else now
        return self._last.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self._last.microsecond // 1000:03d}Z"
