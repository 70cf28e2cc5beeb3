"""One entry for all kinds of file: the ending of the path says which canonical writer is used."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.canonical.archives import gzip_bytes, zip_bytes
from mlops_kit.errors import UsageError

# Ending -> module of this package and function, which takes the value (and options) and returns bytes or text.
WRITERS: dict[str, tuple[str, str]] = {
    ".csv": ("pages", "csv_text"),
    ".db": ("databases", "sqlite_bytes"),
    ".htm": ("pages", "html_text"),
    ".html": ("pages", "html_text"),
    ".joblib": ("pickles", "joblib_bytes"),
    ".json": ("text", "canonical_json"),
    ".jsonl": ("text", "json_lines"),
    ".md": ("pages", "markdown_text"),
    ".npy": ("arrays", "npy_bytes"),
    ".npz": ("arrays", "npz_bytes"),
    ".parquet": ("parquet", "parquet_bytes"),
    ".pdf": ("figures", "pdf_bytes"),
    ".pickle": ("pickles", "pickle_bytes"),
    ".pkl": ("pickles", "pickle_bytes"),
    ".png": ("figures", "png_bytes"),
    ".skops": ("model", "dump_model"),
    ".sqlite": ("databases", "sqlite_bytes"),
    ".svg": ("figures", "svg_text"),
    ".tar": ("archives", "pack_tar"),
    ".txt": ("text", "plain_text"),
    ".xlsx": ("sheets", "xlsx_bytes"),
    ".yaml": ("text", "yaml_text"),
    ".yml": ("text", "yaml_text"),
    ".zip": ("archives", "pack_zip"),
}

# Endings that pack what another writer made, such as .csv.gz: inner file name and content -> content.
PACKERS: dict[str, Callable[[str, bytes], bytes]] = {
    ".gz": lambda _, content: gzip_bytes(content),
    ".zip": lambda name, content: zip_bytes({name: content}),
}


def write(path: str | Path, value: object, **options: Any) -> None:
    """Write `value` to `path` so that the same value gives the same bytes, in any process and on any day.

    The ending of `path` says how: .parquet .csv .json .jsonl .npy .npz .skops .joblib .pkl .svg .png .pdf .html .md .txt .yaml .sqlite
    .xlsx .zip .tar; with .gz or .zip after one of them (.csv.gz, .tar.gz, .json.zip) it is packed as well, and .gz alone takes bytes.
    `options` go to the writer, see mlops_kit.canonical. Folders are made; the file is written beside its place and moved there, so that a
    failure leaves the last good one. Raises UsageError for an unknown ending, BadDataError for a value that the kind cannot hold.
    """
    target = Path(path)
    content = encode(target.name, value, **options)
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        fresh = scratch / target.name
        fresh.write_bytes(content)
        os.replace(fresh, target)  # noqa: PTH105 - the one call that also replaces on Windows
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def encode(name: str, value: object, **options: Any) -> bytes:
    """Return what `write` puts into a file of the name `name`; see there."""
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    inner = Path(name).stem
    if len(suffixes) > 1 and suffixes[-1] in PACKERS and suffixes[-2] in WRITERS:
        return PACKERS[suffixes[-1]](inner, encode(inner, value, **options))
    last = suffixes[-1] if suffixes else ""
    if last == ".tgz":
        return gzip_bytes(encode(f"{inner}.tar", value, **options))
    if last == ".gz" and isinstance(value, bytes):
        return gzip_bytes(value)
    if last not in WRITERS:
        raise UsageError(
            f"no canonical writer for {name}", fix=f"use one of the endings {', '.join(sorted(WRITERS))}"
        )
    module, function = WRITERS[last]
    made = getattr(import_module(f"mlops_kit.artifacts.canonical.{module}"), function)(value, **options)
    return made.encode("utf-8") if isinstance(made, str) else bytes(made)
