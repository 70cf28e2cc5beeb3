"""A tiny project to label, and the real server of its page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from mlops_kit.project.labelling.serve.run import ServeOptions, Serving, serve_labels
from mlops_kit.spec.labels import EventRole

LIFECYCLE = "version: 1\nproject: {name: p}\ntask: {kind: classification, target: y, key: [id]}\nsteps: {}\n"
SCHEMA = "columns:\n  id: {type: string}\n  note: {type: string}\n  email: {type: string, pii: true}\n"
LABELS = """\
version: 1
tasks:
  tone:
    type: class
    question: How does this note sound?
    classes: [good, bad, neither]
"""
GUIDELINES = "# Tone\n\nVersion 3.\n\n- good: the writer is **content**\n- bad: everything else\n"


def make_project(root: Path, labels: str = LABELS, rows: pa.Table | None = None, count: int = 25) -> Path:
    """Make a git repository with `count` notes to label (or `rows`) and return it."""
    for folder in ("labels/events", "data", ".dvc"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    notes = pa.table(
        {
            "id": [f"n{number:02d}" for number in range(count)],
            "note": [f"Note {number}: the train was late." for number in range(count)],
            "email": [f"secret{number}@example.org" for number in range(count)],
        }
    )
    pq.write_table(notes if rows is None else rows, root / "data/clean.parquet")
    files = {"mlops.yaml": LIFECYCLE, "schema.yaml": SCHEMA, "labels/labels.yaml": labels, "labels/guidelines.md": GUIDELINES, ".gitignore": "data/\n.dvc/tmp/\n"}  # fmt: skip
    for name, text in files.items():
        (root / name).write_text(text, encoding="utf-8", newline="\n")
    return root


def events_of(root: Path) -> list[dict[str, Any]]:
    """Return the events in git-readable files, by file and line."""
    files = sorted((root / "labels/events").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


@dataclass
class Served:
    """A running server."""

    ready: dict[str, Any]
    process: subprocess.Popen[str] | None = None

    def ask(self, method: str, path: str, body: object = None, who: str = "anna", **headers: str) -> tuple[int, dict[str, Any]]:  # fmt: skip
        """Ask as `who`; return status and JSON."""
        status, content = self.ask_raw(method, path, body, who, **headers)
        return status, json.loads(content)

    def ask_raw(
        self, method: str, path: str, body: object = None, who: str = "anna", **headers: str
    ) -> tuple[int, bytes]:
        """Ask as `who`; return status and body. Headers replace those that a program sends: `Host`, `Origin`."""
        link = urlsplit(self.ready["links"][who])
        connection = HTTPConnection("127.0.0.1", link.port or 0, timeout=30)
        sent = {"Authorization": f"Bearer {link.fragment.removeprefix('token=')}"}
        if body is not None:
            sent["Content-Type"] = "application/json"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, str) else None if body is None else json.dumps(body)
        try:
            connection.request(method, path, content, sent)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@contextmanager
def served(root: Path, *args: str) -> Iterator[Served]:
    """Start `mlops-kit label serve`, and end it."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "mlops_kit", "label", "serve", "--json", "--no-browser", *args],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.stderr.read())
        yield Served(json.loads(line), process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


@contextmanager
def served_here(
    root: Path, task: str | None = None, *annotators: str, role: EventRole = "vote"
) -> Iterator[Served]:
    """Serve from a thread of this process, which starts at once; for tests that need no process to kill."""
    found: list[Serving] = []
    ready = Event()

    def tell(serving: Serving) -> None:
        found.append(serving)
        ready.set()

    def work() -> None:
        try:
            serve_labels(root, ServeOptions(task, annotators or ("anna",), role=role), tell)
        finally:
            ready.set()

    thread = Thread(target=work)
    thread.start()
    ready.wait()
    try:
        yield Served(
            {"links": dict(found[0].links), "batches": dict(found[0].batches), "items": found[0].waiting}
        )
    finally:
        for serving in found:
            serving.stop()
        thread.join()
