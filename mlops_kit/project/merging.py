"""Merging what runs write: git's merge driver, its installation in a clone, and conflicts that stand there already."""

from __future__ import annotations

import posixpath
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.belonging import pipeline_files
from mlops_kit.artifacts.declared import MANIFEST_ENDING
from mlops_kit.artifacts.dvcfiles import DeclaredOutput, read_pipeline
from mlops_kit.artifacts.evidence import EVIDENCE
from mlops_kit.artifacts.lock_merge import merge_locks
from mlops_kit.artifacts.output_merge import merge_evidence, merge_output
from mlops_kit.artifacts.statcache import replace_text
from mlops_kit.artifacts.three_way import Merged
from mlops_kit.artifacts.trees import WorkTree
from mlops_kit.data.manifest import merge_manifests
from mlops_kit.errors import MlopsKitError, RefusedError
from mlops_kit.outside import git
from mlops_kit.outside.git_merge import (
    Conflict,
    mark_merged,
    merge_attributes,
    read_setting,
    unmerged,
    write_setting,
)
from mlops_kit.spec.names import LIFECYCLE

DRIVER = "mlops-kit"
LOCK = "dvc.lock"
ATTRIBUTES = ".gitattributes"
_SETTING = f"merge.{DRIVER}.driver"
_MARKER = re.compile(rb"^<{7,} ", re.MULTILINE)


@dataclass(frozen=True)
class Installed:
    """What an installation of the merge driver did."""

    driver: bool
    """Whether the setting of the clone was new or another one."""
    attributes: tuple[str, ...]
    """Lines that were added to .gitattributes."""


@dataclass(frozen=True)
class Resolved:
    """What became of the conflicts of a merge."""

    merged: Mapping[str, tuple[str, ...]]
    """Path that is merged and added now -> what was left out of it, for `run` to bring back."""
    left: Mapping[str, str]
    """Path that is still unmerged -> why."""


def merge_file(top: Path, path: str, base: bytes, ours: bytes, theirs: bytes) -> Merged:
    """Merge two changes of the file `path` (relative to the top folder `top` of the work tree) that a run has written.

    Raises RefusedError when no stage writes it, for what people write is theirs to merge, and SpecError when a side cannot be understood.
    """
    if posixpath.basename(path) == LOCK:
        return merge_locks(base, ours, theirs, path)
    if path == EVIDENCE.as_posix() or path.endswith(f"/{EVIDENCE.as_posix()}"):
        return merge_evidence(base, ours, theirs, path)
    if path.endswith(MANIFEST_ENDING):
        return merge_manifests(base, ours, theirs, path)
    if not any(_is_written(out, path) for out in _outputs_around(top, path)):
        raise RefusedError(f"no stage writes {path}: merge it by hand", fix=f"edit it, then git add {path}")
    return merge_output(ours, theirs, path)


def _is_written(out: DeclaredOutput, path: str) -> bool:
    """Return whether a run writes `path` anew as (a part of) `out`: what a stage adds to, and what no stage has, people may have written."""
    again = bool(out.stage) and not out.cache and not out.options.get("persist")
    return again and (path == out.path or path.startswith(f"{out.path}/"))


def driver_command(python: str) -> str:
    """Return the line of shell that git calls to merge a file; without `python` or this package the ordinary merge by lines.

    git's own shell runs it, on Windows too, where it takes `C:/...` in quotes. Git replaces `%O %A %B` by files with the ancestor,
    our and the other version, and `%P` by the path, in quotes of its own.
    """
    program = shlex.quote(python.replace("\\", "/")).replace("%", "%%")
    return (
        f"{program} -P -m mlops_kit.cli.merge_driver %O %A %B %P"
        " || git merge-file --marker-size=%L -L ours -L base -L theirs %A %O %B"
    )


def driver_program(root: Path) -> str | None:
    """Return the Python that the clone's merge driver starts; None when the clone has no driver of ours."""
    command = read_setting(root, _SETTING)
    words = shlex.split(command) if command else []
    return words[0].replace("%%", "%") if words else None


def install_driver(root: Path) -> Installed:
    """Set the merge driver up in the clone of the DVC repository at `root`, and name its files in .gitattributes where they are not.

    Changes nothing when all is there. Files that stages write and DVC keeps are ignored by git and need no line.
    """
    return Installed(set_driver(root), _add_attributes(root))


def set_driver(root: Path) -> bool:
    """Write the merge driver into the git configuration of the clone; return whether it was missing or another one."""
    command = driver_command(sys.executable)
    if read_setting(root, _SETTING) == command:
        return False
    write_setting(
        root, _SETTING, command
    )  # first: git refuses to merge when a driver has a name and no command
    write_setting(root, f"merge.{DRIVER}.name", "dvc.lock, evidence and metrics, by mlops-kit")
    return True


