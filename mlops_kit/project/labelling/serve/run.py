"""A server from start to end."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.tables import TableFiles, read_partition_rows, read_rows
from mlops_kit.errors import BadDataError, OutsideError, UsageError
from mlops_kit.labels.asking.items import Items, Source
from mlops_kit.labels.places import EVENTS
from mlops_kit.outside import git
from mlops_kit.outside.file_lock import hold_file, silent
from mlops_kit.outside.web_server import WebServer
from mlops_kit.project.labelling.serve.api import LabelApi
from mlops_kit.project.labelling.serve.guidelines import Guidelines
from mlops_kit.project.labelling.serve.people import find_annotators
from mlops_kit.project.labelling.serve.queue_file import read_queue
from mlops_kit.project.labelling.serve.remembered import FOLDER, Remembered, forget, recall, remember
from mlops_kit.project.labelling.serve.session import LabelSession
from mlops_kit.project.labelling.store import event_path, events_here, label_lock, mend_torn, new_batch
from mlops_kit.spec.labels import EventRole, Labelling
from mlops_kit.spec.load import read_labelling, read_lifecycle, read_schema


@dataclass(frozen=True)
class ServeOptions:
    """How the page is served."""

    task: str | None = None
    """Task; the only one by default."""
    annotators: Sequence[str] = ()
    """Pseudonyms of those who label; found when empty."""
    host: str = "127.0.0.1"
    """Address to listen at."""
    port: int = 0
    """Port; 0: a free one."""
    prelabels: bool = True
    """Whether annotators see what the model would answer."""
    role: EventRole = "vote"
    """What the answers are."""


@dataclass(frozen=True)
class Serving:
    """A server that is ready."""

    task: str
    """The task."""
    links: Mapping[str, str]
    """Annotator -> address of the page, with the token."""
    batches: Mapping[str, str]
    """Annotator -> batch that the answers go to."""
    waiting: int
    """How many items are asked about."""
    absent: int
    """Queued items that the table does not have."""
    queued: bool
    """Whether there is a queue."""
    stop: Callable[[], None]
    """Ends the server, from another thread."""


def serve_labels(root: Path, options: ServeOptions, on_ready: Callable[[Serving], None]) -> Mapping[str, int]:
    """Serve the page until Ctrl-C, or until `stop` of what `on_ready` is given; call `on_ready` when it can be used. Return annotator -> answers that were given and stand.

    After a server that was killed the next one has the same address, tokens and files of events, and nothing that a page was told is lost.
    Raises UsageError, SpecError, RefusedError and BadDataError for what cannot be served, OutsideError where the port is taken.
    """
    lifecycle = read_lifecycle(root)
    labelling = read_labelling(root)
    name = find_task(labelling, options.task)
    task = labelling.tasks[name]
    schema = read_schema(root) if (root / "schema.yaml").is_file() else None
    annotators = find_annotators(root, labelling, name, options.annotators)
    with _only_one(root, name):
        mend_all(root)
        source = Source(
            name, task, labelling, lifecycle.task.key, schema, _table(root, task.table), options.role
        )
        items = Items(source, read_queue(root, name), events_here(root))
        try:
            guidelines = Guidelines(root / task.guidelines)
            what = f"{items.queue.mark}_{name}" if items.queue.mark else name
            batches = {who: find_batch(root, what, who) for who in annotators}
            session = LabelSession(root, items, batches, guidelines.version, prelabels=options.prelabels)
            _run(root, options, session, guidelines, on_ready)
            return {who: session.progress(who).own for who in annotators}
        finally:
            items.close()


def find_task(labelling: Labelling, wanted: str | None) -> str:
    """Return the task that is meant. Raises UsageError for one that is not there, or when there are several."""
    names = list(labelling.tasks)
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted is None or wanted not in labelling.tasks:
        said = (
            f"labels/labels.yaml has no task `{wanted}`"
            if wanted
            else "labels/labels.yaml has several tasks: which?"
        )
        raise UsageError(said, fix=f"name one of {', '.join(names)}")
    return wanted


def find_batch(root: Path, what: str, who: str) -> str:
    """Return the batch that answers go to: the newest of this kind and annotator that git does not track yet, else a new one.

    A file that git tracks may grow on another branch too, and is left alone.
    """
    kind = re.escape(new_batch(what, who)[len("20261121T093000Z") : -4])
    own = re.compile(rf"\d{{8}}T\d{{6}}Z{kind}[0-9a-f]{{4}}")
    folder = root / EVENTS
    names = (
        sorted(path.stem for path in folder.glob("*.jsonl") if own.fullmatch(path.stem))
        if folder.is_dir()
        else []
    )
    fresh = (
        git.untracked_among(root, [f"{EVENTS}/{name}.jsonl" for name in names]) if names else frozenset[str]()
    )
    open_ones = [name for name in names if f"{EVENTS}/{name}.jsonl" in fresh]
    return open_ones[-1] if open_ones else new_batch(what, who)


def mend_all(root: Path) -> None:
    """Put aside what a crash has torn at the end of files of events, so that they can be read."""
    folder = root / EVENTS
    with label_lock(root):
        for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else ():
            mend_torn(root, event_path(root, path.stem).stem)


def _run(
    root: Path,
    options: ServeOptions,
    session: LabelSession,
    guidelines: Guidelines,
    on_ready: Callable[[Serving], None],
) -> None:
    source = session.items.source
    known = recall(root, source.name, list(session.batches))
    server = _listen(LabelApi(session, known.tokens, guidelines), options, known.port)
    try:
        remember(root, source.name, Remembered(server.port, known.tokens))
        links = {who: f"{server.address}#token={token}" for who, token in known.tokens.items()}
        items = session.items
        on_ready(
            Serving(
                source.name,
                links,
                session.batches,
                items.total,
                items.absent,
                bool(items.queue.lines),
                server.stop,
            )
        )
        with suppress(KeyboardInterrupt):
            server.run()
        forget(root, source.name)  # the end in order; after a crash it stays for the next server
    finally:
        server.close()


def _listen(api: LabelApi, options: ServeOptions, port: int) -> WebServer:
    """Listen at the wanted port, else at that of the server that was killed, else at a free one."""
    if options.port or not port:
        return WebServer(api, options.host, options.port)
    try:
        return WebServer(api, options.host, port)
    except OutsideError:
        return WebServer(api, options.host, 0)


def _table(root: Path, name: str) -> TableFiles:
    folder, file = root / "data" / name, root / "data" / f"{name}.parquet"
    if folder.is_dir():
        return read_partition_rows(folder)
    if not file.exists():
        raise BadDataError(f"data/{name}.parquet is not here", fix="mlops-kit pull, or mlops-kit run")
    return read_rows(file)


@contextmanager
def _only_one(root: Path, task: str) -> Iterator[None]:
    path = root / FOLDER / f"{task}.lock"
    with hold_file(path, f"{os.getpid()}", f"`{task}` is being served here already", 0.0, silent):
        yield
