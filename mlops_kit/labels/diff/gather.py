"""Which event files two sides have, and where their content lies: git objects, the work tree, or the DVC cache."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.dvcfiles import read_dvc_file
from mlops_kit.artifacts.label_files import LabelFile
from mlops_kit.artifacts.store import Store
from mlops_kit.errors import OutsideError, SpecError
from mlops_kit.labels.diff.reading import EventPart
from mlops_kit.labels.places import EVENTS
from mlops_kit.outside.gitobjects import ObjectReader

Files = Mapping[str, LabelFile]
DVC = ".dvc"
JSONL = ".jsonl"
PARQUET = ".parquet"


@dataclass(frozen=True)
class Gathered:
    """Event files that are here."""

    parts: tuple[EventPart, ...]
    """What is to be read."""
    whole: bool
    """Whether these are all events of both sides."""
    left_out: tuple[str, ...]
    """What is not read, why, and the command that does it."""


@dataclass(frozen=True)
class _Wanted:
    batch: str
    file: LabelFile
    old: bool
    new: bool

    @property
    def same(self) -> bool:
        return self.old and self.new


def event_files(files: Files) -> Files:
    """Return those of the files of labelling that hold events, or name Parquet under DVC that does."""
    return {path: file for path, file in files.items() if _holds_events(path)}


def _holds_events(path: str) -> bool:
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

    With a `budget` in bytes, files that differ come first, smaller ones before larger ones, and then those that are the same, all or none of them.
    """
    wanted = sorted(
        _wanted(base, head), key=lambda one: (one.same, one.file.size or 0, one.file.path, one.new)
    )
    chosen, left_out = _choose(wanted, budget)
    parts: list[EventPart] = []
    with ObjectReader(root) as objects:
        for one in chosen:
            place = _place(one.file, objects, store, scratch / f"events-{len(parts)}", bring)
            if place is None:
                left_out.append(
                    f"{_plain(one.file.path)} is not here: dvc fetch {one.file.path.removesuffix(DVC)}"
                )
                continue
            form = JSONL if one.file.path.endswith(JSONL) else PARQUET
            parts.append(
                EventPart(one.batch, place, "jsonl" if form == JSONL else "parquet", one.old, one.new)
            )
    return Gathered(tuple(parts), not left_out, tuple(left_out))


def _wanted(base: Files, head: Files) -> Iterator[_Wanted]:
    for path in sorted({*base, *head}):
        old, new = base.get(path), head.get(path)
        batch = _plain(path).removeprefix(f"{EVENTS}/")
        if old and new and old.id == new.id:
            yield _Wanted(batch, new if new.place else old, old=True, new=True)
            continue
        if old:
            yield _Wanted(batch, old, old=True, new=False)
        if new:
            yield _Wanted(batch, new, old=False, new=True)


def _plain(path: str) -> str:
    """Return the path without its endings: that of a batch."""
    return path.removesuffix(DVC).removesuffix(JSONL).removesuffix(PARQUET)


def _choose(wanted: list[_Wanted], budget: int | None) -> tuple[list[_Wanted], list[str]]:
    """Return what is read within the budget, and words on the rest."""
    left = budget
    chosen: list[_Wanted] = []
    over: list[_Wanted] = []
    same = sum(_size(one) for one in wanted if one.same)
    for one in wanted:
        size = same if one.same else _size(one)
        if left is not None and size > left:
            over.append(one)
            continue
        chosen.append(one)
        left = left if left is None or one.same else left - size
    return chosen, _over_words(over)


def _over_words(over: list[_Wanted]) -> list[str]:
    names = sorted({one.batch for one in over if not one.same})
    some = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    said = [f"events of {some} are too many for a comparison: mlops-kit label diff"] if names else []
    same = sum(one.same for one in over)
    return said + (
        [
            f"what items were before is not told, for the size of the {same:,} files of events that are the same: mlops-kit label diff"
        ]
        if same
        else []
    )


def _size(one: _Wanted) -> int:
    """Return the bytes of an event file; Parquet under DVC is read by columns and without parsing, so it counts as nothing."""
    return 0 if one.file.path.endswith(DVC) else one.file.size or 0


def _place(
    file: LabelFile, objects: ObjectReader, store: Store, fresh: Path, bring: Callable[[str], None] | None
) -> Path | None:
    """Return where the content of an event file lies, None where it is not here; what only git has is written to `fresh`."""
    if not file.path.endswith(DVC):
        return file.place or _written(objects, file.id, fresh.with_suffix(Path(file.path).suffix))
    beside = file.place.with_suffix("") if file.place else None
    if beside is not None and beside.is_file():
        return beside
    content = _content(file, objects)
    try:
        outs = read_dvc_file(content, file.path).outs if content is not None else {}
    except (SpecError, AttributeError, KeyError, TypeError, ValueError):
        return None  # `compare` says that it cannot be understood
    digest = next(iter(outs.values()), "")
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
