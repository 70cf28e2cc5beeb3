"""Two sides' events and labels, folded into what is said of each task and batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_kit.labels.diff.items import Show, Veil, cut_text, diff_items
from mlops_kit.labels.diff.model import (
    AgreementDiff,
    AnnotatorDiff,
    BatchDiff,
    BatchState,
    ClassDiff,
    Move,
    RuleDiff,
    TaskDiff,
)
from mlops_kit.labels.diff.reading import TABLE

if TYPE_CHECKING:
    from mlops_kit.artifacts.duck import Duck
    from mlops_kit.labels.diff.model import Basis

MOST_CLASSES = 30
MOST_ANNOTATORS = 50
MOST_VERSIONS = 5


@dataclass(frozen=True)
class Counted:
    """What was counted of the votes of a task."""

    agreement: tuple[AgreementDiff, ...] = ()
    """Figures of agreement."""
    rules: tuple[RuleDiff, ...] = ()
    """Rules that apply to another number of events."""


@dataclass(frozen=True)
class FoldOptions:
    """How much is told."""

    limit: int = 10
    """Items of each task."""
    whole: bool = True
    """Whether all events of both sides were read, so that annotators can be counted on both."""
    basis: Mapping[str, Basis] = field(default_factory=dict)
    """Task -> what its labels are; those in `labels_old` and `labels_new` (see truth.py) count. Without an entry labels are not known."""
    complete: frozenset[str] = frozenset()
    """Tasks of which the labels of all items are known, not only of those with other events."""
    veils: Mapping[str, Veil] = field(default_factory=dict)
    """Task -> what is not shown; all is hidden of a task without an entry."""
    counted: Mapping[str, Counted] = field(default_factory=dict)
    """Task -> what was counted of its votes."""
    show: Show = field(default=lambda _task, _items: {})
    """What annotators see of items."""


def fold_tasks(duck: Duck, options: FoldOptions) -> tuple[TaskDiff, ...]:
    """Return what differs, task by task; those where nothing does are left out."""
    counts = {row[0]: row[1:] for row in duck.run(_COUNTS).fetchall()}
    annotators = _annotators(duck, options)
    made = []
    for task in sorted({*counts, *options.basis}):
        counted = options.counted.get(task, Counted())
        added, removed, gold, adjudications, abstentions, superseding = counts.get(task, (0,) * 6)
        told: dict[str, Any] = _labels(duck, task, options) if task in options.basis else {}
        if not (added or removed or any(told.get(name) for name in ("newly", "changed", "lost"))):
            continue
        made.append(
            TaskDiff(
                task,
                added,
                removed,
                gold,
                adjudications,
                abstentions,
                superseding,
                annotators=annotators.get(task, ()),
                agreement=counted.agreement,
                rules=counted.rules,
                **told,
            )
        )
    return tuple(made)


_COUNTS = f"""
    SELECT task, count(*) FILTER (NOT in_old), count(*) FILTER (NOT in_new), count(*) FILTER (NOT in_old AND role = 'gold'),
        count(*) FILTER (NOT in_old AND role = 'adjudication'), count(*) FILTER (NOT in_old AND text IS NULL),
        count(*) FILTER (NOT in_old AND supersedes IS NOT NULL)
    FROM {TABLE} WHERE in_old <> in_new GROUP BY task"""


def _annotators(duck: Duck, options: FoldOptions) -> dict[str, tuple[AnnotatorDiff, ...]]:
    rows = duck.run(f"""
        SELECT task, annotator, min(source), count(*) FILTER (in_old), count(*) FILTER (in_new), count(*) FILTER (NOT in_old)
        FROM {TABLE} GROUP BY task, annotator HAVING bool_or(in_old <> in_new)
        ORDER BY task, 6 DESC, annotator""").fetchall()
    made: dict[str, list[AnnotatorDiff]] = {}
    for task, annotator, source, old, new, added in rows:
        both: tuple[int | None, int | None] = (old, new) if options.whole else (None, None)
        if len(made.setdefault(task, [])) < MOST_ANNOTATORS:
            made[task].append(AnnotatorDiff(annotator, source, both[0], both[1], added))
    return {task: tuple(some) for task, some in made.items()}


def _labels(duck: Duck, task: str, options: FoldOptions) -> dict[str, Any]:
    """Return what is said of the labels of a task."""
    veil = options.veils.get(task, Veil(words=True, names=True, labels=True))
    duck.run(_PAIRS, [task, task])
    old, new, newly, changed, lost = duck.run(_TOTALS).fetchone() or (0,) * 5
    moves = duck.run(_MOVES).fetchall()
    classes = duck.run(_CLASSES).fetchall()
    return {
        "basis": options.basis[task],
        "old_items": old if task in options.complete else None,
        "new_items": new if task in options.complete else None,
        "newly": newly,
        "changed": changed,
        "lost": lost,
        "classes": tuple(ClassDiff(cut_text(value), before, after) for value, before, after in classes)
        if len(classes) <= MOST_CLASSES and not veil.labels and task in options.complete
        else (),
        "moves": tuple(Move(cut_text(before), cut_text(after), items) for before, after, items in moves)
        if not veil.labels
        else (),
        "items": diff_items(
            duck, task, basis=options.basis[task], limit=options.limit, veil=veil, show=options.show
        ),
    }


_PAIRS = """
    CREATE OR REPLACE TEMP TABLE label_pairs AS
    SELECT item, base.label AS old_label, head.label AS new_label, head.how AS how, base.how AS old_how,
        coalesce(base.votes, 0) AS old_votes, coalesce(head.votes, 0) AS new_votes
    FROM (SELECT * FROM labels_old WHERE task = ?) AS base FULL JOIN (SELECT * FROM labels_new WHERE task = ?) AS head USING (item)"""
_TOTALS = """
    SELECT count(old_label), count(new_label), count(*) FILTER (old_label IS NULL AND new_label IS NOT NULL),
        count(*) FILTER (old_label <> new_label), count(*) FILTER (old_label IS NOT NULL AND new_label IS NULL) FROM label_pairs"""
_MOVES = f"""
    SELECT old_label, new_label, count(*) FROM label_pairs WHERE old_label <> new_label
    GROUP BY ALL ORDER BY 3 DESC, 1, 2 LIMIT {MOST_CLASSES}"""
_CLASSES = f"""
    SELECT label, CAST(sum(old) AS BIGINT), CAST(sum(new) AS BIGINT) FROM (
        SELECT old_label AS label, 1 AS old, 0 AS new FROM label_pairs WHERE old_label IS NOT NULL
        UNION ALL SELECT new_label, 0, 1 FROM label_pairs WHERE new_label IS NOT NULL)
    GROUP BY label ORDER BY 3 DESC, 2 DESC, 1 LIMIT {MOST_CLASSES + 1}"""


def fold_batches(duck: Duck) -> tuple[BatchDiff, ...]:
    """Return the batches whose events differ, by name; which of them are whole new files the table says."""
    rows = duck.run(f"""
        SELECT batch, count(*) FILTER (NOT in_old), count(*) FILTER (NOT in_new), count(DISTINCT annotator) FILTER (in_old <> in_new),
            list(DISTINCT source ORDER BY source) FILTER (in_old <> in_new),
            list(DISTINCT guideline ORDER BY guideline) FILTER (in_old <> in_new AND guideline IS NOT NULL),
            min(time) FILTER (in_old <> in_new), max(time) FILTER (in_old <> in_new), bool_or(in_old), bool_or(in_new)
        FROM {TABLE} GROUP BY batch HAVING bool_or(in_old <> in_new) ORDER BY batch""").fetchall()
    return tuple(_batch(row) for row in rows)


def _batch(row: tuple[Any, ...]) -> BatchDiff:
    batch, added, removed, annotators, sources, guidelines, first, last, in_old, in_new = row
    state: BatchState = (
        "added" if not in_old else "removed" if not in_new else "rewritten" if removed else "extended"
    )
    versions = tuple(map(cut_text, (guidelines or ())[:MOST_VERSIONS]))
    first, last = (str(cut_text(time or "")) for time in (first, last))
    return BatchDiff(batch, state, added, removed, annotators, tuple(sources or ()), versions, first, last)
