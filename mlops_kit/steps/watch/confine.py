"""What a confined stage may still touch: what it declares, the system, the installed packages, a temporary folder of its own."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlops_kit.outside.landlock import Allowance, confine_process, landlock_version
from mlops_kit.steps.watch.declared import OWN_FILES, OWN_FOLDERS, Declared
from mlops_kit.steps.watch.places import SYSTEM_FOLDERS, Places, home_caches

_LOCKS = ("requirements", "pylock")
_DEVICES = ("/dev", "/proc")


def can_confine() -> bool:
    """Return whether this system can confine a process."""
    return landlock_version() > 0


def confine_stage(places: Places, declared: Declared) -> Path:
    """Confine this process and its children to what `declared` names; return its folder for temporary files.

    Files of the project that are not declared, the user's home and other disks can no longer be read; nothing can be written but in
    the folders of outputs and the temporary folder, which TMPDIR names from now on. Raises OutsideError where the kernel refuses.
    """
    root = Path(places.root)
    own_temporary = _temporary_folder()
    os.environ["TMPDIR"] = str(own_temporary)
    tempfile.tempdir = None
    allowed = _readable(places)
    reads = [inner for path in allowed for inner in _without(path, root)]
    confine_process(
        Allowance(
            read=[*reads, *_project_reads(root, declared)],
            write=[
                *map(Path, _DEVICES),
                own_temporary.parent,
                root / ".dvc" / "tmp",
                *_output_folders(root, declared),
            ],
            network=declared.network,
        )
    )
    return own_temporary


def _readable(places: Places) -> list[Path]:
    """Return what every stage may read: the system, Python, packages, programs."""
    packages = [path for path in sys.path if path and places.relative(os.path.abspath(path)) is None]  # noqa: PTH100
    programs = [path for path in os.environ.get("PATH", "").split(os.pathsep) if path]
    return [Path(path) for path in (*SYSTEM_FOLDERS, *home_caches(), *places.libraries, *packages, *programs)]


def _project_reads(root: Path, declared: Declared) -> Iterator[Path]:
    yield from (root / name for name in (*OWN_FILES, *OWN_FOLDERS))
    for entry in os.scandir(root):
        if entry.name.startswith(_LOCKS) or entry.name.endswith((".lock", ".egg-info", ".dist-info")):
            yield Path(entry.path)
    for name in sorted(declared.reads):
        path = root / name
        yield path
        yield _byte_code(path)
        # DVC can link data into the work tree; the kernel looks at the target.
        if path.is_dir():
            yield from {
                Path(os.path.realpath(inner)).parent for inner in path.rglob("*") if inner.is_symlink()
            }


def _byte_code(path: Path) -> Path:
    return path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"


def _output_folders(root: Path, declared: Declared) -> list[Path]:
    """Return the folders in which outputs lie. They are made first: a rule needs something to hold on to."""
    folders = sorted({(root / name).parent for name in declared.writes})
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return folders


def _temporary_folder() -> Path:
    """Return a new folder inside a private one; the confined process can empty the private one, not remove it."""
    private = Path(tempfile.gettempdir()) / f"mlops-kit-{os.getuid() if hasattr(os, 'getuid') else 0}"
    try:
        private.mkdir(mode=0o700, exist_ok=True)
        found = private.lstat()
        safe = (
            private.is_dir()
            and not private.is_symlink()
            and found.st_uid == os.getuid()
            and not found.st_mode & 0o077
        )
    except OSError:
        safe = False
    parent = private if safe else Path(tempfile.mkdtemp(prefix="mlops-kit-"))
    return Path(tempfile.mkdtemp(prefix="stage-", dir=parent))


def _without(path: Path, root: Path) -> Iterator[Path]:
    """Yield `path`, or its entries without the way to `root` where it contains the project."""
    real = Path(os.path.realpath(path))
    if root != real and real not in root.parents:
        yield path
        return
    if root == real:
        return
    try:
        entries: Sequence[os.DirEntry[str]] = list(os.scandir(real))
    except OSError:
        return
    for entry in entries:
        yield from _without(Path(entry.path), root)
