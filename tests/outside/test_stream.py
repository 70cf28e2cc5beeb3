"""Streaming a program's output."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mlops_kit.errors import OutsideError
from mlops_kit.outside.stream import stream_command


def test_lines_of_both_streams_arrive_with_the_exit_code(tmp_path: Path) -> None:
    lines: list[str] = []
    program = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    assert (
        stream_command(
            [sys.executable, "-u", "-c", program], cwd=tmp_path, env=os.environ, on_line=lines.append
        )
        == 3
    )
    assert sorted(lines) == ["err", "out"]


def test_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match="no-such-program"):
        stream_command(["no-such-program"], cwd=tmp_path, env={}, on_line=print)
