"""The run cache of DVC, entry by entry: what a stage gave with given inputs, and how entries travel between machines.

DVC keeps an entry as `runs/<ab>/<key>/<value>`: the key is the hash of command, inputs, parameters and names of outputs, the value that of
the whole entry. Beside these a remote gets `mlops-kit/runs/<ab>/<key>.json` with the same entries. One request finds them there, also where
nothing can be listed (plain HTTP), and it is written last: it says that all that the entries name is on the remote.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.declared import DeclaredPipelines, DeclaredStage
from mlops_kit.artifacts.hashing import LISTING
from mlops_kit.artifacts.places import Place, is_digest
from mlops_kit.artifacts.run_cache import entry_key, stage_key
from mlops_kit.artifacts.values import load_foreign_yaml
from mlops_kit.errors import SpecError

RUNS = "runs"
_VERSION = 1


@dataclass(frozen=True)
class RunEntry:
    """One recorded run of a stage."""

    key: str
    """SHA-256 of what went in."""
    value: str
    """SHA-256 of all of it; the name of the file."""
    text: str
    """The YAML text, as DVC wrote it."""
    deps: tuple[str, ...]
    """Paths of the inputs, relative to the folder of the stage."""
    outs: Mapping[str, str]
    """Path of each output, relative to the folder of the stage -> MD5."""

    @property
    def name(self) -> str:
        """Return where the entry is below the cache, and below a remote."""
        return f"{entry_folder(self.key)}/{self.value}"


def entry_folder(key: str) -> str:
    """Return the folder of the entries of a key, below the cache and below a remote."""
    return f"{RUNS}/{key[:2]}/{key}"


def index_name(key: str) -> str:
    """Return where a remote says which entries of a key it has complete."""
    return f"mlops-kit/{RUNS}/{key[:2]}/{key}.json"


def costs_name(key: str) -> str:
    """Return where the costs of a key are, below the cache and below a remote."""
    return f"mlops-kit/costs/{key[:2]}/{key}.json"


def read_entry(key: str, value: str, content: bytes) -> RunEntry | None:
    """Return the entry that a file holds, None when it is not what its name and that of its folder say."""
    try:
        text = content.decode("utf-8")
        found = load_foreign_yaml(text, value)
        outs = {str(out["path"]): str(out["md5"]) for out in found["outs"]}
        deps = tuple(str(dep["path"]) for dep in found.get("deps") or ())
        if entry_key(found) != value or stage_key(found) != key:
            return None
    except (SpecError, UnicodeDecodeError, AttributeError, KeyError, TypeError, ValueError):
        return None
    return RunEntry(key, value, text, deps, outs)


def local_entries(cache: Path) -> Iterator[RunEntry]:
    """Yield the whole entries that a cache folder has, by key; what is damaged is left out."""
    for folder in sorted((cache / RUNS).glob("[0-9a-f][0-9a-f]/*")):
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            entry = read_entry(folder.name, file.name, file.read_bytes())
            if entry is not None:
                yield entry


def local_values(cache: Path, key: str) -> frozenset[str]:
    """Return the values of the entries of a key that a cache folder has."""
    folder = cache / entry_folder(key)
    return (
        frozenset(path.name for path in folder.iterdir() if len(path.name) == 64)
        if folder.is_dir()
        else frozenset()
    )


@dataclass(frozen=True)
class PortableRun:
    """A run that another machine can make use of: the entry and all that it names."""

    entry: RunEntry
    """The entry of the run cache."""
    stage: str
    """The stage, as DVC names it."""
    objects: Mapping[str, str]
    """Object -> the remote that it belongs to, empty for the default one; files of folders included."""


def portable_runs(cache: Place, pipelines: DeclaredPipelines) -> Iterator[PortableRun]:
    """Yield the runs in the cache that are of a declared stage and of which the cache has all outputs.

    A cache may be shared with other projects, whose runs are not to be told: inputs and outputs have to be those of a stage here. So is
    nothing of which a part must not be pushed.
    """
    known: dict[tuple[frozenset[str], frozenset[str]], DeclaredStage] = {}
    for stage in pipelines.stages.values():
        known[_within(stage, stage.deps), _within(stage, [out.path for out in stage.outs])] = stage
    for entry in local_entries(cache.folder):
        found = known.get((frozenset(entry.deps), frozenset(entry.outs)))
        objects = _objects(cache, entry, found) if found else None
        if found is not None and objects is not None:
            yield PortableRun(entry, found.name, objects)


def _within(stage: DeclaredStage, paths: Iterable[str]) -> frozenset[str]:
    """Return paths relative to the folder of a stage, as entries have them."""
    return frozenset(posixpath.relpath(path, stage.base) for path in paths)


def _objects(cache: Place, entry: RunEntry, stage: DeclaredStage) -> dict[str, str] | None:
    """Return what an entry names, None when a part of it is not in the cache or must not be pushed."""
    found: dict[str, str] = {}
    for out in stage.outs:
        digest = entry.outs[posixpath.relpath(out.path, stage.base)]
        members = cache.members(digest) if digest.endswith(LISTING) else {}
        if not out.push or members is None or not is_digest(digest):
            return None
        found |= dict.fromkeys([digest, *members.values()], out.remote)
    return found if all(cache.find(digest) is not None for digest in found) else None


def read_index(key: str, content: bytes) -> dict[str, RunEntry]:
    """Return value -> entry of an index; entries that are not what they are called are left out, and of a damaged index all."""
    try:
        texts = json.loads(content)["entries"].items()
        found = [read_entry(key, str(value), str(text).encode()) for value, text in texts]
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {entry.value: entry for entry in found if entry is not None}


def write_index(entries: Iterable[RunEntry]) -> bytes:
    """Return the index of the entries of one key."""
    texts = {entry.value: entry.text for entry in entries}
    return json.dumps({"version": _VERSION, "entries": texts}, sort_keys=True).encode()
