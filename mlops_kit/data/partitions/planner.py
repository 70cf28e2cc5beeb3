"""What is new: the manifest against what a source offers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mlops_kit.data.manifest import PartitionLine
from mlops_kit.data.partitions.source import Offer
from mlops_kit.errors import BadDataError


class Standing(StrEnum):
    """How an offer stands to the manifest, as far as that can be told without fetching it."""

    NEW = "new"
    """Nothing of it was fetched before."""
    UNCHANGED = "unchanged"
    """It is what was fetched, by its identity."""
    CHANGED = "changed"
    """It was fetched, and has another identity now: it has to be fetched again to see whether its rows are other ones."""
    OLDER = "older"
    """It was not fetched, and is older than `--since`."""


class Outcome(StrEnum):
    """What a partition that was fetched comes to."""

    ADDED = "added"
    """A new partition."""
    SAME = "same"
    """The very bytes of the manifest."""
    REWRITTEN = "rewritten"
    """Other bytes under a name that the manifest has; not accepted."""
    ACCEPTED = "accepted"
    """Other bytes under a name that the manifest has, and the user said that they replace the old ones."""


@dataclass(frozen=True)
class PlannedOffer:
    """One offer and what is to be done with it."""

    offer: Offer
    standing: Standing
    before: tuple[PartitionLine, ...] = ()
    """Partitions that came of it earlier."""

    @property
    def to_fetch(self) -> bool:
        """Return whether it has to be fetched."""
        return self.standing in (Standing.NEW, Standing.CHANGED)


@dataclass(frozen=True)
class FetchPlan:
    """What one run of `acquire` is going to do with one source."""

    offers: tuple[PlannedOffer, ...]
    """What the source offers, by name."""
    gone: tuple[PartitionLine, ...] = ()
    """Partitions that the source no longer offers. They are kept."""

    @property
    def to_fetch(self) -> tuple[PlannedOffer, ...]:
        """Return what has to be fetched."""
        return tuple(planned for planned in self.offers if planned.to_fetch)


def plan_fetch(
    lines: Mapping[str, Sequence[PartitionLine]],
    offers: Iterable[Offer],
    *,
    complete: bool,
    since: str = "",
    refetch: frozenset[str] = frozenset(),
) -> FetchPlan:
    """Return what is new.

    `lines` holds the manifest by the name of the offer that each partition came of, `complete` says whether a partition without an offer has
    gone, new offers with a smaller name than `since` are left out, and those of which a partition is in `refetch` count as changed.
    Raises BadDataError when two offers have one name, also if only upper and lower case differ: they would be one file on some systems.
    """
    by_name: dict[str, Offer] = {}
    folded: dict[str, Offer] = {}
    for offer in offers:
        other = folded.setdefault(offer.name.casefold(), offer)
        if other is not offer:
            raise BadDataError(
                f"{other.source} and {offer.source} would both be partition `{offer.name}`",
                fix="rename one, or acquire them by two stages",
            )
        by_name[offer.name] = offer
    planned = tuple(
        _stand(by_name[name], tuple(lines.get(name, ())), since, refetch) for name in sorted(by_name)
    )
    gone = [line for name, found in lines.items() for line in found if name not in by_name]
    return FetchPlan(planned, tuple(sorted(gone, key=lambda line: line.partition)) if complete else ())


def _stand(
    offer: Offer, before: tuple[PartitionLine, ...], since: str, refetch: frozenset[str]
) -> PlannedOffer:
    if not before:
        older = bool(since) and not offer.cursor_to and offer.name < since
        return PlannedOffer(offer, Standing.OLDER if older else Standing.NEW)
    same = not offer.origin or any(
        line.origin == offer.origin and line.query == offer.query for line in before
    )
    wanted = any(line.partition in refetch for line in before)
    return PlannedOffer(offer, Standing.UNCHANGED if same and not wanted else Standing.CHANGED, before)


def judge_partition(
    fetched: PartitionLine, before: PartitionLine | None, accepted: frozenset[str]
) -> Outcome:
    """Return what a partition that was fetched comes to; `accepted` names those whose history may be rewritten."""
    if before is None:
        return Outcome.ADDED
    if (fetched.sha256, fetched.rejects_md5) == (before.sha256, before.rejects_md5):
        return Outcome.SAME
    return Outcome.ACCEPTED if fetched.partition in accepted else Outcome.REWRITTEN
