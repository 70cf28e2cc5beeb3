"""Which event files two sides have, and where their content lies: git objects, the work tree, or the DVC cache."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlops_kit.artifacts.dvcfiles import read_dvc_file
from mlops_kit.artifacts.label_files import LabelFile
from mlops_kit.artifacts.store import Store
from mlops_kit.errors import OutsideError, SpecError
from mlops_kit.labels.diff.reading import EventPart
from mlops_kit.labels.events.model import COLUMNS
from mlops_kit.labels.places import EVENTS
from mlops_kit.outside.gitobjects import ObjectReader

Files = Mapping[str, LabelFile]
DVC = ".dvc"
JSONL = ".jsonl"
PARQUET = ".parquet"
WHOLE = 256 << 20
"""Bytes of files that are the same and are read whole: a million events, which take a quarter of a minute of CPU time."""
BEYOND = 4
PARQUET_TO_JSONL = 8
"""How many times larger the same events are as JSON lines, about."""


@dataclass(frozen=True)
class Gathered:
    """Event files that are here."""

    parts: tuple[EventPart, ...]
    """What is to be read."""
    here: bool
    """Whether what was to be read is here."""
    whole: bool
    """Whether all events are to be read; else those of files that differ, and of the others those on the same items."""
    left_out: tuple[str, ...]
    """What is not read, why, and the command that does it."""


@dataclass(frozen=True)
class _Wanted:
    batch: str
    file: LabelFile
    old: bool
    new: bool
    size: int

    @property
    def same(self) -> bool:
        return self.old and self.new


def event_files(files: Files) -> Files:
    """Return those of the files of labelling that hold events, or name Parquet under DVC that does."""
    return {path: file for path, file in files.items() if _holds_events(path)}


def _holds_events(path: str) -> bool:
    if path.rpartition("/")[2].startswith("."):  # what is being written has such a name
        return False
    return path.startswith(f"{EVENTS}/") and path.removesuffix(DVC).endswith((JSONL, PARQUET))


def gather_events(
    root: Path,
    base: Files,
    head: Files,
    store: Store,
    scratch: Path,
    *,
    budget: int | None,
    bring: Callable[[str], None] | None = None,
) -> Gathered:
    """Return the event files of both sides; those that only git has are written to `scratch`.

    With a `budget` in bytes, files that differ come first, smaller ones before larger ones. Those that are the same are read whole up to
    the budget (and 256 MiB at most), for the items concerned up to four times the budget, and else left out.
    """
    parts: list[EventPart] = []
    with ObjectReader(root) as objects:
        wanted = sorted(
            _wanted(base, head, objects), key=lambda one: (one.same, one.size, one.file.path, one.new)
        )
        chosen, whole, left_out = _choose(wanted, budget)
        here = len(chosen) == len(wanted)
        for one in chosen:
            place = _place(one.file, objects, store, scratch / f"events-{len(parts)}", bring)
            if place is None:
                here = False
                left_out.append(
                    f"{_plain(one.file.path)} is not here: dvc fetch {one.file.path.removesuffix(DVC)}"
                )
                continue
            if not one.file.path.endswith(JSONL) and not _is_table(place):
                here = False
                left_out.append(
                    f"{_plain(one.file.path)} is no Parquet file of events: mlops-kit label check"
                )
                continue
            form: Literal["jsonl", "parquet"] = "jsonl" if one.file.path.endswith(JSONL) else "parquet"
            parts.append(EventPart(one.batch, place, form, one.old, one.new))
    return Gathered(tuple(parts), here, whole, tuple(left_out))


def _wanted(base: Files, head: Files, objects: ObjectReader) -> Iterator[_Wanted]:
    for path in sorted({*base, *head}):
        old, new = base.get(path), head.get(path)
        batch = _plain(path).removeprefix(f"{EVENTS}/")
        if old and new and old.id == new.id:
            file = new if new.place else old
            yield _Wanted(batch, file, old=True, new=True, size=_size(file, objects))
            continue
        if old:
            yield _Wanted(batch, old, old=True, new=False, size=_size(old, objects))
        if new:
            yield _Wanted(batch, new, old=False, new=True, size=_size(new, objects))


def _plain(path: str) -> str:
    """Return the path without its endings: that of a batch."""
    return path.removesuffix(DVC).removesuffix(JSONL).removesuffix(PARQUET)


def _choose(wanted: list[_Wanted], budget: int | None) -> tuple[list[_Wanted], bool, list[str]]:
    """Return what is read within the budget, whether what is the same is read whole, and words on the rest."""
    left = budget
    chosen: list[_Wanted] = []
    over: list[_Wanted] = []
    for one in wanted:
        if one.same:
            continue
        if left is not None and one.size > left:
            over.append(one)
            continue
        chosen.append(one)
        left = left if left is None else left - one.size
    same = [one for one in wanted if one.same]
    size = sum(one.size for one in same)
    whole = size <= (WHOLE if budget is None else min(WHOLE, budget))
    if budget is None or size <= budget * BEYOND:
        return [*chosen, *same], whole, _over_words(over, 0)
    return chosen, False, _over_words(over, len(same))


def _over_words(over: list[_Wanted], same: int) -> list[str]:
    names = sorted({one.batch for one in over})
    some = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    said = [f"events of {some} are too many for a comparison: mlops-kit label diff"] if names else []
    files = "file of events that is" if same == 1 else "files of events that are"
    why = f"what items were before is not told, for the size of the {same:,} {files} the same: mlops-kit label diff"
    return [*said, why] if same else said


def _size(file: LabelFile, objects: ObjectReader) -> int:
    """Return about how many bytes the events of a file would have as JSON lines."""
    if not file.path.endswith(DVC):
        return (file.size or 0) * (1 if file.path.endswith(JSONL) else PARQUET_TO_JSONL)
    _, size = _pointed(file, objects)
    return size * PARQUET_TO_JSONL


def _pointed(file: LabelFile, objects: ObjectReader) -> tuple[str, int]:
    """Return hash and size of what a .dvc file names; an empty hash when it cannot be understood, which `compare` says."""
    content = _content(file, objects)
    try:
        tracked = read_dvc_file(content, file.path) if content is not None else None
        path, digest = next(iter(tracked.outs.items())) if tracked else ("", "")
        return digest, (tracked.sizes.get(path, (0, None))[0] or 0) if tracked else 0
    except (SpecError, AttributeError, KeyError, TypeError, ValueError, StopIteration):
        return "", 0


def _place(
    file: LabelFile, objects: ObjectReader, store: Store, fresh: Path, bring: Callable[[str], None] | None
) -> Path | None:
    """Return where the content of an event file lies, None where it is not here; what only git has is written to `fresh`."""
    if not file.path.endswith(DVC):
        return file.place or _written(objects, file.id, fresh.with_suffix(Path(file.path).suffix))
    beside = file.place.with_suffix("") if file.place else None
    if beside is not None and beside.is_file():
        return beside
    digest, _ = _pointed(file, objects)
    if digest and bring and store.find(digest) is None:
        bring(digest)
    found = store.find(digest)
    return _named(found, fresh.with_suffix(PARQUET)) if found else None


def _named(content: Path, place: Path) -> Path:
    """Return the content under a name that tells its form; objects of the cache have none."""
    try:
        place.symlink_to(content.absolute())
    except OSError:  # Windows without the right to make links
        shutil.copyfile(content, place)
    return place


def _is_table(place: Path) -> bool:
    """Return whether a file is Parquet with the columns of events, by its footer."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return set(COLUMNS) <= set(pq.read_schema(place).names)
    except (OSError, pa.ArrowException):
        return False


def _content(file: LabelFile, objects: ObjectReader) -> bytes | None:
    if file.place is not None:
        return file.place.read_bytes()
    (found,) = objects.read([file.id])
    return found.content if found else None


def _written(objects: ObjectReader, blob: str, place: Path) -> Path:
    (found,) = objects.read([blob])
    if found is None:
        raise OutsideError(f"git lacks the object {blob[:12]}", fix="git fetch --refetch, or git fsck")
    place.write_bytes(found.content)
    return place


def read_texts(root: Path, files: Iterable[LabelFile]) -> dict[str, str]:
    """Return path -> text of small files."""
    listed = list(files)
    if not listed:
        return {}
    with ObjectReader(root) as objects:
        read = {file.path: _content(file, objects) for file in listed}
    return {path: content.decode("utf-8", "replace") for path, content in read.items() if content is not None}
