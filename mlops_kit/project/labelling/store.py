"""The files of label events on disk: one event appended durably, whole batches written at once, what a crash has torn put aside."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from mlops_kit.artifacts.canonical.text import canonical_json_line
from mlops_kit.artifacts.tables import EventFiles, read_event_files
from mlops_kit.errors import UsageError
from mlops_kit.labels.events.form import NotEventError, event_of, parse_line
from mlops_kit.labels.events.model import LabelEvent, event_line
from mlops_kit.labels.places import EVENTS, FOLDER, REFUSED
from mlops_kit.outside.file_lock import hold_file, silent
from mlops_kit.outside.whole_files import unfinished

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
_PATIENCE_SECONDS = 30.0
_TAIL = 1 << 16


def new_batch(what: str, who: str, now: datetime | None = None) -> str:
    """Return the name of a new batch: when (UTC), `what` made it (`page`, `csv`), `who` (a pseudonym), and four random digits, so that two
    branches never write one file."""
    moment = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    plain = [re.sub(r"[^A-Za-z0-9_]+", "_", part)[:40] or "x" for part in (what, who)]
    return "-".join([moment, *plain, secrets.token_hex(2)])


def event_path(root: Path, batch: str, folder: str = EVENTS, suffix: str = ".jsonl") -> Path:
    """Return the file of a batch. Raises UsageError for a name that cannot be one of a file everywhere."""
    if not _NAME.fullmatch(batch) or batch.endswith("."):
        raise UsageError(
            f"`{batch}` is no name of a batch",
            fix="take letters, digits, dots, dashes and underscores, 120 at most, a letter or digit first",
        )
    return root / folder / f"{batch}{suffix}"


def events_here(root: Path) -> EventFiles:
    """Return the files of accepted events; none when there is no folder yet.

    Raises BadDataError when DVC tracks one that is not here.
    """
    folder = root / EVENTS
    return read_event_files(folder) if folder.is_dir() else EventFiles(())


def append_event(root: Path, batch: str, event: LabelEvent) -> str:
    """Append `event` to the file of `batch`, wait until it is on the disk, and return its id.

    One line in one write. A last line that a crash has torn goes to `labels/refused/<batch>.jsonl` before. No rule is asked: the caller
    has checked the value (`labels/events/values.py: value_fault`). The same event twice is there twice, and counts once.
    """
    path = event_path(root, batch)
    line = event_line(event).encode()
    with label_lock(root):
        path.parent.mkdir(parents=True, exist_ok=True)
        mend_torn(root, batch)
        fresh = not path.exists()
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            _write_all(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if fresh:
            flush_folder(path.parent)
    return event.id


def mend_torn(root: Path, batch: str) -> bool:
    """Move a last line without its end from the file of `batch` to `labels/refused/`, and return whether there was one. To be called under
    `label_lock`. A whole event that only lacks its newline gets it."""
    path = event_path(root, batch)
    torn, start = torn_tail(path)
    if not torn:
        return False
    if _is_whole(torn):
        with path.open("ab") as file:
            file.write(b"\n")
        return True
    refused = event_path(root, batch, REFUSED)
    refused.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "rule": "torn_line",
        "why": "the last line of the file had no end",
        "text": torn.decode(errors="replace"),
    }
    with refused.open("a", encoding="utf-8", newline="\n") as file:
        file.write(canonical_json_line(told))
        file.flush()
        os.fsync(file.fileno())
    with path.open("r+b") as file:
        file.truncate(start)
        os.fsync(file.fileno())
    return True


def _is_whole(line: bytes) -> bool:
    try:
        event_of(parse_line(line), need_id=True)
    except NotEventError:
        return False
    return True


def torn_tail(path: Path) -> tuple[bytes, int]:
    """Return what follows the last newline of a file, and at which byte it starts; nothing for a file that is whole or not there."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            tail = b""
            while b"\n" not in tail and len(tail) < size:
                step = min(size - len(tail), max(_TAIL, len(tail)))
                file.seek(size - len(tail) - step)
                tail = file.read(step) + tail
    except FileNotFoundError:
        return b"", 0
    torn = tail[tail.rfind(b"\n") + 1 :]
    return torn, size - len(torn)


def write_whole(path: Path, content: bytes, root: Path) -> None:
    """Write a file that is there whole or not at all, and on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with unfinished(path, root if (root / ".dvc").is_dir() else None) as fresh:
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)  # noqa: PTH105 - the one call that also replaces on Windows
    flush_folder(path.parent)


@contextmanager
def label_lock(root: Path) -> Iterator[None]:
    """Be the only process that writes label files of the project while the block lasts. Raises RefusedError after 30 seconds."""
    home = root / ".dvc/tmp/mlops-kit" if (root / ".dvc").is_dir() else root / FOLDER
    with hold_file(
        home / "labels.lock", f"{os.getpid()}", "the labels are being written", _PATIENCE_SECONDS, silent
    ):
        yield


def _write_all(descriptor: int, content: bytes) -> None:
    written = os.write(descriptor, content)
    while written < len(content):  # a full disk, or a signal: the rest, or an error and a torn line
        written += os.write(descriptor, content[written:])


def flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can."""
    with suppress(OSError):  # Windows cannot
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
