"""Running a program to its end."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.errors import OutsideError


@dataclass(frozen=True)
class CommandResult:
    """What a finished program left."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Return standard output as text, without surrounding white space."""
        return self.stdout.decode("utf-8", "replace").strip()

    @property
    def complaint(self) -> str:
        """Return the last line of standard error."""
        lines = self.stderr.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""


def run_command(
    args: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout: float | None = None,
) -> CommandResult:
    """Run `args` in `cwd` and return what it left, whatever its exit code.

    Raises OutsideError when the program does not exist or takes longer than `timeout` seconds.
    """
    try:
        done = subprocess.run(args, cwd=cwd, env=env, input=stdin, capture_output=True, timeout=timeout)
    except FileNotFoundError:
        raise OutsideError(
            f"{args[0]}: no such program, or no folder {cwd}", fix=f"install {args[0]}"
        ) from None
    except subprocess.TimeoutExpired:
        raise OutsideError(f"{args[0]} took longer than {timeout} s") from None
    return CommandResult(done.returncode, done.stdout, done.stderr)
