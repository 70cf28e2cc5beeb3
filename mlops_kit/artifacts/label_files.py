"""The files of labelling that a side has, by git's hash of their content, so that what is the same is not read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.trees import Tree
from mlops_kit.outside import git

FOLDER = "labels/"
PRIVATE = "labels/people.yaml"
CHUNK = 1 << 20


@dataclass(frozen=True)
class LabelFile:
    """One file below `labels/`."""

    path: str
    """Path relative to the DVC root."""
    id: str
    """Git's id of the content."""
    place: Path | None = None
    """Where it lies in the work tree; None for that of a commit."""
    size: int | None = None
    """Bytes, where that is known without reading it."""


def label_files(root: Path, tree: Tree, sha: str) -> Mapping[str, LabelFile]:
    """Return path -> file for what lies below `labels/` in the commit `sha`, or in the work tree if that is empty; never the names of persons."""
    if not sha:
        return {file.path: file for file in _lying(root) if file.path != PRIVATE}
    return committed_labels(root, sha) if any(name.startswith(FOLDER) for name in tree.names()) else {}


def committed_labels(root: Path, sha: str) -> Mapping[str, LabelFile]:
    """Return path -> file for what lies below `labels/` in the commit `sha`."""
    found = git.list_blobs(root, sha, FOLDER)
    return {
        path: LabelFile(path, blob, None, size) for path, (blob, size) in found.items() if path != PRIVATE
    }


def _lying(root: Path) -> Iterator[LabelFile]:
    folder = root / FOLDER
    if not folder.is_dir():
        return
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(root).as_posix()
        # Parquet under DVC is known by the .dvc file beside it.
        if path.is_file() and not path.with_name(f"{path.name}.dvc").is_file():
            yield LabelFile(name, _git_id(path), path, path.stat().st_size)


def _git_id(path: Path) -> str:
    """Return the id that git gives to a file as it lies there; another form of line ends, or of hashes, only costs that it is read."""
    made = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            made.update(chunk)
    return made.hexdigest()
