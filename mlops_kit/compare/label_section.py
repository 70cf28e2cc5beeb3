"""What changed in the labels of two sides: events that only one has, and what they did to the items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.artifacts.side import Side
from mlops_kit.errors import SpecError

if TYPE_CHECKING:
    from mlops_kit.artifacts.duck import Duck
    from mlops_kit.labels.diff.fold import FoldOptions
    from mlops_kit.labels.diff.model import LabelDiff
    from mlops_kit.spec.labels import Labelling

BUDGET = 64 << 20
"""Bytes of event files, of both sides together, that an ordinary comparison reads."""
LABELLING = "labels/labels.yaml"
GUIDELINES = "labels/guidelines.md"


def describe_labels(
    root: Path, base: Side | None, head: Side, *, budget: int | None = BUDGET, limit: int = 10
) -> LabelDiff | None:
    """Return what changed in the labels; None when nothing did.

    `limit` is how many items are told for each task. Events in files that are the same on both sides are read for what items were
    before, as long as everything is within `budget` bytes (None: however much it is). Content under DVC that is not here is left out,
    which is said.
    """
    if base is None or not _differ(base, head):
        return None
    # A comparison without other labels does not wait for these.
    from mlops_kit.artifacts.duck import open_duck
    from mlops_kit.artifacts.store import open_store
    from mlops_kit.labels.diff.fold import fold_batches, fold_tasks
    from mlops_kit.labels.diff.gather import gather_events
    from mlops_kit.labels.diff.model import LabelDiff
    from mlops_kit.labels.diff.notes import diff_guidelines, diff_roster
    from mlops_kit.labels.diff.reading import load_events

    old, new = _read_texts(root, base), _read_texts(root, head)
    with open_duck() as duck:
        found = gather_events(
            root, base.label_files, head.label_files, open_store(root), duck.scratch, budget=budget
        )
        loaded = load_events(duck, found.parts)
        options = _options(duck, base, head, (old, new), whole=found.whole, limit=limit)
        tasks, batches = fold_tasks(duck, options), fold_batches(duck)
    said = [_broken_words(loaded.broken)] if loaded.broken else []
    made = LabelDiff(
        tasks,
        batches,
        diff_guidelines(old.guidelines, new.guidelines),
        diff_roster(old.labelling, new.labelling),
        (*found.left_out, *said),
    )
    return None if made.is_empty else made


def _broken_words(lines: int) -> str:
    return f"{'1 line is no event' if lines == 1 else f'{lines:,} lines are no events'} and left out: mlops-kit label check"


def _differ(base: Side, head: Side) -> bool:
    """Return whether anything of labelling differs, which is known from hashes alone."""
    old, new = ({path: file.id for path, file in side.label_files.items()} for side in (base, head))
    return old != new


@dataclass(frozen=True)
class _Texts:
    """Small files of labelling of one side."""

    labelling: Labelling | None
    """labels/labels.yaml; None without one that can be used."""
    guidelines: Mapping[str, str]
    """Path -> text."""


def _read_texts(root: Path, side: Side) -> _Texts:
    from mlops_kit.labels.diff.gather import read_texts
    from mlops_kit.spec.load import load_labelling

    small = [file for path, file in side.label_files.items() if path == LABELLING or path.endswith(".md")]
    texts = read_texts(root, small)
    try:
        labelling = load_labelling(texts[LABELLING]) if LABELLING in texts else None
    except SpecError:
        labelling = None  # what is wrong with it is said where labels are computed
    named = (
        {GUIDELINES, *(task.guidelines for task in labelling.tasks.values())} if labelling else {GUIDELINES}
    )
    return _Texts(labelling, {path: text for path, text in texts.items() if path in named})


def _options(
    duck: Duck, base: Side, head: Side, texts: tuple[_Texts, _Texts], *, whole: bool, limit: int
) -> FoldOptions:
    """Make the tables of labels, and return what is told of them."""
    from mlops_kit.data.diff.tracked import read_facts
    from mlops_kit.labels.diff.fold import FoldOptions
    from mlops_kit.labels.diff.reading import task_names
    from mlops_kit.labels.diff.truth import decide_items

    tasks = task_names(duck)
    if whole:
        decide_items(duck, "old")
        decide_items(duck, "new")
    facts = [read_facts(side.documents) for side in (base, head)]
    blind = any(one.hides_all for one in facts)
    # What annotators wrote may speak of what they saw.
    open_tasks = [
        {name for name, task in one.labelling.tasks.items() if not task.allow_pii} if one.labelling else set()
        for one in texts
    ]
    trusted = set() if blind else open_tasks[0] & open_tasks[1] if texts[0].labelling else open_tasks[1]
    return FoldOptions(
        limit,
        whole,
        dict.fromkeys(tasks, "votes") if whole else {},
        frozenset(tasks) - trusted,
        nameless=blind or any(one.hidden & set(one.key) for one in facts),
    )
