"""Files of many commits at once, from git's tree objects: a folder that did not change between two commits is read once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from mlops_kit.outside.gitobjects import ObjectReader

K = TypeVar("K", bound=Hashable)

PIPELINE_FILES = (b"dvc.yaml", b"dvc.lock")
_FOLDER = (b"40000", b"040000")  # old tools wrote the zero
_SUBMODULE = b"160000"
# Begins the id of a file in a submodule: its folder, a NUL, and `commit:path` in its repository.
SUBMODULE = "submodule:"
# Folders below this depth are not searched for pipelines, so that no tree, however made, exhausts the stack.
_DEEPEST = 100


@dataclass(frozen=True)
class TreeFile:
    """A file of a tree."""

    path: str
    """Path relative to the DVC root."""
    blob: str
    """Id of its content."""


class TreeReader:
    """Finds files in the trees of commits."""

    def __init__(self, objects: ObjectReader, prefix: str) -> None:
        """Read through `objects`; `prefix` is the path of the DVC root in the repository, empty or ending in a slash."""
        self._objects = objects
        self._prefix = prefix
        self._raw: dict[str, bytes] = {}
        self._below: dict[str, tuple[TreeFile, ...]] = {}
        self._roots: set[str] = set()

    def forget(self) -> None:
        """Drop what is only good for the commits read so far; what folders hold stays known."""
        self._raw.clear()

    def pipeline_files(self, trees: Iterable[str]) -> dict[str, tuple[TreeFile, ...]]:
        """Return root tree -> every dvc.yaml and dvc.lock below the DVC root, those of another DVC root below it left out."""
        trees = list(dict.fromkeys(trees))
        roots = self._descend({tree: (tree, self._prefix.rstrip("/")) for tree in trees})
        fresh = self._load_below(root for root in roots.values() if root)
        return {tree: self._gather(roots[tree] or "", fresh, 0) for tree in trees}

    def files_below(self, tree: str) -> tuple[TreeFile, ...]:
        """Return every file of the folder `tree`, with its path in it."""
        self._load([tree])
        found: list[TreeFile] = []
        for mode, raw, child in _entries(self._raw[tree], len(tree) // 2):
            name = raw.decode("utf-8", "surrogateescape")
            if mode in _FOLDER:
                found += [TreeFile(f"{name}/{file.path}", file.blob) for file in self.files_below(child)]
            elif mode != _SUBMODULE:
                found.append(TreeFile(name, child))
        return tuple(found)

    def find(self, wanted: Mapping[str, Iterable[str]]) -> dict[tuple[str, str], str]:
        """Return (root tree, path) -> blob for those of the `wanted` paths (relative to the DVC root) that are there.

        Of a folder it is the tree, of a file in a submodule an id of our own that begins with SUBMODULE.
        """
        asked = {(tree, path): (tree, self._full(path)) for tree, paths in wanted.items() for path in paths}
        return {key: found for key, found in self._descend(asked).items() if found}

    def _full(self, path: str) -> str:
        parts: list[str] = []
        for part in (self._prefix + path).split("/"):
            if part == ".." and parts:
                parts.pop()
            elif part not in ("", "."):
                parts.append(part)
        return "/".join(parts)

    def _descend(self, asked: Mapping[K, tuple[str, str]]) -> dict[K, str | None]:
        """Follow each (tree, path) to the id that stands there, all of them one level at a time."""
        done: dict[K, str | None] = {key: tree for key, (tree, path) in asked.items() if not path}
        open_ = {key: (tree, path) for key, (tree, path) in asked.items() if path}
        while open_:
            self._load(tree for tree, _ in open_.values())
            following: dict[K, tuple[str, str]] = {}
            for key, (tree, path) in open_.items():
                name, _, rest = path.partition("/")
                mode, found = self._entry(tree, name.encode("utf-8", "surrogateescape"))
                if found and rest and mode == _SUBMODULE:
                    folder = asked[key][1].removesuffix(f"/{rest}")
                    done[key] = f"{SUBMODULE}{folder}\0{found}:{rest}"
                elif found and rest:
                    following[key] = (found, rest)
                else:
                    done[key] = found
            open_ = following
        return done

    def _load(self, trees: Iterable[str]) -> None:
        missing = [tree for tree in dict.fromkeys(trees) if tree not in self._raw]
        for tree, found in zip(missing, self._objects.read(missing), strict=True):
            self._raw[tree] = found.content if found and found.kind == "tree" else b""

    def _entry(self, tree: str, name: bytes) -> tuple[bytes, str | None]:
        """Return mode and id of the entry `name` of a tree that is loaded; no id without one."""
        raw = self._raw[tree]
        if raw.find(b" " + name + b"\0") < 0:  # almost always the answer, without a look at each entry
            return b"", None
        entries = _entries(raw, len(tree) // 2)
        return next(((mode, found) for mode, entry, found in entries if entry == name), (b"", None))

    def _load_below(self, roots: Iterable[str]) -> dict[str, _Folder]:
        """Read every folder below `roots` whose pipeline files are not known yet."""
        fresh: dict[str, _Folder] = {}
        level = [tree for tree in dict.fromkeys(roots) if tree not in self._below]
        for _ in range(_DEEPEST):
            self._load(level)
            for tree in level:
                fresh[tree] = _Folder.parse(self._raw[tree], len(tree) // 2)
                if fresh[tree].is_root:
                    self._roots.add(tree)
            following = (child for tree in level for _, child in fresh[tree].folders)
            level = [
                tree for tree in dict.fromkeys(following) if tree not in self._below and tree not in fresh
            ]
            if not level:
                break
        return fresh

    def _gather(self, tree: str, fresh: Mapping[str, _Folder], depth: int) -> tuple[TreeFile, ...]:
        if tree not in self._below:
            folder = fresh.get(tree, _Folder((), ()))
            found = list(folder.files)
            if depth < _DEEPEST:
                for name, child in folder.folders:
                    if child in self._roots:
                        continue
                    below = self._gather(child, fresh, depth + 1)
                    found += [TreeFile(f"{name}/{file.path}", file.blob) for file in below]
            self._below[tree] = tuple(found)
        return self._below[tree]


@dataclass(frozen=True)
class _Folder:
    files: tuple[TreeFile, ...]
    folders: tuple[tuple[str, str], ...]
    is_root: bool = False
    """Whether a `.dvc` folder makes it the root of a DVC repository."""

    @classmethod
    def parse(cls, raw: bytes, size: int) -> _Folder:
        files: list[TreeFile] = []
        folders: list[tuple[str, str]] = []
        is_root = False
        for mode, name, found in _entries(raw, size):
            if mode in _FOLDER and name == b".dvc":
                is_root = True
            elif mode in _FOLDER:
                folders.append((name.decode("utf-8", "surrogateescape"), found))
            elif name in PIPELINE_FILES and mode not in (*_FOLDER, _SUBMODULE):
                files.append(TreeFile(name.decode(), found))
        return cls(tuple(files), tuple(folders), is_root)


def _entries(raw: bytes, size: int) -> Iterator[tuple[bytes, bytes, str]]:
    """Yield (mode, name, id) of a tree object whose ids are `size` bytes long."""
    start = 0
    while start < len(raw):
        blank, end = raw.index(b" ", start), raw.index(b"\0", start)
        mode, start = raw[start:blank], end + 1 + size
        yield mode, raw[blank + 1 : end], raw[end + 1 : start].hex()
