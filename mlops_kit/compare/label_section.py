"""What changed in the labels of two sides: events that only one has, and what they did to the items."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.artifacts.side import Side

if TYPE_CHECKING:
    from mlops_kit.artifacts.store import Store
    from mlops_kit.labels.diff.gather import Gathered
    from mlops_kit.labels.diff.model import LabelDiff

BUDGET = 64 << 20
"""Bytes of event files, of both sides together, that an ordinary comparison reads."""


def describe_labels(
    root: Path,
    base: Side | None,
    head: Side,
    *,
    budget: int | None = BUDGET,
    limit: int = 10,
    fetch: bool = False,
) -> LabelDiff | None:
    """Return what changed in the labels; None when nothing did.

    `limit` is how many items are told for each task. Events in files that are the same on both sides are read for what items were
    before, as far as `budget` bytes go (`labels/diff/gather.py`; None: however many there are). Content under DVC that is not here is fetched with `fetch`,
    else left out, which is said.
    """
    if base is None or not _differ(base, head):
        return None
    # A comparison without other labels does not wait for these.
    from mlops_kit.artifacts.duck import open_duck
    from mlops_kit.artifacts.store import open_store
    from mlops_kit.compare.label_reading import LabelReader, read_label_texts
    from mlops_kit.labels.diff.deliveries import add_deliveries, cut_batches
    from mlops_kit.labels.diff.fold import fold_batches, fold_tasks
    from mlops_kit.labels.diff.model import LabelDiff
    from mlops_kit.labels.diff.notes import diff_guidelines, diff_roster
    from mlops_kit.labels.diff.reading import load_events

    old, new = read_label_texts(root, base, head), read_label_texts(root, head, base)
    store = open_store(root)
    bring = _bringer(root, store) if fetch else None
    with open_duck() as duck:
        rules = old.labelling != new.labelling
        found = _gather(root, base, head, store, duck.scratch, budget=budget, bring=bring, rules=rules)
        loaded = load_events(duck, found.parts, whole=found.whole)
        reader = LabelReader(duck, store, base, head, old, new, budget, limit, bring)
        options, said = reader.options(found)
        tasks, batches = fold_tasks(duck, options), fold_batches(duck)
    said += [_broken_words(loaded.broken)] if loaded.broken else []
    batches, more = cut_batches(add_deliveries(batches, old.beside, new.beside))
    made = LabelDiff(
        tasks,
        batches,
        diff_guidelines(old.guidelines, new.guidelines),
        diff_roster(old.labelling, new.labelling),
        (*found.left_out, *said, *more),
    )
    return None if made.is_empty else made


def _differ(base: Side, head: Side) -> bool:
    """Return whether anything of labelling differs, which is known from hashes alone."""
    old, new = ({path: file.id for path, file in side.label_files.items()} for side in (base, head))
    if old != new:
        return True
    tables = [{file.digest for file in side.data.values() if file.is_consensus} for side in (base, head)]
    return all(tables) and tables[0] != tables[1]


def _bringer(root: Path, store: Store) -> Callable[[str], None] | None:
    if not store.elsewhere:
        return None

    def bring(digest: str) -> None:
        from mlops_kit.artifacts.remote_store import fetch_objects

        fetch_objects(root, [digest])

    return bring


def _gather(
    root: Path,
    base: Side,
    head: Side,
    store: Store,
    scratch: Path,
    *,
    budget: int | None,
    bring: Callable[[str], None] | None,
    rules: bool,
) -> Gathered:
    """Return the event files that are to be read: none where all of them are the same, unless other `rules` count them."""
    from mlops_kit.labels.diff.gather import Gathered, event_files, gather_events

    old, new = event_files(base.label_files), event_files(head.label_files)
    same = {path: file.id for path, file in old.items()} == {path: file.id for path, file in new.items()}
    if same and not rules:
        return Gathered((), here=True, whole=True, left_out=())
    return gather_events(root, old, new, store, scratch, budget=budget, bring=bring)


def _broken_words(lines: int) -> str:
    count = "1 line is no event" if lines == 1 else f"{lines:,} lines are no events"
    return f"{count} and left out: mlops-kit label check"