def unattributed(root: Path) -> tuple[str, ...]:
    """Return the files of the DVC repository at `root` that runs write, git keeps, and git does not give to the merge driver."""
    wanted = _written_files(root)
    known = merge_attributes(root, wanted)
    return tuple(path for path in wanted if known.get(path) != DRIVER)


def is_conflicted(root: Path) -> bool:
    """Return whether a lock file or the evidence below `root` is unmerged."""
    return any(
        posixpath.basename(conflict.path) in (LOCK, EVIDENCE.name) or conflict.path.endswith(MANIFEST_ENDING)
        for conflict in unmerged(git.top_level(root))
    )


def resolve_conflicts(root: Path) -> Resolved:
    """Merge what an unfinished merge, rebase or cherry-pick around `root` left unmerged and runs have written, and add it.

    What people write stays as it is, and so does a file that has no conflict markers any more.
    """
    top = git.top_level(root)
    merged: dict[str, tuple[str, ...]] = {}
    left: dict[str, str] = {}
    for conflict in unmerged(top):
        try:
            made = _resolve(top, conflict)
        except MlopsKitError as error:
            left[conflict.path] = error.message
            continue
        replace_text(top / conflict.path, made.content.decode("utf-8"))
        merged[conflict.path] = made.dropped
    if merged:
        mark_merged(top, list(merged))
    return Resolved(merged, left)


def _resolve(top: Path, conflict: Conflict) -> Merged:
    if conflict.ours is None or conflict.theirs is None:
        raise RefusedError(f"one side removed {conflict.path}")
    if not _MARKER.search((top / conflict.path).read_bytes()):
        raise RefusedError(f"{conflict.path} has no conflict markers any more: git add it when it is right")
    made = merge_file(top, conflict.path, conflict.base or b"", conflict.ours, conflict.theirs)
    if b"\0" in made.content:
        raise RefusedError(f"{conflict.path} is not a text")
    return made


def _outputs_around(top: Path, path: str) -> Iterator[DeclaredOutput]:
    """Yield what the pipelines in the folders of `path` and above it declare, then those of all others; paths relative to `top`."""
    folders = [folder.as_posix() for folder in Path(path).parents]
    near = [posixpath.normpath(posixpath.join(folder, "dvc.yaml")) for folder in folders]
    yield from _outputs(top, [name for name in near if (top / name).is_file()])
    others = [name for name in git.tracked_files(top) if posixpath.basename(name) == "dvc.yaml"]
    yield from _outputs(top, [name for name in others if name not in near and (top / name).is_file()])


def _outputs(top: Path, names: Sequence[str]) -> Iterator[DeclaredOutput]:
    def read(name: str) -> bytes | None:
        file = top / name
        return file.read_bytes() if file.is_file() else None

    for name in names:
        text = (top / name).read_bytes()
        yield from read_pipeline(text, posixpath.dirname(name), name, read=read).outputs


def _written_files(root: Path) -> list[str]:
    """Return what runs write and git keeps below `root`: lock files, the evidence, outputs that DVC does not cache, manifests."""
    names = [name for name in pipeline_files(WorkTree(root)) if posixpath.basename(name) == "dvc.yaml"]
    locks = [posixpath.join(posixpath.dirname(name), LOCK) for name in names]
    evidence = [EVIDENCE.as_posix()] if (root / LIFECYCLE).is_file() else []
    kept = [out.path for out in _outputs(root, names) if _is_written(out, out.path)]
    beside = [f"{out.path}{MANIFEST_ENDING}" for out in _outputs(root, names)]
    texts = b"".join((root / name).read_bytes() for name in names)
    manifests = [path for path in beside if path.encode() in texts]
    return list(dict.fromkeys([*locks, *evidence, *kept, *manifests]))


def _add_attributes(root: Path) -> tuple[str, ...]:
    lines = tuple(f"{_pattern(path, (root / path).is_dir())} merge={DRIVER}" for path in unattributed(root))
    if lines:
        file = root / ATTRIBUTES
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        text += "\n" if text and not text.endswith("\n") else ""
        replace_text(file, text + "".join(f"{line}\n" for line in lines))
    return lines


def _pattern(path: str, folder: bool) -> str:
    plain = re.sub(r"([*?\[\]\\])", r"\\\1", path)
    anchored = "/" + plain + ("/**" if folder else "")
    if re.search(r'[\s"]', anchored):
        return '"' + anchored.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return anchored
