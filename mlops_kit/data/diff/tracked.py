"""What one side of a DVC repository says of its data: which content lies under which path, and what the contract says of columns."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.belonging import pipeline_files
from mlops_kit.artifacts.dvcfiles import LockedStage, read_pipeline
from mlops_kit.artifacts.hashing import LISTING
from mlops_kit.artifacts.inventory import FOREIGN_ERRORS, Recorded, read_inventory
from mlops_kit.artifacts.side import SideInfo
from mlops_kit.artifacts.statcache import StatCache
from mlops_kit.artifacts.store import Store
from mlops_kit.artifacts.trees import CommitTree, Tree, WorkTree
from mlops_kit.artifacts.values import load_foreign_yaml
from mlops_kit.data.diff.reading import FileVersion, table_format
from mlops_kit.errors import SpecError
from mlops_kit.outside import git
from mlops_kit.outside.gitobjects import BlobReader
from mlops_kit.spec.names import LIFECYCLE

SCHEMA = "schema.yaml"
PARAMS = "params.yaml"
MANIFEST = ".manifest.jsonl"


@dataclass(frozen=True)
class Facts:
    """What a side's own files say of its tables."""

    key: tuple[str, ...] = ()
    """`task.key`."""
    target: str = ""
    """`task.target`."""
    time: str = ""
    """`task.time`."""
    hidden: frozenset[str] = frozenset()
    """Columns marked `pii`, and what they are renamed from."""
    hides_all: bool = False
    """Whether there is a data contract that cannot be read: then nobody knows what may be shown."""


@dataclass(frozen=True)
class TrackedSide:
    """One side."""

    info: SideInfo
    """Which one it is."""
    outs: Mapping[str, Recorded]
    """Path -> what DVC tracks there, or a stage writes."""
    committed: bool
    """Whether it is a commit; else the work tree, whose files count as they are."""
    root: Path
    """Root of the repository."""
    tree: Tree
    """Its files in git."""
    facts: Facts
    """What its contract says."""
    problems: tuple[str, ...] = ()
    """Files that cannot be understood."""
    ranks: Mapping[str, int] = field(default_factory=dict)
    """Path -> how many stages its content went through: 0 for what nothing of the project is read for."""
    records: frozenset[str] = frozenset()
    """Paths that are declared as metrics or plots."""
    manifests: Mapping[str, int] = field(default_factory=dict)
    """MD5 of a partition -> its rows."""
    _hashes: StatCache | None = None

    def files(self, path: str, store: Store) -> dict[str, str] | None:
        """Return name -> MD5 of the files of the table `path` (its own path for a single file); None when the listing is not here.

        In the work tree what lies there counts, and what is recorded only where nothing does. A file that only git has has the MD5 of its
        content. Empty when the side does not have it.
        """
        here = self.root / path
        if not self.committed and here.exists():
            return self._present(here, path)
        recorded = self.outs.get(path)
        if recorded is None:
            return {path: ""} if path in self.tree.read([path]) else {}
        if not recorded.is_folder:
            return {path: recorded.digest}
        listing = store.listing(recorded.digest)
        return self._in_git(path) if listing is None else listing

    def _in_git(self, path: str) -> dict[str, str] | None:
        """Return the files of a folder that git keeps instead of DVC (`cache: false`), None where it does not."""
        names = [
            name
            for name in self.tree.names()
            if name.startswith(f"{path}/") and not name.endswith("/.gitignore")
        ]
        found = {
            name.removeprefix(f"{path}/"): hashlib.md5(content, usedforsecurity=False).hexdigest()
            for name, content in self.tree.read(names).items()
        }
        return found or None

    def _present(self, here: Path, path: str) -> dict[str, str]:
        assert self._hashes is not None
        if here.is_file():
            return {path: self._hashes.hash(here).md5}
        found = [file for file in here.rglob("*") if file.is_file() and file.name != ".gitignore"]
        self._hashes.warm(found)
        return {file.relative_to(here).as_posix(): self._hashes.hash(file).md5 for file in found}

    def save(self) -> None:
        """Keep the hashes of the work tree's files for the next time."""
        if self._hashes is not None and (self.root / ".dvc" / "tmp").is_dir():
            self._hashes.save()

    def version(self, path: str, name: str, digest: str, store: Store, scratch: Path) -> FileVersion:
        """Return one file of the table `path`, with its place where it is here; what only git has is written to `scratch`."""
        whole = path if name == path else f"{path}/{name}"
        rows = self.manifests.get(digest)
        here = self.root / whole
        if not self.committed and here.is_file():
            return FileVersion(name, digest, here, rows)
        place = store.find(digest) if digest else None
        if place is None:
            place = self._from_git(whole, scratch)
        return FileVersion(name, digest, place, rows)

    def _from_git(self, path: str, scratch: Path) -> Path | None:
        content = self.tree.read([path]).get(path)
        if content is None:
            return None
        made = scratch / f"{len(list(scratch.iterdir()))}-{posixpath.basename(path)}"
        made.write_bytes(content)
        return made


