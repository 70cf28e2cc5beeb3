"""What stages cost when they ran, by the key of DVC's run cache: command, inputs, parameters and names of outputs.

A cost is a file of its own in the cache, `mlops-kit/costs/<ab>/<key>.json`, beside DVC's own `runs/<ab>/<key>/`, and travels to the remote
with it. So what a commit cost is known wherever its lock is, without running anything again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.dvcfiles import LockedStage
from mlops_kit.artifacts.run_cache import stage_key
from mlops_kit.artifacts.run_history import StageRun, decode_record, encode_record
from mlops_kit.artifacts.store import open_store

FOLDER = Path("mlops-kit") / "costs"
_LONGEST = 10_000  # bytes; a cost that came from a remote is not trusted to be small


def cost_key(entry: Mapping[str, Any]) -> str:
    """Return the key of the run that an entry of a dvc.lock records, as the run cache has it; empty when it names no command."""
    return stage_key(entry) if entry.get("cmd") else ""


def keep_cost(cache: Path, record: StageRun) -> bool:
    """Keep what a stage cost under its key in the cache folder `cache`; return whether it could be written, which is no error if not."""
    if not _is_key(record.key):
        return False
    content = f"{json.dumps(encode_record(replace(record, run='')))}\n".encode()
    file = os.path.join(cache, FOLDER, record.key[:2], f"{record.key}.json")  # noqa: PTH118 - one for each stage of a run
    try:
        _write(file, content)
    except FileNotFoundError:
        try:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            _write(file, content)
        except OSError:
            return False
    except OSError:
        return False
    return True


def read_costs(root: Path, keys: Iterable[str]) -> Mapping[str, StageRun]:
    """Return key -> what the stage cost when it last ran, for those of `keys` of which the cache of the project at `root` knows it."""
    wanted = sorted({key for key in keys if _is_key(key)})
    folders = _folders(root) if wanted else []
    found = {key: _read(folders, key) for key in wanted}
    return {key: cost for key, cost in found.items() if cost is not None}


def known_costs(root: Path, locked: Mapping[str, LockedStage]) -> Mapping[str, StageRun]:
    """Return stage -> what the run that its lock entry records has cost, for those of `locked` of which the cache knows it."""
    folders = _folders(root)
    keys = {name: cost_key(stage.entry) for name, stage in locked.items()} if folders else {}
    found = {name: _read(folders, key) for name, key in keys.items() if key}
    return {name: cost for name, cost in found.items() if cost is not None}


def _write(file: str, content: bytes) -> None:
    """Write with one call: a cost that is cut off is passed over by whoever reads, and is not worth more."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o666)
    try:
        os.write(descriptor, content)
    finally:
        os.close(descriptor)


def _folders(root: Path) -> list[Path]:
    return [folder for folder in open_store(root).folders if (folder / FOLDER).is_dir()]


def _read(folders: Iterable[Path], key: str) -> StageRun | None:
    for folder in folders:
        try:
            content = _file(folder, key).read_bytes()
            cost = decode_record(StageRun, json.loads(content)) if len(content) <= _LONGEST else None
        except (OSError, ValueError, RecursionError):
            continue
        if cost is not None and cost.key == key:
            return cost
    return None


def _file(cache: Path, key: str) -> Path:
    return cache / FOLDER / key[:2] / f"{key}.json"


def _is_key(key: str) -> bool:
    return len(key) == 64 and all(sign in "0123456789abcdef" for sign in key)
