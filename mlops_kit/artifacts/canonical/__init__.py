"""Canonical writers: the same value gives the same bytes, in any process, under any hash seed, time zone, locale and thread count.

`write(path, value)` chooses by the ending of the path; each function below returns the bytes or the text of one kind of file. Values that
cannot be written stably are refused with BadDataError. They load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_kit.artifacts.canonical.archives import gzip_bytes, pack_tar, pack_zip
    from mlops_kit.artifacts.canonical.arrays import npy_bytes, npz_bytes
    from mlops_kit.artifacts.canonical.databases import sqlite_bytes
    from mlops_kit.artifacts.canonical.dispatch import encode, write
    from mlops_kit.artifacts.canonical.figures import pdf_bytes, png_bytes, svg_text
    from mlops_kit.artifacts.canonical.model import dump_model
    from mlops_kit.artifacts.canonical.pages import csv_text, html_text, markdown_text
    from mlops_kit.artifacts.canonical.parquet import parquet_bytes
    from mlops_kit.artifacts.canonical.pickles import joblib_bytes, pickle_bytes
    from mlops_kit.artifacts.canonical.sheets import xlsx_bytes
    from mlops_kit.artifacts.canonical.text import canonical_json, json_lines, plain_text, yaml_text

_HOMES = {
    **dict.fromkeys(("gzip_bytes", "pack_tar", "pack_zip"), "archives"),
    **dict.fromkeys(("npy_bytes", "npz_bytes"), "arrays"),
    "sqlite_bytes": "databases",
    **dict.fromkeys(("pdf_bytes", "png_bytes", "svg_text"), "figures"),
    "dump_model": "model",
    **dict.fromkeys(("csv_text", "html_text", "markdown_text"), "pages"),
    "parquet_bytes": "parquet",
    **dict.fromkeys(("joblib_bytes", "pickle_bytes"), "pickles"),
    "xlsx_bytes": "sheets",
    **dict.fromkeys(("canonical_json", "json_lines", "plain_text", "yaml_text"), "text"),
    **dict.fromkeys(("encode", "write"), "dispatch"),
}

__all__ = [
    "canonical_json",
    "csv_text",
    "dump_model",
    "encode",
    "gzip_bytes",
    "html_text",
    "joblib_bytes",
    "json_lines",
    "markdown_text",
    "npy_bytes",
    "npz_bytes",
    "pack_tar",
    "pack_zip",
    "parquet_bytes",
    "pdf_bytes",
    "pickle_bytes",
    "plain_text",
    "png_bytes",
    "sqlite_bytes",
    "svg_text",
    "write",
    "xlsx_bytes",
    "yaml_text",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
