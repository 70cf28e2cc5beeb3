"""What `mlops-kit acquire` shows: a line on standard error while it works, and what was done at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mlops_kit.data.manifest import PartitionLine
from mlops_kit.project.acquire.model import AcquireReport, AcquireWatcher, StageReport
from mlops_kit.report.sizes import size_text

_TICK = 0.2
_SHOWN = 12


class _Lines(AcquireWatcher):
    """One line that is written over on a terminal; elsewhere a line for each piece."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._piece = ""
        self._at = 0.0
        self._wide = 0

    def waits(self, holder: str) -> None:
        self._say(f"waiting for {holder}, which runs this project")

    def looks(self, stage: str, source: str) -> None:
        self._show(f"{stage}: looking at {source}")

    def begins(self, stage: str, name: str, number: int, count: int, size: int | None) -> None:
        sized = f", {size_text(size)}" if size else ""
        self._piece = f"{stage}: {number}/{count} {name}{sized}"
        self._at = 0.0
        if self._terminal:
            self._show(self._piece)
        else:
            self._say(self._piece)

    def fetched(self, done: int, total: int | None) -> None:
        of = f" of {size_text(total)}" if total else ""
        self._tick(f"{self._piece}: {size_text(done)}{of} fetched")

    def written(self, rows: int) -> None:
        self._tick(f"{self._piece}: {rows:,} rows written")

    def clear(self) -> None:
        """Remove the line."""
        if self._terminal and self._wide:
            sys.stderr.write("\r" + " " * self._wide + "\r")
            sys.stderr.flush()
            self._wide = 0

    def _tick(self, text: str) -> None:
        if self._terminal and time.monotonic() - self._at >= _TICK:
            self._at = time.monotonic()
            self._show(text)

    def _show(self, text: str) -> None:
        if self._terminal:
            plain = text[:100]
            sys.stderr.write("\r" + plain.ljust(self._wide))
            sys.stderr.flush()
            self._wide = max(self._wide, len(plain))

    def _say(self, text: str) -> None:
        self.clear()
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


@contextmanager
def watch_acquire() -> Iterator[AcquireWatcher]:
    """Show how far an acquisition is while the block works."""
    lines = _Lines()
    try:
        yield lines
    finally:
        lines.clear()


def print_acquired(report: AcquireReport) -> None:
    """Print what was done, a paragraph for each stage."""
    for stage in report.stages:
        for line in _planned(stage) if report.dry_run else _done(stage):
            sys.stdout.write(f"{line}\n")
    if not report.dry_run and any(stage.recorded for stage in report.stages):
        sys.stdout.write('next: mlops-kit run && git add -A && git commit -m "New data"\n')


def _planned(stage: StageReport) -> Iterator[str]:
    wanted = stage.plan.to_fetch
    sizes = [planned.offer.size or 0 for planned in wanted]
    yield (
        f"{stage.stage}: {len(wanted)} to fetch"
        + (f", {size_text(sum(sizes))}" if sum(sizes) else "")
        + f", {len(stage.plan.offers) - len(wanted)} unchanged ({stage.source})"
    )
    for planned in wanted[:_SHOWN]:
        yield f"  {planned.standing.value} {planned.offer.name}: {planned.offer.source}"
    if len(wanted) > _SHOWN:
        yield f"  and {len(wanted) - _SHOWN} more"
    yield from _gone(stage)


def _done(stage: StageReport) -> Iterator[str]:
    new = [*stage.added, *stage.accepted]
    mark = "✗" if stage.rewritten or stage.problems else "✓"
    what = (
        f"{len(stage.added)} new partitions, {sum(line.rows for line in stage.added):,} rows"
        if stage.added
        else "nothing new"
    )
    yield f"{mark} {stage.stage}: {what}; {stage.folder} has {stage.partitions} partitions, {stage.rows:,} rows"
    for line in new[:_SHOWN]:
        yield f"  {'accepted' if line.replaces else 'new'} {_described(line)}"
    if len(new) > _SHOWN:
        yield f"  and {len(new) - _SHOWN} more"
    if stage.brought_back:
        yield f"  brought back: {', '.join(stage.brought_back[:_SHOWN])}"
    for old, now in stage.rewritten:
        yield f"✗ {old.partition} was rewritten at the source: {old.rows:,} rows were acquired {old.fetched_at}, it has {now.rows:,} now"
        yield f"  the recorded version is kept; to take the new one: mlops-kit acquire --accept-rewrite {stage.stage}:{old.partition}"
    for note in stage.notes[:_SHOWN]:
        yield f"! {note}"
    for problem in stage.problems:
        yield f"✗ {problem}"
    yield from _gone(stage)
    if stage.absent:
        yield f"  {stage.absent} partitions are not on this machine: mlops-kit pull {stage.stage}"


def _described(line: PartitionLine) -> str:
    rejected = f", {line.rejected} lines that are no rows" if line.rejected else ""
    return f"{line.partition}: {line.rows:,} rows, {size_text(line.bytes)}{rejected} ({line.source})"


def _gone(stage: StageReport) -> Iterator[str]:
    if stage.gone:
        names = ", ".join(line.partition for line in stage.gone[:_SHOWN])
        yield f"  no longer at the source, kept: {names}"
