"""Objects put by hand into a cache or into a remote that is a folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from mlops_kit.artifacts.places import object_name


def put(place: Path, content: bytes, suffix: str = "") -> str:
    """Put an object and return its MD5."""
    digest = hashlib.md5(content).hexdigest() + suffix
    path = place / object_name(digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return digest


def put_folder(place: Path, *contents: bytes) -> str:
    """Put files `0000`, `0001`, … and their listing, and return its MD5."""
    rows = [
        {"md5": put(place, content), "relpath": f"{number:04}"} for number, content in enumerate(contents)
    ]
    return put(place, json.dumps(rows).encode(), ".dir")
