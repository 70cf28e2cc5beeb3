"""Which tables of two sides are compared row by row, and what comes of it."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from mlops_kit.artifacts.datadocs import MANIFEST
from mlops_kit.artifacts.datafiles import LABELS
from mlops_kit.artifacts.dvcfiles import LockedStage
from mlops_kit.artifacts.side import Side
from mlops_kit.artifacts.store import DIRECTORY, Store
from mlops_kit.data.diff.files import match_files
from mlops_kit.data.diff.model import TableDiff
from mlops_kit.data.diff.reading import FileVersion, table_format
from mlops_kit.data.diff.table import DiffOptions, diff_table
from mlops_kit.errors import BadDataError, MlopsKitError

Fetch: TypeAlias = Callable[[Sequence[str]], object]
CLEANED = "clean.parquet"
"""The table that the data contract is about: it is compared instead of the raw rows that it is made of, which are texts."""
QUARANTINE = "quarantine.parquet"
"""A section of its own speaks about it."""


@dataclass(frozen=True)
class _Table:
    path: str
    old: tuple[FileVersion, ...]
    new: tuple[FileVersion, ...]

    def to_read(self) -> tuple[FileVersion, ...]:
        """Return the files whose content differs."""
        files = match_files(self.old, self.new)
        return (*files.old, *files.new)

    def size(self) -> int:
        return sum(file.place.stat().st_size for file in self.to_read() if file.place)


@dataclass(frozen=True)
class _Shelf:
    """Where content is, or may be fetched from."""

    store: Store
    fetch: Fetch | None

    def files(self, path: str, digest: str) -> tuple[FileVersion, ...] | None:
        """Return the files of a table; None when it is no table, or its listing cannot be had."""
        if not digest.endswith(DIRECTORY):
            return (FileVersion(path, digest, self.store.find(digest)),) if table_format(path) else None
        self._want([digest])
        try:
            listing = self.store.listing(digest)
        except (BadDataError, ValueError, TypeError, KeyError):
            return None
        rows = {name: md5 for name, md5 in (listing or {}).items() if not _speaks_of_others(name)}
        if not rows or not all(table_format(name) for name in rows):
            return None
        return tuple(FileVersion(name, md5, self.store.find(md5)) for name, md5 in sorted(rows.items()))

    def bring(self, table: _Table) -> _Table:
        """Return a table whose files that differ are here, as far as they can be had."""
        if not self._want([file.digest for file in table.to_read()]):
            return table
        old, new = (
            tuple(replace(file, place=self.store.find(file.digest)) for file in side)
            for side in (table.old, table.new)
        )
        return _Table(table.path, old, new)

    def _want(self, digests: Sequence[str]) -> bool:
        missing = [digest for digest in digests if self.store.find(digest) is None]
        if missing and self.fetch:
            self.fetch(missing)
        return bool(missing and self.fetch)


def compare_rows(
    base: Side,
    head: Side,
    store: Store,
    options: DiffOptions,
    *,
    budget: int | None = None,
    fetch: Fetch | None = None,
) -> tuple[tuple[TableDiff, ...], tuple[str, ...]]:
    """Compare the tables that changed first: those made of no other table that changed, and the cleaned one instead of its raw rows.

    `options` say what is known of all tables, `budget` the most bytes to read, None for any number. Only files that differ are
    read, in place. `fetch` is asked for the objects that are not here, by hash; without it nothing is fetched. Returned are the tables that
    differ, by path, and what was not compared, why, and the command that does it.
    """
    made: list[TableDiff] = []
    left_out: list[str] = []
    left = budget
    shelf = _Shelf(store, fetch)
    for found in _chosen(_changed(base, head, shelf), head.stages):
        table = shelf.bring(found)
        missing = [file.name for file in table.to_read() if file.place is None]
        if missing:
            left_out.append(
                f"{table.path}: rows not compared, not all content is here; dvc fetch {table.path}"
            )
        elif left is not None and table.size() > left:
            megabytes = f"{table.size() / 1e6:,.0f} MB"
            left_out.append(
                f"{table.path}: rows not compared, {megabytes} to read; mlops-kit data diff --path {table.path}"
            )
        else:
            left = None if left is None else left - table.size()
            try:
                made.append(diff_table(table.path, table.old, table.new, options))
            except MlopsKitError as error:
                left_out.append(f"{table.path}: rows not compared, {error.message}")
    return tuple(table for table in made if not table.is_empty), tuple(left_out)


def _changed(base: Side, head: Side, shelf: _Shelf) -> dict[str, _Table]:
    """Return path -> table, of those that both sides have with other content."""
    sides = [dict(_recorded(side)) for side in (base, head)]
    found = {}
    for path in sorted(sides[0].keys() & sides[1].keys()):
        if sides[0][path] == sides[1][path] or posixpath.basename(path) == QUARANTINE:
            continue
        old, new = (shelf.files(path, side[path]) for side in sides)
        if old is not None and new is not None:
            found[path] = _Table(path, old, new)
    return found


def _recorded(side: Side) -> Iterator[tuple[str, str]]:
    """Yield path and hash of the tables of a side, and of all folders: their listings say what they are."""
    yield from ((path, file.digest) for path, file in side.data.items())
    for stage in side.stages.values():
        yield from ((path, digest) for path, digest in stage.outs.items() if digest.endswith(DIRECTORY))


def _speaks_of_others(name: str) -> bool:
    """Return whether a file of a folder holds no rows of the table: a manifest, or lines that are no rows."""
    return name.endswith((MANIFEST.lstrip("."), ".rejects.jsonl"))


def _chosen(tables: Mapping[str, _Table], stages: Mapping[str, LockedStage]) -> Sequence[_Table]:
    origins = {path: _origins(path, stages) & tables.keys() for path in tables}
    first = {path for path, before in origins.items() if not before}
    for path, before in origins.items():
        if posixpath.basename(path) == CLEANED:
            first = (first - before) | {path}
        if posixpath.splitext(posixpath.basename(path))[0] == LABELS:  # for the balance of the classes
            first |= {path}
    return [tables[path] for path in sorted(first)]


def _origins(path: str, stages: Mapping[str, LockedStage]) -> frozenset[str]:
    """Return all that `path` was made of, by the recorded runs."""
    makers = {out: stage for stage in stages.values() for out in stage.outs}
    found: set[str] = set()
    todo = [path]
    while todo:
        maker = makers.get(todo.pop())
        fresh = [dep for dep in (maker.deps if maker else {}) if dep not in found]
        found.update(fresh)
        todo += fresh
    return frozenset(found - {path})
