"""Rows into partitions: Parquet with canonical bytes, hashed while it is written, and the lines that are no rows beside it."""

from __future__ import annotations

import hashlib
import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.canonical.parquet import stream_arrow
from mlops_kit.artifacts.canonical.text import canonical_json_line
from mlops_kit.data.formats.rows import Reject, RowSource

REJECTS = ".rejects.jsonl"


@dataclass(frozen=True)
class WrittenPartition:
    """What was written for one partition; the fields of its line in the manifest."""

    rows: int
    """Rows in `<name>.parquet`."""
    bytes: int
    """Size of that file."""
    sha256: str
    """SHA-256 of that file."""
    md5: str
    """MD5 of that file: its name in DVC's cache."""
    rejected: int
    """Lines in `<name>.rejects.jsonl`; there is no such file when none."""
    rejects_md5: str
    """MD5 of that file; empty when there is none."""


def write_partition(source: RowSource, folder: Path, name: str) -> WrittenPartition:
    """Write the rows of `source` as `<name>.parquet` into `folder`, and its lines that are no rows as `<name>.rejects.jsonl`.

    Equal rows give equal bytes. Raises BadDataError as reading does; what was written is removed then.
    """
    table, rejects = HashedFile(folder / f"{name}.parquet"), HashedFile(folder / f"{name}{REJECTS}")
    try:
        keep = RejectWriter(rejects)
        rows = stream_arrow(source.batches(keep), source.schema, table)
    except BaseException:
        table.remove()
        rejects.remove()
        raise
    return WrittenPartition(
        rows, table.tell(), table.sha256, table.md5, keep.count, rejects.md5 if keep.count else ""
    )


@dataclass
class RejectWriter:
    """Keeps each line that is no row, as a line of JSON."""

    file: HashedFile
    count: int = 0

    def __call__(self, reject: Reject) -> None:
        self.count += 1
        self.file.write(canonical_json_line(asdict(reject)).encode("utf-8"))


class HashedFile(io.RawIOBase):
    """A new file that is hashed as it is written. It is open only while it is written to, so that there can be any number of them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        path.unlink(missing_ok=True)

    def writable(self) -> bool:
        return True

    def write(self, content: Any, /) -> int:
        with self._path.open("ab") as file:
            count = file.write(content)
        self._md5.update(content)
        self._sha256.update(content)
        self._size += count
        return count

    def tell(self) -> int:
        return self._size

    @property
    def md5(self) -> str:
        """Return the MD5 of what was written, in hex."""
        return self._md5.hexdigest()

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of what was written, in hex."""
        return self._sha256.hexdigest()

    def remove(self) -> None:
        """Remove the file if there is one."""
        self._path.unlink(missing_ok=True)
