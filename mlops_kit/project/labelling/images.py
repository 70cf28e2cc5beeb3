"""Bytes and images on their way out: as data that a browser shows, where the form has room for it."""

from __future__ import annotations

import base64
from pathlib import Path

from mlops_kit.spec.kinds import JsonValue

_MAGIC = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
    (b"BM", "image/bmp"),
)


def carried(value: object, root: Path, *, form: str, image: bool) -> JsonValue:
    """Return a shown value as a file of the given form holds it.

    Bytes become a data address, in CSV a remark that they are there. Label Studio's server cannot read files of the project, so the path of
    an `image` in it becomes a data address too; one outside of the project, or that is not there, stays a path.
    """
    if isinstance(value, bytes):
        return f"({len(value):,} bytes)" if form == "csv" else _address(value)
    if image and form == "label-studio" and isinstance(value, str):
        path = (root / value).resolve()
        if path.is_relative_to(root.resolve()) and path.is_file():
            return _address(path.read_bytes())
    return value  # type: ignore[return-value] # plain values only


def _address(content: bytes) -> str:
    kind = next((kind for magic, kind in _MAGIC if content.startswith(magic)), "application/octet-stream")
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
