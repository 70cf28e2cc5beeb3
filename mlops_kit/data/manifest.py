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
from mlops_kit.artifacts.declared import MANIFEST_ENDING
from mlops_kit.artifacts.three_way import Merged, merge_mappings
from mlops_kit.errors import BadDataError

_MARKS = ("<<<<<<<", "|||||||", "=======", ">>>>>>>")


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
    return parse_manifest(path.read_text(encoding="utf-8"), str(path))


def parse_manifest(text: str, where: str) -> tuple[PartitionLine, ...]:
    """Return the lines of a manifest's text; `where` names it in messages. Raises BadDataError as read_manifest does."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            found.append(PartitionLine(**json.loads(line)))
        except (ValueError, TypeError) as error:
            mend = "mlops-kit merge resolve" if line.startswith(_MARKS) else f"git checkout -- {where}"
            raise BadDataError(f"{where}:{number}: not a line of a manifest ({error})", fix=mend) from error
    return tuple(found)


def merge_manifests(base: bytes, ours: bytes, theirs: bytes, where: str) -> Merged:
    """Merge two changes of a manifest by partitions: what either side acquired is there, what both acquired alike once.

    Of equal partitions the line stays that was fetched first. Raises BadDataError when a side cannot be understood, when both sides have other
    content for one partition, and when they took overlapping ranges of one cursor: the rows would be there twice.
    """
    sides = [
        {line.partition: line for line in parse_manifest(text.decode(), where)}
        for text in (base, ours, theirs)
    ]
    merged, dropped = merge_mappings(
        *({name: _content(line) for name, line in side.items()} for side in sides)
    )
    if dropped:
        raise BadDataError(
            f"{where}: both sides changed partition `{dropped[0]}`",
            fix="keep one of the lines, then: mlops-kit acquire",
        )
    lines = [
        min((side[name] for side in sides if name in side and _content(side[name]) == content), key=_age)
        for name, content in merged.items()
    ]
    check_ranges(lines, where)
    return Merged(manifest_text(lines).encode())


def check_ranges(lines: Iterable[PartitionLine], where: str) -> None:
    """Raise BadDataError when two partitions of one source have overlapping ranges of cursor values: rows would be there twice."""
    first: dict[tuple[str, str, str], PartitionLine] = {}
    for line in sorted(lines, key=lambda line: line.partition):
        if not line.cursor_to:
            continue
        other = first.setdefault((line.source, line.cursor_column, line.cursor_from), line)
        if other.partition != line.partition:
            since = (
                f"both begin after `{line.cursor_from}`"
                if line.cursor_from
                else "both begin at the beginning"
            )
            raise BadDataError(
                f"{where}: the partitions `{other.partition}` and `{line.partition}` {since}",
                fix="keep the line of one, then: mlops-kit acquire",
            )


def _content(line: PartitionLine) -> tuple[str, str]:
    return line.sha256, line.rejects_md5


def _age(line: PartitionLine) -> tuple[str, str]:
    return line.fetched_at, line.origin


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
