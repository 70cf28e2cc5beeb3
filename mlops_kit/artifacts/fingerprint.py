"""What a file or folder holds: DVC's own MD5, so that it can be compared with a lock, and SHA-256 of each file, which is evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlops_kit.artifacts.hashing import FileHash, fold_folder, hash_file, hash_files, text_md5


@dataclass(frozen=True)
class Fingerprint:
    """The content of one file, or of all files of a folder."""

    path: Path
    """The file or folder."""
    hash: FileHash
    """Its hashes."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Path below the folder -> SHA-256; empty for a file."""

    def is_recorded_as(self, digest: str) -> bool:
        """Return whether a lock that records `digest` means this content; DVC before 3 took the MD5 of texts with Unix line ends."""
        if digest == self.hash.md5:
            return bool(digest)
        return self.path.is_file() and len(digest) == 32 and text_md5(self.path) == digest


def fingerprint(path: Path) -> Fingerprint | None:
    """Return the fingerprint of the file or folder `path`, None when nothing is there. Raises OSError for a file that cannot be read."""
    if path.is_file():
        return Fingerprint(path, hash_file(path))
    if not path.is_dir():
        return None
    members: dict[str, FileHash] = {}
    for file, found in hash_files(one for one in path.rglob("*") if one.is_file()):
        if isinstance(found, OSError):
            raise found
        members[file.relative_to(path).as_posix()] = found
    return Fingerprint(path, fold_folder(members), {name: members[name].sha256 for name in sorted(members)})
