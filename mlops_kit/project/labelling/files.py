"""Files that appear whole, and are never put in the place of somebody's work."""

from __future__ import annotations

from pathlib import Path

from mlops_kit.errors import RefusedError, UsageError
from mlops_kit.project.labelling.store import write_whole


def put_whole(path: Path, content: bytes, root: Path) -> bool:
    """Write a file for the user and return whether it changed: nothing happens when it holds `content` already.

    Raises RefusedError when it holds anything else, UsageError when it cannot be written.
    """
    try:
        if path.exists():
            if path.read_bytes() == content:
                return False
            raise RefusedError(
                f"{path} exists and holds something else", fix=f"name another file, or remove it: {path}"
            )
        write_whole(path, content, root)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", fix="name another place") from None
    return True


def put_text(path: Path, text: str, root: Path) -> bool:
    """Write one of our own records in one step and return whether it changed."""
    content = text.encode()
    if path.exists() and path.read_bytes() == content:
        return False
    write_whole(path, content, root)
    return True
