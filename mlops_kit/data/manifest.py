"""The manifest of a partitioned data folder: `data/<name>.manifest.jsonl`, in git, one line for each partition.

A partition never changes once its line is committed. The folder itself is DVC's; with the MD5 of each file the manifest alone says
which objects of the cache make the folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from mlops_kit.artifacts.canonical.text import canonical_json_line
from mlops_kit.errors import BadDataError

MANIFEST_ENDING = ".manifest.jsonl"


@dataclass(frozen=True)
class PartitionLine:
    """One partition: what was fetched from where, and what came of it."""

    partition: str
    """Name of the partition; its file is `<partition>.parquet`. Names sort in the order of their rows."""
    source: str
    """Where it came from, with secrets masked: a path, an address, a database, a query."""
    rows: int
    """Rows in the file."""
    bytes: int
    """Size of the file."""
    sha256: str
    """SHA-256 of the file."""
    md5: str
    """MD5 of the file: its name in DVC's cache."""
    fetched_at: str
    """When it was fetched, UTC, such as `2026-01-31T12:00:00Z`."""
    version: str
    """Version of mlops-kit that wrote it."""
    query: str = ""
    """The query, for databases."""
    cursor_column: str = ""
    """Column whose values tell what is new, for incremental sources."""
    cursor_from: str = ""
    """Largest cursor value before this partition (exclusive); empty for the first."""
    cursor_to: str = ""
    """Largest cursor value in this partition (inclusive)."""
    origin: str = ""
    """What identifies the source's content, to notice rewritten history: an ETag, a modification time and size, a hash."""
    rejected: int = 0
    """Lines of the source that are no rows; they lie in `<partition>.rejects.jsonl`, and go to quarantine."""
    rejects_md5: str = ""
    """MD5 of that file; empty without one."""
    rejects_bytes: int = 0
    """Size of that file."""
    replaces: str = ""
    """SHA-256 of the version before, where the source rewrote the partition and that was accepted; git's history has its line."""


def manifest_path(folder: Path) -> Path:
    """Return the manifest of the data folder `folder`: beside it, so that git keeps it while DVC keeps the folder."""
    return folder.with_name(f"{folder.name}{MANIFEST_ENDING}")


def read_manifest(path: Path) -> tuple[PartitionLine, ...]:
    """Return the lines of the manifest at `path`, none where there is no file.

    Raises BadDataError, with the line number, for a line that is not one (a conflict marker, half a line).
    """
    if not path.exists():
        return ()
    found = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            found.append(PartitionLine(**json.loads(text)))
        except (ValueError, TypeError) as error:
            raise BadDataError(
                f"{path}:{number}: not a line of a manifest ({error})", fix=f"git checkout -- {path}"
            ) from error
    return tuple(found)


def manifest_text(lines: Iterable[PartitionLine]) -> str:
    """Return the text of a manifest: lines by partition name, keys in order, empty values left out."""
    ordered = sorted(lines, key=lambda line: line.partition)
    return "".join(
        canonical_json_line(
            {
                key: value
                for key, value in asdict(line).items()
                if value not in ("", 0) or key in ("rows", "bytes")
            }
        )
        for line in ordered
    )
