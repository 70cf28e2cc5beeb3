"""Questions about files that open nothing: `os.stat`, `os.path.exists`, `Path.is_file`. No kernel mechanism without privilege
shows them, and Python has no audit event for them; so the three functions behind them are wrapped in the stage's process."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import Any

from mlops_kit.steps.watch.frames import Origin, Stack
from mlops_kit.steps.watch.places import Places

_WRAPPED = ("stat", "lstat", "access")
_RESOLVING = {"realpath", "_joinrealpath", "abspath"}


class ProbeWatch:
    """Hears questions about files below the project from its creation until `close`."""

    def __init__(self, asked: Callable[[str, Origin], None], places: Places, stack: Stack) -> None:
        self._originals = {name: getattr(os, name) for name in _WRAPPED}
        for name, original in self._originals.items():
            wrapper = _wrapped(original, asked, places, stack)
            setattr(os, name, wrapper)
            _replace_in_capabilities(original, wrapper)

    def close(self) -> None:
        """Put the functions back."""
        for name, original in self._originals.items():
            _replace_in_capabilities(getattr(os, name), original)
            setattr(os, name, original)


def _wrapped(
    original: Callable[..., Any], asked: Callable[[str, Origin], None], places: Places, stack: Stack
) -> Callable[..., Any]:
    uninteresting, root = places.uninteresting, places.root

    @wraps(original)
    def ask(path: Any, *args: Any, **options: Any) -> Any:
        if not isinstance(path, int) and not options.get("dir_fd"):
            text = os.fspath(path) if not isinstance(path, str) else path
            if isinstance(text, str) and not text.startswith(uninteresting):
                full = os.path.abspath(text)  # noqa: PTH100 - links stay as they are
                if full.startswith(root):
                    origin = stack.origin()
                    if not stack.is_called(_RESOLVING):
                        asked(full, origin)
        return original(path, *args, **options)

    return ask


def _replace_in_capabilities(old: Any, new: Any) -> None:
    """Let `os.stat in os.supports_dir_fd` stay true: shutil decides by it how to remove folders safely."""
    for functions in (
        os.supports_dir_fd,
        os.supports_effective_ids,
        os.supports_fd,
        os.supports_follow_symlinks,
    ):
        if old in functions:
            functions.add(new)
