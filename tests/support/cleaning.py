"""Small tables through the clean step, as a pipeline would give them to it: Parquet partitions in, tables out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from mlops_kit.artifacts.kinds import save_artifact
from mlops_kit.artifacts.tables import read_parquet, read_partition_rows, write_parquet
from mlops_kit.data.cleaning import keep_contract
from mlops_kit.data.rules.compiling import apply_rules
from mlops_kit.data.rules.flow import read_raw
from mlops_kit.spec.model import Column, Schema, Task

KEYED = Task("classification", "late", ("id",))


@dataclass(frozen=True)
class Made:
    """What the clean step made."""

    clean: pa.Table
    quarantine: pa.Table
    profile: dict[str, Any]
    rules: dict[str, Any]
    metrics: dict[str, float]
    bytes: bytes
    """The files of clean and quarantine, one after the other."""


def texts(**columns: Sequence[str | None]) -> pa.Table:
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def anything(*names: str) -> Schema:
    """Return a contract that takes every text in the columns `names`."""
    return Schema({name: Column("string") for name in names}, max_quarantine=1.0)


def clean_table(
    table: pa.Table | Sequence[pa.Table],
    rules: Sequence[Mapping[str, Any]] = (),
    *,
    schema: Schema | None = None,
    task: Task = KEYED,
    dedupe: bool = True,
    rejects: str = "",
    threads: int = 2,
) -> Made:
    """Return what cleaning makes of the table, or of several that are partitions; `rejects` are lines beside the last one."""
    parts = [table] if isinstance(table, pa.Table) else list(table)
    with TemporaryDirectory() as folder:
        raw = Path(folder, "raw")
        raw.mkdir()
        for number, part in enumerate(parts):
            write_parquet(part, raw / f"p{number:03}.parquet")
        if rejects:
            Path(raw, f"p{len(parts) - 1:03}.rejects.jsonl").write_text(rejects, encoding="utf-8")
        flow = apply_rules(read_raw(read_partition_rows(raw), threads=threads, memory=1 << 29), rules)
        made = keep_contract(flow, schema=schema or anything(*flow.columns), task=task, dedupe=dedupe)
        files = [Path(folder, "clean.parquet"), Path(folder, "quarantine.parquet")]
        for value, path in zip((made.clean, made.quarantine), files, strict=True):
            save_artifact("Rows", value, path)
        written = b"".join(path.read_bytes() for path in files)
        return Made(*map(read_parquet, files), made.profile, made.rules, dict(made.metrics), written)
