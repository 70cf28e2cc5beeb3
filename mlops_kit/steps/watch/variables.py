"""Reads of environment variables by the project's own code."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from mlops_kit.steps.watch.frames import Origin, Side, Stack


class VariableWatch:
    """Hears reads of `os.environ` (and `os.getenv`) from its creation until `close`.

    Only code of the project counts: libraries look for dozens of switches, none of which reaches a stage.
    """

    def __init__(self, asked: Callable[[str, Origin], None], stack: Stack) -> None:
        self._texts: Any = type(os.environ)

        class Tracked(self._texts):  # type: ignore[misc,name-defined]
            """The environment, telling who asks."""

            def __getitem__(self, key: Any) -> Any:
                origin = stack.caller()
                if origin.side is Side.USER:
                    asked(os.fsdecode(key) if isinstance(key, str | bytes) else repr(key), origin)
                return super().__getitem__(key)

        self._objects = [os.environ, *([os.environb] if os.supports_bytes_environ else [])]
        for variables in self._objects:
            # A new class for the same object: modules that took `from os import environ` are heard as well.
            variables.__class__ = Tracked

    def close(self) -> None:
        """Hear nothing any more."""
        for variables in self._objects:
            variables.__class__ = self._texts
