"""How far labelling is, in words, bars and tables, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlops_kit.labels.status import TaskStatus, Waiting
from mlops_kit.report.inert import visible
from mlops_kit.report.sizes import duration_text

BAR = 24
MOST_ANNOTATORS = 30
MOST_CLASSES = 12
RELIABLE, TENTATIVE = 0.8, 0.667
"""Krippendorff (2004), Content Analysis, section 11.4: rely on alpha of 0.8 or more, draw tentative conclusions from 0.667 on."""


def as_text(found: Sequence[TaskStatus], *, encoding: str = "utf-8") -> str:
    """Return the status of the tasks for people; bars are drawn with what `encoding` has."""
    return "\n".join("".join(f"{line}\n" for line in _task(one, encoding)) for one in found)


def as_json(found: Sequence[TaskStatus]) -> str:
    """Return the status of the tasks as JSON."""
    tasks = [_plain(one) for one in found]
    return json.dumps({"tasks": tasks}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(one: TaskStatus) -> dict[str, Any]:
    waiting = one.waiting
    return {
        "task": one.task,
        "question": one.asked.question,
        **{key: value for key, value in one.quality.items() if key != "task"},
        "guidelines": {"version": one.guidelines, "answers": one.quality["guidelines"]},
        "waiting": {
            "queue": waiting.queue,
            "queued": waiting.queued,
            "held": dict(waiting.held),
            "refused": dict(waiting.refused),
            "exports": [
                {"batch": out.batch, "items": out.items, "time": out.time} for out in waiting.exports
            ],
            "review_items": waiting.review_items,
            "reviews": [
                {"version": each.rule.version, "reason": each.rule.reason, "items": each.items}
                for each in waiting.reviews
            ],
        },
        "notes": list(one.notes),
    }


def _task(one: TaskStatus, encoding: str) -> Iterator[str]:
    asked, told = one.asked, one.quality
    yield f"{visible(one.task)}: {visible(asked.question) or 'no question is stated'} ({asked.type})"
    yield from _progress(told["coverage"], encoding)
    yield from _agreement(told["agreement"])
    yield from _balance(told["balance"], told["type"])
    yield from _work(told["work"])
    yield from _annotators(told["annotators"])
    yield from _functions(told["functions"])
    if told["annotators"]:
        yield ""
    yield from _rules(told["counts"])
    yield from _waiting(one.waiting, one.task)
    yield from _guidelines(one)
    for note in one.notes:
        yield f"  note: {visible(note, longest=400)}"


def _progress(coverage: Mapping[str, Any], encoding: str) -> Iterator[str]:
    items = coverage["items"]
    of = f" of {items:,}" if items is not None else ""
    rows = [("answered", coverage["answered"])]
    if coverage["votes_wanted"] > 1:
        rows.append((f"{coverage['votes_wanted']} votes", coverage["enough_votes"]))
    for name, count in rows:
        share = count / items if items else None
        yield f"  {name:<12}{_bar(share, encoding)}{count:,}{of} items{'' if share is None else f' ({share:.1%})'}"
    told = [
        f"{coverage[key]:,} {words}"
        for key, words in (
            ("decided", "decided by gold or adjudication"),
            ("cannot_tell", "that nobody can tell"),
        )
        if coverage[key]
    ]
    if told:
        yield f"  {'':<12}{', '.join(told)}"


def _bar(share: float | None, encoding: str) -> str:
    if share is None:
        return ""
    full, empty = ("█", "░") if encoding.lower().startswith("utf") else ("#", ".")
    done = min(BAR, max(int(share > 0), int(share * BAR)))
    return full * done + empty * (BAR - done) + "  "


def _agreement(agreement: Mapping[str, Any]) -> Iterator[str]:
    names = {
        "krippendorff_alpha": "alpha",
        "fleiss_kappa": "Fleiss",
        "cohen_kappa": "Cohen",
        "f1": "shared marks (F1)",
    }
    known = {name: agreement[name] for name in names if agreement.get(name)}
    if not known:
        yield "  agreement   cannot be told: no two answers to one item, or all of them the same"
        return
    first, *others = known
    best = known[first]
    word = f", {_word(best)}" if first == "krippendorff_alpha" else ""
    title = "Krippendorff's alpha" if first == "krippendorff_alpha" else names[first]
    yield f"  agreement   {title} {_interval(best)} on {_items(best['items'])}{word}"
    if others:
        yield f"  {'':<12}{', '.join(f'{names[name]} {_interval(known[name])}' for name in others)}"


def _word(found: Mapping[str, Any]) -> str:
    """Return what alpha allows to conclude; where the interval reaches below a bound, only that it may."""
    if found["value"] < TENTATIVE:
        return f"too low to rely on ({TENTATIVE} is the least)"
    least = found["low"] if found["low"] is not None else -1.0
    if least < TENTATIVE:
        return "too few items to rely on it"
    return "reliable" if least >= RELIABLE else "tentative"


def _interval(found: Mapping[str, Any]) -> str:
    ends = "" if found["low"] is None else f" ({found['low']:.2f} to {found['high']:.2f})"
    return f"{found['value']:.2f}{ends}"


def _balance(balance: Mapping[str, Any], kind: str) -> Iterator[str]:
    values = balance["values"]
    count = sum(values.values()) + balance["others"]
    if not count or kind not in ("class", "classes"):
        return
    shown = list(values.items())[:MOST_CLASSES]
    more = balance["kinds"] - len(shown)
    parts = [f"{_value(text)} {n / count:.1%}" for text, n in shown]
    yield f"  answers     {', '.join(parts)}{f', and {more:,} others' if more > 0 else ''}"


def _value(text: str) -> str:
    value = json.loads(text)
    if isinstance(value, list):
        value = "+".join(map(str, value)) or "none"
    return visible(str(value), longest=40)


def _work(work: Mapping[str, Any]) -> Iterator[str]:
    if not work["answers"]:
        return
    took = (
        f", {duration_text(work['seconds_total'])} of work, {duration_text(work['seconds_median'])} an answer"
        if work["timed"]
        else ""
    )
    cost = f", cost {work['cost']:,.2f}" if work["cost"] else ""
    yield f"  work        {work['answers']:,} answers of {work['annotators']:,} people and vendors{took}{cost}"


def _annotators(annotators: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    people = {name: one for name, one in annotators.items() if not _machine(one)}
    if not people:
        return
    most = sorted(people, key=lambda name: (-people[name]["answers"], name))[:MOST_ANNOTATORS]
    rows = [("annotator", "answers", "cannot tell", "changed", "gold", "like others", "median", "last")]
    for name in most:
        one = people[name]
        near = one.get("distance_to_others")
        others = f"{near['value']:.3g} off" if near else _share(one.get("against_others"))
        rows.append(
            (
                visible(name, longest=40) + ("" if one["in_roster"] else " *"),
                f"{one['answers']:,}",
                f"{one['abstentions']:,}",
                f"{one['changes']:,}",
                _share(one["against_gold"]),
                others,
                duration_text(one["seconds_median"]),
                (one["last"] or "")[:10],
            )
        )
    yield ""
    yield from _table(rows)
    if len(people) > len(most):
        yield f"  … and {len(people) - len(most):,} more: --json"
    if any(not people[name]["in_roster"] for name in most):
        yield "  * not in the roster of labels/labels.yaml"


def _functions(functions: Mapping[str, Any]) -> Iterator[str]:
    if not functions:
        return
    rows = [("function", "votes", "coverage", "overlap", "conflicts", "right")]
    for name, one in sorted(functions["each"].items()):
        coverage = "" if one["coverage"] is None else f"{one['coverage']:.0%}"
        judged = _share(one["accuracy"])
        rows.append(
            (
                visible(name, longest=40),
                f"{one['votes']:,}",
                coverage,
                f"{one['overlap']:.0%}",
                f"{one['conflicts']:.0%}",
                judged,
            )
        )
    yield ""
    yield from _table(rows)


def _machine(one: Mapping[str, Any]) -> bool:
    return set(one["source"].split(",")) <= {"function", "model"}


def _share(found: Mapping[str, Any] | None) -> str:
    if not found:
        return ""
    return f"{found['value']:.0%} of {found.get('items', found.get('answers', 0)):,}"


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    shown = [
        column for column in range(len(rows[0])) if any(row[column] not in ("", "–") for row in rows[1:])
    ]
    for row in rows:
        cells = [
            row[column].ljust(widths[column]) if not column else row[column].rjust(widths[column])
            for column in shown
        ]
        yield "  " + "  ".join(cells).rstrip()


def _rules(counts: Mapping[str, int]) -> Iterator[str]:
    usual = ("events", "votes", "items", "abstained")
    told = [f"{count:,} {visible(name)}" for name, count in counts.items() if name not in usual and count]
    if counts.get("events"):
        more = f"; {', '.join(told)} (docs/how-to/labels-events.md)" if told else ""
        yield f"  events      {counts['events']:,} in labels/events, {counts.get('votes', 0):,} count{more}"


def _waiting(waiting: Waiting, task: str) -> Iterator[str]:
    parts = []
    if waiting.queue is not None:
        parts.append(
            f"{waiting.queue:,} of {waiting.queued:,} in the queue (mlops-kit label serve {visible(task)})"
        )
    if waiting.held:
        parts.append(f"{sum(waiting.held.values()):,} held: {_counts(waiting.held)} (mlops-kit label check)")
    for out in waiting.exports[:10]:
        when = f" since {out.time[:10]}" if out.time else ""
        parts.append(f"{_items(out.items)} out in {visible(out.batch)}{when} (mlops-kit label import)")
    if len(waiting.exports) > 10:
        parts.append(f"{len(waiting.exports) - 10:,} more exports")
    for each in waiting.reviews:
        why = f": {visible(each.rule.reason)}" if each.rule.reason else ""
        count = "an unknown number of items" if each.items is None else _items(each.items)
        if each.items != 0:
            parts.append(
                f"{count} to look at again since version {visible(each.rule.version)} of the guidelines{why}"
            )
    if waiting.refused:
        parts.append(
            f"{sum(waiting.refused.values()):,} refused: {_counts(waiting.refused)} (labels/refused)"
        )
    for place, part in enumerate(parts or [f"nothing: mlops-kit label queue {visible(task)}"]):
        yield f"  {'waiting' if not place else '':<12}{part}"


def _items(count: int) -> str:
    return f"{count:,} item{'' if count == 1 else 's'}"


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {visible(name)}" for name, count in found.items())


def _guidelines(one: TaskStatus) -> Iterator[str]:
    used = one.quality["guidelines"]
    answers = ", ".join(f"{count:,} under {visible(version) or 'none'}" for version, count in used.items())
    if one.guidelines or used:
        yield f"  guidelines  version {visible(one.guidelines or '?')}{f'; answers: {answers}' if answers else ''}"
