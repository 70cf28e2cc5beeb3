"""Reading a project's step files, and the local modules that they import, for what makes outputs differ from run to run."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.dvcfiles import read_pipeline
from mlops_kit.errors import ExitCode, UsageError
from mlops_kit.outside import git
from mlops_kit.project.roots import find_root
from mlops_kit.spec.load import read_lifecycle
from mlops_kit.steps.closure import Folders, find_closure
from mlops_kit.steps.lint import lint_source
from mlops_kit.steps.lint.finding import Finding


@dataclass(frozen=True)
class LintResult:
    """What was read and what was found."""

    files: tuple[str, ...]
    """Files that were read, relative to the project, sorted."""
    findings: tuple[Finding, ...]
    """What makes outputs differ, by file and line."""

    @property
    def exit_code(self) -> ExitCode:
        """Return 7 when something was found: the work tree is not fit for outputs that are the same again."""
        return ExitCode.REFUSED if self.findings else ExitCode.OK


def lint_project(root: Path, paths: Sequence[Path] = ()) -> LintResult:
    """Read `paths` (files, and folders with all Python files below them), by default the steps of the project and what they import.

    By default these are the files that mlops.yaml names, in `uses:` and in commands, the files in `steps/`, the scripts of all dvc.yaml
    files, and the local modules that they import, transitively. Nothing is imported or changed. Raises UsageError when a path does not
    exist or nothing is named, SpecError for a file that is not valid Python and for a project file that cannot be used.
    """
    named = tuple(_named_files(paths)) if paths else _step_files(root)
    base = Path.cwd() if paths else find_root(root)
    findings: list[Finding] = []
    labels = []
    for file in named:
        label = file.relative_to(base).as_posix() if file.is_relative_to(base) else file.as_posix()
        labels.append(label)
        findings += lint_source(_read(file, label), label)
    return LintResult(tuple(sorted(labels)), tuple(sorted(findings)))


def _step_files(root: Path) -> tuple[Path, ...]:
    root = find_root(root)
    lifecycle = root / "mlops.yaml"
    starts = {path.relative_to(root).as_posix() for path in (root / "steps").rglob("*.py")}
    if lifecycle.exists():
        for use in read_lifecycle(root).steps.values():
            starts.update(_scripts("", [use.uses or "", *_words(use.cmd or "")]))
    for path in git.known_files(root):
        if posixpath.basename(path) == "dvc.yaml":
            starts.update(_pipeline_scripts(root, path))
    starts = {name for name in starts if (root / name).is_file()}
    if not starts and not lifecycle.exists():
        raise UsageError(
            f"no Python files are named in mlops.yaml, dvc.yaml or steps/ of {root}",
            fix="name files or folders: mlops-kit lint src",
        )
    folders = Folders(root)
    reached = {name for start in starts for name in find_closure(root, start, folders=folders).local}
    return tuple(root / name for name in sorted(reached) if name.endswith(".py"))


def _pipeline_scripts(root: Path, path: str) -> Iterator[str]:
    """Yield the Python files that the stages of one dvc.yaml run or depend on."""
    folder = posixpath.dirname(path)

    def read(name: str) -> bytes | None:
        return (root / name).read_bytes() if (root / name).is_file() else None

    for stage in (
        read_pipeline((root / path).read_bytes(), folder, path, read=read).resolved["stages"].values()
    ):
        commands = stage.get("cmd") or []
        words = [
            word
            for cmd in ([commands] if isinstance(commands, str) else commands)
            for word in _words(str(cmd))
        ]
        deps = [dep for dep in stage.get("deps") or [] if isinstance(dep, str)]
        yield from _scripts(posixpath.join(folder, stage.get("wdir") or ""), [*words, *deps])


def _scripts(folder: str, words: Sequence[str]) -> Iterator[str]:
    """Yield where the Python files among the words may lie, and the files of modules after `-m`: in `folder` or at the root."""
    for before, word in zip(["", *words], words, strict=False):
        name = word if word.endswith(".py") else f"{word.replace('.', '/')}.py" if before == "-m" else ""
        for place in {folder, ""} if name else ():
            inside = posixpath.normpath(posixpath.join(place, name))
            if not inside.startswith(("/", "..")):
                yield inside


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # an open quote; the shell will say so
        return command.split()


def _named_files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in sorted({path.resolve() for path in paths}):
        if path.is_dir():
            inner = (found.relative_to(path) for found in path.rglob("*.py"))
            yield from (
                path / name for name in sorted(inner) if not any(part.startswith(".") for part in name.parts)
            )
        elif path.is_file():
            yield path
        else:
            raise UsageError(f"{path} does not exist", fix="name Python files or folders")


def _read(file: Path, label: str) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{label} is not UTF-8 ({error.reason} at byte {error.start})", fix="save it as UTF-8"
        ) from None
