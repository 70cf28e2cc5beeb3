"""All ways to bring pipelines up to date that have to leave the same files as DVC."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from mlops_kit.project.run import RunOptions, run_project
from tests.support.pipelines.contract import Runner
from tests.support.pipelines.loop import run_serially


def with_this_python() -> str:
    """Return a PATH on which `python` is this interpreter, for DVC and for us."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"


def _runner(jobs: int, *, cold: bool) -> Runner:
    def run(root: Path) -> None:
        report = run_project(root, RunOptions(jobs=jobs, cold=cold))
        if report.exit_code:
            raise AssertionError(f"run ended with {report.exit_code} in {root}: {report.repro.tail}")

    return run


RUNNERS: Mapping[str, Runner] = {
    "ledger": run_serially,
    "-j1 cold": _runner(1, cold=True),
    "-j8 cold": _runner(8, cold=True),
    "-j1 warm": _runner(1, cold=False),
    "-j8 warm": _runner(8, cold=False),
}
