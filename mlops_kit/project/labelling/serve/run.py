"""A server from start to end."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.errors import OutsideError
from mlops_kit.labels.asking.items import Items
from mlops_kit.labels.asking.queue import open_queue
from mlops_kit.labels.places import EVENTS
from mlops_kit.outside import git
from mlops_kit.outside.file_lock import hold_file, silent
from mlops_kit.outside.web_server import WebServer
from mlops_kit.project.labelling.pool import open_pool
from mlops_kit.project.labelling.serve.api import LabelApi
from mlops_kit.project.labelling.serve.people import find_annotators
from mlops_kit.project.labelling.serve.remembered import FOLDER, Remembered, forget, recall, remember
from mlops_kit.project.labelling.serve.session import LabelSession
from mlops_kit.project.labelling.store import event_path, events_here, label_lock, mend_torn, new_batch
from mlops_kit.spec.labels import EventRole


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
    pool = open_pool(root, options.task)
    annotators = find_annotators(root, pool.labelling, pool.name, options.annotators)
    with _only_one(root, pool.name):
        mend_all(root)
        queue = open_queue(root, pool.name)
        items = Items(pool, queue, events_here(root), options.role)
        try:
            what = f"{queue.mark}_{pool.name}" if queue.mark else pool.name
            batches = {who: find_batch(root, what, who) for who in annotators}
            session = LabelSession(items, batches, prelabels=options.prelabels)
            _run(session, options, on_ready)
            return session.close()
        finally:
            items.close()


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


def _run(session: LabelSession, options: ServeOptions, on_ready: Callable[[Serving], None]) -> None:
    items, root = session.items, session.items.pool.root
    task = items.pool.name
    known = recall(root, task, list(session.batches))
    server = _listen(LabelApi(session, known.tokens), options, known.port)
    try:
        remember(root, task, Remembered(server.port, known.tokens))
        links = {who: f"{server.address}#token={token}" for who, token in known.tokens.items()}
        on_ready(
            Serving(
                task,
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
        forget(root, task)  # the end in order; after a crash it stays for the next server
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


@contextmanager
def _only_one(root: Path, task: str) -> Iterator[None]:
    path = root / FOLDER / f"{task}.lock"
    with hold_file(path, f"{os.getpid()}", f"`{task}` is being served here already", 0.0, silent):
        yield
