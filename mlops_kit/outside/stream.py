"""Running a program whose output is read line by line while it works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mlops_kit.errors import OutsideError

GRACE_SECONDS = 20


def stream_command(
    args: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    on_line: Callable[[str], None],
    guarded: bool = False,
) -> int:
    """Run `args`, hand each line of its output (both streams, without line end) to `on_line`, and return its exit code.

    When interrupted, the program is interrupted too and gets time to end by itself; then it is ended. With `guarded`, nothing that
    it started outlives it or us, however either ends (`warden.py`; on Windows it is started as without).
    Raises OutsideError when the program does not exist.
    """
    guarded = guarded and os.name != "nt"
    command = [*_warden(), *args] if guarded else list(args)
    try:
        process = subprocess.Popen(
            command, cwd=cwd, env=dict(env), stdin=subprocess.PIPE if guarded else subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace", bufsize=1, start_new_session=guarded,
        )  # fmt: skip
    except FileNotFoundError:
        raise OutsideError(f"{args[0]}: no such program", fix=f"install {args[0]}") from None
    try:
        assert process.stdout is not None
        for line in process.stdout:
            on_line(line.rstrip("\r\n"))
        return process.wait()
    except BaseException:
        if guarded:  # in a session of its own the terminal's Ctrl-C has not reached it
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGINT)
        _end(process)
        raise
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        process.wait()


def _warden() -> list[str]:
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("warden.py"))]


def _end(process: subprocess.Popen[str]) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=GRACE_SECONDS)
        return
    process.terminate()
    try:
        process.wait(timeout=GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
