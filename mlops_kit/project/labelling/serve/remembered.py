"""What a server leaves while it runs, so that after a crash the next one has the same address and tokens, and open pages go on by themselves."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER = ".dvc/tmp/mlops-kit/label-serve"
_DAY = 86_400


@dataclass(frozen=True)
class Remembered:
    """Port and tokens of a server."""

    port: int
    """0: none is known."""
    tokens: Mapping[str, str]
    """Annotator -> token."""


def recall(root: Path, task: str, annotators: Sequence[str]) -> Remembered:
    """Return port and tokens of a server that did not end in order within the last day, with new tokens for whom it did not know."""
    port, old = _read(_path(root, task))
    return Remembered(port, {name: old.get(name) or secrets.token_urlsafe(18) for name in annotators})


def remember(root: Path, task: str, remembered: Remembered) -> None:
    """Write port and tokens where only the user can read them."""
    path = _path(root, task)
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        path.unlink()  # its permissions would stay
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
        json.dump({"port": remembered.port, "tokens": dict(remembered.tokens)}, file)


def forget(root: Path, task: str) -> None:
    """Remove what was remembered: the tokens end with the server."""
    _path(root, task).unlink(missing_ok=True)


def _read(path: Path) -> tuple[int, dict[str, str]]:
    try:
        if path.stat().st_mtime < time.time() - _DAY:
            return 0, {}
        known = json.loads(path.read_text(encoding="utf-8"))
        tokens = {str(name): str(token) for name, token in known["tokens"].items()}
        return int(known["port"]), tokens
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return 0, {}


def _path(root: Path, task: str) -> Path:
    return root / FOLDER / f"{task}.json"
