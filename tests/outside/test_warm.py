"""Warm starts against fresh ones: the same little programs, and all that they can tell about themselves."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mlops_kit.outside.child import Ended
from mlops_kit.outside.warm import WarmServer, can_start_warm

pytestmark = pytest.mark.skipif(not can_start_warm(), reason="forks, pidfd and memfd of Linux")

PRELOAD = ("json", "csv", "random", "logging", "multiprocessing.pool", "numpy")


class Lab:
    """A folder with programs, and one server for all of them."""

    def __init__(self, folder: Path, preload: Sequence[str], **variables: str) -> None:
        self.folder = folder
        path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
        self.environment = {"PATH": path, "HOME": str(folder), "PYTHONHASHSEED": "7", **variables}
        python = shutil.which("python", path=path)
        assert python is not None
        self.server = WarmServer(python, self.environment, preload, folder=folder)

    def warm(self, *argv: str, **variables: str) -> tuple[Ended, str, bool]:
        """Run a program through the server and return how it ended, what it printed, and whether it ran in a fork."""
        read, write = os.pipe()
        environment = {**self.environment, **variables}
        child = self.server.start(["python", *argv], cwd=self.folder, environment=environment, stdout=write)
        os.close(write)
        assert child is not None
        with os.fdopen(read, "rb") as stream:
            printed = stream.read().decode()
        while (ended := child.poll()) is None:
            select.select([child], [], [])
        child.close()
        return ended, printed, child.warm

    def cold(self, *argv: str, **variables: str) -> tuple[int, str]:
        """Run the same program afresh."""
        done = subprocess.run(
            ["python", *argv], cwd=self.folder, env={**self.environment, **variables}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        return done.returncode, done.stdout.decode()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("programs with ü"), PRELOAD)
    yield made
    made.server.close()


def same(lab: Lab, source: str, *arguments: str, module: bool = False) -> str:
    """Assert that a program does the same both ways, and return what it prints."""
    (lab.folder / "program.py").write_text(source, encoding="utf-8")
    argv = ["-m", "program", *arguments] if module else ["program.py", *arguments]
    ended, printed, warm = lab.warm(*argv)
    assert warm
    assert (ended.code, printed) == lab.cold(*argv)
    return printed
