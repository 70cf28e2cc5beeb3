"""One stage again: in an empty folder, from its recorded inputs alone, without DVC and without a cache."""

from __future__ import annotations

import json
import posixpath
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlops_kit.artifacts.fingerprint import fingerprint
from mlops_kit.artifacts.values import flatten, parse_values
from mlops_kit.compare.ladder import InputFact, StageOutcome
from mlops_kit.errors import ExitCode, OutsideError, SpecError
from mlops_kit.outside.clone import check_out
from mlops_kit.outside.dvc import dvc_environment
from mlops_kit.outside.isolated import Processes
from mlops_kit.project.reproduce import perturb
from mlops_kit.project.reproduce.sources import RERUN, Recorded, StageSource
from mlops_kit.project.reproduce.supply import Supply, check
from mlops_kit.spec.kinds import JsonValue
from mlops_kit.spec.model import Reproduce

TAIL_LINES = 40
WITHOUT = "without"
"""Axis whose value is a JSON list of paths: files of the commit that are not there in this run."""
MASKED = "its step hides what is perturbed from itself, as those of older versions of mlops-kit do"
# They would point git or a stage of ours at something outside of the clone.
_DROPPED = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "MLOPS_KIT_STAGE", "MLOPS_KIT_PERTURB",
            "MLOPS_KIT_TRACE", "DVC_STAGE", "DVC_ROOT")  # fmt: skip


@dataclass(frozen=True)
class Origin:
    """Where the files and the recorded content of a revision come from."""

    root: Path
    """The user's DVC root; only read, never written to."""
    clone: Path
    """A clone of the commit."""
    prefix: str
    """Path of the DVC root in the repository, empty or ending in a slash."""
    supply: Supply
    """Recorded content."""
    written: tuple[str, ...]
    """Outputs of all stages; none of them is there when a stage starts, but for its recorded inputs."""
    programs: Path | None
    """Folder in which `python` is found first; this interpreter's when None."""
    processes: Processes
    """Started commands, so that they can be ended."""
    rules: Reproduce = field(default_factory=Reproduce)
    """When numbers count as the same."""


@dataclass(frozen=True)
class StageRerun:
    """What one run of one stage did."""

    stage: str
    """Name of the stage."""
    axes: Mapping[str, str]
    """What was perturbed: axis -> value."""
    outcome: StageOutcome
    """What became of it."""
    code: int | None = None
    """Exit code of the command; None when it was not started."""
    seconds: float = 0.0
    """How long the command took."""
    tail: tuple[str, ...] = ()
    """The last lines of its output."""
    outs: Mapping[str, Path] = field(default_factory=dict)
    """Path of a recorded output -> where the rerun wrote it; those that it did not write are missing."""
    findings: tuple[Mapping[str, str], ...] = ()
    """Undeclared inputs and outputs that the watcher saw: `kind`, `name`, `where`."""
    problem: str = ""
    """Why the stage could not be run, or failed; empty when it ran."""
    mend: str = ""
    """The command that mends the problem."""
    notes: tuple[str, ...] = ()
    """What could not be checked."""
    inputs: tuple[InputFact, ...] = ()
    """The recorded inputs, as they were placed."""

    @property
    def ran(self) -> bool:
        """Return whether the command ran to a good end."""
        return self.outcome is StageOutcome.RAN


@dataclass(frozen=True)
class _Trouble:
    """Why a stage does not run."""

    outcome: StageOutcome
    problem: str
    mend: str = ""


def rerun_stage(source: StageSource, workspace: Path, *, axes: Mapping[str, str]) -> StageRerun:
    """Run one stage of a revision in the new folder `workspace` from its recorded inputs, with `axes` perturbed.

    The folder holds the files of the commit without the outputs of any stage, and the recorded inputs of this one, each checked
    against its recorded hash. A stage that cannot be run is a result that says why. The folder is left for whoever wants the
    outputs. Raises OutsideError when git fails, or when the run was stopped.
    """
    origin = source.origin
    if origin is None:
        raise ValueError("the source does not say where its files come from")
    if source.problem:
        return _not_run(source, axes, _Trouble(StageOutcome.STALE, source.problem, source.mend))
    tree = workspace / perturb.folder_of(axes)
    check_out(origin.clone, tree)
    root = tree / origin.prefix
    for path in (*origin.written, *json.loads(axes.get(WITHOUT, "[]"))):
        _remove(root / path)
    in_git = {dep.path for dep in source.deps if not _is_elsewhere(dep) and (root / dep.path).exists()}
    trouble = _place_inputs(source, root, origin.supply) or _stale_params(source, root)
    if trouble:
        return _not_run(source, axes, trouble)
    inputs = () if axes else tuple(_input_facts(source, root, in_git))
    return replace(_run(source, origin, root, workspace, axes=axes), inputs=inputs)


def _input_facts(source: StageSource, root: Path, in_git: set[str]) -> Iterator[InputFact]:
    for dep in source.deps:
        found = None if _is_elsewhere(dep) else fingerprint(root / dep.path)
        if found:
            yield InputFact(dep.path, found.hash.sha256, found.files, dep.path in in_git)


def _not_run(source: StageSource, axes: Mapping[str, str], trouble: _Trouble) -> StageRerun:
    return StageRerun(source.name, axes, trouble.outcome, problem=trouble.problem, mend=trouble.mend)


