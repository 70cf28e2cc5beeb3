"""What a run does to the files of DVC: judges stages, restores, records, and writes dvc.lock in DVC's own order.

Byte for byte what `dvc repro --all-pipelines` leaves behind, at a cost for each stage that does not grow with their number.
"""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from mlops_kit.artifacts.declared import DeclaredOut, DeclaredStage
from mlops_kit.artifacts.dvcfiles import locked_stage, move_stages, read_lock
from mlops_kit.artifacts.entries import Entries, is_executable, written
from mlops_kit.artifacts.freshness import Freshness, StageFreshness
from mlops_kit.artifacts.hashing import LISTING
from mlops_kit.artifacts.lock_file import LockFile
from mlops_kit.artifacts.objects import Objects, make_executable
from mlops_kit.artifacts.pending import Pending
from mlops_kit.artifacts.run_cache import RunCache, can_be_remembered, stage_key
from mlops_kit.artifacts.statcache import WORKPLACE
from mlops_kit.artifacts.store import read_settings
from mlops_kit.errors import BadDataError, OutsideError, RefusedError
from mlops_kit.outside import git
from mlops_kit.outside.ignore_file import IgnoreFiles

_FEW = 40  # up to so many stages the lock is written for each of them
_SECONDS = 2.0
_TEXT = bytes(range(32, 127)) + b"\n\r\t\f\b"


@dataclass(frozen=True)
class Recorded:
    """What has been recorded of a stage."""

    stage: str
    """As DVC names it."""
    key: str
    """Its key in the run cache; empty when there is no entry."""
    bytes_in: int
    """Size of its dependencies."""
    bytes_out: int
    """Size of its outputs."""


class Supply(Protocol):
    """Where content and the run cache of other machines are."""

    def fetch(self, digests: Collection[str]) -> frozenset[str]:
        """Bring objects into the cache, of folders with all their files; return those that are there now."""
        ...

    def fetch_entries(self, key: str) -> int:
        """Bring the run-cache entries of a stage key into the cache and return how many there are now."""
        ...


