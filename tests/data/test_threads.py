"""Every built-in step of the data, from the file to the sets: the same bytes for any number of threads and any memory."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mlops_kit.artifacts import duck as engine
from mlops_kit.artifacts.kinds import load_artifact, save_artifact
from mlops_kit.artifacts.tables import write_parquet
from mlops_kit.spec.model import Column, Schema, Task
from mlops_kit.steps.contract import read_contract
from mlops_kit.steps.data import (
    acquire_file,
    clean_rules,
    features_calendar,
    split_group,
    split_hash,
    split_time,
)
from mlops_kit.steps.labels import label_column
from tests.support.rows import daily

COUNT = 700
TASK = Task("classification", "late", ("id",), "when", "who")
SCHEMA = Schema(
    {"id": Column("string", "key", nullable=False), "when": Column("timestamp", "time", nullable=False), "who": Column("string"),
     "x": Column("number", max=140), "delay": Column("integer", "label_source")}, max_quarantine=1.0,
)  # fmt: skip
CHAIN: tuple[tuple[Any, Any], ...] = (
    (acquire_file.acquire, acquire_file.AcquireParams("source.parquet", by_month=False)),
    (clean_rules.clean, clean_rules.CleanParams()),
    (features_calendar.features, features_calendar.FeaturesParams()),
    (label_column.label, label_column.LabelParams("delay", at_least=5)),
    (split_time.split, split_time.SplitParams(validation_share=0.1)),
    (split_hash.split, split_hash.SplitParams(stratify="late")),
    (split_group.split, split_group.SplitParams(stratify="late", validation_share=0.1)),
)


def digests() -> dict[str, str]:
    """Run the chain in the current folder and return step and path -> digest of what it wrote."""
    found = {}
    for function, params in CHAIN:
        contract = read_contract(Path(function.__code__.co_filename))
        facts = {"task": TASK, "schema": SCHEMA}
        known = {name: facts[name] for name in contract.spec_inputs}
        values = [load_artifact(ref.kind, Path(ref.path)) for ref in contract.inputs]
        made = function(*values, **known, params=params)
        for ref, value in zip(contract.outputs, made if isinstance(made, tuple) else (made,), strict=True):
            save_artifact(ref.kind, value, Path(ref.path))
            files = sorted(Path(ref.path).rglob("*")) if Path(ref.path).is_dir() else [Path(ref.path)]
            found |= {f"{function.__module__} {p}": hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    return found


@pytest.mark.slow
def test_bytes_of_all_steps_do_not_depend_on_threads_or_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = range(COUNT)
    columns: dict[str, list[Any]] = {
        "who": [f"w{n % 90}" for n in rows],
        "x": [n * 7919 % 1009 / 7 for n in rows],
    }
    table = daily(COUNT, **columns, delay=[n % 9 for n in rows]).take(
        [n * 11 % COUNT for n in rows if n % 100 != 1]
    )
    write_parquet(pa.concat_tables([table, table.slice(0, 20)]), tmp_path / "source.parquet")
    found = []
    for threads, memory in ((1, 3 << 30), (2, 512 << 20), (8, 1 << 30)):
        monkeypatch.setattr(engine, "usable_processors", lambda threads=threads: threads)
        monkeypatch.setattr(engine, "MOST_MEMORY", memory)
        monkeypatch.setattr(engine, "LEAST_MEMORY", memory)
        found.append(digests())
    assert found[0] == found[1] == found[2]
    assert len(found[0]) > 20
