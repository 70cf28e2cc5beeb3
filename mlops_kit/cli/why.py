"""`mlops-kit why`: why a stage would run, or why not, in one line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.cli.light import add_command, argument, option
from mlops_kit.cli.place import print_text

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    add_command(app, why)


def why(
    stages: list[str] | None = argument(None, help="Stages to explain. All by default."),
    plain: bool = option(
        False, "--dvc", help="Explain what plain `dvc repro` would do: generated files are taken as they are."
    ),
    as_json: bool = option(False, "--json", help="Print JSON."),
    repo: Path = option(Path(), "--repo", help="Folder of the project, or of any DVC repository."),
) -> int:
    """Say in one line why each stage would run with `mlops-kit run`, or that it is up to date. Runs and changes nothing.

    Causes are exact: the file and the imports that lead to it, a parameter's old and new value, a package's old and new version, an
    output that is missing, a stage before it that would run. Hand-written dvc.yaml files are explained too.

    Examples:

        mlops-kit why

        mlops-kit why train

        mlops-kit why --json | jq '.stages[] | select(.state == "run")'
    """
    from mlops_kit.project.why import explain_stages

    report = explain_stages(repo.resolve(), stages or (), plain=plain)
    if as_json:
        value = {
            "outdated": list(report.outdated),
            "stages": [
                {
                    "stage": found.stage,
                    "state": found.state,
                    "reasons": [
                        {"kind": r.kind, "name": r.name, "text": r.text, "old": r.old, "new": r.new}
                        for r in found.reasons
                    ],
                    "remarks": list(found.remarks),
                    "refusal": found.refusal,
                }
                for found in report.stages
            ],
        }
        sys.stdout.write(json.dumps(value, indent=2) + "\n")
        return 0
    lines = [found.line for found in report.stages]
    if report.outdated:
        lines.insert(
            0,
            f"{', '.join(report.outdated)}: stale; `mlops-kit run` rebuilds it first, which is what follows",
        )
    print_text("\n".join([*lines, ""]) if lines else "no stages yet: mlops-kit generate\n")
    return 0
