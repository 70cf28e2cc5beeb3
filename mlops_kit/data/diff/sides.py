"""Two sides of a DVC repository into a DataDiff: which tables differ, where their content is, what cannot be read."""

from __future__ import annotations

import posixpath
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlops_kit.artifacts.hashing import file_md5, text_md5
from mlops_kit.artifacts.side import Unreadable
from mlops_kit.artifacts.store import Store, open_store
from mlops_kit.data.diff.keys import KeyWish
from mlops_kit.data.diff.model import DataDiff, TableDiff
from mlops_kit.data.diff.reading import FileVersion, head_columns, table_format
from mlops_kit.data.diff.table import DiffOptions, diff_table
from mlops_kit.data.diff.tracked import TrackedSide, is_listing, read_tracked, table_names
from mlops_kit.errors import BadDataError, UsageError
from mlops_kit.outside.gitobjects import BlobReader

_LEGACY = 64 << 20
_ALIKE = 0.5


@dataclass(frozen=True)
class DiffRequest:
    """What is asked of a data diff."""

    paths: tuple[str, ...] = ()
    """Tables, folders, or files of folders, relative to the DVC root; all tables that differ if empty."""
    key: tuple[str, ...] = ()
    """Columns that name a row; found if empty."""
    keyed: bool = True
    """Whether rows are matched by a key; otherwise they are compared as a whole."""
    limit: int = 5
    """Examples of each kind."""
    rows: Path | None = None
    """File for all rows that differ; only with one table."""
    fetch: bool = True
    """Whether what only a remote has is fetched."""
    everything: bool = False
    """Whether tables that stages compute from others get distributions too, and metrics and plots count as tables; they do when `paths`
    names them."""
    on_table: Callable[[str], None] = field(default=lambda path: None)
    """Hears the path of each table before it is compared."""


def diff_sides(
    root: Path, base: str | None, head: str | None, request: DiffRequest, *, first: bool = False
) -> DataDiff:
    """Return what differs in the data of the revisions `base` and `head`; None is the work tree, `first` says that there is no base.

    Content comes from the work tree, the DVC cache, remotes (only what differs) or git. Raises UsageError for a path that neither side
    has, and for `rows` with several tables; UnreadableSideError for a revision that does not exist.
    """
    with BlobReader(root) as blobs, tempfile.TemporaryDirectory(prefix="mlops-kit-diff-") as scratch:
        new = read_tracked(root, head, blobs)
        old = None if first else read_tracked(root, base, blobs)
        return _Session(root, old, new, request, Path(scratch)).run()


@dataclass(frozen=True)
class _Table:
    """One table of both sides: name -> MD5, None where the side does not have it."""

    path: str
    old: Mapping[str, str] | None
    new: Mapping[str, str] | None

    @property
    def differs(self) -> bool:
        return self.old != self.new or "" in {*(self.old or {}).values(), *(self.new or {}).values()}


