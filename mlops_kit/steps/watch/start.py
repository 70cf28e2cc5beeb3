"""`python -m mlops_kit.steps.watch.start STAGE -m MODULE ARG...`: a stage's program, watched from its first line on.

A step file that reads something while it is imported does so before it calls the runner; so the watch has to be there before.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from mlops_kit.errors import MlopsKitError


def watched_arguments(stage: str) -> list[str]:
    """Return what to give to Python to run this process's program again, watched as `stage`.

    It is what was given to this one where that is neither `-m MODULE` nor a file (a debugger, `-c`): such a program is watched from the
    moment on in which it calls the runner.
    """
    given = sys.orig_argv[1:]
    count = len(given) - (len(sys.argv) - 1)
    head, rest = given[:count], given[count:]
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if (
        len(head) >= 2
        and head[-2] == "-m"
        and spec is not None
        and spec.name in (head[-1], f"{head[-1]}.__main__")
    ):
        flags, program = head[:-2], head[-2:]
    elif head and head[-1].endswith(".py"):
        flags, program = head[:-1], head[-1:]
    else:
        return given
    if any(flag in ("-m", "-c") for flag in flags):
        return given
    return [*flags, "-m", "mlops_kit.steps.watch.start", stage, *program, *rest]


def main(arguments: list[str]) -> None:
    """Run the program that `arguments` name, watched."""
    from mlops_kit.steps.watch import begin, end
    from mlops_kit.steps.watch.declared import declared_in_pipeline

    stage, *program = arguments
    root = Path.cwd()
    declared = declared_in_pipeline(root, stage)
    session = None
    try:
        session = begin(root, declared) if declared else None
        _run(program)
    except Exception as error:
        try:
            if session is not None:
                end(session, error)
        except MlopsKitError as refusal:
            tell(stage, refusal)
        raise


def tell(stage: str, error: MlopsKitError) -> None:
    """Print `error` as the runner does and end the process with its exit code."""
    sys.stderr.write(f"error: stage {stage}: {error.message}\n")
    if error.fix:
        sys.stderr.write(f"  fix: {error.fix}\n")
    raise SystemExit(int(error.exit_code)) from None


def _run(program: list[str]) -> None:
    if program[0] == "-m":
        sys.argv = program[1:]
        runpy.run_module(program[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = program
        sys.path[0] = os.path.dirname(os.path.abspath(program[0]))  # noqa: PTH120, PTH100 - as Python itself does
        runpy.run_path(program[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
