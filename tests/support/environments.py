"""Environments of their own for what tests and benchmarks hold us against: packages that want others than ours.

`python -m tests.support.environments` builds them below .tools. Where they are missing, tests that need them are skipped, except in CI: there they fail.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.browser import require
from tests.support.world import ROOT

NAMES = ("reference", "label-studio")
FOLDER = "Scripts" if os.name == "nt" else "bin"


def program(environment: str, name: str = "python") -> Path:
    """Return a program of the environment; skips the test without it."""
    path = ROOT / ".tools" / environment / FOLDER / name
    require(path.exists(), f"the environment {environment}", "make tools")
    return path


def build(environment: str) -> None:
    """Build the environment from its lock, unless it is there."""
    lock, folder = ROOT / f"requirements-{environment}.lock", ROOT / ".tools" / environment
    done = folder / "built-from.lock"
    if done.exists() and done.read_bytes() == lock.read_bytes():
        return
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
    target = ["--python", folder / FOLDER / "python", "--no-deps", "--require-hashes", "-r", lock]
    subprocess.run([uv, "pip", "install", "--quiet", *target], check=True)
    done.write_bytes(lock.read_bytes())


if __name__ == "__main__":
    for each in NAMES:
        build(each)
