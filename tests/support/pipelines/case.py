"""One pipeline of the corpus and what is done to it between two runs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Edit = Callable[[Path], None]


@dataclass(frozen=True)
class Case:
    """One repository."""

    name: str
    files: Mapping[str, str]
    """Path -> content; a content that begins with `#!` is made executable."""
    config: str = ""
    """Content of .dvc/config."""
    folder: str = ""
    """Where the DVC repository lies in the git repository."""
    edits: Mapping[str, Edit] = field(default_factory=dict)
    """Label -> what is done before one more run, besides what is done to every pipeline."""
    lost: str = ""
    """An output that is deleted once."""
    only: tuple[str, ...] = ()
    """Labels of the edits that make sense for it; all when empty."""


def write(case: Case, root: Path) -> None:
    """Write the files of a case."""
    for name, content in case.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8", newline="\n")
        if content.startswith("#!"):
            path.chmod(0o755)


def steps(case: Case) -> Iterator[tuple[str, Edit]]:
    """Yield what is done before each run, the first run included."""
    every: dict[str, Edit] = {
        "first run": lambda root: None,
        "no change": lambda root: None,
        "changed param": _changing("params.yaml", "lr: 1", "lr: 2"),
        "reverted param": _changing("params.yaml", "lr: 2", "lr: 1"),
        "changed dep": _changing("raw.txt", "one", "two and more"),
        "reverted dep": _changing("raw.txt", "two and more", "one"),
        "new stage in the middle": _insert,
        "removed stage": _remove,
        "renamed output": _changing("dvc.yaml", "renamed", "other"),
        "lock with hand formatting": _by_hand,
        "changed dep again": _changing("raw.txt", "one", "three"),
    }
    if case.lost:
        every["lost output"] = lambda root: _lose(root / case.lost)
    for label, edit in {**every, **case.edits}.items():
        if not case.only or label in case.only or label == "first run":
            yield label, edit


def _changing(file: str, old: str, new: str) -> Edit:
    def edit(root: Path) -> None:
        path = root / file
        if path.is_file():
            path.write_text(path.read_text("utf-8").replace(old, new), encoding="utf-8", newline="\n")

    return edit


def _lose(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _insert(root: Path) -> None:
    path = root / "dvc.yaml"
    if not path.is_file():
        return
    blocks = re.split(r"(?m)^(?=  \S)", path.read_text("utf-8"))
    middle = len(blocks) // 2 + 1
    added = (
        "  inserted:\n    cmd: echo inserted > inserted.txt\n    deps: [raw.txt]\n    outs: [inserted.txt]\n"
    )
    path.write_text("".join([*blocks[:middle], added, *blocks[middle:]]), encoding="utf-8", newline="\n")


def _remove(root: Path) -> None:
    path = root / "dvc.yaml"
    if path.is_file():
        text = re.sub(r"(?m)^  inserted:\n(?:    .*\n)+", "", path.read_text("utf-8"))
        path.write_text(text, encoding="utf-8", newline="\n")


def _by_hand(root: Path) -> None:
    path = root / "dvc.lock"
    if path.is_file():
        text = (
            path.read_text("utf-8")
            .replace("stages:\n", "# by hand\n\nstages:\n", 1)
            .replace("hash: md5", 'hash:   "md5"', 1)
        )
        path.write_text(text + "\n# the end\n", encoding="utf-8", newline="\n")


def replacing(file: str, old: str, new: str) -> Edit:
    """Return an edit that replaces a text, which must be there."""

    def edit(root: Path) -> None:
        text = (root / file).read_text("utf-8")
        assert old in text, f"{file} does not hold {old!r}"
        (root / file).write_text(text.replace(old, new), encoding="utf-8", newline="\n")

    return edit


def writing(file: str, content: str) -> Edit:
    """Return an edit that writes a file."""

    def edit(root: Path) -> None:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(content, encoding="utf-8", newline="\n")

    return edit
