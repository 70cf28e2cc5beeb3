"""`label status`: how far labelling is, how well annotators agree, and what waits."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from mlops_kit.artifacts.duck import Duck, open_duck
from mlops_kit.artifacts.kinds import KINDS
from mlops_kit.artifacts.tables import EventFiles, read_rows
from mlops_kit.errors import BadDataError, UsageError
from mlops_kit.labels.agreement.quality import quality
from mlops_kit.labels.delivery.manifest import open_exports
from mlops_kit.labels.events.aside import read_aside
from mlops_kit.labels.events.counting import Votes, counted_votes
from mlops_kit.labels.guidelines import Guidelines, read_guidelines
from mlops_kit.labels.places import HELD, REFUSED
from mlops_kit.labels.queue.model import read_queue
from mlops_kit.labels.status import OpenExport, TaskStatus, Waiting
from mlops_kit.project.labelling.items import task_items
from mlops_kit.project.labelling.reviews import find_reviews
from mlops_kit.project.labelling.store import events_here
from mlops_kit.project.roots import find_root
from mlops_kit.spec.labels import Labelling, LabelTask
from mlops_kit.spec.load import LABELLING, read_labelling

FUNCTION_VOTES = "votes"
_EVENT_COLUMNS = {"id", "item", "task", "value", "annotator", "time"}


def label_status(start: Path, task: str | None = None) -> tuple[TaskStatus, ...]:
    """Return how far the labelling of `task` is; of all tasks when None. Reads the work tree, without DVC, and changes nothing.

    Ids of events are not computed again here; the label stage and `label check` do. Raises UsageError for a task that is not in labels/labels.yaml,
    BadDataError for events that cannot be read, SpecError for a project file that cannot be used.
    """
    root = start if (start / LABELLING).exists() else find_root(start)
    labelling = read_labelling(root)
    if task is not None and task not in labelling.tasks:
        raise UsageError(f"`{task}` is no task of {LABELLING}", fix=f"one of: {', '.join(labelling.tasks)}")
    return tuple(_status(root, labelling, name) for name in ([task] if task else labelling.tasks))


def _status(root: Path, labelling: Labelling, name: str) -> TaskStatus:
    asked = labelling.tasks[name]
    guidelines = read_guidelines(root, asked.guidelines)
    notes = [] if guidelines else [f"no guidelines at {asked.guidelines}"]
    if guidelines and guidelines.version is None:
        notes.append(f"{asked.guidelines} has no line `Version N.`")
    with open_duck() as duck:
        items, count, note = _items(duck, root, asked)
        votes = counted_votes(duck, _events(root), name, labelling, items=items, verify=False)
        told = quality(duck, votes.table, task=name, labelling=labelling, items=count, counts=votes.counts)
        waiting, more = _waiting(votes, root, name, asked, guidelines)
    version = guidelines.version if guidelines else None
    return TaskStatus(name, asked, told.document, waiting, version, (*notes, *note, *more))


def _items(duck: Duck, root: Path, asked: LabelTask) -> tuple[str | None, int | None, tuple[str, ...]]:
    """Return the query of the items, how many there are, and what to say where their table is not here."""
    try:
        items = task_items(root, asked)
    except BadDataError as error:
        return None, None, (f"how many items there are is unknown: {error.message}; {error.fix}",)
    (count,) = duck.run(f"SELECT count(DISTINCT item) FROM {items}").fetchone() or (0,)  # noqa: S608 - our own query
    return items, int(count), ()


def _events(root: Path) -> EventFiles:
    """Return the files of events, and of what label functions said when the stage ran last."""
    found = events_here(root)
    path = root / KINDS["Rows"].locate(FUNCTION_VOTES)
    if not path.exists():
        return found
    if not set(read_rows(path).schema()) >= _EVENT_COLUMNS:
        return found
    return replace(found, paths=(*found.paths, path))


def _waiting(
    votes: Votes, root: Path, name: str, asked: LabelTask, guidelines: Guidelines | None
) -> tuple[Waiting, tuple[str, ...]]:
    queue = read_queue(root, name)
    exports = tuple(
        OpenExport(each.batch, len(each.items), (each.exported or {}).get("time"))
        for each in open_exports(root, name)
    )
    made = Waiting(
        queue=_unanswered(votes, [line.item for line in queue], asked) if queue else None,
        queued=len(queue),
        held=_aside(root, HELD, name),
        refused=_aside(root, REFUSED, name),
        exports=exports,
    )
    try:
        reviews = find_reviews(votes.duck, votes.table, root, asked, guidelines)
    except BadDataError as error:
        return replace(made, review_items=None), (
            f"what needs another look is unknown: {error.message}; {error.fix}",
        )
    if not reviews:
        return made, ()
    (count,) = votes.duck.run("SELECT count(DISTINCT item) FROM label_reviews").fetchone() or (0,)
    return replace(made, reviews=reviews, review_items=int(count)), ()


def _unanswered(votes: Votes, items: list[str], asked: LabelTask) -> int:
    """Return how many of `items` have fewer answers of people than the task asks for, an abstention being one, and no decision."""
    answered = votes.duck.run(
        f"""SELECT count(*) FROM (SELECT item FROM {votes.table} WHERE item IN (SELECT unnest(?::VARCHAR[])) AND source IN ('person', 'vendor')
            GROUP BY item HAVING count(*) FILTER (WHERE role = 'vote') >= {asked.votes} OR count(*) FILTER (WHERE role = 'adjudication') > 0)""",  # noqa: S608 - our own names
        [items],
    ).fetchone()
    return len(set(items)) - int((answered or (0,))[0])


def _aside(root: Path, folder: str, task: str) -> dict[str, int]:
    """Return rule -> how many lines of `folder` are of this task, or of none that can be read."""
    found: Counter[str] = Counter()
    for path in sorted((root / folder).glob("*.jsonl")):
        for entry in read_aside(path):
            event = entry.get("event")
            if not isinstance(event, dict) or event.get("task") in (None, task):
                found[entry["rule"]] += 1
    return dict(sorted(found.items()))
