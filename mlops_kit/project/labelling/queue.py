"""`label queue`: what to label next, from the project's data, model and answers."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.duck import Duck, open_duck, quoted
from mlops_kit.artifacts.kinds import KINDS
from mlops_kit.artifacts.tables import EventFiles, TableFiles, read_event_files, read_rows
from mlops_kit.errors import RefusedError, UsageError
from mlops_kit.labels.delivery.manifest import open_exports
from mlops_kit.labels.events.counting import VOTES, counted_votes
from mlops_kit.labels.guidelines import REVIEWS, mark_reviews, read_guidelines
from mlops_kit.labels.places import EVENTS, QUEUE
from mlops_kit.labels.pool import items_query
from mlops_kit.labels.queue.model import Queued, queue_path, queue_text
from mlops_kit.labels.queue.picking import Signals, Wanted, pick_items
from mlops_kit.labels.queue.pool import Pool, open_pool
from mlops_kit.labels.queue.regions import drifted_columns, failing_slices
from mlops_kit.labels.queue.shares import DEFAULT_SHARES
from mlops_kit.labels.queue.tally import make_tally
from mlops_kit.outside.whole_files import settle, unfinished
from mlops_kit.project.labelling.scoring import Scoring, open_scoring
from mlops_kit.project.labelling.suspects import suspects
from mlops_kit.project.roots import find_root
from mlops_kit.spec.labels import Labelling, LabelTask
from mlops_kit.spec.load import LABELLING, read_labelling, read_lifecycle, read_params, read_schema
from mlops_kit.spec.model import Lifecycle, Schema

SLICES, VERDICT, DRIFT = "slices", "verdict", "drift_columns"
_NEEDS = {
    "uncertain": "a model whose classes are known",
    "diverse": "features",
    "disagreeing": "items that several annotators answered differently",
    "mislabelled": "a model and labels that it contradicts",
    "slices": "a slice that does worse than the others (reports/slices.json)",
    "drifted": "a drifted column (reports/drift_columns.json)",
    "review": "items that a change of the guidelines asks for",
}


@dataclass(frozen=True, eq=False)
class _Project:
    """The files of a project that a queue depends on."""

    root: Path
    name: str
    label: LabelTask
    labelling: Labelling
    lifecycle: Lifecycle
    schema: Schema
    params: Mapping[str, Any]


def make_queue(
    start: Path,
    task: str | None = None,
    *,
    budget: int,
    seed: int | None = None,
    write: bool = True,
    force: bool = False,
) -> Queued:
    """Choose `budget` items of `task` (the only one when None) and write them to labels/queue/<task>.jsonl, unless `write` is false.

    `seed` replaces the one of labels/labels.yaml. The same data, model, answers and seed give the same bytes. Raises UsageError for an unknown
    task, RefusedError when the queue on disk is not as we wrote it and `force` is false, BadDataError for data and models that cannot be read.
    """
    project = _read_project(start, task)
    path = queue_path(project.root, project.name)
    if write and not force:
        _refuse_edited(path, project.name)
    seed = project.label.queue.seed if seed is None else seed
    table = read_rows(project.root / KINDS["Rows"].locate(project.label.table))
    scoring = open_scoring(project.root, project.name, project.label, project.lifecycle, project.params)
    with open_duck() as duck:
        pool = _open_pool(project, duck, table, seed)
        signals, notes = _signals(project, pool, table, scoring, seed)
        shares = project.label.queue.shares or DEFAULT_SHARES
        wanted = Wanted(budget, shares, project.label.queue.gold, seed)
        used = [*scoring.columns, *(name for name in _region_columns(signals) if name not in scoring.columns)]
        picked = pick_items(pool.frames(scoring.table, used), wanted, signals)
        made = Queued(
            project.name, picked.picks, pool.counts(), picked.found, picked.taken, seed=seed, budget=budget
        )
    made = replace(
        made, notes=(*scoring.notes, *notes, *_shortfalls(made, wanted)), sources=_sources(project, scoring)
    )
    return _written(path, made) if write else made


def _read_project(start: Path, task: str | None) -> _Project:
    root = start if (start / LABELLING).exists() else find_root(start)
    labelling = read_labelling(root)
    name = chosen_task(labelling, task)
    return _Project(
        root,
        name,
        labelling.tasks[name],
        labelling,
        read_lifecycle(root),
        read_schema(root),
        read_params(root),
    )


def chosen_task(labelling: Labelling, task: str | None) -> str:
    """Return the task that is meant: `task`, or the only one. Raises UsageError where there is none or several."""
    if task in labelling.tasks:
        return str(task)
    names = ", ".join(labelling.tasks)
    if task is None and len(labelling.tasks) == 1:
        return names
    what = f"no task `{task}` in {LABELLING}" if task else f"{LABELLING} has several tasks"
    raise UsageError(what, fix=f"name one of: {names}")


def _open_pool(project: _Project, duck: Duck, table: TableFiles, seed: int) -> Pool:
    folder = project.root / EVENTS
    files = read_event_files(folder) if folder.is_dir() else EventFiles(())
    make_tally(duck, counted_votes(duck, files, project.name, project.labelling, table=VOTES).table)
    return open_pool(
        duck,
        table,
        project.label,
        task=project.lifecycle.task,
        schema=project.schema,
        seed=seed,
        waiting=_waiting(project.root, project.name),
    )


def _waiting(root: Path, task: str) -> Mapping[str, int]:
    """Return item -> how many answers will come from exports of which nothing accepted has come back."""
    return Counter(item for export in open_exports(root, task) for item in export.items)


def _review(project: _Project, duck: Duck, table: TableFiles) -> frozenset[str]:
    """Return the items that a new version of the guidelines asks to look at again."""
    guidelines = read_guidelines(project.root, project.label.guidelines)
    if guidelines is None or not guidelines.review:
        return frozenset()
    key, columns = project.lifecycle.task.key, tuple(table.schema())
    mark_reviews(
        duck,
        quoted(VOTES),
        guidelines,
        rows=items_query(table, key, project.label, project.schema, columns=columns),
    )
    return frozenset(str(row[0]) for row in duck.run(f"FROM {quoted(REVIEWS)}").fetchall())


def _signals(
    project: _Project, pool: Pool, table: TableFiles, scoring: Scoring, seed: int
) -> tuple[Signals, tuple[str, ...]]:
    """Return what the strategies that have a share go by, and what is to be said about it."""
    shares = project.label.queue.shares or DEFAULT_SHARES
    known = scoring.table.schema() if scoring.table else {}
    wanted = {name for name, share in shares.items() if share > 0}
    notes: tuple[str, ...] = ()
    mislabelled: Mapping[str, float] = {}
    if "mislabelled" in wanted:
        mislabelled, notes = suspects(
            project.root, pool, scoring, project.label, project.lifecycle.task, seed
        )
    slices = failing_slices(_report(project.root, SLICES, "rows"), _report(project.root, VERDICT, "kpis"))
    drifted = drifted_columns(_document(project.root, DRIFT), known)
    return Signals(
        scorer=scoring.scorer,
        features=tuple(name for name in scoring.columns if name in known) if "diverse" in wanted else (),
        slices={name: values for name, values in slices.items() if name in known}
        if "slices" in wanted
        else {},
        drifted=drifted if "drifted" in wanted else {},
        mislabelled=mislabelled,
        review=_review(project, pool.duck, table) if "review" in wanted else frozenset(),
        prelabels=project.label.queue.prelabels,
    ), notes


def _region_columns(signals: Signals) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*signals.features, *signals.slices, *signals.drifted)))


def _document(root: Path, name: str) -> dict[str, Any]:
    path = root / KINDS["Document"].locate(name)
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found if isinstance(found, dict) else {}


def _report(root: Path, name: str, key: str) -> list[dict[str, Any]]:
    rows = _document(root, name).get(key)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _shortfalls(made: Queued, wanted: Wanted) -> tuple[str, ...]:
    """Return what to say of strategies without candidates, and of a queue that is shorter than it was to be."""
    notes = [
        f"`{name}` found nothing: it needs {_NEEDS[name]}; its places went to others"
        for name, share in wanted.shares.items()
        if share > 0 and name in _NEEDS and not made.found.get(name)
    ]
    gold = round(wanted.gold * wanted.budget) - sum(pick.gold for pick in made.picks)
    if gold > 0:
        notes.append(
            f"{gold} gold questions fewer than wanted: there are {made.pool['gold']} (events with `role: gold`)"
        )
    if len(made.picks) < wanted.budget:
        notes.append(
            f"{wanted.budget - len(made.picks)} items fewer than the budget: nothing else is left to ask"
        )
    return tuple(notes)


def _sources(project: _Project, scoring: Scoring) -> dict[str, str]:
    names = [LABELLING, *scoring.paths, KINDS["Rows"].locate(project.label.table)]
    return {name: _digest(project.root / name) for name in sorted(set(names))}


def _digest(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _written(path: Path, made: Queued) -> Queued:
    """Write the queue, and beside it from what it was made, by which an edit by hand is noticed; neither names its gold questions."""
    text = queue_text(pick.item for pick in made.picks)
    record = {
        "task": made.task,
        "budget": made.budget,
        "seed": made.seed,
        "pool": dict(made.pool),
        "taken": dict(made.taken),
        "sources": dict(made.sources),
        "sha256": sha256(text.encode()).hexdigest(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    changed = _replace(path, text)
    _replace(path.with_suffix(".json"), json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    return replace(made, path=f"{QUEUE}/{path.name}", written=changed)


def _replace(path: Path, text: str) -> bool:
    """Return whether the file at `path` had to change; a reader sees the old one or the new one."""
    content = text.encode()
    if path.is_file() and path.read_bytes() == content:
        return False
    with unfinished(path) as fresh:
        fresh.write_bytes(content)
        settle(fresh, path, 0o666 & ~_umask())
    return True


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _refuse_edited(path: Path, task: str) -> None:
    record = path.with_suffix(".json")
    if not path.exists():
        return
    try:
        known = json.loads(record.read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        known = ""
    if sha256(path.read_bytes()).hexdigest() != known:
        raise RefusedError(
            f"{QUEUE}/{path.name} is not as mlops-kit wrote it: somebody edited it, or two branches met in it",
            fix=f"keep what you need of it, then: mlops-kit label queue {task} --force",
        )
