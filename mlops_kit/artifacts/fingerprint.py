"""What a file or folder holds, as hashes: DVC's own MD5, so that it can be compared with a lock, and SHA-256, which is evidence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mlops_kit.artifacts.store import DIRECTORY

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Fingerprint:
    """The content of one file, or of all files of a folder."""

    md5: str
    """MD5 as DVC records it; of a folder that of its listing, with `.dir` behind it."""
    sha256: str
    """SHA-256; of a folder that of its sorted lines `path NUL sha256`."""
    size: int
    """Bytes, of all files together."""
    text_md5: str = ""
    """MD5 with Unix line ends, as DVC before 3 took it of texts; empty when it is the same."""
    files: dict[str, str] = field(default_factory=dict)
    """Path below the folder -> SHA-256; empty for a file."""
    folder: bool = False
    """Whether it is a folder."""

    def is_recorded_as(self, digest: str) -> bool:
        """Return whether a lock that records `digest` means this content."""
        return digest in (self.md5, self.text_md5) and bool(digest)


def fingerprint(path: Path, *, skip: Callable[[str], bool] | None = None) -> Fingerprint | None:
    """Return the fingerprint of the file or folder `path`, None when nothing is there.

    `skip` says of a path below a folder whether DVC leaves it out (.dvcignore).
    """
    if path.is_file():
        return _of_file(path)
    return _of_folder(path, skip) if path.is_dir() else None


def _of_file(path: Path) -> Fingerprint:
    md5 = hashlib.md5(usedforsecurity=False)
    sha = hashlib.sha256()
    size = 0
    returns = False
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            md5.update(chunk)
            sha.update(chunk)
            size += len(chunk)
            returns = returns or b"\r" in chunk
    text = ""
    if returns:
        content = path.read_bytes().replace(b"\r\n", b"\n")
        text = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return Fingerprint(md5.hexdigest(), sha.hexdigest(), size, text)


def _of_folder(path: Path, skip: Callable[[str], bool] | None) -> Fingerprint:
    found: dict[str, Fingerprint] = {}
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if file.is_file() and not (skip and skip(name)):
            found[name] = _of_file(file)
    entries = [{"md5": found[name].md5, "relpath": name} for name in sorted(found)]
    listing = json.dumps(entries, sort_keys=True).encode()
    digests = {name: found[name].sha256 for name in sorted(found)}
    return Fingerprint(
        hashlib.md5(listing, usedforsecurity=False).hexdigest() + DIRECTORY,
        hashlib.sha256("".join(f"{name}\0{sha}\n" for name, sha in digests.items()).encode()).hexdigest(),
        sum(one.size for one in found.values()),
        files=digests,
        folder=True,
    )
