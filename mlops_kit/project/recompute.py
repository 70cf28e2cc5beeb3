"""Making content anew: a stage is run again from its recorded inputs, in a work tree of its own that shares the cache."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.inventory import Inventory, Recorded, read_inventory
from mlops_kit.artifacts.worktree import shared_worktree
from mlops_kit.errors import MlopsKitError
from mlops_kit.outside import git
from mlops_kit.outside.dvc import reproduce
from mlops_kit.outside.whole_files import unfinished


@dataclass(frozen=True)
class Remade:
    """What running a stage again gave."""

    stage: str
    outs: Mapping[str, str]
    """Path -> MD5 of what it wrote now."""
    complaint: str = ""
    """Why it could not be run, or why its result does not count; empty when it is the recorded one."""


class Workshop:
    """A commit (or the work tree's state on top of HEAD) in which stages are run again, each from its recorded inputs."""

    def __init__(
        self, root: Path, tree: Path, inventory: Inventory, find: Callable[[str], Path | None]
    ) -> None:
        self._root = root
        self._tree = tree
        self._find = find
        self._made: dict[str, Remade] = {}
        self._inventory = inventory

    @property
    def tree(self) -> Path:
        """Return the folder in which stages run."""
        return self._tree

    def writer_of(self, path: str) -> str | None:
        """Return the stage that writes `path`, None for data of a .dvc file and for files of git."""
        return next(
            (
                out.stage
                for out in self._inventory.outs
                if out.stage in self._inventory.stages
                and (path == out.path or path.startswith(f"{out.path}/"))
            ),
            None,
        )

    def remake(self, stage: str) -> Remade:
        """Run `stage` once from its recorded inputs; inputs that are gone are made anew first. Its outputs are in the cache then."""
        if stage not in self._made:
            self._made[stage] = Remade(stage, {}, "needs itself")
            self._made[stage] = self._run(stage)
        return self._made[stage]

    def _run(self, stage: str) -> Remade:
        for dep in [dep for dep in self._inventory.deps if dep.stage == stage]:
            complaint = self._bring(dep)
            if complaint:
                return Remade(stage, {}, complaint)
        result = reproduce(self._tree, targets=[stage], force=True, single=True)
        if result.code != 0:
            words = next((line for line in reversed(result.tail) if "error" in line.lower()), "no message")
            return Remade(stage, {}, f"stage `{stage}` failed: {words.strip()}")
        now = {out.path: out.digest for out in read_inventory(self._tree).outs if out.stage == stage}
        then = {out.path: out.digest for out in self._inventory.outs if out.stage == stage}
        other = sorted(path for path in then if now.get(path) != then[path])
        return Remade(
            stage, now, f"stage `{stage}` gives something else now: {', '.join(other)}" if other else ""
        )

    def _bring(self, dep: Recorded) -> str:
        """Put a recorded input into the work tree, and return why that cannot be done; empty when it is there."""
        target = self._tree / dep.path
        out = next((out for out in self._inventory.outs if dep.path == out.path), None)
        if out is None and target.exists():
            return ""  # a file of the commit; DVC compares it with the lock
        inner = [out for out in self._inventory.outs if out.path.startswith(f"{dep.path}/")]
        if inner:  # a folder that several stages write has no listing of its own
            return next((complaint for part in inner if (complaint := self._bring(part))), "")
        if target.is_dir():
            shutil.rmtree(target)  # ours: what an earlier run of another stage left
        if place_content(dep.digest, target, self._find):
            return ""
        writer = self.writer_of(dep.path)
        if writer is None:
            return f"the input {dep.path} ({dep.digest}) is nowhere any more"
        made = self.remake(writer)
        if made.complaint:
            return made.complaint
        here = place_content(dep.digest, target, self._find)
        return "" if here else f"{dep.path} could not be made again"


def place_content(digest: str, target: Path, find: Callable[[str], Path | None]) -> bool:
    """Write the content `digest`, found by `find`, to `target`; return whether all of it was whole, else nothing is written.

    Files of that name are replaced, others in a folder stay.
    """
    source = _whole(digest, find)
    if source is None:
        return False
    if not digest.endswith(".dir"):
        _copy(source, target)
        return True
    members = _listing(source)
    found = {name: _whole(member, find) for name, member in members.items()}
    if not all(found.values()):
        return False
    target.mkdir(parents=True, exist_ok=True)
    for name, path in found.items():
        assert path is not None
        _copy(path, target / name)
    return True


@contextmanager
def open_workshop(root: Path, rev: str | None, find: Callable[[str], Path | None]) -> Iterator[Workshop]:
    """Yield a workshop for the commit `rev`; None means HEAD with the uncommitted changes of the work tree.

    `find` returns the whole file of an object, None when it cannot be had. Raises OutsideError when git cannot check it out.
    """
    sha = git.resolve(root, rev or "HEAD")
    with shared_worktree(root, sha) as tree:
        if rev is None:
            _overlay(root, tree)
        yield Workshop(root, tree, read_inventory(tree), find)


def _overlay(root: Path, tree: Path) -> None:
    """Bring the uncommitted changes of files that git tracks, or would, into the other work tree."""
    prefix = git.prefix_of(root)
    for name in git.dirty_paths(root, ["."]):
        inner = name.removeprefix(prefix)
        source, target = root / inner, tree / inner
        if source.is_file():
            _copy(source, target)
        elif target.is_file() and not source.exists():
            target.unlink()


def _whole(digest: str, find: Callable[[str], Path | None]) -> Path | None:
    try:
        return find(digest)
    except MlopsKitError:
        return None


def _listing(path: Path) -> dict[str, str]:
    from mlops_kit.artifacts.hashing import read_listing

    return read_listing(path.read_bytes())


def _copy(source: Path, target: Path) -> None:
    """Copy a file in one step; the copy can be written to, as what DVC checks out can."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with unfinished(target) as fresh:
        shutil.copyfile(source, fresh)
        fresh.chmod(0o644)
        os.replace(fresh, target)  # noqa: PTH105 - the one call that also replaces on Windows
