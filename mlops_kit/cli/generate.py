"""`mlops-kit generate`: rebuild, or check, the generated files."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.cli.light import add_command, option

if TYPE_CHECKING:
    import typer

    from mlops_kit.project.write import GeneratedFile


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
    from_trace: bool = option(
        False,
        "--from-trace",
        help="Propose, as a change of mlops.yaml, what stages were seen to use in their last runs and do not declare.",
    ),
    write: bool = option(
        False, "--write", help="With --from-trace: change mlops.yaml, comments and form kept, and rebuild."
    ),
    repo: Path = option(Path(), "--repo", help="Folder of the project."),
) -> int:
    """Rebuild dvc.yaml, .mlops/ and the CI workflows from mlops.yaml, params.yaml and the signatures of your steps.

    Your step files are read, never imported. Files that you edited by hand are noticed and never overwritten silently. What cannot be
    read off the code (imports by a name made at run time, files named in a helper) is printed as a note.

    Examples:

        mlops-kit generate

        mlops-kit generate --check      (in CI and in a pre-commit hook)

        mlops-kit generate --from-trace --write
    """
    from mlops_kit.errors import UsageError
    from mlops_kit.project.desired import desired_project
    from mlops_kit.project.write import check_files, write_files

    root = repo.resolve()
    if write and not from_trace:
        raise UsageError("--write belongs to --from-trace", fix="mlops-kit generate --from-trace --write")
    if from_trace:
        _declare(root, write=write)
        if not write:
            return 0
    desired = desired_project(root)
    if check:
        check_files(root, desired.files)
    else:
        states = write_files(root, desired.files, overwrite=overwrite)
    if as_json:
        was = {file.path: str(file.state) for file in states} if not check else {}
        files = {path: was.get(path, "current") for path in sorted(desired.files)}
        sys.stdout.write(json.dumps({"files": files, "notes": desired.notes()}, indent=2) + "\n")
    elif check:
        sys.stdout.write(f"{len(desired.files)} generated files are up to date\n")
    else:
        _print(states, desired.notes())
    return 0


def _print(states: Sequence[GeneratedFile], notes: Sequence[str]) -> None:
    """Print what was written, and what a reader must know of the stages."""
    from mlops_kit.project.write import FileState

    written = [file for file in states if file.state is not FileState.CURRENT]
    for file in written:
        was = "new" if file.state is FileState.MISSING else f"was {file.state}"
        sys.stdout.write(f"wrote {file.path} ({was})\n")
    sys.stdout.write(f"{len(states) - len(written)} generated files were up to date already\n")
    for note in notes:
        sys.stderr.write(f"note: {note}\n")


def _declare(root: Path, *, write: bool) -> None:
    """Print what mlops.yaml misses, and write it there."""
    from mlops_kit.project.declare import propose_declarations
    from mlops_kit.spec.load import LIFECYCLE

    proposal = propose_declarations(root)
    for stage, finding, reason in proposal.left:
        sys.stderr.write(f"stage {stage} {finding}: {reason}\n")
    if not proposal.diff:
        sys.stdout.write("nothing to declare in mlops.yaml\n")
        return
    sys.stdout.write(proposal.diff)
    if write:
        (root / LIFECYCLE).write_text(proposal.text, encoding="utf-8", newline="\n")
        sys.stdout.write(f"wrote {LIFECYCLE}\n")
    else:
        sys.stderr.write("nothing was changed; apply it with `mlops-kit generate --from-trace --write`\n")
