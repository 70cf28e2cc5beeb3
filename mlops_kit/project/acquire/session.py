"""Acquiring: look at each source, fetch what is new aside, and make all of a stage's new partitions visible at once."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

from mlops_kit import __version__
from mlops_kit.artifacts.objects import Objects
from mlops_kit.artifacts.statcache import StatCache, stamp_of
from mlops_kit.data.manifest import PartitionLine, manifest_path, read_manifest
from mlops_kit.data.partitions.gather import by_name, folder_hashes, unit_of
from mlops_kit.data.partitions.parted import Parted
from mlops_kit.data.partitions.planner import (
    FetchPlan,
    Outcome,
    PlannedOffer,
    Standing,
    judge_partition,
    plan_fetch,
)
from mlops_kit.data.partitions.source import Source, State
from mlops_kit.data.partitions.staging import FinishedPiece, Piece, Staging
from mlops_kit.data.partitions.writing import WrittenPart, write_parts
from mlops_kit.errors import OutsideError, UsageError
from mlops_kit.outside.file_lock import Holder
from mlops_kit.outside.run_lock import hold_run
from mlops_kit.project.acquire.judge import judge_arrivals
from mlops_kit.project.acquire.model import AcquireOptions, AcquireReport, AcquireWatcher, StageReport
from mlops_kit.project.acquire.publish import check_folder, check_kept, publish
from mlops_kit.project.acquire.stages import AcquireStage, find_acquire_stages, make_source, parting
from mlops_kit.spec.load import read_params


def acquire_project(
    root: Path, options: AcquireOptions, watcher: AcquireWatcher | None = None
) -> AcquireReport:
    """Fetch what is new at the sources of the project at `root`, and record it.

    A source that rewrote history is a result (`rewritten`), not an error. Whenever this ends, each stage has all of its new partitions or
    none; what was fetched is used by the next call. Raises UsageError, SpecError, BadDataError (what came is no table), OutsideError (a source
    cannot be reached), RefusedError (the data folder was edited).
    """
    heard = watcher or AcquireWatcher()
    if not (root / ".dvc").is_dir():
        raise UsageError(f"{root} is no DVC repository", fix="name its folder: --repo FOLDER")
    stages = find_acquire_stages(root, options.stages)
    if not stages:
        raise UsageError(
            "no stage of this project acquires anything",
            fix="let one use acquire.files, acquire.http, acquire.sql or acquire.objects in mlops.yaml",
        )

    def tell(holder: Holder) -> None:
        heard.waits(str(holder))

    with hold_run(root, on_wait=tell):
        if not options.dry_run:
            _declare(root, stages)
        sessions = [_Session(root, stage, options, heard) for stage in stages]
        _check_accepted(options.accept, {name for session in sessions for name in session.names()})
        reports = tuple(session.acquire() for session in sessions)
    return AcquireReport(reports, options.dry_run)


def _check_accepted(accepted: Iterable[str], known: Collection[str]) -> None:
    for name in sorted(accepted):
        if name not in known:
            close = get_close_matches(name, sorted(known), n=3)
            raise UsageError(
                f"--accept-rewrite {name}: no partition has that name",
                fix=f"did you mean {' or '.join(close)}?"
                if close
                else "mlops-kit acquire names what was rewritten",
            )


def _declare(root: Path, stages: Sequence[AcquireStage]) -> None:
    """Generate dvc.yaml when it does not have the stages as they are now."""
    from mlops_kit.artifacts.declared import read_pipelines

    declared = read_pipelines(root).stages
    for stage in stages:
        known = declared.get(stage.name)
        manifest = manifest_path(Path(stage.folder)).as_posix()
        if known is None or not known.frozen or manifest not in known.deps:
            from mlops_kit.project.desired import desired_files
            from mlops_kit.project.write import write_files

            write_files(root, desired_files(root))
            return


@dataclass
class _Gathered:
    """What the pieces of one stage came to."""

    lines: dict[str, PartitionLine]
    fresh: dict[str, Path] = field(default_factory=dict)
    added: list[PartitionLine] = field(default_factory=list)
    accepted: list[PartitionLine] = field(default_factory=list)
    rewritten: list[tuple[PartitionLine, PartitionLine]] = field(default_factory=list)
    gone: list[PartitionLine] = field(default_factory=list)
    brought_back: list[str] = field(default_factory=list)


class _Session:
    """The acquisition of one stage."""

    def __init__(
        self, root: Path, stage: AcquireStage, options: AcquireOptions, heard: AcquireWatcher
    ) -> None:
        self._root = root
        self._stage = stage
        self._options = options
        self._heard = heard
        self._source: Source = make_source(stage, root)
        self._parted: Parted | None = parting(self._source)
        path = manifest_path(root / stage.folder)
        self._lines = by_name(read_manifest(path), path)
        self._staging = Staging(root, stage.name)

    def names(self) -> set[str]:
        """Return what its recorded partitions may be called: `name` and `stage:name`."""
        return {*self._lines, *(f"{self._stage.name}:{name}" for name in self._lines)}

    def acquire(self) -> StageReport:
        """Do it."""
        before = list(self._lines.values())
        check_kept(self._root, self._stage.folder)
        if not self._options.dry_run:
            check_folder(self._root, self._stage.folder, before)
        self._heard.looks(self._stage.name, self._source.describe())
        lost = self._lost(before) if self._options.refetch else frozenset()
        plan = self._plan(before, lost)
        if self._options.dry_run:
            return self._report(plan, _Gathered(self._lines, gone=list(plan.gone)))
        pieces = {planned.offer.name: self._piece(planned) for planned in plan.to_fetch}
        self._staging.sweep(pieces.values())
        gathered = _Gathered(dict(self._lines), gone=list(plan.gone))
        for number, planned in enumerate(plan.to_fetch, start=1):
            piece = pieces[planned.offer.name]
            done = self._fetch(planned, piece, number, len(plan.to_fetch))
            self._take(planned, piece, done, gathered, lost)
        self._heard.finished(self._stage.name)
        return self._finish(plan, gathered, pieces)

    def _plan(self, before: Sequence[PartitionLine], lost: frozenset[str]) -> FetchPlan:
        offers = list(self._source.look(State(tuple(before), self._options.since, self._root)))
        if not offers and not before and not self._options.since:
            raise OutsideError(
                f"stage {self._stage.name}: there is nothing at {self._source.describe()}, and nothing was acquired before",
                fix=f"mend section `{self._stage.name}` of params.yaml, or call again when the first data has arrived",
            )
        by_offer = {offer.name: offer for offer in offers}
        grouped: dict[str, list[PartitionLine]] = {}
        for line in before:
            grouped.setdefault(unit_of(line, self._parted, by_offer), []).append(line)
        since = "" if self._parted else self._options.since
        return plan_fetch(grouped, offers, complete=self._source.complete, since=since, refetch=lost)

    def _lost(self, lines: Sequence[PartitionLine]) -> frozenset[str]:
        """Return the partitions whose content is neither in the data folder nor in the cache."""
        folder, objects, cache = self._root / self._stage.folder, Objects(self._root), StatCache(self._root)

        def here(name: str, md5: str) -> bool:
            path = folder / name
            return objects.holds(md5) or (path.is_file() and cache.hash(path).md5 == md5)

        return frozenset(
            line.partition
            for line in lines
            if not all(here(name, found.md5) for name, found in folder_hashes([line]).items())
        )

    def _piece(self, planned: PlannedOffer) -> Piece:
        settings = json.dumps(read_params(self._root).get(self._stage.name), default=str, sort_keys=True)
        return self._staging.piece(planned.offer, f"{__version__} {self._stage.contract.version} {settings}")

    def _fetch(self, planned: PlannedOffer, piece: Piece, number: int, count: int) -> FinishedPiece:
        offer = planned.offer
        if (finished := piece.finished()) is not None:
            return finished
        self._heard.begins(self._stage.name, offer.name, number, count, offer.size)
        piece.begin()

        def told(done: int, total: int | None = None) -> None:
            self._heard.fetched(done, total)

        fetched = self._source.fetch(offer, piece.incoming, told)
        before = stamp_of(fetched.path) if fetched.path else None
        parts = write_parts(fetched, offer, self._parted, piece.ready, on_rows=self._heard.written)
        if fetched.path and stamp_of(fetched.path) != before:
            raise OutsideError(
                f"{offer.source} changed while it was read", fix="the same command again, when it is whole"
            )
        done = FinishedPiece(parts, fetched.origin)
        piece.finish(done)
        return done

    def _take(
        self,
        planned: PlannedOffer,
        piece: Piece,
        done: FinishedPiece,
        gathered: _Gathered,
        lost: frozenset[str],
    ) -> None:
        """Sort the partitions of one piece into what they come to."""
        judged = [
            (self._line(planned, part, done.origin), part) for part in done.parts if self._wanted(part.name)
        ]
        outcomes = {
            line.partition: judge_partition(line, self._lines.get(line.partition), self._accepted())
            for line, _ in judged
        }
        pending = Outcome.REWRITTEN in outcomes.values()
        for fetched, part in judged:
            outcome, old = outcomes[fetched.partition], self._lines.get(fetched.partition)
            # Without the identity of the piece the next call looks at it again, until what was rewritten is accepted or undone.
            line = replace(fetched, origin="") if pending else fetched
            if outcome is Outcome.REWRITTEN and old is not None:
                gathered.rewritten.append((old, fetched))
                continue
            if outcome is Outcome.SAME and old is not None:
                if old.partition in lost:
                    gathered.brought_back.append(old.partition)
                elif not pending:
                    gathered.lines[old.partition] = replace(old, origin=line.origin, query=line.query)
                    continue
            elif outcome is Outcome.ACCEPTED and old is not None:
                gathered.lines[line.partition] = replace(line, replaces=old.sha256)
                gathered.accepted.append(gathered.lines[line.partition])
            else:
                gathered.lines[line.partition] = line
                gathered.added.append(line)
            gathered.fresh.update({name: piece.ready / name for name, _ in part.files()})
        if self._parted is not None and planned.standing is Standing.CHANGED:
            gathered.gone += self._vanished(planned, done.parts)

    def _vanished(self, planned: PlannedOffer, parts: Sequence[WrittenPart]) -> list[PartitionLine]:
        """Return the periods that a piece no longer has rows of."""
        here = {part.name for part in parts}
        return [
            line
            for line in planned.before
            if line.partition not in here
            and self._parted is not None
            and self._parted.takes(line.partition.partition(".")[0])
        ]

    def _wanted(self, name: str) -> bool:
        return self._parted is None or name in self._lines or name >= self._options.since

    def _accepted(self) -> frozenset[str]:
        prefix = f"{self._stage.name}:"
        return frozenset(name.removeprefix(prefix) for name in self._options.accept if name in self.names())

    def _line(self, planned: PlannedOffer, part: WrittenPart, origin: str) -> PartitionLine:
        offer = planned.offer
        return PartitionLine(
            part.name,
            offer.source,
            part.rows,
            part.bytes,
            part.sha256,
            part.md5,
            _now(),
            __version__,
            offer.query,
            offer.cursor_column,
            offer.cursor_from,
            offer.cursor_to,
            origin or offer.origin,
            part.rejected,
            part.rejects_md5,
            part.rejects_bytes,
        )

    def _finish(self, plan: FetchPlan, gathered: _Gathered, pieces: Mapping[str, Piece]) -> StageReport:
        lines = [gathered.lines[name] for name in sorted(gathered.lines)]
        if not lines:
            return self._report(plan, gathered)
        done = publish(self._root, self._stage.name, self._stage.folder, lines, gathered.fresh)
        # What was rewritten and not accepted stays: accepting it fetches nothing.
        waiting = {new.source for _, new in gathered.rewritten}
        kept = [pieces[planned.offer.name] for planned in plan.to_fetch if planned.offer.source in waiting]
        self._staging.sweep(kept)
        found = judge_arrivals(self._root, self._stage, lines, gathered.added)
        return replace(
            self._report(plan, gathered),
            recorded=done.recorded,
            absent=done.absent,
            notes=found.notes,
            problems=found.problems,
        )

    def _report(self, plan: FetchPlan, gathered: _Gathered) -> StageReport:
        return StageReport(
            self._stage.name,
            self._stage.folder,
            self._source.describe(),
            plan,
            tuple(gathered.added),
            tuple(gathered.accepted),
            tuple(gathered.rewritten),
            tuple(gathered.gone),
            tuple(gathered.brought_back),
            len(gathered.lines),
            sum(line.rows for line in gathered.lines.values()),
        )


def _now() -> str:
    """Return the time for the manifest; SOURCE_DATE_EPOCH sets it, so that two acquisitions can be compared byte by byte."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    seconds = int(epoch) if epoch.isdecimal() else time.time()
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
