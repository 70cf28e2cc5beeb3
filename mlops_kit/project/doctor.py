"""The project's health: small checks, each with what to do."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mlops_kit import __version__
from mlops_kit.artifacts.declared import read_pipelines
from mlops_kit.artifacts.dvcconfig import read_config
from mlops_kit.artifacts.dvcfiles import read_lock
from mlops_kit.artifacts.lock_damage import refuse_damaged_lock
from mlops_kit.artifacts.store import open_store
from mlops_kit.data.manifest import manifest_path, read_manifest
from mlops_kit.data.partitions.gather import by_name
from mlops_kit.errors import ExitCode, MlopsKitError
from mlops_kit.outside import git
from mlops_kit.outside.distributions import describe_mismatch, version_of
from mlops_kit.outside.run_lock import run_holder
from mlops_kit.project.acquire.publish import unrecorded_files
from mlops_kit.project.desired import desired_files, desired_project
from mlops_kit.project.lint import lint_project
from mlops_kit.project.merging import driver_program, is_conflicted, unattributed
from mlops_kit.project.record import RECORD, read_base, read_record
from mlops_kit.project.write import check_files
from mlops_kit.spec.load import read_kpis, read_lifecycle, read_params, read_schema
from mlops_kit.spec.yamlfile import parse_yaml
from mlops_kit.steps.recorded import install_command


class Health(StrEnum):
    """Result of a check."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class CheckResult:
    """One check and what it found."""

    id: str
    title: str
    status: Health
    detail: str = ""
    fix: str = ""
    code: ExitCode = ExitCode.OK
    """Exit code of the family when it fails."""


@dataclass(frozen=True)
class Check:
    """A check: what it is called, and the function that returns (status, detail, fix)."""

    id: str
    title: str
    run: Callable[[Path], tuple[Health, str, str]]
    code: ExitCode = ExitCode.USAGE


def examine(root: Path) -> tuple[CheckResult, ...]:
    """Return the result of every check on the project at `root`. Changes nothing."""
    return tuple(_run(check, root) for check in CHECKS)


def exit_code_of(results: tuple[CheckResult, ...]) -> ExitCode:
    """Return the code of the first failing check, 0 when none fails."""
    return next((result.code for result in results if result.status is Health.FAIL), ExitCode.OK)


def _run(check: Check, root: Path) -> CheckResult:
    try:
        status, detail, fix = check.run(root)
        code = check.code
    except MlopsKitError as error:
        status, detail, fix, code = Health.FAIL, error.message, error.fix, error.exit_code
    return CheckResult(check.id, check.title, status, detail, fix, code)


def _ok(detail: str = "") -> tuple[Health, str, str]:
    return Health.OK, detail, ""


def _repository(root: Path) -> tuple[Health, str, str]:
    git.require_repository(root)
    if git.is_shallow(root):
        return Health.WARN, "this clone is shallow: older commits cannot be compared", "git fetch --unshallow"
    branch = git.default_branch(root)
    return (
        _ok(f"default branch {branch}")
        if branch
        else (Health.WARN, "no default branch (main or master) yet", "git commit")
    )


def _files(root: Path) -> tuple[Health, str, str]:
    lifecycle = read_lifecycle(root)
    read_params(root)
    read_kpis(root)
    read_schema(root)
    return _ok(f"{len(lifecycle.steps)} stages")


def _generated(root: Path) -> tuple[Health, str, str]:
    desired = desired_files(root)
    check_files(root, desired)
    return _ok(f"{len(desired)} files")


def _followed(root: Path) -> tuple[Health, str, str]:
    notes = desired_project(root).notes()
    if not notes:
        return _ok()
    more = f"; and {len(notes) - 3} more: mlops-kit generate" if len(notes) > 3 else ""
    return Health.WARN, "; ".join(notes[:3]) + more, "see docs/how-to/stale.md"


def _environment(root: Path) -> tuple[Health, str, str]:
    path = root / ".mlops/provenance.yaml"
    if not path.exists():
        return Health.WARN, "no versions are recorded", "mlops-kit generate"
    provenance = parse_yaml(path.read_text(encoding="utf-8"), where=str(path))
    recorded = provenance["packages"]
    different = describe_mismatch(recorded, provenance.get("platforms"))
    if different:
        install = install_command(provenance.get("lock"))
        return Health.FAIL, different, f"{install}, or accept the installed versions: mlops-kit generate"
    return _ok(f"{len(recorded)} packages as recorded; DVC {version_of('dvc')}")


def _template(root: Path) -> tuple[Health, str, str]:
    record = read_record(root)
    if record is None or record.answers is None:
        return (
            Health.WARN,
            f"no {RECORD}: an update takes the project's first commit instead",
            "mlops-kit update",
        )
    for path in record.files:
        read_base(root, record, path)
    if record.conflicts:
        open_files = ", ".join(record.conflicts)
        return (
            Health.FAIL,
            f"an update is unfinished: {open_files}",
            "solve the conflicts, then mlops-kit update",
        )
    if record.mlops_kit != __version__:
        return (
            Health.WARN,
            f"it is that of mlops-kit {record.mlops_kit}, installed is {__version__}",
            "mlops-kit update",
        )
    return _ok(f"that of mlops-kit {record.mlops_kit}")


