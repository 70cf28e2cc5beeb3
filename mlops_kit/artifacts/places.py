"""The places where DVC keeps objects: the cache and the remotes, of which those that are folders can be read here."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.hashing import LISTING, FileHash, read_listing, text_md5
from mlops_kit.artifacts.store import read_settings

_DIGEST = re.compile(r"[0-9a-f]{32}(?:\.dir)?")


@dataclass(frozen=True)
class Place:
    """A folder that holds objects by their MD5."""

    name: str
    """`cache`, or the name of the remote."""
    folder: Path

    def find(self, digest: str) -> Path | None:
        """Return the file of an object, None if it is not here; of DVC before 3 too."""
        for name in (object_name(digest), legacy_name(digest)):
            path = f"{self.folder}/{name}"
            if os.path.isfile(path):  # noqa: PTH113 - this is asked for thousands of objects, and Path takes five times as long
                return Path(path)
        return None

    def home(self, digest: str) -> Path:
        """Return where an object belongs."""
        return self.folder / object_name(digest)

    def objects(self) -> Iterator[tuple[str, Path]]:
        """Yield (digest, file) of every object that is here; what is no object (half-written copies) is left out."""
        for base in (self.folder / "files" / "md5", self.folder):
            for prefix in sorted(base.glob("[0-9a-f][0-9a-f]")):
                for path in sorted(prefix.iterdir()):
                    digest = prefix.name + path.name
                    if is_digest(digest) and path.is_file():
                        yield digest, path

    def members(self, digest: str) -> dict[str, str] | None:
        """Return path -> MD5 of the files of a folder, None if its listing is not here or is none."""
        path = self.find(digest)
        try:
            return None if path is None else read_listing(path.read_bytes())
        except (OSError, ValueError):
            return None


@dataclass(frozen=True)
class Remote:
    """A DVC remote."""

    name: str
    url: str
    place: Place | None
    """Where it can be read as a folder; None for one behind a network."""
    verify: bool = False
    """Whether DVC checks what it downloads from it."""
    versioned: bool = False
    """Whether it keeps versions of files by path instead of objects."""


@dataclass(frozen=True)
class Places:
    """All places of a DVC repository."""

    cache: Place
    remotes: tuple[Remote, ...]
    default: str
    """Name of the remote that is used when none is named; empty when there is none."""

    def remote(self, name: str = "") -> Remote | None:
        """Return the remote called `name`, the default one when empty; None if there is none."""
        wanted = name or self.default
        return next((remote for remote in self.remotes if remote.name == wanted), None)


def read_places(root: Path) -> Places:
    """Return the cache and the remotes of the DVC repository at `root`."""
    settings = read_settings(root)
    dvc = root / ".dvc"
    remotes = tuple(
        Remote(name, url, _folder(name, url, dvc), name in settings.verify, name in settings.versioned)
        for name, url in settings.remotes.items()
    )
    default = settings.default or (remotes[0].name if len(remotes) == 1 else "")
    return Places(Place("cache", dvc / settings.cache_dir), remotes, default)


def object_name(digest: str) -> str:
    """Return where an object belongs below a place."""
    return f"files/md5/{digest[:2]}/{digest[2:]}"


def legacy_name(digest: str) -> str:
    """Return where DVC before 3 keeps an object below a place."""
    return f"{digest[:2]}/{digest[2:]}"


def digest_of(name: str) -> str:
    """Return the object that belongs under a name below a place; empty when the name is none of an object."""
    digest = "".join(name.removeprefix("files/md5/").split("/"))
    return digest if is_digest(digest) and name in (object_name(digest), legacy_name(digest)) else ""


def is_digest(name: str) -> bool:
    """Return whether a name is that of an object."""
    return _DIGEST.fullmatch(name) is not None


def is_content(path: Path, found: FileHash, digest: str) -> bool:
    """Return whether a file, whose hashes are `found`, is the content that DVC names `digest`. Raises OSError."""
    wanted = digest.removesuffix(LISTING)
    # DVC before 3 named texts by their content with Unix line ends; a damaged file has neither name.
    return found.md5.removesuffix(LISTING) == wanted or (path.is_file() and text_md5(path) == wanted)


def _folder(name: str, url: str, dvc: Path) -> Place | None:
    plain = url.removeprefix("file://")
    return None if not plain or "://" in plain else Place(name, (dvc / plain).resolve())
