"""The edge: the one place where errors become text and exit codes."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from mlops_kit.cli.light import call_light
from mlops_kit.errors import ExitCode, MlopsKitError

ISSUE_HINT = "This is a defect of mlops-kit. The log has the versions and the traceback"

_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS})


def run_guarded(arguments: Sequence[str]) -> int:
    """Run the command line `arguments` and return its exit code; errors are printed to standard error."""
    try:
        result = call_light(arguments)
        return _call_typer(arguments) if result is None else result
    except MlopsKitError as error:
        _say(f"error: {error.message}")
        if error.fix:
            _say(f"  fix: {error.fix}")
        return int(error.exit_code)
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:
        # The reader of our output (`| head`) has gone: no error, and nothing more to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.OK)
    except Exception as error:  # noqa: BLE001 - the edge
        if isinstance(error, OSError) and error.errno in _DISK:
            _say(f"error: {error}")
            _say(
                "  fix: free space or mend the disk, then the same command again; nothing that was finished is lost"
            )
            return int(ExitCode.OUTSIDE)
        _say(f"error: unexpected {type(error).__name__}: {error}")
        _say(f"  {ISSUE_HINT}: {write_log(arguments)}")
        return int(ExitCode.UNEXPECTED)


def _call_typer(arguments: Sequence[str]) -> int:
    import typer.main

    from mlops_kit.cli import build_app

    # The base of "no such option" and its like is click's, which typer carries inside or beside itself, by version.
    usage_errors: Any = next(cls for cls in typer.BadParameter.__mro__ if cls.__name__ == "ClickException")
    try:
        command = typer.main.get_command(cast(Any, build_app()))
        result = command.main(list(arguments), prog_name="mlops-kit", standalone_mode=False)
    except usage_errors as error:
        error.show()
        return int(ExitCode.USAGE)
    except typer.Abort:
        return _interrupted()
    if result == ExitCode.INTERRUPTED:  # typer turns the interrupt into this result
        return _interrupted()
    return result if isinstance(result, int) else 0


def write_log(arguments: Sequence[str]) -> Path:
    """Write the current exception with the versions of what matters to a new file and return its path."""
    import platform
    import tempfile
    import traceback
    from importlib.metadata import distributions

    from mlops_kit import __version__

    wanted = ("dvc", "numpy", "pandas", "pyarrow", "scikit-learn", "skops", "typer", "rich", "pyyaml")
    versions = {d.name.lower(): d.version for d in distributions() if d.name.lower() in wanted}
    lines = [
        f"mlops-kit {__version__} on Python {platform.python_version()}, {platform.platform()}",
        *(f"{name} {version}" for name, version in sorted(versions.items())),
        f"arguments: {list(arguments)}",
        "",
        traceback.format_exc(),
    ]
    descriptor, name = tempfile.mkstemp(prefix="mlops-kit-", suffix=".log")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))
    return Path(name)


def _interrupted() -> int:
    _say("interrupted; what was finished is kept, the same command goes on from there")
    return int(ExitCode.INTERRUPTED)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
