"""All label events of a project against the rules, without running a stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from mlops_kit.artifacts.duck import Duck, open_duck
from mlops_kit.artifacts.tables import EventFiles
from mlops_kit.errors import BadDataError, SpecError, UsageError
from mlops_kit.labels.events.aside import aside_files, read_aside
from mlops_kit.labels.events.broken import BrokenLine, broken_lines
from mlops_kit.labels.events.counting import counted_votes
from mlops_kit.labels.events.known import strange_tasks
from mlops_kit.labels.events.outcome import LabelCheck, TaskCheck
from mlops_kit.labels.events.rules import RULES
from mlops_kit.labels.events.verify import fault_of
from mlops_kit.labels.places import HELD
from mlops_kit.project.labelling.intake import Intake, take_batch
from mlops_kit.project.labelling.items import task_items
from mlops_kit.project.labelling.store import events_here, label_lock, mend_torn
from mlops_kit.project.roots import find_root
from mlops_kit.spec.labels import Labelling
from mlops_kit.spec.load import LABELLING, read_labelling

MOST_LINES = 20


def check_labels(root: Path, paths: Sequence[Path] = (), *, mend: bool = False) -> LabelCheck:
    """Judge all events of `labels/events/`; or, with `paths` (JSON lines), what would become of these if they came now, which changes nothing.

    `mend`: put torn last lines aside first. Raises UsageError for a path that is not there, SpecError for a labels.yaml that cannot be used.
    """
    labelling = read_labelling(root)
    if paths:
        return LabelCheck(len(paths), arriving=tuple(_try(root, path) for path in paths))
    mended = _mend(root) if mend else ()
    files = events_here(root)
    broken, unreadable = _stopping(files)
    tasks: tuple[TaskCheck, ...] = ()
    if not broken and not unreadable:
        tasks, unreadable = _tasks(root, files, labelling)
    held, refused = _aside(root)
    return LabelCheck(len(files.paths), tasks, broken, unreadable, held, refused, mended)


def label_root(start: Path) -> Path:
    """Return the project for the folder `start`: itself when labels/labels.yaml lies there, else its DVC repository. Raises UsageError."""
    return start if (start / LABELLING).exists() else find_root(start)


def _try(root: Path, path: Path) -> Intake:
    if not path.is_file():
        raise UsageError(f"{path}: no such file", fix="name a file of JSON lines")
    with path.open("rb") as lines:
        batch = "".join(sign if sign.isalnum() else "-" for sign in path.stem)[:80].strip("-") or "file"
        return take_batch(root, f"check-{batch}" if not batch.isascii() else batch, lines, mode="try")


def _mend(root: Path) -> tuple[str, ...]:
    with label_lock(root):
        batches = [path.stem for path in events_here(root).paths if path.suffix == ".jsonl"]
        return tuple(batch for batch in batches if mend_torn(root, batch))


def _stopping(files: EventFiles) -> tuple[tuple[BrokenLine, ...], str]:
    """Return the lines that stop, else what is wrong with a file of another kind. All are read by the fast reader, and only what that finds
    fault with line by line."""
    with open_duck() as duck:
        if fault_of(duck, files) is None:
            return (), ""
        faults = {path: fault_of(duck, EventFiles((path,))) for path in files.paths}
    lines: list[BrokenLine] = []
    for path in (path for path, fault in faults.items() if fault and path.suffix == ".jsonl"):
        found = (line for line in broken_lines(path) if RULES[line.rule].use == "stops")
        lines += islice(found, MOST_LINES)
    others = [fault.message for path, fault in faults.items() if fault and path.suffix != ".jsonl"]
    return tuple(lines), "; ".join(others)


def _tasks(root: Path, files: EventFiles, labelling: Labelling) -> tuple[tuple[TaskCheck, ...], str]:
    try:
        with open_duck() as duck:
            strange = strange_tasks(duck, files, labelling.tasks)
            found = [_task(duck, root, files, name, labelling) for name in labelling.tasks]
    except BadDataError as error:
        return (), error.message
    found += [TaskCheck(name, {"events": many, "unknown_task": many}) for name, many in strange.items()]
    return tuple(found), ""


def _task(duck: Duck, root: Path, files: EventFiles, name: str, labelling: Labelling) -> TaskCheck:
    notes: tuple[str, ...] = ()
    items = None
    try:
        items = task_items(root, labelling.tasks[name])
    except (BadDataError, SpecError) as error:
        notes = (f"the items were not looked up: {error.message}",)
    votes = counted_votes(duck, files, name, labelling, items=items, verify=False)
    return TaskCheck(name, votes.counts, notes)


def _aside(root: Path) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, int]]]:
    held: dict[str, dict[str, int]] = {}
    refused: dict[str, dict[str, int]] = {}
    for path in aside_files(root):
        counts = Counter(str(entry["rule"]) for entry in read_aside(path))
        (held if path.parent.name == Path(HELD).name else refused)[path.stem] = dict(counts)
    return held, refused
