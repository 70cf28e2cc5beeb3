"""Accepted events into the file of their batch: lines in git, or Parquet under DVC where they are many."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mlops_kit.artifacts.hashing import hash_file
from mlops_kit.artifacts.objects import Objects
from mlops_kit.artifacts.tables import read_parquet, write_parquet
from mlops_kit.errors import BadDataError, OutsideError, UsageError
from mlops_kit.labels.events.model import LabelEvent, event_line
from mlops_kit.labels.events.parquet import events_table
from mlops_kit.outside.ignore_file import IgnoreFiles
from mlops_kit.outside.whole_files import unfinished
from mlops_kit.project.labelling.store import event_path, flush_folder, write_whole

MOST_LINES = 100_000
"""About 30 MB of lines; more than that is no diff that anybody reads, and a burden for git."""


def write_events(
    root: Path, batch: str, events: Sequence[LabelEvent], *, most_lines: int = MOST_LINES
) -> list[Path]:
    """Add `events` to the file of `batch`, and return the files that changed.

    A new batch of more than `most_lines` becomes `<batch>.parquet` in DVC's cache, with `<batch>.parquet.dvc` and a line in .gitignore, as
    `dvc add` makes them; what a batch is, it stays. Without a DVC repository all are lines. Raises BadDataError when the Parquet file of
    the batch is not here.
    """
    if not events:
        return []
    lines, rows = event_path(root, batch), event_path(root, batch, suffix=".parquet")
    tracked = _dvc_file(rows).exists()
    if (
        tracked
        or rows.exists()
        or (not lines.exists() and len(events) > most_lines and (root / ".dvc").is_dir())
    ):
        return _write_rows(root, rows, events, tracked=tracked)
    before = lines.read_bytes() if lines.exists() else b""
    write_whole(lines, before + "".join(map(event_line, events)).encode("utf-8"), root)
    return [lines]


def _write_rows(root: Path, path: Path, events: Sequence[LabelEvent], *, tracked: bool) -> list[Path]:
    import pyarrow as pa

    table = events_table(events)
    if tracked and not path.exists():
        name = _dvc_file(path).relative_to(root).as_posix()
        raise BadDataError(f"{path.name}: tracked by DVC, and not here", fix=f"dvc pull {name}")
    if path.exists():
        table = pa.concat_tables([read_parquet(path).select(table.schema.names).cast(table.schema), table])
    path.parent.mkdir(parents=True, exist_ok=True)
    with unfinished(path, root) as fresh:
        write_parquet(table.combine_chunks(), fresh)
        os.replace(fresh, path)  # noqa: PTH105 - the one call that also replaces on Windows; never through a link into the cache
    flush_folder(path.parent)
    return [path, *_track(root, path)]


def _track(root: Path, path: Path) -> list[Path]:
    """Put a file into DVC's cache and write its .dvc file; content first, so that a .dvc file never names what is nowhere."""
    found = hash_file(path)
    objects = Objects(root)
    objects.put_file(path, found)
    objects.settle()
    objects.link(found.md5, path)
    text = f"outs:\n- md5: {found.md5}\n  size: {found.size}\n  hash: md5\n  path: {path.name}\n"
    record = _dvc_file(path)
    write_whole(record, text.encode("utf-8"), root)
    try:
        ignored = IgnoreFiles(root).ignore(path.relative_to(root).as_posix())
    except (OutsideError, UsageError):  # DVC without git has nothing to ignore
        ignored = ""
    return [record, *([root / ignored] if ignored else [])]


def _dvc_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.dvc")