def read_tracked(root: Path, rev: str | None, blobs: BlobReader, *, label: str = "") -> TrackedSide:
    """Read the side `rev` (None: the work tree). Raises UnreadableSideError when there is no such revision."""
    inventory = read_inventory(root, rev)
    if rev is None:
        head = git.find_commit(root, "HEAD")
        info = SideInfo(label or "work tree", "", git.subject(root, head) if head else "")
        tree: Tree = WorkTree(root)
    else:
        sha, subject = blobs.describe(rev)
        info = SideInfo(label or rev, sha, subject)
        tree = CommitTree(root, sha, blobs)
    files = tree.read([SCHEMA, LIFECYCLE, PARAMS])
    manifests = tree.read([name for name in tree.names() if name.endswith(MANIFEST)])
    return TrackedSide(
        info,
        {out.path: out for out in inventory.outs},
        rev is not None,
        root,
        tree,
        read_facts(files),
        inventory.problems,
        _ranks(inventory.stages),
        _declared_records(tree),
        dict(_rows(manifests)),
        StatCache(root) if rev is None else None,
    )


def _ranks(stages: Mapping[str, LockedStage]) -> dict[str, int]:
    """Return output -> length of the longest way of stages that leads to it, 0 for stages that read no output of another one."""
    makers = {out: stage for stage, run in stages.items() for out in run.outs}
    ranks: dict[str, int] = {}

    def rank(stage: str, above: frozenset[str]) -> int:
        if stage not in ranks:
            before = {
                maker
                for dep in stages[stage].deps
                for out, maker in makers.items()
                if (dep == out or dep.startswith(f"{out}/") or out.startswith(f"{dep}/"))
                and maker not in above
            }
            ranks[stage] = max(
                (rank(maker, above | {maker}) + 1 for maker in sorted(before - {stage})), default=0
            )
        return ranks[stage]

    return {out: rank(stage, frozenset({stage})) for out, stage in makers.items()}


def _declared_records(tree: Tree) -> frozenset[str]:
    names = [name for name in pipeline_files(tree) if posixpath.basename(name) == "dvc.yaml"]
    found: set[str] = set()
    for name, content in tree.read(names).items():
        try:
            pipeline = read_pipeline(
                content, posixpath.dirname(name), name, read=lambda path: tree.read([path]).get(path)
            )
        except (SpecError, *FOREIGN_ERRORS):
            continue  # the inventory has said so
        found.update(out.path for out in pipeline.outputs if out.section != "outs")
    return frozenset(found)


def table_names(names: Collection[str]) -> list[str]:
    """Return the files of a folder that make tables: those of the most frequent format, without manifests and rejects."""
    kinds: dict[str, list[str]] = {}
    for name in sorted(names):
        kind = table_format(name)
        if kind and not name.endswith(("manifest.jsonl", ".rejects.jsonl")):
            kinds.setdefault(kind, []).append(name)
    return max(kinds.values(), key=len, default=[])


def is_listing(digest: str) -> bool:
    """Return whether a hash is one of a folder."""
    return digest.endswith(LISTING)


def read_facts(files: Mapping[str, bytes]) -> Facts:
    """Return what `files` (path -> content of schema.yaml, mlops.yaml, params.yaml) say; no more is read: a contract with a mistake elsewhere still says which columns are about persons."""
    task = _mapping(_mapping(_yaml(files, LIFECYCLE)).get("task"))
    schema = _yaml(files, SCHEMA)
    columns = _mapping(_mapping(schema).get("columns"))
    hidden = {str(name) for name, column in columns.items() if _mapping(column).get("pii")}
    renamed = list(_renames(_mapping(_yaml(files, PARAMS)).get("clean")))
    for _ in renamed:  # a -> b -> c
        hidden |= {name for pair in renamed for name in pair if hidden & set(pair)}
    key = task.get("key")
    broken = schema is None or ("columns" in schema and not isinstance(schema["columns"], dict))
    return Facts(
        tuple(str(name) for name in key) if isinstance(key, list) else (),
        str(task.get("target") or ""),
        str(task.get("time") or ""),
        frozenset(hidden),
        broken,
    )


def _renames(value: Any) -> Iterator[tuple[str, str]]:
    """Yield old and new name of each column that the rules of `clean` rename."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name == "rename" and isinstance(part, dict):
                yield from ((str(old), str(new)) for old, new in part.items())
            else:
                yield from _renames(part)
    elif isinstance(value, list):
        for part in value:
            yield from _renames(part)


def _yaml(files: Mapping[str, bytes], name: str) -> Any:
    if name not in files:
        return {}
    try:
        value = load_foreign_yaml(files[name].decode("utf-8", "replace"), name)
    except SpecError:
        return None
    return value if isinstance(value, dict) else {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _rows(manifests: Mapping[str, bytes]) -> Iterator[tuple[str, int]]:
    """Yield MD5 and rows of each partition; what is wrong with a manifest is said where it is used."""
    for content in manifests.values():
        for text in content.decode("utf-8", "replace").splitlines():
            try:
                line = json.loads(text)
                yield str(line["md5"]), int(line["rows"])
            except (ValueError, KeyError, TypeError):
                continue
