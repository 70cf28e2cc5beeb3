"""What each run of a stage cost on this machine: a small history outside of git and of every lock, so that it never makes a diff.

One line of JSON for each stage that did something, and one for each run, in `.dvc/tmp/mlops-kit/history.jsonl`. Lines are appended with one
call each, so that a killed run loses at most the line that it was writing; a line that cannot be read is passed over. Losing the file
costs estimates only.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from statistics import median
from typing import Any, Literal, TypeVar

from mlops_kit.artifacts.statcache import WORKPLACE, replace_text

FILE = WORKPLACE / "history.jsonl"
LIMIT = 4 << 20
"""Bytes above which the older half of the history is dropped: some 16,000 lines."""
RECENT = 5
"""Runs of a stage that an estimate looks at."""

Outcome = Literal["ran", "cached", "failed", "cancelled"]


@dataclass(frozen=True)
class StageRun:
    """One stage that did something in one run."""

    stage: str
    """As DVC names it."""
    result: Outcome
    """`ran`, `cached` (outputs came from an earlier run), `failed` or `cancelled`."""
    at: float
    """When it began, in seconds since 1970."""
    seconds: float = 0.0
    """Wall clock time of its commands; of a cached stage, of fetching its outputs."""
    cpu_seconds: float = 0.0
    """Processor time of its commands."""
    peak_bytes: int = 0
    """Largest resident memory of one process; 0 when unknown."""
    bytes_in: int = 0
    """Size of its dependencies."""
    bytes_out: int = 0
    """Size of its outputs."""
    warm: bool = False
    """Whether it started in a process that had its libraries imported already."""
    key: str = ""
    """Key of the run cache: what it read and would write; empty where there is none."""
    machine: str = ""
    """What it ran on, in words; without the name of the host."""
    commit: str = ""
    """What HEAD was; the work tree may have been ahead of it."""
    run: str = ""
    """The run that it was part of, as in RunSummary."""


@dataclass(frozen=True)
class RunSummary:
    """One run as a whole."""

    run: str
    """Its identifier."""
    at: float
    """When it began, in seconds since 1970."""
    seconds: float
    """How long it took."""
    ran: int = 0
    """Stages whose commands ran."""
    cached: int = 0
    """Stages whose outputs came from an earlier run."""
    unchanged: int = 0
    """Stages that were up to date."""
    failed: int = 0
    """Stages that failed or were cancelled."""
    jobs: int = 1
    """How many could run side by side."""
    saved: float = 0.0
    """Seconds that the cached stages took when they ran, as far as that is known."""
    machine: str = ""
    """What it ran on."""
    commit: str = ""
    """What HEAD was."""


Record = StageRun | RunSummary
_Kind = TypeVar("_Kind", bound=Record)
_KINDS: Mapping[str, type[StageRun] | type[RunSummary]] = {"stage": StageRun, "run": RunSummary}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,), "Outcome": (str,), "float": (int, float), "int": (int,), "bool": (bool,)
}  # fmt: skip
_NAMES = {kind: name for name, kind in _KINDS.items()}
_SHAPES: Mapping[type[Any], Mapping[str, tuple[tuple[type, ...], Any]]] = {
    kind: {one.name: (_TYPES[str(one.type)], one.default) for one in fields(kind)} for kind in _NAMES
}
_MOST = 1e18  # above any size and time; the file of another program may hold NaN and infinity
_OUTCOMES = ("ran", "cached", "failed", "cancelled")


def append_records(root: Path, records: Iterable[Record]) -> bool:
    """Add `records` to the history of the project at `root`; return whether they could be written, which is no error if not.

    For one writer at a time, which the lock of a run sees to: another one's line may be lost while the older half is dropped.
    """
    text = "".join(f"{_line(record)}\n" for record in records)
    file = root / FILE
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if _append(file, text.encode()) > LIMIT:
            _drop_older(file)
    except OSError:
        return False
    return True


def read_records(root: Path) -> tuple[tuple[StageRun, ...], tuple[RunSummary, ...]]:
    """Return what is known of earlier runs at `root`, the oldest first: stages and whole runs."""
    try:
        lines = (root / FILE).read_bytes().splitlines()
    except OSError:
        return (), ()
    found = [record for line in lines if (record := _parse(line)) is not None]
    return (
        tuple(one for one in found if isinstance(one, StageRun)),
        tuple(one for one in found if isinstance(one, RunSummary)),
    )


def durations(root: Path) -> Mapping[str, float]:
    """Return stage -> seconds that its commands take: the median of the last five runs that succeeded."""
    return {
        stage: median(one.seconds for one in runs)
        for stage, runs in recent_runs(read_records(root)[0]).items()
    }


def peaks(root: Path) -> Mapping[str, int]:
    """Return stage -> bytes of memory that it needs: the most of the last five runs that succeeded; stages of which it is known."""
    found = {
        stage: max(one.peak_bytes for one in runs)
        for stage, runs in recent_runs(read_records(root)[0]).items()
    }
    return {stage: peak for stage, peak in found.items() if peak}


def recent_runs(records: Iterable[StageRun]) -> Mapping[str, tuple[StageRun, ...]]:
    """Return stage -> the last five of `records` in which its commands ran to their end, the oldest first."""
    by_stage: defaultdict[str, list[StageRun]] = defaultdict(list)
    for record in records:
        if record.result == "ran":
            by_stage[record.stage].append(record)
    return {stage: tuple(runs[-RECENT:]) for stage, runs in by_stage.items()}


def encode_record(record: Record) -> dict[str, Any]:
    """Return the fields of `record` that say something, as JSON has them."""
    shape = _SHAPES[type(record)]
    found = {name: getattr(record, name) for name in shape}
    short = {name: round(value, 3) if isinstance(value, float) else value for name, value in found.items()}
    return {name: value for name, value in short.items() if value != shape[name][1]}


def decode_record(kind: type[_Kind], value: Any) -> _Kind | None:
    """Return what `encode_record` wrote of a record, None when it is none; fields of later versions are passed over."""
    if not isinstance(value, dict):
        return None
    shape = _SHAPES[kind]
    known = {name: value[name] for name in shape if name in value}
    if any(default is MISSING and name not in known for name, (_, default) in shape.items()):
        return None
    if any(not _fits(known[name], shape[name][0]) for name in known):
        return None
    if kind is StageRun and known["result"] not in _OUTCOMES:
        return None
    return kind(**known)


def _fits(value: Any, wanted: tuple[type, ...]) -> bool:
    if type(value) not in wanted:  # True is an int, and not meant
        return False
    return isinstance(value, str) or bool(0 <= value < _MOST)


def _line(record: Record) -> str:
    return json.dumps({"kind": _NAMES[type(record)], **encode_record(record)}, separators=(",", ":"))


def _parse(line: bytes) -> Record | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    kind = _KINDS.get(str(value.get("kind"))) if isinstance(value, dict) else None
    return decode_record(kind, value) if kind else None


def _append(file: Path, content: bytes) -> int:
    """Append with one call, on a line of its own whatever a killed run has left behind; return the size of the file now."""
    with file.open("ab+") as handle:
        end = handle.seek(0, os.SEEK_END)
        if end:
            handle.seek(end - 1)
            content = (b"" if handle.read(1) == b"\n" else b"\n") + content
        handle.write(content)
        return end + len(content)


def _drop_older(file: Path) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    kept = b"".join(reversed(list(_within(reversed(lines), LIMIT // 2))))
    replace_text(file, kept.decode("utf-8", "replace"))


def _within(lines: Iterator[bytes], size: int) -> Iterator[bytes]:
    for line in lines:
        size -= len(line)
        if size < 0:
            return
        yield line