def _run(
    source: StageSource, origin: Origin, root: Path, workspace: Path, *, axes: Mapping[str, str]
) -> StageRerun:
    log, trace = workspace / "output.log", workspace / "trace.jsonl"
    (root / source.wdir).mkdir(parents=True, exist_ok=True)
    for out in source.outs:  # DVC makes the folders of outputs before it runs a stage
        (root / out.path).parent.mkdir(parents=True, exist_ok=True)
    seen = {name: value for name, value in axes.items() if name != WITHOUT}
    environment = _environment(source, origin, root, workspace, trace, seen)
    code = 0
    start = time.monotonic()
    for command in source.commands:
        code = origin.processes.run(
            command, cwd=root / source.wdir, env=environment, limits=perturb.limits_of(axes), log=log
        )
        if code != 0:
            break
    seconds = time.monotonic() - start
    if origin.processes.stopped:
        raise OutsideError("stopped")
    tail = tuple(log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:])
    end = _end_of(code, tail)
    if end.outcome is StageOutcome.RAN and perturb.was_masked(workspace):
        end = _Trouble(StageOutcome.FAILED, MASKED)
    outs = {out.path: root / out.path for out in source.outs if (root / out.path).exists()}
    return StageRerun(
        source.name, axes, end.outcome, code, seconds, tail, outs, _findings(trace), end.problem, end.mend, _unchecked(source)
    )  # fmt: skip


def _place_inputs(source: StageSource, root: Path, supply: Supply) -> _Trouble | None:
    """Put the recorded inputs into the folder; return why that cannot be."""
    for dep in source.deps:
        if _is_elsewhere(dep):
            continue
        if _is_outside(dep):
            problem = check(dep, Path(dep.path))
            if problem:
                return _Trouble(
                    StageOutcome.NOT_RUN,
                    problem,
                    "bring back the file, or run the pipeline again and commit dvc.lock",
                )
            continue
        place = root / dep.path
        if place.is_file() or (place.is_dir() and not check(dep, place)):  # a file of the commit
            problem = check(dep, place)
            if problem:
                return _Trouble(
                    StageOutcome.STALE,
                    f"{problem}: the commit and its dvc.lock do not belong together",
                    RERUN,
                )
            continue
        problem = supply.place(dep, place)
        if problem:
            return _Trouble(
                StageOutcome.NOT_RUN, problem, f"dvc push where it was made, then dvc fetch {dep.path}"
            )
    return None


def _is_elsewhere(dep: Recorded) -> bool:
    return "://" in dep.path or not dep.digest


def _is_outside(dep: Recorded) -> bool:
    return posixpath.isabs(dep.path) or dep.path.startswith("..")


def _unchecked(source: StageSource) -> tuple[str, ...]:
    """Return what could not be checked of the inputs."""
    far = [
        f"its input {d.path} is read from where it lies and was not checked"
        for d in source.deps
        if _is_elsewhere(d)
    ]
    near = [
        f"its input {d.path} lies outside of the repository"
        for d in source.deps
        if not _is_elsewhere(d) and _is_outside(d)
    ]
    return (*far, *near)


def _stale_params(source: StageSource, root: Path) -> _Trouble | None:
    """Return which parameter of the commit is not the recorded one."""
    by_file: dict[str, dict[str, JsonValue]] = {}
    for key, value in source.params.items():
        file, _, name = key.partition(":")
        by_file.setdefault(file, {})[name] = value
    for file, recorded in by_file.items():
        try:
            values = dict(flatten(parse_values(file, (root / file).read_bytes())))
        except (OSError, SpecError):
            continue  # DVC reads forms of parameter files that we do not; the stage itself reads it anyway
        for name, value in recorded.items():
            if name in values and values[name] != value:
                problem = f"{file}: {name} is {values[name]!r} in the commit and {value!r} in its dvc.lock"
                return _Trouble(StageOutcome.STALE, problem, RERUN)
    return None


def _environment(
    source: StageSource, origin: Origin, root: Path, workspace: Path, trace: Path, axes: Mapping[str, str]
) -> dict[str, str]:
    made = {name: value for name, value in dvc_environment(origin.programs).items() if name not in _DROPPED}
    active = (origin.programs or Path()).parent
    made.pop("VIRTUAL_ENV", None)
    if origin.programs and (active / "pyvenv.cfg").is_file():
        made["VIRTUAL_ENV"] = str(active)
    if made.get("PYTHONPATH"):  # the user's work tree is not the commit
        made["PYTHONPATH"] = made["PYTHONPATH"].replace(str(origin.root.resolve()), str(root))
    scratch = workspace / "tmp"
    scratch.mkdir(exist_ok=True)
    made |= {"TMPDIR": str(scratch), "TEMP": str(scratch), "TMP": str(scratch)}
    made |= {"DVC_ROOT": str(root), "DVC_STAGE": source.name, "MLOPS_KIT_TRACE": str(trace)}
    return perturb.environment_of(axes, made, workspace)


def _end_of(code: int, tail: tuple[str, ...]) -> _Trouble:
    if code == 0:
        return _Trouble(StageOutcome.RAN, "")
    said = [line for line in tail if line.startswith("error: ")]
    if code == ExitCode.STALE and said:
        fixes = [line.partition("fix: ")[2] for line in tail if line.strip().startswith("fix: ")]
        return _Trouble(
            StageOutcome.ENVIRONMENT, said[-1].removeprefix("error: "), fixes[-1] if fixes else ""
        )
    last = next((line for line in reversed(tail) if line.strip()), "no output")
    return _Trouble(StageOutcome.FAILED, f"its command ended with exit code {code}: {last.strip()[:300]}")


def _findings(trace: Path) -> tuple[Mapping[str, str], ...]:
    found: dict[tuple[str, str, str], Mapping[str, str]] = {}
    if trace.is_file():
        for line in trace.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError, AttributeError, KeyError):
                for one in json.loads(line)["findings"]:
                    item = {name: str(one.get(name, "")) for name in ("kind", "name", "where")}
                    found[item["kind"], item["name"], item["where"]] = item
    return tuple(found[key] for key in sorted(found))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.is_symlink() or path.exists():
        path.unlink()