class Ledger:
    """Keeps the books of one run; one thread talks to it."""

    def __init__(
        self,
        root: Path,
        freshness: Freshness,
        order: Sequence[str] = (),
        *,
        guard: Callable[[], AbstractContextManager[object]] = nullcontext,
        remote: Supply | None = None,
    ) -> None:
        """Begin with a work tree. `order` holds the stages of the run as DVC would go through them.

        An entry waits until all stages before it in `order` are recorded or settled; those that are not in it wait for nothing.
        `guard` is held while the cache and dvc.lock are written; `remote` is asked for what the cache lacks.
        """
        self._remote = remote
        self._root = root
        self._freshness = freshness
        self._guard = guard
        self._objects = Objects(root, reading=freshness.hash_file)
        self._entries = Entries(freshness, elsewhere=remote is not None)
        self._runs = RunCache(self._objects)
        self._locks: dict[str, LockFile] = {}
        self._pending = Pending(root)
        self._order = tuple(order)
        self._places = {name: place for place, name in enumerate(self._order)}
        self._next = 0
        self._done: set[str] = set()
        self._waiting: dict[str, Mapping[str, Any]] = {}
        self._settings = read_settings(root)
        self._written = 0.0
        self._to_stage: dict[str, None] = {}

    @cached_property
    def _ignores(self) -> IgnoreFiles | None:
        return None if self._settings.plain or not git.is_repository(self._root) else IgnoreFiles(self._root)

    def judge(self, name: str) -> StageFreshness:
        """Return whether a stage would run, from what is there now. One that a killed run has finished is recorded instead.

        Raises OSError, SpecError.
        """
        found = self._freshness.judge(name)
        if not found.would_run or (entry := self._pending.take(name)) is None:
            return found
        stage = self._stage(name)
        earlier = self._freshness.judge_against(name, locked_stage(entry, stage.base))
        if earlier.would_run:
            return found
        self._enter(stage, entry)
        return earlier

    def restore(self, name: str) -> bool:
        """Bring back the outputs that the lock or the run cache has for a stage as it is now, and record it.

        With a remote, a dependency may be there alone: it is what the stage that writes it recorded, and need not come for this.
        Return False, with nothing changed but what was damaged in the cache, when they are not all in the cache.
        Raises OSError, SpecError, BadDataError.
        """
        stage = self._stage(name)
        self._look_again(stage)
        try:
            entry = self._remembered(stage)
        except BadDataError:
            if self._remote is None:
                raise
            return False  # a dependency is not here, and nothing is recorded of it
        if entry is None:
            return False
        outs = {written(stage, out.path): out for out in stage.outs}
        found = [(outs[item["path"]], item) for item in entry["outs"] if item.get("path") in outs]
        if len(found) < len(outs) or not self._has(item for _, item in found):
            return False
        with self._guard():
            for out, item in found:
                if not self._bring(out, item):
                    return False
        self.record(name)
        return True

    def bring(self, name: str, paths: Collection[str]) -> bool:
        """Put outputs that are recorded of a stage, or tracked by a .dvc file, into the work tree; return whether all of them are there.

        What the cache lacks is asked for from the remote. Raises OSError, SpecError, OutsideError.
        """
        stage, lock = self._stage(name), self._freshness.recorded(name)
        items = {str(item.get("path")): item for item in (lock.entry.get("outs") or [] if lock else [])}
        wanted = [(out, items.get(written(stage, out.path), {})) for out in stage.outs if out.path in paths]
        if not all(out.cached for out, _ in wanted) or not self._has(item for _, item in wanted):
            return False
        with self._guard():
            return all(self._bring(out, item) for out, item in wanted)

    def fetch(self, digests: Collection[str]) -> None:
        """Bring objects into the cache that are not there, as far as the remote has them. Raises OSError, OutsideError."""
        missing = [digest for digest in digests if not self._objects.holds(digest)]
        if missing and self._remote is not None:
            self._remote.fetch(missing)

    def _has(self, items: Iterable[Mapping[str, Any]]) -> bool:
        """Return whether the cache has the content of outputs, when need be after it was fetched."""
        digests = [str(item.get("md5", "")) if item.get("hash") == "md5" else "" for item in items]
        missing = [digest for digest in digests if not self._objects.holds_all(digest)]
        if missing and all(missing) and self._remote is not None:
            missing = list(set(missing) - self._remote.fetch(missing))
        return not missing

    def prepare(self, name: str) -> None:
        """Let the outputs that stay in place while a stage runs be files of their own: its commands may write into them. Raises OSError."""
        with self._guard():
            for out in self._stage(name).outs:
                if out.persist and out.cached:
                    self._objects.free(self._root / out.path)

    def record(self, name: str) -> Recorded:
        """Record a stage whose commands have ended well: hashes, cache, run cache, .gitignore, dvc.lock.

        Raises OSError, SpecError, BadDataError (an output is missing), RefusedError (git tracks an output).
        """
        stage = self._stage(name)
        self._look_again(stage)
        with self._guard():
            for out in stage.outs:
                self._check(stage, out)
            entry = self._entries.whole(stage)
            key = self._remember(stage, entry)
            for out in stage.outs:
                if out.cached:
                    self._keep(out.path)
        self._enter(stage, entry)
        sizes = [sum(item.get("size", 0) for item in entry.get(section, [])) for section in ("deps", "outs")]
        return Recorded(name, key, *sizes)

    def settle(self, name: str) -> None:
        """Let nothing wait for a stage any longer: it is unchanged, or DVC itself has recorded it."""
        self._done.add(name)
        self._pending.take(name)

    def reload(self, names: Iterable[str]) -> None:
        """Read again what DVC itself has recorded of these stages. Raises OSError, SpecError."""
        for name in names:
            stage = self._stage(name)
            self._look_again(stage)
            path = self._root / stage.lock
            if stage.file.endswith(".yaml") and path.exists():
                folder = stage.file.rpartition("/")[0]
                found = move_stages(
                    read_lock(path.read_bytes(), folder, stage.lock), folder, {name: stage.base}
                )
                if name in found:
                    self._freshness.learn(name, found[name])
            self.settle(name)

    def flush(self) -> None:
        """Write what may be written to the lock files. Raises OSError."""
        ready: dict[str, dict[str, Mapping[str, Any]]] = {}
        for name in self._ready():
            stage = self._stage(name)
            for out in stage.outs:  # here, where stages come in DVC's order, whichever was done first
                self._ignore(out)
            ready.setdefault(stage.lock, {})[stage.short] = self._waiting.pop(name)
        if not ready:
            self._pending.keep(self._waiting)
            return
        with self._guard():
            self._objects.settle()
            for path, entries in ready.items():
                self._locks.setdefault(path, LockFile(self._root / path)).write(entries)
                self._to_stage[path] = None
        self._written = time.monotonic()
        self._pending.keep(self._waiting)
        if self._settings.autostage and self._ignores is not None:
            git.stage_files(self._root, list(self._to_stage))
        self._to_stage.clear()

    def _stage(self, name: str) -> DeclaredStage:
        return self._freshness.pipelines.stages[name]

    def _look_again(self, stage: DeclaredStage) -> None:
        self._freshness.forget([*stage.deps, *stage.params, *(out.path for out in stage.outs)])

    def _enter(self, stage: DeclaredStage, entry: Mapping[str, Any]) -> None:
        self._freshness.learn(stage.name, locked_stage(entry, stage.base))
        self._done.add(stage.name)
        self._pending.take(stage.name)
        self._waiting[stage.name] = entry
        if len(self._order) <= _FEW or time.monotonic() - self._written >= _SECONDS:
            self.flush()
        if stage.name in self._waiting:
            self._pending.add(stage.name, entry)

    def _ready(self) -> list[str]:
        while self._next < len(self._order) and self._order[self._next] in self._done:
            self._next += 1
        ready = [name for name in self._waiting if self._places.get(name, -1) < self._next]
        return sorted(ready, key=lambda name: self._places.get(name, -1))

    def _remembered(self, stage: DeclaredStage) -> Mapping[str, Any] | None:
        """Return the entry with the outputs that belong to what goes into the stage now."""
        lock = self._freshness.recorded(stage.name)
        inputs = {**self._entries.inputs(stage)}
        inputs["outs"] = [{"path": path} for path in sorted(written(stage, out.path) for out in stage.outs)]
        if not can_be_remembered(stage, inputs):
            return None
        if lock is not None and all(lock.outs.get(out.path) for out in stage.outs):
            causes = self._freshness.judge(stage.name).causes
            if all(cause.kind == "out" for cause in causes):
                return self._locks.setdefault(stage.lock, LockFile(self._root / stage.lock)).entry(
                    stage.short
                )
        key = stage_key(inputs)
        if self._remote is not None and self._runs.newest(key) is None:
            self._remote.fetch_entries(key)
        return self._runs.newest(key)

    def _bring(self, out: DeclaredOut, item: Mapping[str, Any]) -> bool:
        """Put an output in place; return False, and drop the object, when the cache turns out to be damaged."""
        target, digest = self._root / out.path, str(item["md5"])
        links = () if out.cached else ("copy",)
        trash = self._root / WORKPLACE / "restored" / uuid.uuid4().hex
        members = self._objects.members(digest) if digest.endswith(LISTING) else None
        if target.is_dir() and not target.is_symlink():
            trash.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(target, trash)
        elif members is not None and (target.is_symlink() or target.exists()):
            target.unlink()
        if members is None:
            self._objects.link(digest, target, links=links)
            if item.get("isexec"):
                make_executable(target)
        else:
            target.mkdir(parents=True, exist_ok=True)
            for name, member in members.items():
                self._objects.link(member, target / name, links=links)
        shutil.rmtree(trash, ignore_errors=True)
        self._freshness.forget([out.path])
        return self._is_whole(out.path, digest, members)

    def _is_whole(self, path: str, digest: str, members: Mapping[str, str] | None) -> bool:
        found = self._freshness.look(path)
        if found is not None and found.md5 == digest:
            return True
        now = {"": found} if members is None else self._freshness.members(path)
        for name, wanted in ({"": digest} if members is None else members).items():
            actual = now.get(name)
            if actual is None or actual.md5 != wanted:
                self._objects.drop(wanted)
        return False

    def _check(self, stage: DeclaredStage, out: DeclaredOut) -> None:
        path = self._root / out.path
        if self._freshness.look(out.path) is None:
            raise BadDataError(
                f"stage `{stage.name}`: its output {out.path} does not exist",
                fix=f"let its command write it, or take it out of {stage.file}",
            )
        if out.section == "metrics" and path.is_file() and not _is_text(path):
            raise BadDataError(
                f"stage `{stage.name}`: {out.path} is no text, which a metric has to be",
                fix=f"declare it below `outs` of {stage.file}",
            )

        if out.cached and self._ignores is not None and self._ignores.tracks(out.path):
            raise RefusedError(
                f"{out.path} is an output that DVC keeps, and git tracks it",
                fix=f"git rm -r --cached -- {out.path}, or give it `cache: false`",
            )

    def _ignore(self, out: DeclaredOut) -> None:
        if not out.cached or self._ignores is None:
            return
        if file := self._ignores.ignore(out.path):
            self._to_stage[file] = None

    def _remember(self, stage: DeclaredStage, entry: Mapping[str, Any]) -> str:
        """Keep the entry in the run cache, with what git keeps otherwise; return its key, empty when DVC would not."""
        if not can_be_remembered(stage, entry) or any(
            not out.cached and out.section == "outs" for out in stage.outs
        ):
            return ""
        for out in stage.outs:
            if not out.cached:
                self._keep(out.path, copied=True)
        return self._runs.save(entry)

    def _keep(self, path: str, *, copied: bool = False) -> None:
        """Put an output into the cache and let it be what DVC makes of it in the work tree."""
        here, found = self._root / path, self._freshness.look(path)
        if found is None:
            raise OutsideError(f"{path} has gone while it was recorded", fix="mlops-kit run")
        objects = self._objects.copying() if copied else self._objects
        if found.md5.endswith(LISTING):
            members = self._freshness.members(path)
            objects.put_folder(here, members, found.md5)
            objects.relink_folder(here, members)
        else:
            objects.put_file(here, found)
            objects.relink_file(here, found.md5, executable=is_executable(here))


def _is_text(path: Path) -> bool:
    """Return whether DVC takes a file for a text: no zero byte and few others that no text has, at its beginning."""
    with path.open("rb") as file:
        block = file.read(512)
    return b"\0" not in block and len(block.translate(None, _TEXT)) <= 0.3 * len(block)