class _Session:
    def __init__(
        self, root: Path, old: TrackedSide | None, new: TrackedSide, request: DiffRequest, scratch: Path
    ) -> None:
        self._root, self._old, self._new = root, old, new
        self._request, self._scratch = request, scratch
        self._store: Store = open_store(root)
        self._unreadable: list[Unreadable] = []
        self._other: list[str] = []
        self._complaint = ""

    def run(self) -> DataDiff:
        self._problems()
        tables = [table for path in self._paths() for table in self._tables(path)]
        asked = bool(self._request.paths)
        tables = [table for table in tables if asked or table.differs]
        if self._request.rows and len(tables) > 1:
            names = ", ".join(table.path for table in tables[:5])
            raise UsageError(
                f"--rows takes one table, and several differ: {names}", fix=f"add --path {tables[0].path}"
            )
        self._fetch({digest for table in tables for digest in _differing(table)})
        found = [diff for table in tables if (diff := self._diff(table)) is not None]
        for side in (self._old, self._new):
            if side is not None:
                side.save()
        return DataDiff(
            self._old.info if self._old else None,
            self._new.info,
            tuple(found),
            tuple(self._unreadable),
            tuple(table.path for table in tables if self._is_derived(table.path)),
            tuple(self._other),
            self._notes(),
        )

    def _problems(self) -> None:
        for name, side in (("base", self._old), ("head", self._new)):
            for problem in side.problems if side else ():
                self._unreadable.append(
                    Unreadable(
                        name, "the record of data", f"cannot be understood: {problem}", "mlops-kit doctor"
                    )
                )

    def _paths(self) -> list[str]:
        """Return the tracked paths to look at."""
        outs = {**(self._old.outs if self._old else {}), **self._new.outs}
        if not self._request.paths:
            records = (
                set()
                if self._request.everything
                else self._new.records | (self._old.records if self._old else set())
            )
            return sorted(outs.keys() - records, key=lambda path: (self._rank(path), path))
        found: list[str] = []
        for wanted in self._request.paths:
            path = wanted.rstrip("/")
            below = sorted(out for out in outs if out == path or out.startswith(f"{path}/"))
            around = [out for out in outs if path.startswith(f"{out}/")]
            in_git = [path] if any(path in side.tree.read([path]) for side in self._sides()) else []
            if not (below or around or in_git):
                raise UsageError(
                    f"--path {wanted}: neither side tracks it",
                    fix=f"one of: {', '.join(sorted(outs)[:10]) or 'none'}",
                )
            found += below or in_git or around[:1]
        return list(dict.fromkeys(found))

    def _rank(self, path: str) -> int:
        return max((side.ranks.get(path, 0) for side in self._sides()), default=0)

    def _is_derived(self, path: str) -> bool:
        """Return whether a stage computes the table from what other stages write; what is cleaned, labelled or set aside counts as data."""
        name = posixpath.splitext(posixpath.basename(path))[0]
        tops = [
            out for side in self._sides() for out in side.ranks if path == out or path.startswith(f"{out}/")
        ]
        return name not in ("clean", "labels", "quarantine") and any(self._rank(top) > 0 for top in tops)

    def _sides(self) -> list[TrackedSide]:
        return [side for side in (self._old, self._new) if side]

    def _tables(self, path: str) -> Iterator[_Table]:
        """Yield the tables under a tracked path: itself, or those of a folder."""
        records = [side.outs.get(path) for side in self._sides()]
        known = [record.digest for record in records if record]
        here = not self._new.committed and (self._root / path).exists()
        if len(known) == 2 and known[0] == known[1] and not here and not self._request.paths:
            return  # the same content, and nobody asked for it
        self._fetch({record.digest for record in records if record and record.is_folder})
        sides = [self._files(side, path) for side in (self._old, self._new)]
        lost = [
            side for side, files in zip((self._old, self._new), sides, strict=True) if side and files is None
        ]
        for side in lost:
            self._lost(side, path, "the listing of its files is not here", f"dvc fetch {path}")
        if lost:
            return
        old, new = sides
        single = [name for files in sides for name in files or ()] in ([path], [path, path])
        if single:
            if table_format(path):
                yield _Table(path, old or None, new or None)
            elif old != new:
                self._other.append(
                    f"{path}: {'added' if not old else 'removed' if not new else 'changed'}, no table"
                )
            return
        yield from self._of_folder(path, old or {}, new or {})

    def _files(self, side: TrackedSide | None, path: str) -> dict[str, str] | None:
        if side is None:
            return {}
        try:
            return side.files(path, self._store)
        except (BadDataError, OSError, ValueError, KeyError, TypeError) as error:
            self._lost(side, path, f"cannot be read: {_words(error)}", f"dvc fetch {path}")
            return {}

    def _of_folder(self, path: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[_Table]:
        """Yield the table that the files of a folder make together, or each of them where their columns are others."""
        wanted = [
            name.removeprefix(f"{path}/") for name in self._request.paths if name.startswith(f"{path}/")
        ]
        old, new = (_below(files, wanted) if wanted else files for files in (old, new))
        names = table_names({*old, *new})
        rest = sorted(name for name in {*old, *new} - set(names) if old.get(name) != new.get(name))
        if rest:
            shown = ", ".join(rest[:3]) + (", …" if len(rest) > 3 else "")
            self._other.append(f"{path}: {len(rest)} further files differ ({shown}), no table")
        sides = [{name: files[name] for name in names if name in files} for files in (old, new)]
        if not names:
            return
        if self._is_one_table(path, sides[0], sides[1]):
            yield _Table(path, sides[0] or None, sides[1] or None)
            return
        for name in names:
            parts = [({f"{path}/{name}": files[name]} if name in files else None) for files in sides]
            yield _Table(f"{path}/{name}", parts[0], parts[1])

    def _is_one_table(self, path: str, old: Mapping[str, str], new: Mapping[str, str]) -> bool:
        """Return whether the files are parts of one table: names that differ in digits alone, or columns that are mostly the same."""
        names = sorted({*old, *new})
        if len({_pattern(name) for name in names}) == 1:
            return True
        table = _Table(path, old, new)
        self._fetch(set(_differing(table)))
        heads = []
        for side, files in ((self._old, old), (self._new, new)):
            for name, digest in files.items():
                if side and digest in set(_differing(table)):
                    version = side.version(path, name, digest, self._store, self._scratch)
                    heads.append(head_columns(version))
        known = [set(columns) for columns in heads if columns]
        return (
            all(len(known[0] & other) >= _ALIKE * len(known[0] | other) for other in known[1:])
            if known
            else True
        )

    def _fetch(self, digests: Collection[str]) -> None:
        """Bring what only a remote has into the cache, all at once."""
        missing = sorted(
            digest for digest in digests if len(digest) >= 32 and self._store.find(digest) is None
        )
        if missing and self._request.fetch and self._store.elsewhere:
            from mlops_kit.artifacts.remote_store import fetch_objects

            _, self._complaint = fetch_objects(self._root, missing)

    def _diff(self, table: _Table) -> TableDiff | None:
        self._request.on_table(table.path)
        sides = [
            self._versions(side, table, files)
            for side, files in ((self._old, table.old), (self._new, table.new))
        ]
        if any(
            found is None and files is not None
            for found, files in zip(sides, (table.old, table.new), strict=True)
        ):
            return None
        try:
            return diff_table(table.path, sides[0], sides[1], self._options(table))
        except BadDataError as error:
            side = "head" if table.new is not None else "base"
            self._unreadable.append(
                Unreadable(side, table.path, error.message, error.fix or f"dvc fetch {table.path}")
            )
            return None

    def _versions(
        self, side: TrackedSide | None, table: _Table, files: Mapping[str, str] | None
    ) -> list[FileVersion] | None:
        """Return the files of one side; None when one that differs is not here, or damaged."""
        if side is None or files is None:
            return None
        differing = set(_differing(table))
        made = []
        for name, digest in files.items():
            version = side.version(table.path, name, digest, self._store, self._scratch)
            if digest in differing or not digest:
                problem = _problem(version)
                if problem:
                    self._lost(side, table.path, problem, f"dvc fetch {table.path}")
                    return None
            made.append(version)
        return made

    def _options(self, table: _Table) -> DiffOptions:
        request = self._request
        facts = [side.facts for side in (self._new, self._old) if side]
        wishes = [
            KeyWish(request.key, "--key"),
            *(KeyWish(fact.key, "task.key in mlops.yaml") for fact in facts),
        ]
        return DiffOptions(
            wishes=tuple(wish for wish in wishes if wish.columns),
            keyed=request.keyed,
            hidden=frozenset[str]().union(*(fact.hidden for fact in facts)),
            hides_all=any(fact.hides_all for fact in facts),
            target=next((fact.target for fact in facts if fact.target), ""),
            time=next((fact.time for fact in facts if fact.time), ""),
            limit=request.limit,
            shifts=bool(request.everything or request.paths) or not self._is_derived(table.path),
            rows=request.rows,
        )

    def _lost(self, side: TrackedSide, path: str, reason: str, fix: str) -> None:
        from mlops_kit.outside.dvc import missing_plugin

        if self._complaint:
            reason += f"; the remote could not be read: {self._complaint}"
            plugin = missing_plugin(self._complaint)
            fix = f"pip install {plugin}" if plugin else fix
        name = "base" if side is self._old else "head"
        self._unreadable.append(Unreadable(name, path, reason, fix))

    def _notes(self) -> tuple[str, ...]:
        if any(side.facts.hides_all for side in self._sides()):
            return (
                "schema.yaml cannot be read, so nobody knows which columns are about persons: no values are shown",
            )
        return ()


def _differing(table: _Table) -> Iterator[str]:
    """Yield the hashes of the files that only one side has."""
    old, new = set((table.old or {}).values()), set((table.new or {}).values())
    yield from sorted((old ^ new) - {""})


def _below(files: Mapping[str, str], wanted: Sequence[str]) -> dict[str, str]:
    """Return those files that are, or lie in, one of `wanted`."""
    tops = [name.rstrip("/") for name in wanted]
    return {name: files[name] for name in files if any(f"{name}/".startswith(f"{top}/") for top in tops)}


def _problem(version: FileVersion) -> str:
    """Return what is wrong with a file that has to be read, empty when nothing is."""
    if version.place is None:
        return f"{version.name} is not in the DVC cache, and no remote has it"
    if not version.digest or is_listing(version.digest):
        return ""
    try:
        if file_md5(version.place) == version.digest:
            return ""
        small = (
            version.place.stat().st_size <= _LEGACY
        )  # DVC before 3 took the hash of texts with Unix line ends
        if small and text_md5(version.place) == version.digest:
            return ""
    except OSError as error:
        return f"{version.name} cannot be read: {error.strerror}"
    return f"{version.name} is damaged: its content does not have the hash that is recorded"


def _pattern(name: str) -> str:
    return re.sub(r"[0-9]+", "0", name)


def _words(error: Exception) -> str:
    return error.message if isinstance(error, BadDataError) else f"{type(error).__name__}: {error}"
