"""Where a report goes: standard output, or a file that is never left half written."""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from mlops_kit.errors import UsageError


def form_of(output: Path, known: Mapping[str, str]) -> str:
    """Return which of the `known` forms (ending -> form) the name of `output` asks for."""
    suffix = output.suffix.lower()
    if suffix not in known:
        options = ", ".join(f"--{form}" for form in dict.fromkeys(known.values()) if form != "table")
        raise UsageError(
            f"what to write to {output}?", fix=f"add one of {options}, or use an ending: {', '.join(known)}"
        )
    return known[suffix]


def check_place(output: Path) -> None:
    """Refuse a place that cannot be written to before the work is done, not after."""
    if output.is_dir():
        raise UsageError(
            f"--output {output} is a folder", fix=f"name a file: --output {output / 'report.html'}"
        )
    if not output.absolute().parent.is_dir():
        raise UsageError(
            f"--output {output}: its folder does not exist", fix=f"mkdir -p {shlex.quote(str(output.parent))}"
        )


def write_text(text: str, output: Path | None) -> None:
    """Write a report to `output`, or to standard output without one: always UTF-8, whatever the terminal's encoding."""
    if output is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8"))
        sys.stdout.buffer.flush()
        return
    try:
        if output.exists() and not output.is_file():
            output.write_text(
                text, encoding="utf-8", newline="\n"
            )  # a device or a pipe must not be replaced by a file
        else:
            _replace(output, text)
    except OSError as error:
        raise UsageError(
            f"--output {output} cannot be written: {error.strerror}", fix="name another file with --output"
        ) from None
    sys.stdout.write(f"wrote {output}\n")
    sys.stdout.flush()


def print_text(text: str) -> None:
    """Write text for people to standard output in the terminal's own encoding; signs that it lacks become `?`."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    sys.stdout.write(text)
    sys.stdout.flush()  # here, where a reader that has gone is no error, and not at the end of the process


def _replace(output: Path, text: str) -> None:
    """Write `text` to `output` in one step: a reader sees the old report or the new one, never half of it."""
    import tempfile

    descriptor, name = tempfile.mkstemp(
        dir=output.absolute().parent, prefix=f".{output.name}.", suffix=".new"
    )
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        fresh.chmod(output.stat().st_mode & 0o777 if output.exists() else 0o666 & ~_umask())
        # A link stays a link: what it points to is replaced.
        fresh.replace(output.resolve() if output.is_symlink() else output)
    finally:
        fresh.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
