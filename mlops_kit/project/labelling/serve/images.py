"""Images of items: bytes in a column, or files of the project."""

from __future__ import annotations

from pathlib import Path

# What files begin with, and the media type that browsers show them by. Whatever else a column holds is not handed out.
_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
)
MOST_BYTES = 64 << 20


def find_image(root: Path, value: object) -> tuple[str, bytes] | None:
    """Return media type and bytes of the image that a cell holds: its bytes, or a path in the project at `root`; None for no image.

    A path that leads out of the project, through links too, gives None.
    """
    content = bytes(value) if isinstance(value, bytes | bytearray | memoryview) else _file(root, value)
    kind = media_type(content) if content is not None else None
    return (kind, content) if kind is not None and content is not None else None


def media_type(content: bytes) -> str | None:
    """Return the media type of an image by its first bytes; None for what is no image of a kind that is known."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:12] in (b"ftypavif", b"ftypavis"):
        return "image/avif"
    return next((kind for start, kind in _BEGINNINGS if content.startswith(start)), None)


def _file(root: Path, value: object) -> bytes | None:
    if not isinstance(value, str) or not value or "\0" in value:
        return None
    try:
        path = (root / value).resolve()
        inside = path.is_relative_to(root.resolve()) and ".git" not in path.relative_to(root.resolve()).parts
        return path.read_bytes() if inside and path.is_file() and path.stat().st_size <= MOST_BYTES else None
    except (OSError, ValueError):
        return None
