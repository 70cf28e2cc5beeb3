"""`mlops-kit generate`: rebuild, or check, the generated files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.cli.light import add_command, option

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    add_command(app, generate)


def generate(
    check: bool = option(
        False,
        "--check",
        help="Change nothing; exit 6 if a generated file is missing, stale or edited by hand.",
    ),
    overwrite: bool = option(
        False,
        "--overwrite",
        help="Replace files that were edited by hand; your version is kept as FILE.orig.",
    ),
    as_json: bool = option(False, "--json", help="Print the files, their states and the notes as JSON."),
    repo: Path = option(Path(), "--repo", help="Folder of the project."),
) -> int:
    """Rebuild dvc.yaml, .mlops/ and the CI workflows from mlops.yaml, params.yaml and the signatures of your steps.

    Your step files are read, never imported. Files that you edited by hand are noticed and never overwritten silently. What cannot be
    read off the code (imports by a name made at run time, files named in a helper) is printed as a note.

    Examples:

        mlops-kit generate

        mlops-kit generate --check      (in CI and in a pre-commit hook)
    """
    from mlops_kit.project.desired import desired_project
    from mlops_kit.project.write import FileState, check_files, write_files

    root = repo.resolve()
    desired = desired_project(root)
    if check:
        check_files(root, desired.files)
        if as_json:
            files = dict.fromkeys(sorted(desired.files), str(FileState.CURRENT))
            sys.stdout.write(json.dumps({"files": files, "notes": desired.notes()}, indent=2) + "\n")
            return 0
        sys.stdout.write(f"{len(desired.files)} generated files are up to date\n")
        return 0
    states = write_files(root, desired.files, overwrite=overwrite)
    if as_json:
        files = {file.path: str(file.state) for file in states}
        sys.stdout.write(json.dumps({"files": files, "notes": desired.notes()}, indent=2) + "\n")
        return 0
    written = [file for file in states if file.state is not FileState.CURRENT]
    for file in written:
        was = "new" if file.state is FileState.MISSING else f"was {file.state}"
        sys.stdout.write(f"wrote {file.path} ({was})\n")
    sys.stdout.write(f"{len(desired.files) - len(written)} generated files were up to date already\n")
    for note in desired.notes():
        sys.stderr.write(f"note: {note}\n")
    return 0
