"""Running a program whose output is read line by line while it works."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mlops_kit.errors import OutsideError

GRACE_SECONDS = 20


def stream_command(
    args: Sequence[str], *, cwd: Path, env: Mapping[str, str], on_line: Callable[[str], None]
) -> int:
    """Run `args`, hand each line of its output (both streams, without line end) to `on_line`, and return its exit code.

    When interrupted, the program gets time to end by itself (a terminal has sent it the same signal) and is then ended.
    Raises OutsideError when the program does not exist.
    """
    try:
        process = subprocess.Popen(
            args, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, encoding="utf-8", errors="replace", bufsize=1,
        )  # fmt: skip
    except FileNotFoundError:
        raise OutsideError(f"{args[0]}: no such program", fix=f"install {args[0]}") from None
    with process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                on_line(line.rstrip("\r\n"))
            return process.wait()
        except BaseException:
            _end(process)
            raise


def _end(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(timeout=GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.terminate()
        try:
            process.wait(timeout=GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
