"""`mlops-kit reproduce`: every stage of a commit again, in a clean clone, and how its outputs compare."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

    from mlops_kit.compare.ladder import Rung
    from mlops_kit.compare.reproduction import Reproduction
    from mlops_kit.project.reproduce.confirm import Confirmation
    from mlops_kit.project.reproduce.reruns import Progress
    from mlops_kit.project.reproduce.session import ReproduceOptions


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(reproduce)


What = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[REV]", help="Revision to reproduce, HEAD by default. With --confirm: attestations."
    ),
]
Stages = Annotated[str, typer.Option("--stages", help="Only these stages, separated by commas.")]
Sample = Annotated[int | None, typer.Option("--sample", help="Only that many stages, others each day.")]
Changed = Annotated[bool, typer.Option("--changed", help="Only stages whose record differs from the base's.")]
Perturb = Annotated[
    str,
    typer.Option(
        "--perturb", help="`quick`: other threads, hash seed, zone ... together; `full`: each alone; `none`."
    ),
]
Require = Annotated[
    str, typer.Option("--require", help="Rung that must be reached for exit code 0: R0 to R4.")
]
Environment = Annotated[
    str,
    typer.Option(
        "--environment", help="`locked`: installed in the clone as the commit says; `current`: what is here."
    ),
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", help="Stages at a time; 0 for the number of processors.")]
Attest = Annotated[
    Path | None,
    typer.Option(
        "--attest",
        help="Write an attestation (in-toto, SLSA provenance) to this file; `auto`: attestations/COMMIT.json.",
    ),
]
Sign = Annotated[
    Path | None,
    typer.Option(
        "--sign", metavar="KEY", help="Sign the attestation with this ssh key. Implies --attest auto."
    ),
]
Builder = Annotated[str, typer.Option("--builder", metavar="NAME", help="Who answers for the attestation.")]
Confirm = Annotated[
    bool,
    typer.Option("--confirm", help="Reproduce nothing; check whether two or more attestations agree (R5)."),
]
Signers = Annotated[
    Path | None,
    typer.Option(
        "--allowed-signers",
        metavar="FILE",
        help="Whose signatures count; by default what git is configured with.",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON; progress goes to standard error.")
]
Repo = Annotated[Path, typer.Option("--repo", help="Folder of the repository.")]


def reproduce(
    what: What = None,
    stages: Stages = "",
    sample: Sample = None,
    changed: Changed = False,
    perturb: Perturb = "none",
    require: Require = "R3",
    environment: Environment = "locked",
    jobs: Jobs = 0,
    attest: Attest = None,
    sign: Sign = None,
    builder: Builder = "",
    confirm: Confirm = False,
    allowed_signers: Signers = None,
    as_json: AsJson = False,
    repo: Repo = Path(),
) -> None:
    """Run every stage of a commit again, each from its recorded inputs in a clean clone, and compare what it writes.

    The ladder: R0 runs, R1 metrics within their interval, R2 the same within tolerance, R3 bit-identical, R4 bit-identical under
    perturbation, R5 confirmed by two builders. Works in any DVC repository; your work tree is neither read nor written.

    Exit codes: 0 the required rung is reached; else 5 outputs came out differently, 4 recorded content could not be had, 6 a stage
    is stale or refuses the environment, 8 a stage failed.

    Examples:

        mlops-kit reproduce

        mlops-kit reproduce v1.2.0 --perturb quick --require R4

        mlops-kit reproduce --sample 3 --environment current

        mlops-kit reproduce --json | jq .level

        mlops-kit reproduce v1.2.0 --perturb quick --builder ci --sign ~/.ssh/id_ed25519

        mlops-kit reproduce --confirm ci/attestation.json laptop/attestation.json --allowed-signers .mlops/signers
    """
    from mlops_kit.project.reproduce.session import ReproduceOptions

    if confirm:
        _confirm(repo.resolve(), [Path(name) for name in what or ()], allowed_signers, as_json)
    options = ReproduceOptions(
        _one(what), _names(stages), sample, changed, jobs, environment, perturb, _rung(require), _today()
    )  # fmt: skip
    made = _reproduce(repo.resolve(), options, (attest, sign), builder, as_json)
    raise typer.Exit(int(made.exit_code))


def _reproduce(
    repo: Path,
    options: ReproduceOptions,
    places: tuple[Path | None, Path | None],
    builder: str,
    as_json: bool,
) -> Reproduction:
    from rich.console import Console

    from mlops_kit.cli.spinner import spinning
    from mlops_kit.project.reproduce.session import reproduce_revision
    from mlops_kit.project.roots import find_root
    from mlops_kit.report.reproduction import as_lines, to_json

    console = Console(stderr=as_json)
    root = find_root(repo)
    place = _place(*places, root, options.rev)
    with spinning(console) as status:
        made = reproduce_revision(root, options, on_progress=_Shown(console, status).show)
    if place:
        _attest(console, made, place, builder, places[1])
    if as_json:
        sys.stdout.write(to_json(made))
    else:
        for style, line in as_lines(made):
            console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
    return made


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in (part.strip() for part in text.split(",")) if name)


def _today() -> int:
    from datetime import UTC, datetime

    return datetime.now(UTC).date().toordinal()


def _one(what: list[str] | None) -> str:
    from mlops_kit.errors import UsageError

    if what and len(what) > 1:
        raise UsageError(
            f"{len(what)} revisions are named", fix="name one; or add --confirm to compare attestations"
        )
    return what[0] if what else "HEAD"


def _place(attest: Path | None, sign: Path | None, root: Path, rev: str) -> Path | None:
    """Return where the attestation goes, None without one; a place that cannot be written to is refused before the work."""
    from mlops_kit.cli.place import check_place
    from mlops_kit.errors import UsageError
    from mlops_kit.outside.git import resolve
    from mlops_kit.project.reproduce.attest import default_place

    if sign and not sign.is_file():
        raise UsageError(f"--sign {sign}: no such key", fix="ssh-keygen -t ed25519 -f KEY makes one")
    if attest is None and sign is None:
        return None
    if attest is None or str(attest) == "auto":
        return default_place(root, resolve(root, rev))
    check_place(attest)
    return attest


def _attest(console: Console, made: Reproduction, place: Path, builder: str, sign: Path | None) -> None:
    from mlops_kit.outside.sshsign import sign_file
    from mlops_kit.project.reproduce.attest import NAMESPACE, attest, write_attestation

    write_attestation(attest(made, builder=builder), place)
    console.print(f"wrote {place}", markup=False, highlight=False, soft_wrap=True)
    if sign:
        made_signature = sign_file(place, sign, NAMESPACE)
        console.print(f"signed: {made_signature}", markup=False, highlight=False, soft_wrap=True)


def _confirm(root: Path, files: list[Path], allowed: Path | None, as_json: bool) -> None:
    from mlops_kit.project.reproduce.confirm import confirm_attestations

    found = confirm_attestations(root, files, allowed)
    if as_json:
        value = {"level": found.rung.name, "exit_code": int(found.exit_code), "reasons": list(found.reasons)}
        value["attestations"] = [
            {
                "file": one.file,
                "commit": one.commit,
                "builder": one.builder,
                "level": one.level.name,
                "outputs": len(one.subjects),
                "signed_by": one.signer.name if one.signer else None,
            }
            for one in found.attestations
        ]
        sys.stdout.write(json.dumps(value, indent=1, sort_keys=True) + "\n")
    else:
        _print_confirmation(found)
    raise typer.Exit(int(found.exit_code))


def _print_confirmation(found: Confirmation) -> None:
    from mlops_kit.cli.place import print_text
    from mlops_kit.compare.ladder import MEANINGS
    from mlops_kit.report.text import visible

    for one in found.attestations:
        signed = (
            f"signed by {one.signer.name} ({one.signer.key})"
            if one.signer
            else "not signed by anyone who counts"
        )
        line = f"{one.file}: {one.commit[:12]} {one.level.name}, {len(one.subjects)} outputs, builder {one.builder}, {signed}"
        print_text(f"{visible(line)}\n")
    for reason in found.reasons:
        print_text(f"✗ {visible(reason)}\n")
    print_text(f"{found.rung.name} {MEANINGS[found.rung]}\n")


def _rung(text: str) -> Rung:
    from mlops_kit.compare.ladder import Rung
    from mlops_kit.errors import UsageError

    if text.upper() not in ("R0", "R1", "R2", "R3", "R4"):
        raise UsageError(f"--require {text}", fix="one of R0, R1, R2, R3, R4; R5 comes from --confirm")
    return Rung[text.upper()]


class _Shown:
    """One line for each rerun that is done; on a terminal a spinner with an estimate while others run."""

    def __init__(self, console: Console, status: Status | None) -> None:
        self._console = console
        self._status = status

    def show(self, progress: Progress) -> None:
        """Show one event."""
        from rich.text import Text

        left = f", about {progress.left:.0f} s left" if progress.left >= 1 else ""
        count = f"{progress.done} of {progress.planned} reruns{left}" if progress.planned else progress.what
        if self._status:
            self._status.update(Text(count))
        if progress.good is not None:
            sign, style = ("✓", "green") if progress.good else ("✗", "bold red")
            self._console.print(Text.assemble((sign, style), f" {progress.stage}  ", (progress.what, "dim")))
        elif not progress.stage and not self._status:
            self._console.print(Text(progress.what, style="dim"))
