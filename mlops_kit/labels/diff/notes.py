"""What differs in labels/labels.yaml and in guidelines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal

from mlops_kit.errors import SpecError
from mlops_kit.labels.diff.model import GuidelineDiff, RosterDiff
from mlops_kit.labels.guidelines import Guidelines, ReviewRule, parse_guidelines
from mlops_kit.spec.labels import Annotator, Labelling, LabelTask

MOST_RULES = 5


def diff_guidelines(base: Mapping[str, str], head: Mapping[str, str]) -> tuple[GuidelineDiff, ...]:
    """Return the guidelines (path -> text) that differ, with the versions that they name and what the head newly asks to look at again."""
    made = []
    for path in sorted(base.keys() | head.keys()):
        if base.get(path) != head.get(path):
            old, new = (_parsed(path, side.get(path)) for side in (base, head))
            asked = [rule for rule in new.review if rule not in old.review] if new and old else []
            words = tuple(_review_words(rule) for rule in asked[:MOST_RULES])
            made.append(GuidelineDiff(path, _version(old), _version(new), words))
    return tuple(made)


def _parsed(path: str, text: str | None) -> Guidelines | None:
    try:
        return parse_guidelines(text, where=path) if text is not None else None
    except SpecError:
        return None  # what is wrong with it is said where labels are given


def _version(found: Guidelines | None) -> str:
    return found.version or "" if found else ""


def _review_words(rule: ReviewRule) -> str:
    about = [f"answers before version {rule.version}"]
    about += [f"of {', '.join(rule.classes)}"] if rule.classes else []
    about += [f"where {rule.where}"] if rule.where else []
    said = " ".join(about)
    return f"{said}: {rule.reason}" if rule.reason else said


def diff_roster(base: Labelling | None, head: Labelling | None) -> tuple[RosterDiff, ...]:
    """Return tasks and annotators that differ, by name."""
    old_tasks, new_tasks = (one.tasks if one else {} for one in (base, head))
    old_people, new_people = (one.annotators if one else {} for one in (base, head))
    made = [*_entries("task", old_tasks, new_tasks), *_entries("annotator", old_people, new_people)]
    if base and head and base.roster != head.roster:
        made.append(RosterDiff("roster", "roster", "changed", (f"{base.roster} → {head.roster}",)))
    return tuple(made)


def _entries(
    kind: Literal["task", "annotator"],
    base: Mapping[str, LabelTask] | Mapping[str, Annotator],
    head: Mapping[str, LabelTask] | Mapping[str, Annotator],
) -> Iterator[RosterDiff]:
    for name in sorted(base.keys() | head.keys()):
        old, new = base.get(name), head.get(name)
        if old == new:
            continue
        state: Literal["added", "removed", "changed"] = (
            "added" if old is None else "removed" if new is None else "changed"
        )
        yield RosterDiff(kind, name, state, tuple(_changes(old, new)) if old and new else ())


def _changes(old: Any, new: Any, where: str = "") -> Iterator[str]:
    for field in fields(old):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before == after:
            continue
        if is_dataclass(before):
            yield from _changes(before, after, f"{where}{field.name}.")
        else:
            yield f"{where}{field.name}: {_words(before)} → {_words(after)}"


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        value = ", ".join(f"{name} {part}" for name, part in value.items())
    if isinstance(value, tuple):
        value = ", ".join(str(part) for part in value)
    text = str(value) or "empty"
    return text if len(text) <= 60 else f"{text[:59]}…"
