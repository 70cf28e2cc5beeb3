"""`mlops-kit label queue`: what to label next."""

from __future__ import annotations

from pathlib import Path

import typer


def register(group: typer.Typer) -> None:
    """Add the command to `group`."""
    group.command("queue")(queue)


def queue(
    task: str | None = typer.Argument(None, help="Task of labels/labels.yaml; the only one by default."),
    budget: int = typer.Option(
        100, "--budget", "-n", min=1, help="How many items to queue, gold questions among them."
    ),
    seed: int | None = typer.Option(
        None, "--seed", help="Seed of what is drawn; `queue: {seed: ...}` of the task by default."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would be queued, and write nothing."),
    force: bool = typer.Option(False, "--force", help="Replace a queue that was edited by hand."),
    as_json: bool = typer.Option(
        False, "--json", help="Print JSON, with scores and gold questions: not for annotators."
    ),
    repo: Path = typer.Option(Path(), "--repo", help="Folder of the project."),
) -> None:
    """Choose what to label next, under a budget, and write it to labels/queue/TASK.jsonl: the first line is asked first.

    Strategies and their shares are those of `queue: {shares: ...}` in labels/labels.yaml. The model's answers go along as pre-labels. The same
    data, model, answers and seed give the same file.

    Exit codes: 0 queued (also when there is nothing left to ask), 2 labels/labels.yaml cannot be used, 5 data or model cannot be read, 7 the queue
    was edited by hand.

    Examples:

        mlops-kit label queue --budget 200

        mlops-kit label queue late --budget 50 --seed 7 --dry-run

        mlops-kit label queue --json | jq '.picks[] | select(.gold)'
    """
    from mlops_kit.cli.patience import told_when_slow
    from mlops_kit.cli.place import print_text
    from mlops_kit.project.labelling.queue import make_queue
    from mlops_kit.report import label_queue

    with told_when_slow("scoring what could be labelled ..."):
        made = make_queue(repo, task, budget=budget, seed=seed, write=not dry_run, force=force)
    print_text(label_queue.as_json(made) if as_json else label_queue.as_text(made))
