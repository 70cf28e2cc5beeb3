"""Which interpreter the stages get: one that is installed as the commit says, or the current one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_kit.errors import OutsideError, UsageError
from mlops_kit.outside.distributions import describe_mismatch
from mlops_kit.outside.dvc import dvc_environment
from mlops_kit.outside.environment import activated_folder
from mlops_kit.outside.isolated import Limits, Processes
from mlops_kit.outside.machine import describe_interpreter, describe_machine
from mlops_kit.spec.load import LIFECYCLE, load_lifecycle

LOCKED, CURRENT, UNLOCKED = "locked", "current", "unlocked"
_LOCKS = (
    "uv.lock",
    "pylock.toml",
    "requirements.lock",
    "requirements-dev.lock",
    "poetry.lock",
    "pdm.lock",
    "conda-lock.yml",
    "pixi.lock",
)
_PROVENANCE = ".mlops/provenance.yaml"


@dataclass(frozen=True)
class StageEnvironment:
    """Where stages find `python`, and what was found out about it."""

    kind: str
    """`locked`: installed in the clone from the commit's lock file; `unlocked`: installed there without one; `current`: what is here."""
    programs: Path | None
    """Folder in which `python` is found first; None for that of this interpreter."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Versions that decide: `python`, `packages`, `blas`, `system`, `processor`, `libc`."""
    notes: tuple[str, ...] = ()
    """What is not as it should be."""


def prepare_environment(clone: Path, kind: str, processes: Processes, log: Path) -> StageEnvironment:
    """Make the environment for the DVC root `clone` of a clone.

    `locked` runs `ci.install` of mlops.yaml there, without network first; `current` takes this interpreter (or the activated one, in a
    repository without mlops.yaml) and says how it differs from the recorded one. Raises OutsideError when the installation fails.
    """
    if kind not in (LOCKED, CURRENT):
        raise UsageError(f"--environment {kind}", fix=f"one of: {LOCKED}, {CURRENT}")
    notes: list[str] = []
    command = _install_command(clone) if kind == LOCKED else ""
    if kind == LOCKED and not command:
        kind = CURRENT
        notes.append(
            "the commit has neither mlops.yaml nor uv.lock: what is installed here is used, and nothing locks it"
        )
    if kind == LOCKED:
        if not any((clone / name).is_file() for name in _LOCKS):
            kind = UNLOCKED
            notes.append("no lock file is committed: versions of indirect packages are those of today")
        programs = _install(clone, command, processes, log)
        if programs is None:
            notes.append(f"`{command}` made no .venv in the clone; `python` is the one that is found first")
    else:
        programs = None if (clone / LIFECYCLE).is_file() else activated_folder()
        notes += _mismatch(clone, programs)
    python = _python_of(programs) if programs else Path(sys.executable)
    facts = {**describe_machine(), **describe_interpreter(python)}
    return StageEnvironment(kind, programs, facts, tuple(notes))


def _install_command(clone: Path) -> str:
    path = clone / LIFECYCLE
    if path.is_file():
        return load_lifecycle(path.read_text(encoding="utf-8")).ci.install
    return "uv sync --frozen --compile-bytecode" if (clone / "uv.lock").is_file() else ""


def _install(clone: Path, command: str, processes: Processes, log: Path) -> Path | None:
    base = {
        name: value
        for name, value in dvc_environment().items()
        if name not in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "PYTHONPATH")
    }
    attempts = [base] if base.get("UV_OFFLINE") else [{**base, "UV_OFFLINE": "1"}, base]
    codes = []
    for environment in attempts:
        codes.append(processes.run(command, cwd=clone, env=environment, limits=Limits(), log=log))
        if codes[-1] == 0:
            return _programs_of(clone / ".venv")
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    raise OutsideError(
        f"`{command}` failed in the clone: {lines[-1] if lines else 'no output'}",
        fix="mend ci.install in mlops.yaml, or take what is installed here: --environment current",
    )


def _programs_of(environment: Path) -> Path | None:
    folders = (environment / name for name in ("bin", "Scripts"))
    return next((folder for folder in folders if folder.is_dir()), None)


def _python_of(programs: Path) -> Path:
    return programs / ("python.exe" if os.name == "nt" else "python")


def _mismatch(clone: Path, programs: Path | None) -> list[str]:
    """Return in which recorded packages this interpreter differs; another interpreter is checked by the stages themselves."""
    path = clone / _PROVENANCE
    if programs is not None or not path.is_file():
        return []
    from mlops_kit.spec.yamlfile import parse_yaml

    value = parse_yaml(path.read_text(encoding="utf-8"), where=_PROVENANCE)
    recorded = value if isinstance(value, dict) else {}
    different = describe_mismatch(recorded.get("packages") or {}, recorded.get("platforms") or {})
    return [f"what is installed here is not what the commit records: {different}"] if different else []
