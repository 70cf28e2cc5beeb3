"""The program that runs one trial: `python -m mlops_kit.project.sweep.trial STAGE` in a prepared work tree.

A process of its own, so that trials run side by side. What it says last is one line of JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mlops_kit.errors import MlopsKitError
from mlops_kit.project.run import RunOptions, run_project


def run_trial(root: Path, stage: str) -> dict[str, object]:
    """Bring `stage` of the work tree at `root` up to date and return what became of it, as JSON can say it."""
    try:
        report = run_project(
            root,
            RunOptions(targets=(stage,), pull=True),
            on_event=lambda event: None,
            on_line=print_line,
        )
    except MlopsKitError as error:
        return {"code": int(error.exit_code), "failed": stage, "message": error.message, "fix": error.fix}
    repro = report.repro
    codes = [code for code in repro.stage_codes if code]
    return {
        "code": codes[0] if codes else repro.code,
        "failed": (repro.failed or stage) if repro.code else "",
        "ran": [name for name, _ in repro.ran],
        "cached": list(repro.cached),
        "tail": list(repro.tail[-15:]),
    }


def print_line(line: str) -> None:
    """Hand a line of a stage on to the one who started this program."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    made = run_trial(Path.cwd(), sys.argv[1])
    sys.stdout.write("\n" + json.dumps(made) + "\n")
