"""Whether a stage uses what it does not declare: a run without the files that it may not know, which notes what it asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from mlops_kit.compare.causes import Cause, CauseKind
from mlops_kit.compare.ladder import StageResult
from mlops_kit.project.reproduce.failing import explain_failure
from mlops_kit.project.reproduce.isolate import WITHOUT, Origin
from mlops_kit.project.reproduce.laboratory import Laboratory, Trial
from mlops_kit.project.reproduce.sources import StageSource

MOST_FILES = 2_000
"""Files of a commit that are taken away at once; in larger ones only what the run asks for is noted."""
# What the runner of our own steps reads by itself.
_OWN_FILES = frozenset({"mlops.yaml", "params.yaml", "kpis.yaml", "schema.yaml", "dvc.yaml", "dvc.lock", "pyproject.toml", "uv.lock",
                        "pylock.toml", ".gitignore", ".dvcignore", ".gitattributes"})  # fmt: skip
_OWN_FOLDERS = (".mlops/", ".dvc/", ".git/")
_PACKAGING = frozenset(
    {
        "pyproject.toml",
        "setup.cfg",
        "setup.py",
        "uv.lock",
        "__init__.py",
        "dvc.yaml",
        "dvc.lock",
        ".gitignore",
        ".dvcignore",
    }
)


@dataclass(frozen=True)
class Hidden:
    """What a stage uses and does not declare."""

    causes: tuple[Cause, ...] = ()
    """What was found that changes it."""
    files: tuple[str, ...] = ()
    """Undeclared files that it needs."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variable that the project's code reads -> where."""


def find_hidden(lab: Laboratory, source: StageSource, origin: Origin, prints: Mapping[str, str]) -> Hidden:
    """Return what the stage uses and does not declare; `prints` are its outputs as a plain run writes them, path -> SHA-256.

    One run without the files of the commit that it does not declare. Where that differs, they are put back by halves until the file
    is found.
    """
    undeclared = _undeclared(source, origin)
    absent = undeclared if len(undeclared) <= MOST_FILES else []
    trial = lab.run({"pin": "trace", WITHOUT: json.dumps(absent)})
    variables = {
        one["name"]: one["where"]
        for one in trial.rerun.findings
        if one["kind"] == "environment" and one["where"]
    }
    named = {
        one["name"]: one["where"]
        for one in trial.rerun.findings
        if one["kind"] == "read" and one["name"] in undeclared
    }
    files = dict(named)
    if absent and not _same(trial, prints) and _same(lab.run({"pin": "trace"}), prints):
        if not named:
            files = dict.fromkeys(_halve(lab, absent, prints), "")
        if not files:
            return Hidden((_unexplained(trial, origin),), ("?",), variables)
    causes = tuple(
        Cause(CauseKind.HIDDEN_INPUT, f"it reads {name} and does not declare it", source=where)
        for name, where in sorted(files.items())
    )
    connections = tuple(
        Cause(CauseKind.NETWORK, f"it connects to {one['name']}", source=one["where"])
        for one in trial.rerun.findings
        if one["kind"] == "network"
    )
    return Hidden((*causes, *connections), tuple(files), variables)


def _same(trial: Trial, prints: Mapping[str, str]) -> bool:
    return trial.ran and all(trial.prints.get(path) == value for path, value in prints.items())


def _halve(lab: Laboratory, absent: list[str], prints: Mapping[str, str]) -> list[str]:
    """Return one file without which the outputs are not the same."""
    while len(absent) > 1:
        half = absent[: len(absent) // 2]
        rest = absent[len(absent) // 2 :]
        if not _same(lab.run({"pin": "none", WITHOUT: json.dumps(half)}), prints):
            absent = half
        elif not _same(lab.run({"pin": "none", WITHOUT: json.dumps(rest)}), prints):
            absent = rest
        else:
            return []
    return absent


def _unexplained(trial: Trial, origin: Origin) -> Cause:
    rerun = trial.rerun
    failure = StageResult(rerun.stage, rerun.outcome, problem=rerun.problem, tail=rerun.tail)
    made = explain_failure(failure, origin)
    evidence = (
        made.evidence
        if made.kind is CauseKind.HIDDEN_INPUT
        else "it differs without files that it does not declare"
    )
    return Cause(CauseKind.HIDDEN_INPUT, evidence, source=made.source)


def _undeclared(source: StageSource, origin: Origin) -> list[str]:
    """Return the files of the commit that the stage neither declares nor writes, and that Python or our runner do not read by themselves."""
    root = origin.clone / origin.prefix
    declared = {dep.path for dep in (*source.deps, *source.outs)} | {
        key.partition(":")[0] for key in source.params
    }
    scripts = {word for command in source.commands for word in command.split()}
    ours = _is_ours(source)
    # In our own repository the library lies in the project; what it means for a stage is its contract version.
    library = ("mlops_kit/", "templates/") if (root / "mlops_kit/steps/runner.py").is_file() else ()
    found = []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if (
            name.startswith((*_OWN_FOLDERS, *library))
            or not path.is_file()
            or PurePosixPath(name).name in _PACKAGING
        ):
            continue
        if (
            (ours and name in _OWN_FILES)
            or _covered(name, declared)
            or _is_script(name, scripts, source.wdir)
        ):
            continue
        found.append(name)
    return found


def _covered(name: str, declared: set[str]) -> bool:
    return name in declared or any(parent.as_posix() in declared for parent in PurePosixPath(name).parents)


def _is_script(name: str, words: set[str], wdir: str) -> bool:
    """Return whether the command itself names the file: `python train.py`, `python -m steps.train`."""
    here = name.removeprefix(f"{wdir}/") if wdir else name
    module = here.removesuffix(".py").replace("/", ".")
    return here in words or f"./{here}" in words or (here.endswith(".py") and module in words)


def _is_ours(source: StageSource) -> bool:
    return any(
        "-m steps." in command or "mlops_kit" in command or "mlops-kit" in command
        for command in source.commands
    )
