"""Which explanation a file gets: by its suffix, else by its first bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Protocol

from mlops_kit.compare.deviation import (
    archives,
    arrays,
    binary,
    database,
    documents,
    pickles,
    pictures,
    skops,
    tables,
    text,
)
from mlops_kit.compare.deviation.content import Content, same_bytes
from mlops_kit.compare.deviation.findings import Findings, TooMuchError
from mlops_kit.compare.deviation.model import Level

_DEEPEST = 5


class Family(Protocol):
    """Explains two different contents of one kind."""

    def __call__(self, old: Content, new: Content, found: Findings) -> None:
        """Add to `found` how the contents differ. May raise anything on content that is not what its name says."""


def explain_contents(old: Content, new: Content, found: Findings, *, depth: int = 0) -> None:
    """Add to `found` how two different contents differ; what cannot be read as its family is explained as bytes, with the reason."""

    def inside(one: Content, other: Content, into: Findings) -> None:
        explain_contents(one, other, into, depth=depth + 1)

    families = (family_of(old), family_of(new))
    if families[0] != families[1]:
        found.change("kind of content", *families)
        return
    name = families[0]
    before = found.count
    try:
        if depth < _DEEPEST and name in CONTAINERS:
            CONTAINERS[name](old, new, found, inside)
        else:
            FAMILIES.get(name, binary.explain_binary)(old, new, found)
    except TooMuchError as error:
        found.say(f"too large to look into: {error}", Level.DIFFERENT)
        binary.explain_binary(old, new, found)
    except Exception as error:  # noqa: BLE001 - damaged or hostile content can raise anything in a decoder, and must not end a run
        message = str(error).partition("\n")[0][:100] or type(error).__name__
        found.say(f"cannot be read as {name}: {message}", Level.DIFFERENT)
        binary.explain_binary(old, new, found)
    if found.count == before and not same_bytes(old, new):
        found.say(f"the same as {name}, other bytes")


class Container(Protocol):
    """Explains two different containers, and calls `explain` for their members."""

    def __call__(self, old: Content, new: Content, found: Findings, explain: archives.Explain) -> None:
        """Add to `found` how the containers differ."""


FAMILIES: Mapping[str, Family] = {
    "JSON": documents.explain_json,
    "JSON lines": documents.explain_json_lines,
    "YAML": documents.explain_yaml,
    "TOML": documents.explain_toml,
    "CSV": tables.explain_csv,
    "TSV": tables.explain_tsv,
    "Parquet": tables.explain_parquet,
    "Feather": tables.explain_feather,
    "npy": arrays.explain_npy,
    "npz": skops.explain_npz,
    "skops": skops.explain_skops,
    "pickle": pickles.explain_pickle,
    "PNG": pictures.explain_png,
    "SQLite": database.explain_sqlite,
    "PDF": binary.explain_pdf,
    "markup": text.explain_markup,
    "text": text.explain_text,
    "bytes": binary.explain_binary,
}

CONTAINERS: Mapping[str, Container] = {
    "zip": archives.explain_zip,
    "tar": archives.explain_tar,
    "gzip": archives.explain_gzip,
}

SUFFIXES: Mapping[str, str] = {
    ".json": "JSON",
    ".geojson": "JSON",
    ".ipynb": "JSON",
    ".jsonl": "JSON lines",
    ".ndjson": "JSON lines",
    ".yaml": "YAML",
    ".yml": "YAML",
    ".toml": "TOML",
    ".csv": "CSV",
    ".tsv": "TSV",
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".feather": "Feather",
    ".arrow": "Feather",
    ".npy": "npy",
    ".npz": "npz",
    ".skops": "skops",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".joblib": "pickle",
    ".png": "PNG",
    ".sqlite": "SQLite",
    ".sqlite3": "SQLite",
    ".db": "SQLite",
    ".pdf": "PDF",
    ".svg": "markup",
    ".html": "markup",
    ".htm": "markup",
    ".xml": "markup",
    ".rels": "markup",
    ".zip": "zip",
    ".xlsx": "zip",
    ".whl": "zip",
    ".tar": "tar",
    ".tgz": "tar",
    ".gz": "gzip",
}

# First bytes -> families that begin so; a suffix that names another one does not count.
MAGIC: tuple[tuple[bytes, tuple[str, ...]], ...] = (
    (b"PAR1", ("Parquet",)),
    (b"ARROW1", ("Feather",)),
    (b"\x93NUMPY", ("npy",)),
    (b"PK\x03\x04", ("zip", "npz", "skops")),
    (b"\x1f\x8b", ("gzip", "tar", "pickle")),
    (b"SQLite format 3\0", ("SQLite",)),
    (pictures.SIGNATURE, ("PNG",)),
    (b"%PDF-", ("PDF",)),
    (b"\x80\x02", ("pickle",)),
    (b"\x80\x03", ("pickle",)),
    (b"\x80\x04", ("pickle",)),
    (b"\x80\x05", ("pickle",)),
)


def family_of(content: Content) -> str:
    """Return the name of the family that explains `content`."""
    name = content.name.lower()
    by_name = SUFFIXES.get(PurePosixPath(name).suffix, "")
    if name.endswith((".tar.gz", ".tar.xz", ".tar.bz2")):
        by_name = "tar"
    head = content.head()
    for magic, families in MAGIC:
        if head.startswith(magic):
            if families[0] == "zip" and by_name not in families and skops.is_skops(content):
                return "skops"
            return by_name if by_name in families else families[0]
    if by_name:
        return by_name
    return "text" if _is_text(content) else "bytes"


def _is_text(content: Content) -> bool:
    head = content.head(8192)
    if b"\0" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 4 and len(head) == 8192
    return True
