"""`mlops-kit fsck`: every object re-hashed, and mended where it is wrong."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlops_kit.cli.bar import byte_bar

if TYPE_CHECKING:
    from mlops_kit.project.fsck import FsckReport

_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(fsck)


def fsck(
    remote: bool = typer.Option(
        False,
        "--remote",
        help="Re-hash what is on the remotes too; one behind a network is downloaded for it.",
    ),
    repair: bool = typer.Option(
        False,
        "--repair",
        help="Move what is wrong to quarantine and bring whole content back: from the work tree, a remote, or by running the stage "
        "that wrote it; with --remote the remotes get what the cache has.",
    ),
    everything: bool = typer.Option(
        False,
        "--all",
        help="Check every object that is present, not only those that dvc.lock and .dvc files name.",
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Re-hash work tree, cache and remotes, by MD5 and against the recorded SHA-256. Without --repair nothing is changed.

    Finds flipped bits, cut-off and swapped objects, missing ones, folders whose files are missing, MD5 twins. Nothing is deleted:
    what is wrong goes to `.dvc/tmp/mlops-kit/quarantine`.

    Exit codes: 0 everything is whole, 4 something is wrong or cannot be read (and was not mended), 8 a remote does not answer.

    Examples:

        mlops-kit fsck

        mlops-kit fsck --remote --repair

        mlops-kit fsck --json | jq .left
    """
    from mlops_kit.project.fsck import FsckOptions, check_storage
    from mlops_kit.project.roots import find_root

    root = find_root(repo)
    options = FsckOptions(remote, repair, everything)
    with byte_bar("re-hashing") as bar:
        report = check_storage(root, options, on_total=bar.expect, on_bytes=bar.advance, say=_say)
    if as_json:
        typer.echo(_as_json(report))
    else:
        _print(report, repair=repair)
    raise typer.Exit(int(report.exit_code))


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _print(report: FsckReport, *, repair: bool) -> None:
    where = " and ".join(["work tree, cache", *(f"remote {name}" for name in report.remotes)])
    typer.echo(f"{report.files} files, {report.bytes / 1e6:.1f} MB re-hashed in {where}")
    for finding in report.left[:_SHOWN]:
        detail = f" ({finding.detail})" if finding.detail else ""
        typer.echo(f"✗ {finding.place}: {finding.path} is {_WORDS[finding.kind.value]}{detail}")
        typer.echo(f"    {finding.file or finding.digest}")
    if len(report.left) > _SHOWN:
        typer.echo(f"… and {len(report.left) - _SHOWN} more; --json has all")
    for complaint in report.complaints:
        typer.echo(f"! {complaint}")
    if report.absent:
        typer.echo(
            f"{len(report.absent)} objects are on a remote alone: {', '.join(report.absent[:5])}"
            f"{', …' if len(report.absent) > 5 else ''} (dvc fetch)"
        )
    if report.quarantined:
        typer.echo(
            f"in quarantine: {', '.join(report.quarantined[:5])}{', …' if len(report.quarantined) > 5 else ''}"
        )
    if not report.left:
        mended = f"; {len(report.found)} were mended" if report.found else ""
        typer.echo(f"✓ everything that dvc.lock and .dvc files name is whole{mended}")
    elif repair:
        here = [finding for finding in report.left if finding.place == "work tree"]
        edited = sorted(finding.path for finding in here if finding.stage.endswith(".dvc"))
        made = sorted(finding.path for finding in here if not finding.stage.endswith(".dvc"))
        if edited:
            typer.echo(
                f"  fix: dvc add {edited[0]} accepts what is there, dvc checkout {edited[0]} brings back what was recorded"
            )
        if made:
            typer.echo(
                f"  fix: mlops-kit run makes {made[0]} again, git checkout -- {made[0]} brings back the committed one"
            )
    else:
        typer.echo(f"  fix: mlops-kit fsck {'--remote ' if report.remotes else ''}--repair")


_WORDS = {
    "damaged": "damaged: its content does not have the hash in its name",
    "missing": "missing",
    "changed": "not what dvc.lock records",
    "MD5 twin": "another file of the same MD5",
    "unreadable": "unreadable",
}


def _as_json(report: FsckReport) -> str:
    value = asdict(report) | {"exit_code": int(report.exit_code)}
    return json.dumps(value, indent=2, sort_keys=True)
