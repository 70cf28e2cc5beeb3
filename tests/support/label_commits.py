"""A repository with labels alone: events as they are written, and commits of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlops_kit.labels.events.model import LabelEvent, event_line
from tests.support.world import git

LABELS = """\
version: 1
tasks:
  late:
    type: class
    question: Was it late?
    classes: [late, on_time]
    votes: 2
annotators:
  ann-1: {}
  ann-2: {trust: 0.5}
"""
LIFECYCLE = """\
version: 1
project: {name: labels}
task: {kind: classification, target: y, key: [id]}
steps: {}
"""


def event(item: str, value: Any, annotator: str = "ann-1", at: int = 0, **more: Any) -> LabelEvent:
    """Return an answer for the task `late`, given in the minute `at`."""
    time = f"2026-11-21T{9 + at // 60:02}:{at % 60:02}:00.000Z"
    return LabelEvent(item, "late", value, annotator, time, guideline="1", **more)


def write_batch(root: Path, batch: str, *events: LabelEvent) -> None:
    """Write a batch of events anew."""
    path = root / "labels" / "events" / f"{batch}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(event_line(one) for one in events), encoding="utf-8", newline="\n")


def add_events(root: Path, batch: str, *events: LabelEvent) -> None:
    """Add events to a batch."""
    with (root / "labels" / "events" / f"{batch}.jsonl").open("a", encoding="utf-8", newline="\n") as file:
        file.write("".join(event_line(one) for one in events))


def commit(root: Path, message: str = "more") -> str:
    """Commit all and return the commit."""
    git(root, "add", "-A")
    git(root, "commit", "-qm", message)
    return git(root, "rev-parse", "HEAD")


def label_project(root: Path) -> Path:
    """Make a repository whose first commit has three labelled items."""
    root.mkdir()
    git(root, "init", "-qb", "main")
    git(root, "config", "user.name", "a")
    git(root, "config", "user.email", "a@localhost")
    files = {
        "labels/labels.yaml": LABELS,
        "labels/guidelines.md": "# How to\n\nVersion 1.\n",
        "mlops.yaml": LIFECYCLE,
        "dvc.yaml": "stages: {}\n",
        ".dvc/config": "",
        ".dvc/.gitignore": "/cache\n/tmp\n",
        ".gitignore": "/labels/people.yaml\n",
    }
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8", newline="\n")
    first = [event(item, "late", at=number) for number, item in enumerate("abc")]
    write_batch(root, "one", *first, event("a", "late", "ann-2", 5))
    commit(root, "one")
    return root
