"""labels/batches/<batch>.json: the record of an export and of what came back, readable in a git diff."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_kit.errors import BadDataError, UsageError
from mlops_kit.labels.delivery.model import Manifest
from mlops_kit.labels.places import BATCHES

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
# Names that Windows keeps for devices, whatever their ending.
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def check_batch_name(name: str) -> str:
    """Return `name` when it can be that of a batch, and so of a file on every system. Raises UsageError otherwise."""
    if not _NAME.fullmatch(name) or _DEVICE.fullmatch(name) or name.endswith("."):
        raise UsageError(
            f"`{name}` is no name of a batch",
            fix="letters, digits, dots, dashes and underscores, such as late-2026-11-21-agency",
        )
    return name


def manifest_path(root: Path, batch: str) -> Path:
    """Return where the manifest of a batch lies, whether it is there or not."""
    return root / BATCHES / f"{check_batch_name(batch)}.json"


def read_manifest(root: Path, batch: str) -> Manifest | None:
    """Return the record of a batch, None without one. Raises BadDataError for a file that is none."""
    path = manifest_path(root, batch)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path, str(error)) from None
    return parse_manifest(text, where=path)


def read_manifests(root: Path) -> tuple[Manifest, ...]:
    """Return the records of all batches, by name. Raises BadDataError as read_manifest does."""
    files = sorted((root / BATCHES).glob("*.json"))
    return tuple(parse_manifest(file.read_text(encoding="utf-8"), where=file) for file in files)


def parse_manifest(text: str, *, where: Path) -> Manifest:
    """Return the record that `text` is. Raises BadDataError, naming the file, when it is none."""
    try:
        made = json.loads(text)
        items = dict(made.get("items", {}))
        exported = made.get("exported")
        deliveries = tuple(dict(each) for each in made.get("deliveries", []))
        return Manifest(
            str(made.get("batch") or where.stem),
            str(made["task"]),
            exported,
            items,
            made.get("answers"),
            deliveries,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(where, str(error)) from None


def manifest_text(manifest: Manifest) -> str:
    """Return the text of a manifest: one line for each fact and each item, so that git shows what changed."""
    made: dict[str, Any] = {"version": 1, "batch": manifest.batch, "task": manifest.task}
    if manifest.exported is not None:
        made["exported"] = dict(manifest.exported)
    if manifest.answers is not None:
        made["answers"] = manifest.answers
    if manifest.deliveries:
        made["deliveries"] = [dict(each) for each in manifest.deliveries]
    if manifest.exported is not None:
        made["items"] = dict(manifest.items)
    return json.dumps(made, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def open_exports(root: Path, task: str) -> tuple[Manifest, ...]:
    """Return the exports of a task of which nothing that was accepted has come back, by name. Raises BadDataError as read_manifest does."""
    manifests = read_manifests(root)
    return tuple(each for each in manifests if each.task == task and is_open(each, manifests))


def is_open(manifest: Manifest, others: tuple[Manifest, ...]) -> bool:
    """Return whether the batch went out and nothing that was accepted has come back, under whatever name, by the manifests `others` of all
    batches."""
    told = [*manifest.deliveries]
    for other in others:
        told += other.deliveries if other.answers == manifest.batch else ()
    return manifest.exported is not None and not any(_taken(each) for each in told)


def _taken(delivery: Mapping[str, Any]) -> bool:
    return delivery.get("verdict") in ("accepted", "forced")


def _damaged(path: Path, why: str) -> BadDataError:
    return BadDataError(
        f"{path}: no manifest of a batch ({why})", fix=f"git checkout -- {BATCHES}/{path.name}"
    )