def _remote(root: Path) -> tuple[Health, str, str]:
    path = root / ".dvc/config"
    config = read_config(path.read_text(encoding="utf-8")) if path.exists() else read_config()
    if not config.remotes:
        return (
            Health.WARN,
            "no DVC remote: data lives on this machine only",
            "dvc remote add --default NAME URL",
        )
    unverified = sorted(set(config.remotes) - config.verify)
    if unverified:
        return (
            Health.WARN,
            f"downloads from {', '.join(unverified)} are not verified",
            f"dvc remote modify {unverified[0]} verify true",
        )
    return _ok(", ".join(config.remotes))


def _content(root: Path) -> tuple[Health, str, str]:
    path = root / "dvc.lock"
    if not path.exists():
        return Health.WARN, "the pipeline has not run yet", "mlops-kit run"
    store = open_store(root)
    outs = {
        out: digest
        for stage in read_lock(path.read_bytes(), "", "dvc.lock").values()
        for out, digest in stage.outs.items()
    }
    gone = sorted(out for out, digest in outs.items() if not (root / out).exists() and not store.find(digest))
    if gone:
        return (
            Health.FAIL,
            f"{len(gone)} recorded outputs are nowhere on this machine: {', '.join(gone[:5])}",
            "dvc pull, or mlops-kit run",
        )
    return _ok(f"{len(outs)} outputs")


def _manifests(root: Path) -> tuple[Health, str, str]:
    stages = [stage for stage in read_pipelines(root).stages.values() if stage.manifests]
    count = 0
    for stage in stages:
        folder = root / stage.outs[0].path
        lines = by_name(read_manifest(manifest_path(folder)), manifest_path(folder))
        count += len(lines)
        different = unrecorded_files(root, stage, list(lines.values()))
        if different:
            told = ", ".join(different[:3]) + (", …" if len(different) > 3 else "")
            return (
                Health.WARN,
                f"dvc.lock records another {stage.outs[0].path} than its manifest names: {told}",
                f"mlops-kit run {stage.short}",
            )
    return _ok(f"{count} partitions" if stages else "none")


def _lint(root: Path) -> tuple[Health, str, str]:
    made = lint_project(root)
    if made.findings:
        first = made.findings[0]
        return (
            Health.WARN,
            f"{len(made.findings)} places where outputs can differ from run to run, the first at {first.path}:{first.line} ({first.rule})",
            "mlops-kit lint",
        )
    return _ok(f"{len(made.files)} files")


def _merging(root: Path) -> tuple[Health, str, str]:
    if is_conflicted(root):
        return Health.FAIL, "a merge left conflicts in what runs write", "mlops-kit merge resolve"
    program = driver_program(root)
    if program is None:
        return (
            Health.WARN,
            "this clone merges dvc.lock and metrics by lines, with conflicts",
            "mlops-kit merge install",
        )
    if not Path(program).is_file():
        return Health.WARN, f"the merge driver's Python is gone: {program}", "mlops-kit merge install"
    without = unattributed(root)
    if without:
        told = ", ".join(without[:3]) + (", …" if len(without) > 3 else "")
        return Health.WARN, f".gitattributes does not give the merge driver {told}", "mlops-kit merge install"
    return _ok()


def _locks(root: Path) -> tuple[Health, str, str]:
    files = [path for path in git.known_files(root) if posixpath.basename(path) == "dvc.lock"]
    for path in files:
        if (root / path).is_file():
            refuse_damaged_lock(root, path, (root / path).read_bytes())
    holder = run_holder(root)
    return _ok(f"{len(files)} lock files" + (f"; {holder} is running stages now" if holder else ""))


def _bytecode(root: Path) -> tuple[Health, str, str]:
    del root
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        return (
            Health.WARN,
            "PYTHONDONTWRITEBYTECODE is set: every start of DVC takes about twice as long",
            "unset PYTHONDONTWRITEBYTECODE",
        )
    return _ok()


CHECKS = (
    Check("repository", "git repository", _repository),
    Check("files", "project files can be used", _files),
    Check("generated", "generated files are up to date", _generated, ExitCode.STALE),
    Check("template", "the template is the installed one", _template, ExitCode.REFUSED),
    Check("followed", "what the steps use can be read off their code", _followed),
    Check("environment", "installed packages are the recorded ones", _environment, ExitCode.STALE),
    Check("remote", "DVC remote", _remote),
    Check("locks", "what has run is recorded whole", _locks, ExitCode.REFUSED),
    Check("content", "every recorded output can be had", _content, ExitCode.OUTSIDE),
    Check("manifests", "manifests and data folders fit", _manifests, ExitCode.BAD_DATA),
    Check("lint", "steps write the same bytes again", _lint),
    Check("merging", "git merges dvc.lock and metrics by stages", _merging, ExitCode.REFUSED),
    Check("bytecode", "Python keeps byte code", _bytecode),
)
