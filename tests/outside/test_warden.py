"""The warden alone: codes pass through, and what a program leaves behind ends with it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mlops_kit.outside.stream import stream_command
from tests.outside.test_hold import ended

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ends of processes are awaited with pidfd")

LEAVES = "import subprocess, sys; print(subprocess.Popen(['sleep', '1000'], start_new_session=True).pid); sys.exit(3)"


def guarded(tmp_path: Path, program: str) -> tuple[int, list[str]]:
    lines: list[str] = []
    code = stream_command(
        [sys.executable, "-c", program], cwd=tmp_path, env=os.environ, on_line=lines.append, guarded=True
    )
    return code, lines


def test_process_in_a_session_of_its_own_ends_with_the_program_that_left_it(tmp_path: Path) -> None:
    code, lines = guarded(tmp_path, LEAVES)
    assert code == 3
    assert ended([int(lines[0])])


def test_program_that_a_signal_ends_has_the_code_that_a_shell_gives_it(tmp_path: Path) -> None:
    assert guarded(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")[0] == 128 + 9
