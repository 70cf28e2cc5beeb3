"""Names of partitions and files for what has only an address."""

from __future__ import annotations

from mlops_kit.data.formats.options import ARCHIVES, ENDINGS, PACKED, FormatOptions
from mlops_kit.data.partitions.source import partition_name
from mlops_kit.outside.sources.http import last_part

_KINDS = {
    "text/csv": ".csv", "text/tab-separated-values": ".tsv", "application/x-ndjson": ".jsonl", "application/jsonl": ".jsonl",
    "application/vnd.apache.parquet": ".parquet", "application/zip": ".zip", "application/csv": ".csv",
}  # fmt: skip
_UNPACKED = {"gzip": ".gz", "x-gzip": ".gz", "zstd": ".zst"}


def stem(name: str) -> str:
    """Return a file name or path without the endings that say how the file is written."""
    while name.lower().endswith((*ENDINGS, *PACKED, *ARCHIVES)):
        shorter = name.rpartition(".")[0]
        if not shorter or shorter.endswith("/"):
            break
        name = shorter
    return name


def address_name(url: str) -> str:
    """Return the name of the partition that the file at a web address becomes: that of the file, else the last part of its path."""
    return partition_name(stem(last_part(url) or "all"))


def file_name(url: str, kind: str, encoding: str, options: FormatOptions | None) -> str:
    """Return a name for a download, with endings that say how to read it: by address, else by the media type `kind`.

    `encoding` is how the server has packed it on top of that. An unknown encoding stays in the name, so that reading says so.
    """
    name = partition_name(last_part(url) or "all")
    known = name.lower().endswith((*ENDINGS, *PACKED, *ARCHIVES))
    if not known and not (options and options.type):
        name += _KINDS.get(kind, "")
    packing = _UNPACKED.get(encoding, f".{partition_name(encoding)}") if encoding else ""
    return name if not packing or name.lower().endswith((packing, ".tgz")) else name + packing
