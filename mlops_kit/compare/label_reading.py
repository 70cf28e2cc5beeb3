"""Labels of two sides on their way into a LabelDiff: small files, tables of labels, what may be shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.artifacts.datafiles import DataFile
from mlops_kit.artifacts.side import Side
from mlops_kit.data.diff.tracked import Facts, read_facts
from mlops_kit.errors import SpecError
from mlops_kit.labels.diff.agreement import diff_agreement
from mlops_kit.labels.diff.consensus import use_consensus
from mlops_kit.labels.diff.fold import Counted, FoldOptions
from mlops_kit.labels.diff.gather import Gathered, read_texts
from mlops_kit.labels.diff.items import Show, Veil
from mlops_kit.labels.diff.reading import task_names, write_side
from mlops_kit.labels.diff.shown import Cells, ItemTable, show_items
from mlops_kit.labels.diff.truth import SideEvents, count_votes, decide_items, diff_rules, make_labels
from mlops_kit.labels.places import BATCHES, HELD, REFUSED
from mlops_kit.spec.load import load_labelling

if TYPE_CHECKING:
    from mlops_kit.artifacts.duck import Duck
    from mlops_kit.artifacts.store import Store
    from mlops_kit.labels.diff.model import Basis
    from mlops_kit.spec.labels import Labelling, LabelTask

SMALL = 8 << 20
"""Bytes of a file beside the events that is read."""
LABELLING = "labels/labels.yaml"
GUIDELINES = "labels/guidelines.md"


@dataclass(frozen=True)
class LabelTexts:
    """Small files of labelling of one side."""

    labelling: Labelling | None
    """labels/labels.yaml; None without one that can be used."""
    guidelines: Mapping[str, str]
    """Path -> text."""
    beside: Mapping[str, str]
    """Path -> text of manifests, held and refused events, where the other side has another one."""


def read_label_texts(root: Path, side: Side, other: Side) -> LabelTexts:
    """Read the small files of labelling of `side`; manifests, held and refused events where `other` has another version."""
    beside = {
        path
        for path, file in side.label_files.items()
        if path.startswith((f"{BATCHES}/", f"{HELD}/", f"{REFUSED}/"))
        and (path not in other.label_files or other.label_files[path].id != file.id)
    }
    small = [
        file
        for path, file in side.label_files.items()
        if (path == LABELLING or path.endswith(".md") or path in beside) and (file.size or 0) <= SMALL
    ]
    texts = read_texts(root, small)
    try:
        labelling = load_labelling(texts[LABELLING]) if LABELLING in texts else None
    except SpecError:
        labelling = None  # what is wrong with it is said where labels are computed
    named = {GUIDELINES, *(task.guidelines for task in (labelling.tasks.values() if labelling else ()))}
    return LabelTexts(
        labelling,
        {path: text for path, text in texts.items() if path in named},
        {path: text for path, text in texts.items() if path in beside},
    )


def _consensus(side: Side) -> DataFile | None:
    return next((file for file in side.data.values() if file.is_consensus), None)


@dataclass(frozen=True)
class LabelReader:
    """Makes the tables of labels, and says what is told of them."""

    duck: Duck
    store: Store
    base: Side
    head: Side
    old: LabelTexts
    new: LabelTexts
    budget: int | None
    limit: int
    bring: Callable[[str], None] | None

    def options(self, found: Gathered) -> tuple[FoldOptions, list[str]]:
        """Return what is told of the events that were `found`, and words on what is not."""
        make_labels(self.duck)
        tasks = task_names(self.duck)
        counted = self._count(tasks, found) if found.here and tasks else {}
        basis: dict[str, Basis] = dict.fromkeys(counted, "votes")
        said = self._decided(basis, tasks)
        whole = found.here and found.whole
        complete = frozenset(task for task, what in basis.items() if whole or what == "consensus")
        veils = {task: self._veil(task) for task in {*tasks, *basis}}
        made = FoldOptions(self.limit, whole, basis, complete, veils, counted, self._show())
        return made, [*said, *self._partly(found, complete)]

    def _partly(self, found: Gathered, complete: frozenset[str]) -> list[str]:
        """Return what is not told for the size of the events."""
        if found.whole or not found.here:
            return []
        others = self.old.labelling != self.new.labelling
        change = ["what labels.yaml alone changed"] if others else []
        balance = [] if complete else ["how many items have which label"]
        told = ", ".join([*balance, "agreement", "answers that do not count", *change])
        return [
            f"not told, for the size of the events: {told}; metrics/labelling.json has figures of all of them"
        ]

    def _count(self, tasks: Sequence[str], found: Gathered) -> dict[str, Counted]:
        """Put the labels of tasks by their votes into the tables of labels, and return what was counted."""
        events = {
            "old": SideEvents(write_side(self.duck, "old"), self.old.labelling),
            "new": SideEvents(write_side(self.duck, "new"), self.new.labelling),
        }
        made = {}
        for task in tasks:
            old = count_votes(self.duck, "old", task, events["old"])
            new = count_votes(self.duck, "new", task, events["new"])
            decide_items(self.duck, "old", task, old.table)
            decide_items(self.duck, "new", task, new.table)
            asked = self._task(task) if found.whole else None
            agreement = diff_agreement(self.duck, (old.table, new.table), asked) if asked else ()
            made[task] = Counted(agreement, diff_rules(old, new) if found.whole else ())
        return made

    def _decided(self, basis: dict[str, Basis], tasks: Sequence[str]) -> list[str]:
        """Take the labels of one task from the tables of the label stage, where both are here and differ."""
        old, new = _consensus(self.base), _consensus(self.head)
        task = self._question()
        if not task or new is None:
            return []
        if old is None:
            return []  # the first labels by events: those of the base are what its votes say
        if old.digest == new.digest:
            stale = (
                f"labels of {task} are what votes say: {new.path} is the same on both sides; mlops-kit run"
            )
            return [stale] if task in tasks else []
        places = [self._place(file) for file in (old, new)]
        if places[0] and places[1] and use_consensus(self.duck, task, places[0], places[1]):
            basis[task] = "consensus"
            return []
        return [
            f"labels of {task} are what votes say: {new.path} is not here on both sides; dvc fetch {new.path}"
        ]

    def _here(self, file: DataFile) -> Path | None:
        return file.place if file.place and file.place.is_file() else self.store.find(file.digest)

    def _place(self, file: DataFile) -> Path | None:
        if self.bring and self._here(file) is None:
            self.bring(file.digest)
        return self._here(file)

    def _question(self) -> str:
        """Return the task whose labels the label stage makes: what its params say, or the only one."""
        names = next(([*one.labelling.tasks] for one in (self.new, self.old) if one.labelling), [])
        asked = [
            value
            for side in (self.head, self.base)
            for name, value in side.params.items()
            if name.endswith(".question") and value in names
        ]
        found = asked or (names if len(names) == 1 else [])
        return str(found[0]) if found else ""

    def _task(self, name: str) -> LabelTask | None:
        return next(
            (
                one.labelling.tasks[name]
                for one in (self.new, self.old)
                if one.labelling and name in one.labelling.tasks
            ),
            None,
        )

    def _veil(self, name: str) -> Veil:
        """Return what is not shown of a task: what annotators wrote may speak of the persons that they see."""
        facts = self._facts()
        blind = any(one.hides_all for one in facts)
        known = [one.labelling.tasks.get(name) for one in (self.old, self.new) if one.labelling]
        open_ = [task is None or not task.allow_pii for task in known]
        words = blind or not open_ or not all(open_)
        free = any(task.type == "json" for task in known if task) or not known
        names = blind or any(one.hidden & set(one.key) for one in facts)
        return Veil(words, bool(names), labels=words and free)

    def _facts(self) -> list[Facts]:
        return [read_facts(side.documents) for side in (self.base, self.head)]

    def _show(self) -> Show:
        facts = self._facts()
        hidden = facts[0].hidden | facts[1].hidden

        def show(name: str, items: Sequence[str]) -> Mapping[str, Cells]:
            task = self._task(name)
            file = self.head.data.get(f"data/{task.table}.parquet") if task else None
            place = self._here(file) if file else None  # examples are not worth fetching a table
            if task is None or file is None or place is None or any(one.hides_all for one in facts):
                return {}
            if self.budget is not None and (file.size or 0) > self.budget:
                return {}
            key = facts[1].key
            table = ItemTable(place, key, task.show, hidden, facts[1].hidden - set(task.allow_pii))
            return show_items(self.duck, table, items)

        return show
