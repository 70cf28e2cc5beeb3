"""What scripts read and write, seen by running each once in a copy of the repository; the user's tree stays as it is."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_kit.errors import OutsideError, RefusedError
from mlops_kit.outside.environment import activated_folder
from mlops_kit.outside.process import run_command
from mlops_kit.outside.resources import templates_root
from mlops_kit.project.adopt.calls import Touch
from mlops_kit.project.adopt.flow import Record
from mlops_kit.project.adopt.model import Survey
from mlops_kit.project.adopt.paths import Files
from mlops_kit.project.adopt.scripts import Script
from mlops_kit.project.adopt.stages import numbers_of, written_sources

MAX_COPY_BYTES = 2 << 30
TIMEOUT_SECONDS = 1800.0
MANY = 10
_LEFT = frozenset(
    (
        ".git",
        ".venv",
        "venv",
        "node_modules",
        "__pycache__",
        ".tox",
        ".nox",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".pytest_cache",
    )
)


@dataclass(frozen=True)
class Observation:
    """One run of one script."""

    code: int
    """Its exit code."""
    tail: str
    """The last line of its standard error."""
    files: Files
    """What it read and wrote in the repository."""
    outside: tuple[str, ...]
    """Files outside of the repository that it wrote."""


@dataclass(frozen=True)
class Observed:
    """Scripts with what was seen."""

    scripts: tuple[Script, ...]
    """All scripts; those that ran to their end have the files that were seen."""
    ran: frozenset[str]
    """Paths of the scripts that ran to their end."""
    metrics: frozenset[str]
    """Written files that hold numbers."""


def observe_scripts(survey: Survey, scripts: Sequence[Script], on_line: Callable[[str], None]) -> Observed:
    """Run every script that can be started, in order, in one copy, and return them with what was seen.

    A script that fails is tried once more after the others, when another one has succeeded meanwhile.
    Raises RefusedError when the repository is too large to be copied.
    """
    seen: dict[str, Observation] = {}
    metrics: set[str] = set()
    with _copy(survey) as (copy, logs):
        queue = [one for one in scripts if not one.refused and not written_sources(one)]
        for _ in range(2):
            failed = []
            for script in queue:
                on_line(f"running {script.path} in a copy")
                seen[script.path] = _run(survey, script, copy, logs)
                on_line(f"  exit code {seen[script.path].code}")
                if seen[script.path].code:
                    failed.append(script)
            if not failed or len(failed) == len(queue):
                break
            queue = failed
        there = replace(survey, top=copy, prefix="")
        written = {path for one in seen.values() for path in one.files.writes}
        metrics = {path for path in written if numbers_of(there, path)}
    done = frozenset(path for path, one in seen.items() if one.code == 0)
    made = tuple(_with(script, seen[script.path]) if script.path in seen else script for script in scripts)
    return Observed(made, done, frozenset(metrics))


@contextmanager
def _copy(survey: Survey) -> Iterator[tuple[Path, Path]]:
    """Copy the DVC root to a new folder, without history, environments and caches; yield the copy and a folder for logs."""
    size = sum(path.stat().st_size for path in _files(survey.root) if path.is_file())
    if size > MAX_COPY_BYTES:
        raise RefusedError(
            f"the work tree has {size >> 20:,} MB, and a run works on a copy of at most {MAX_COPY_BYTES >> 20:,} MB",
            fix="mlops-kit adopt without --run, which reads the sources only",
        )
    folder = Path(tempfile.mkdtemp(prefix="mlops-kit-adopt-")).resolve()
    try:
        copy, logs = folder / "copy" / survey.root.name, folder / "logs"
        logs.mkdir()
        shutil.copytree(survey.root, copy, symlinks=True, ignore=_ignored)
        yield copy, logs
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ignored(folder: str, names: list[str]) -> set[str]:
    cache = {"cache", "tmp"} if Path(folder).name == ".dvc" else set()
    environments = {name for name in names if (Path(folder) / name / "pyvenv.cfg").is_file()}
    return {name for name in names if name in _LEFT or name in cache} | environments


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        left = _ignored(folder, folders)
        folders[:] = [name for name in folders if name not in left]
        yield from (Path(folder) / name for name in names)


def _run(survey: Survey, script: Script, copy: Path, logs: Path) -> Observation:
    before = _state(copy)
    mine = Path(tempfile.mkdtemp(dir=logs))
    try:
        done = run_command(
            _arguments(script.cmd, survey.root),
            cwd=copy / script.wdir,
            env=_environment(survey, mine),
            timeout=TIMEOUT_SECONDS,
        )
        code, tail = done.code, done.complaint
    except OutsideError as error:
        code, tail = 127, error.message
    after = _state(copy)
    changed = {path for path, state in after.items() if before.get(path) != state}
    return _observation(script, copy, code, tail, list(_events(mine)), before, changed)


def _arguments(cmd: str, root: Path) -> list[str]:
    arguments = shlex.split(cmd.removesuffix("> /dev/null"))
    folder = activated_folder() or (
        root / ".venv" / "bin" if (root / ".venv" / "bin").is_dir() else Path(sys.executable).parent
    )
    program = shutil.which(arguments[0], path=os.pathsep.join([str(folder), os.environ.get("PATH", "")]))
    return [program or arguments[0], *arguments[1:]]


def _environment(survey: Survey, logs: Path) -> dict[str, str]:
    hook = templates_root() / "observe"
    path = os.pathsep.join(part for part in (str(hook), os.environ.get("PYTHONPATH", "")) if part)
    return {
        "MPLBACKEND": "Agg",  # no windows
        **os.environ,
        "PYTHONPATH": path,
        "PYTHONDONTWRITEBYTECODE": "1",
        "MLOPS_KIT_OBSERVE_LOG": str(logs),
        "MLOPS_KIT_OBSERVE_ORIGINAL": str(survey.top.resolve()),
    }


def _state(root: Path) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for path in _files(root):
        if path.is_file() and not path.is_symlink():
            status = path.stat()
            found[path.relative_to(root).as_posix()] = (status.st_mtime_ns, status.st_size)
    return found


def _events(logs: Path) -> Iterator[tuple[str, str]]:
    for log in sorted(logs.iterdir()):
        for line in log.read_text(encoding="ascii").splitlines():
            try:
                kind, path = json.loads(line)
            except ValueError:  # a process that was killed while it wrote
                continue
            yield kind, path


def _observation(
    script: Script,
    copy: Path,
    code: int,
    tail: str,
    events: Sequence[tuple[str, str]],
    *changes: Iterable[str],
) -> Observation:
    before, changed = set(changes[0]), set(changes[1])
    first: dict[str, str] = {}
    listed: set[str] = set()
    outside: set[str] = set()
    for kind, full in events:
        inside = _inside(copy, full)
        if inside is None:
            outside |= {full} if kind == "write" and not _is_passing(full) else set()
        elif kind == "list":
            listed.add(inside)
        else:
            first.setdefault(inside, kind)
    reads = {
        path for path, kind in first.items() if kind == "read" and path in before and not path.endswith(".py")
    }
    in_place = changed & reads & before
    files = Files(
        reads=_records(
            script, _gathered((reads | (set(script.files.reads) & before)) - changed, listed), Touch.READ
        ),
        lists={},
        writes=_records(script, changed - in_place, Touch.WRITE),
        changes=_records(script, in_place, Touch.APPEND),
    )
    return Observation(code, tail, files, tuple(sorted(outside)))


def _is_passing(full: str) -> bool:
    """Return whether a written path is a device or a temporary file."""
    return full.startswith(("/dev/", "/proc/", f"{tempfile.gettempdir()}{os.sep}"))


def _gathered(reads: set[str], listed: set[str]) -> set[str]:
    """Return the files read, a listed folder instead of its files when many of them are read."""
    kept = set(reads)
    for folder in sorted(listed, key=len):
        inside = {path for path in kept if folder != "." and path.startswith(f"{folder}/")}
        if len(inside) > MANY:
            kept = (kept - inside) | {folder}
    return kept


def _inside(copy: Path, full: str) -> str | None:
    lead = f"{copy.as_posix()}/"
    path = full.replace(os.sep, "/")
    return path[len(lead) :] if path.startswith(lead) else None


def _records(script: Script, paths: Iterable[str], touch: Touch) -> dict[str, Record]:
    return {path: Record(path, touch, script.path, 1, conditional=False) for path in sorted(paths)}


def _with(script: Script, seen: Observation) -> Script:
    """Return the script with what was seen; as it was, with a note, when it failed."""
    if seen.code:
        said = f"{script.path}: ended with {seen.code} when it was run ({seen.tail[:200]}); read from its source instead"
        return replace(script, notes=(*script.notes, said))
    notes = [
        note for note in script.notes if "at run time" not in note and "not seen" not in note
    ]  # it is seen now
    notes += [f"{script.path}: wrote {path}, outside of the repository" for path in seen.outside[:3]]
    unseen = sorted(set(script.files.writes) - set(seen.files.writes) - set(seen.files.changes))
    if unseen:
        notes.append(
            f"{script.path}: did not write {', '.join(unseen[:5])} when it was run, though its source could"
        )
    return replace(script, files=seen.files, notes=tuple(notes))
