"""The test by which a delivery becomes part of the truth, or does not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal, TypeAlias

from mlops_kit.labels.agreement.interval import Estimate, wilson
from mlops_kit.labels.delivery.measures import alpha
from mlops_kit.labels.delivery.sameness import agrees, said
from mlops_kit.labels.events.model import LabelEvent
from mlops_kit.spec.kinds import JsonValue
from mlops_kit.spec.labels import Acceptance, LabelTask

Verdict: TypeAlias = Literal["pass", "fail", "unknown", "told"]
FEW = 20
"""Answers of one annotator below which nothing is said about their pattern."""
UNLIKELY = 1e-6
"""Probability below which a pattern of answers is taken for no accident."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    """`gold`, `agreement within`, `agreement with earlier votes`, `complete`, `hasty`, `one answer`, `copied`, `duplicates`, `cannot tell`, `gold of NAME`."""
    verdict: Verdict
    """`pass`; `fail` rejects the delivery; `unknown`: a bound that could not be judged; `told`: there is no bound."""
    why: str
    """In words, with numbers."""
    value: float | None = None
    """The figure."""
    low: float | None = None
    """Lower end of its 95 % interval."""
    high: float | None = None
    """Upper end."""
    bound: float | None = None
    """What labels.yaml asks for."""
    count: int = 0
    """How many answers or items it was computed from."""


@dataclass(frozen=True)
class Evidence:
    """What a delivery is judged by."""

    answers: Sequence[LabelEvent]
    """The delivery, in the order of its files, all of it: duplicates too."""
    exported: Collection[str]
    """Items that went out; empty when nobody knows."""
    gold: Mapping[str, JsonValue]
    """Item -> right answer."""
    earlier: Sequence[LabelEvent]
    """Votes that count so far for these items, of other deliveries."""
    balance: Mapping[str, int] = field(default_factory=dict)
    """Answer, as `said` writes it -> how many votes of other deliveries give it, for any item of the task."""
    partial: bool = False
    """Whether more will come, so that nobody asks whether it is complete."""


def judge(task: LabelTask, evidence: Evidence) -> tuple[Check, ...]:
    """Return what the delivery was found to be, check by check, by the bounds of `task.acceptance`; pure."""
    newest = _newest(evidence.answers)
    bounds = task.acceptance
    return (
        *_gold(task, newest, evidence.gold),
        *_agreement(task, newest, evidence),
        *_complete(bounds, newest, evidence),
        *_hasty(bounds, newest),
        *_one_answer(newest, evidence.balance),
        *_copied(newest),
        *_repeated(evidence.answers),
    )


def is_accepted(checks: Sequence[Check]) -> bool:
    """Return whether no check failed."""
    return all(check.verdict != "fail" for check in checks)


def why_rejected(checks: Sequence[Check]) -> str:
    """Return in words what failed, with the figures; empty when nothing did."""
    return "; ".join(map(_in_words, (check for check in checks if check.verdict == "fail")))


def _in_words(check: Check) -> str:
    if check.value is None or check.bound is None or check.name == "one answer":
        return check.why
    side = "at most" if check.name == "hasty" else "at least"
    return f"{check.name} {check.value:.3g} ({side} {check.bound:g} is asked for): {check.why}"


def _newest(answers: Sequence[LabelEvent]) -> list[LabelEvent]:
    """Return one answer of each annotator for each item: the newest by (time, id), as everywhere."""
    kept: dict[tuple[str, str], LabelEvent] = {}
    for each in answers:
        known = kept.get((each.item, each.annotator))
        if known is None or (each.time, each.id) > (known.time, known.id):
            kept[each.item, each.annotator] = each
    return [kept[key] for key in sorted(kept)]


def _gold(task: LabelTask, answers: Sequence[LabelEvent], gold: Mapping[str, JsonValue]) -> Iterator[Check]:
    bounds = task.acceptance
    tested = [(each, agrees(task, each.value, gold[each.item])) for each in answers if each.item in gold]
    found = wilson(sum(right for _, right in tested), len(tested))
    if bounds.min_gold is not None:
        low, few = bounds.min_gold, len(tested) < bounds.min_gold_items
        why = f"{len(tested)} gold answers" + (
            f", fewer than {bounds.min_gold_items}" if few else " are right by that share"
        )
        yield _bounded("gold", found, low, why, judged=not few)
    by_annotator: dict[str, list[bool]] = defaultdict(list)
    for each, right in tested:
        by_annotator[each.annotator].append(right)
    if len(by_annotator) > 1:
        for name, rights in sorted(by_annotator.items()):
            yield _told(
                f"gold of {name}",
                f"{sum(rights)} of {len(rights)} gold answers are right",
                wilson(sum(rights), len(rights)),
            )


def _agreement(task: LabelTask, answers: Sequence[LabelEvent], evidence: Evidence) -> Iterator[Check]:
    bounds, numbers = task.acceptance, task.type == "number"
    given = [(each.item, each.value) for each in answers if each.value is not None]
    items, own = {item for item, _ in given}, {(each.item, each.annotator) for each in answers}
    earlier = [
        (each.item, each.value)
        for each in _newest(evidence.earlier)
        if each.value is not None and each.item in items and (each.item, each.annotator) not in own
    ]
    shared = {item for item, _ in earlier}
    within = alpha(given, numbers=numbers)
    across = (
        alpha([*(one for one in given if one[0] in shared), *earlier], numbers=numbers) if earlier else None
    )
    for name, found, why in (
        ("agreement within", within, "items that several annotators of the delivery answered"),
        ("agreement with earlier votes", across, "items that had votes before"),
    ):
        if bounds.min_agreement is None:
            if found is not None:
                yield _told(name, f"Krippendorff's alpha over {found.items} {why}", found)
        else:
            judged = found is not None
            text = (
                f"Krippendorff's alpha over {found.items} {why}"
                if found
                else f"no {why}, or all answers are the same"
            )
            yield _bounded(name, found, bounds.min_agreement, text, judged=judged)


def _complete(bounds: Acceptance, answers: Sequence[LabelEvent], evidence: Evidence) -> Iterator[Check]:
    blank = sum(each.value is None for each in answers)
    if blank:
        why = f"{blank} of {len(answers)} answers are `cannot tell`, or none that the task takes"
        yield _told("cannot tell", why, wilson(blank, len(answers)))
    exported = evidence.exported
    if not exported:
        yield Check("complete", "unknown", "no manifest says what went out", bound=bounds.min_complete)
        return
    answered = {each.item for each in answers if each.value is not None}
    came = wilson(len(answered & set(exported)), len(exported))
    why = f"of {len(exported)} items that went out have an answer"
    if evidence.partial:
        yield _told("complete", f"{why}; more will come", came)
    else:
        yield _bounded("complete", came, bounds.min_complete, why)
    foreign = len(answered - set(exported))
    if foreign:
        why = f"{foreign} items were answered that did not go out in this export"
        yield Check("not asked for", "told", why, count=foreign)


def _hasty(bounds: Acceptance, answers: Sequence[LabelEvent]) -> Iterator[Check]:
    timed = [each.seconds for each in answers if each.seconds is not None]
    if timed:
        why = f"median time of {len(timed)} answers is {median(timed):.1f} s"
        yield Check("time", "told", why, value=median(timed), count=len(timed))
    if len(timed) >= FEW and len(set(timed)) == 1:
        yield Check(
            "same time",
            "told",
            f"all {len(timed)} answers are said to have taken {timed[0]:g} s",
            count=len(timed),
        )
    if bounds.min_seconds is None:
        return
    hasty = wilson(sum(each < bounds.min_seconds for each in timed), len(timed))
    if hasty is None:
        yield Check("hasty", "unknown", "no answer says how long it took", bound=bounds.max_hasty)
        return
    verdict: Verdict = "fail" if hasty.value > bounds.max_hasty else "pass"
    why = f"of {len(timed)} answers took less than {bounds.min_seconds:g} s"
    yield Check(
        "hasty", verdict, why, hasty.value, hasty.low, hasty.high, bound=bounds.max_hasty, count=hasty.items
    )


def _one_answer(answers: Sequence[LabelEvent], balance: Mapping[str, int]) -> Iterator[Check]:
    """Look for annotators who gave one answer to all items, where answers of others make that no accident.

    The share of that answer among others (of the delivery if they gave at least FEW answers, else of all earlier votes), with one added for and
    against it, to the power of the number of answers is the probability of such a row by chance.
    """
    by_annotator: dict[str, Counter[str]] = defaultdict(Counter)
    for each in answers:
        if each.value is not None:
            by_annotator[each.annotator][said(each.value)] += 1
    whole: Counter[str] = Counter()
    for counts in by_annotator.values():
        whole.update(counts)
    for name, counts in sorted(by_annotator.items()):
        if counts.total() < FEW or len(counts) > 1:
            continue
        ((answer, many),) = counts.items()
        near = whole.total() - many
        others, alike = (
            (near, whole[answer] - many) if near >= FEW else (sum(balance.values()), balance.get(answer, 0))
        )
        chance = ((alike + 1) / (others + 2)) ** many
        why = f"{name} gave one answer to all {many} items"
        if others and chance < UNLIKELY:
            why += f", which others give in {alike / others:.0%} of theirs"
            yield Check("one answer", "fail", why, value=chance, bound=UNLIKELY, count=many)
        else:
            yield Check("one answer", "told", why, count=many)


def _copied(answers: Sequence[LabelEvent]) -> Iterator[Check]:
    """Look for annotators whose answers and times are those of another: times are measured, and no two people have the same."""
    by_annotator: dict[str, dict[str, tuple[str, float]]] = defaultdict(dict)
    for each in answers:
        if each.seconds is not None:
            by_annotator[each.annotator][each.item] = (said(each.value), each.seconds)
    seen: dict[tuple[tuple[str, tuple[str, float]], ...], str] = {}
    for name, given in sorted(by_annotator.items()):
        if len(given) < FEW or len({time for _, time in given.values()}) < FEW // 2:
            continue
        first = seen.setdefault(tuple(sorted(given.items())), name)
        if first != name:
            why = f"{name} has the same answers in the same times as {first}, {len(given)} of them"
            yield Check("copied", "fail", why, count=len(given))


def _repeated(answers: Sequence[LabelEvent]) -> Iterator[Check]:
    given: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for each in answers:
        given[each.item, each.annotator][said(each.value)] += 1
    again = sum(counts.total() - 1 for counts in given.values())
    if again:
        differ = sum(len(counts) > 1 for counts in given.values())
        why = f"{again} answers are for an item that the same annotator answered before; for {differ} items the answers differ"
        yield Check("duplicates", "told", why, value=float(differ), count=again)


def _bounded(name: str, found: Estimate | None, bound: float, why: str, *, judged: bool = True) -> Check:
    verdict: Verdict = (
        "unknown" if found is None or not judged else "pass" if found.value >= bound else "fail"
    )
    if found is None:
        return Check(name, verdict, why, bound=bound)
    return Check(name, verdict, why, found.value, found.low, found.high, bound, found.items)


def _told(name: str, why: str, found: Estimate | None) -> Check:
    if found is None:
        return Check(name, "told", why)
    return Check(name, "told", why, found.value, found.low, found.high, count=found.items)
