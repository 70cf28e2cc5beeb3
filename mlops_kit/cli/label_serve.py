"""`mlops-kit label serve`: a page for people who label."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlops_kit.cli.patience import told_when_slow
from mlops_kit.cli.place import print_text
from mlops_kit.spec.labels import EventRole

if TYPE_CHECKING:
    from mlops_kit.project.labelling.serve.run import ServeOptions, Serving

ROLES: dict[str, EventRole] = {"vote": "vote", "adjudication": "adjudication", "gold": "gold"}


def register(group: typer.Typer) -> None:
    """Add the command to `group`."""
    group.command("serve")(serve)


def serve(
    task: str | None = typer.Argument(
        None, help="Task of labels/labels.yaml; may be left out where there is one."
    ),
    annotator: list[str] | None = typer.Option(
        None, "--annotator", help="Pseudonym of who labels; repeat it for several, each gets a link."
    ),
    port: int = typer.Option(
        0, "--port", min=0, max=65535, help="Port; 0 takes a free one, or after a crash the same again."
    ),
    host: str = typer.Option("127.0.0.1", "--host", help="Address to listen at; 0.0.0.0 for other devices."),
    role: str = typer.Option(
        "vote",
        "--role",
        help="`vote`; `adjudication` decides items that votes disagree on; `gold` makes gold questions.",
    ),
    prelabels: bool = typer.Option(
        True, "--prelabels/--hide-prelabels", help="Show what the model would answer."
    ),
    browser: bool = typer.Option(True, "--browser/--no-browser", help="Open the page in the browser."),
    as_json: bool = typer.Option(
        False, "--json", help="Print a line of JSON when ready, and one at the end."
    ),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Serve a small page that asks about one item after the other, driven by the keyboard; Ctrl-C ends it.

    Items come in the order of the queue (`mlops-kit label queue`), or without one in an order of chance. Each answer is an event in
    `labels/events/`, on the disk before the page goes on: after a crash start the command again, and open pages go on by themselves. Columns
    marked `pii` in schema.yaml are not shown unless the task's `allow_pii` names them.

    Without --annotator that is the clone's own pseudonym (`git config mlops-kit.annotator`), the only person of the roster, or a new pseudonym.

    Exit codes: 0 ended by Ctrl-C, 2 a file that cannot be used, 5 the table is missing, 7 an annotator who may not answer, 8 the port is taken.

    Examples:

        mlops-kit label serve

        mlops-kit label serve late --annotator anna --annotator ben --port 8765

        mlops-kit label serve late --role adjudication --no-browser
    """
    from mlops_kit.project.labelling.serve.run import ServeOptions

    options = ServeOptions(task, tuple(annotator or ()), host, port, prelabels, _role(role))
    _serve(repo.resolve(), options, browser=browser and not as_json, as_json=as_json)


def _serve(root: Path, options: ServeOptions, *, browser: bool, as_json: bool) -> None:
    """Serve until Ctrl-C, and say what was answered."""
    from mlops_kit.outside.web_server import is_loopback, open_page
    from mlops_kit.project.labelling.serve.run import serve_labels

    reading = ExitStack()

    def ready(serving: Serving) -> None:
        reading.close()
        is_local = is_loopback(options.host)
        print_text(_ready_json(serving) if as_json else _ready_text(serving, is_local=is_local))
        if browser:
            open_page(next(iter(serving.links.values())))

    with reading:
        reading.enter_context(
            told_when_slow("reading the table and the events; Ctrl-C stops without harm ...")
        )
        given = serve_labels(root, options, ready)
    print_text(json.dumps({"answers": dict(given)}) + "\n" if as_json else _end_text(sum(given.values())))


def _role(role: str) -> EventRole:
    if role not in ROLES:
        raise typer.BadParameter(f"{role} is none of {', '.join(ROLES)}")
    return ROLES[role]


def _ready_json(serving: Serving) -> str:
    value = {
        "task": serving.task,
        "links": dict(serving.links),
        "batches": dict(serving.batches),
        "items": serving.waiting,
        "absent": serving.absent,
        "queue": serving.queued,
    }
    return json.dumps(value) + "\n"


def _ready_text(serving: Serving, *, is_local: bool) -> str:
    where = "in the queue" if serving.queued else "open, in an order of chance (mlops-kit label queue picks)"
    lines = [f"{serving.task}: {serving.waiting} item(s) {where}"]
    if serving.absent:
        lines.append(
            f"{serving.absent} queued item(s) are not in the table any more: mlops-kit label queue {serving.task}"
        )
    lines += [f"  {who}  {link}" for who, link in serving.links.items()]
    if not is_local:
        lines.append(
            "other devices can reach this page, unencrypted; whoever has the address can answer in this name"
        )
    lines.append("answers are on the disk at once; Ctrl-C ends")
    return "\n".join(lines) + "\n"


def _end_text(answers: int) -> str:
    if sys.stdout.isatty():
        print_text("\n")
    hint = "; git add labels && git commit" if answers else ""
    return f"{answers} answer(s) in labels/events{hint}\n"
