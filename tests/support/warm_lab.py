"""A folder with programs and one warm server for all of them, beside the same programs started afresh."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

from mlops_kit.outside.child import Ended
from mlops_kit.outside.warm import WarmChild, WarmServer


class Lab:
    """Programs, warm and cold."""

    def __init__(self, folder: Path, preload: Sequence[str], **variables: str) -> None:
        self.folder = folder
        path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
        self.environment = {"PATH": path, "HOME": str(folder), "PYTHONHASHSEED": "7", **variables}
        python = shutil.which("python", path=path)
        assert python is not None
        self.server = WarmServer(python, self.environment, preload, folder=folder)

    def write(self, **files: str) -> None:
        """Write Python files; two underscores in a name are a slash."""
        for name, text in files.items():
            path = self.folder / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text), encoding="utf-8")

    def start(self, *argv: str, **variables: str) -> tuple[WarmChild, int]:
        """Start a program; return it and the descriptor from which its output is read."""
        read, write = os.pipe()
        environment = {**self.environment, **variables}
        child = self.server.start(["python", *argv], cwd=self.folder, environment=environment, stdout=write)
        os.close(write)
        assert child is not None
        return child, read

    def warm(self, *argv: str, **variables: str) -> tuple[Ended, str, bool]:
        """Run a program through the server; return how it ended, what it printed, and whether it ran in a fork."""
        child, read = self.start(*argv, **variables)
        with os.fdopen(read, "rb") as stream:
            printed = stream.read().decode("utf-8", "backslashreplace")
        return wait_for(child), printed, child.warm

    def cold(self, *argv: str, **variables: str) -> tuple[int, str]:
        """Run the same program afresh."""
        done = subprocess.run(
            ["python", *argv], cwd=self.folder, env={**self.environment, **variables}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        return done.returncode, done.stdout.decode("utf-8", "backslashreplace")

    def compare(self, *argv: str, **variables: str) -> tuple[str, bool]:
        """Assert that a program ends and prints the same both ways; return what it printed and whether it ran in a fork."""
        ended, printed, warm = self.warm(*argv, **variables)
        assert (ended.code, printed) == self.cold(*argv, **variables)
        return printed, warm


def wait_for(child: WarmChild) -> Ended:
    """Wait for the end of a program, and close it."""
    while (ended := child.poll()) is None:
        select.select([child], [], [])
    child.close()
    return ended
