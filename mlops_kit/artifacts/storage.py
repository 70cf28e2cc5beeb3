"""One reader and one writer for each kind of artifact."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from mlops_kit.artifacts import tables
from mlops_kit.artifacts.canonical import figures, text
from mlops_kit.artifacts.canonical.databases import read_tables
from mlops_kit.artifacts.canonical.dispatch import encode
from mlops_kit.artifacts.canonical.model import dump_model, load_model
from mlops_kit.errors import BadDataError


def save(kind: str, value: Any, path: Path) -> None:
    """Write `value` as `kind` to `path`: beside it first, then moved in place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        fresh = scratch / path.name
        WRITERS[kind](value, fresh)
        _replace(fresh, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _replace(fresh: Path, path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif fresh.is_dir() and path.exists():
        path.unlink()
    os.replace(fresh, path)  # noqa: PTH105 - the one call that also replaces on Windows


def _write_metrics(value: Any, path: Path) -> None:
    _expect(value, Mapping, "Metrics", path)
    for name, number in value.items():
        if isinstance(number, bool) or not (isinstance(number, int | float) or hasattr(number, "dtype")):
            raise BadDataError(f"{path.name}: metric `{name}` is {number!r}; a metric must be a number")
    path.write_text(text.canonical_json(value), encoding="utf-8", newline="\n")


def _write_document(value: Any, path: Path) -> None:
    _expect(value, Mapping, "Document", path)
    path.write_text(text.canonical_json(value), encoding="utf-8", newline="\n")


def _write_text(value: Any, path: Path) -> None:
    _expect(value, str, "Text", path)
    path.write_text(value if value.endswith("\n") else value + "\n", encoding="utf-8", newline="\n")


def _write_curve(value: Any, path: Path) -> None:
    _expect(value, list, "Curve", path)
    path.write_text(text.canonical_csv(value), encoding="utf-8", newline="\n")


def _write_model(value: Any, path: Path) -> None:
    path.write_bytes(dump_model(value))


def _write_figure(value: Any, path: Path) -> None:
    path.write_text(figures.svg_text(value), encoding="utf-8", newline="\n")


def _write_by_ending(value: Any, path: Path) -> None:
    path.write_bytes(encode(path.name, value))


def _write_folder(value: Any, path: Path) -> None:
    _expect(value, Mapping, "folder", path)
    for name, content in value.items():
        inner = PurePosixPath(name)
        if inner.is_absolute() or ".." in inner.parts:
            raise BadDataError(f"{path.name}: `{name}` leaves the folder")
        target = path.joinpath(*inner.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadDataError(f"{path}: no such file", fix="mlops-kit run") from None
    except ValueError as error:
        raise BadDataError(f"{path}: not JSON ({error})", fix="mlops-kit run --force") from error


def _read_model(path: Path) -> Any:
    if not path.exists():
        raise BadDataError(f"{path}: no such file", fix="mlops-kit run train")
    return load_model(path.read_bytes())


def _read_curve(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [{k: v if k == "series" else float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def _read_text(path: Path) -> str:
    return _present(path).read_text(encoding="utf-8")


def _read_csv(path: Path) -> Any:
    import pandas as pd

    try:
        return pd.read_csv(_present(path))
    except ValueError as error:
        raise BadDataError(
            f"{path}: not a readable CSV file ({error})", fix="mlops-kit run --force"
        ) from error


def _read_array(path: Path) -> Any:
    import numpy as np

    try:
        return np.load(_present(path), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise BadDataError(
            f"{path}: not a readable npy file ({error})", fix="mlops-kit run --force"
        ) from error


def _read_database(path: Path) -> dict[str, Any]:
    import pandas as pd

    if not _present(path).stat().st_size:  # for SQLite a database without tables
        raise BadDataError(f"{path}: empty", fix="mlops-kit run --force")
    try:
        return {name: pd.DataFrame(rows, columns=columns) for name, columns, rows in read_tables(path)}
    except sqlite3.Error as error:
        raise BadDataError(
            f"{path}: not a readable database ({error})", fix="mlops-kit run --force"
        ) from error


def _present(path: Path) -> Path:
    if not path.is_file():
        raise BadDataError(f"{path}: no such file", fix="mlops-kit run")
    return path


def _read_folder(path: Path) -> Path:
    if not path.is_dir():
        raise BadDataError(f"{path}: no such folder", fix="mlops-kit run")
    return path


def _expect(value: Any, kind: type, name: str, path: Path) -> None:
    if not isinstance(value, kind):
        raise BadDataError(
            f"{path.name}: the step returned a {type(value).__name__} where {name} takes a {kind.__name__}"
        )


READERS: dict[str, Callable[[Path], Any]] = {
    "Table": tables.read_frame,
    "Arrow": tables.read_parquet,
    "LabelEvents": tables.read_event_files,
    "Rows": tables.read_rows,
    "Csv": _read_csv,
    "Array": _read_array,
    "Database": _read_database,
    "Html": _read_text,
    "Predictions": tables.read_parquet,
    "Partitions": tables.read_partitions,
    "PartitionRows": tables.read_partition_rows,
    "Model": _read_model,
    "Metrics": _read_json,
    "Document": _read_json,
    "Text": _read_text,
    "Figure": _read_text,
    "Curve": _read_curve,
    "Bundle": _read_folder,
    "Manifests": _read_folder,
}

WRITERS: dict[str, Callable[[Any, Path], None]] = {
    "Table": tables.write_frame,
    "Arrow": tables.write_parquet,
    "Rows": tables.write_rows,
    "Csv": _write_by_ending,
    "Array": _write_by_ending,
    "Database": _write_by_ending,
    "Html": _write_by_ending,
    "Predictions": tables.write_parquet,
    "Partitions": tables.write_partitions,
    "PartitionRows": tables.write_partition_rows,
    "Model": _write_model,
    "Metrics": _write_metrics,
    "Document": _write_document,
    "Text": _write_text,
    "Figure": _write_figure,
    "Curve": _write_curve,
    "Bundle": _write_folder,
    "Manifests": _write_folder,
}
