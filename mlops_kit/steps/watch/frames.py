"""Whose code is running: the user's line that led to an event, found on the stack."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from enum import Enum
from types import FrameType

from mlops_kit.steps.watch.places import Places

_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH120, PTH100 - compared as text
_WATCH = os.path.dirname(os.path.abspath(__file__)) + os.sep  # noqa: PTH120, PTH100
_STEPS = tuple(os.path.join(_PACKAGE, "steps", room, "") for room in ("data", "labels", "model", "post"))  # noqa: PTH118
_STANDARD = os.path.dirname(os.__file__) + os.sep  # noqa: PTH120
_IMPORTING = os.path.join(_STANDARD, "importlib") + os.sep  # noqa: PTH118


class Side(Enum):
    """Whose a piece of code is."""

    PYTHON = "the standard library"
    LIBRARY = "an installed package"
    OWN = "the stage runner"
    STEP = "a built-in step"
    USER = "the project"


@dataclass(frozen=True)
class Origin:
    """Who caused an event."""

    side: Side
    """The project or a built-in step if one of their lines is on the stack, else who else is."""
    where: str
    """`file.py:12` of that line."""
    direct: bool
    """Whether no package stands between that line and the event, only the standard library."""
    importing: bool
    """Whether the import system, or a package that is being imported, did it."""


class Stack:
    """Finds origins in the project of `places`."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._sides: dict[str, Side | None] = {}

    def origin(self, depth: int = 1) -> Origin:
        """Return who caused what the caller looks at; frames of this package do not count."""
        frame: FrameType | None = sys._getframe(depth)  # noqa: SLF001
        direct, importing, own = True, False, False
        while frame is not None:
            code = frame.f_code
            side = self._side(code.co_filename)
            if side is Side.USER or side is Side.STEP:
                return Origin(side, self._where(code.co_filename, frame.f_lineno), direct, importing)
            if side is Side.OWN:
                own = True
                if code.co_name == "run_stage":
                    break
            importing = importing or code.co_filename.startswith(("<frozen importlib", _IMPORTING))
            direct = direct and side in (Side.PYTHON, None)
            frame = frame.f_back
        return Origin(Side.OWN if own else Side.LIBRARY, "", False, importing)

    def caller(self, depth: int = 1) -> Origin:
        """Return whose the nearest frame is that is not Python's own mapping and environment code."""
        frame: FrameType | None = sys._getframe(depth)  # noqa: SLF001
        while frame is not None:
            name = frame.f_code.co_filename
            if not name.startswith(_WATCH) and name.rpartition(os.sep)[2] not in _MAPPING_FILES:
                side = self._side(name) or Side.PYTHON
                return Origin(side, self._where(name, frame.f_lineno), direct=True, importing=False)
            frame = frame.f_back
        return Origin(Side.OWN, "", direct=False, importing=False)

    def is_called(self, names: set[str], depth: int = 1) -> bool:
        """Return whether one of the standard library's functions `names` stands between the caller and other code."""
        frame: FrameType | None = sys._getframe(depth)  # noqa: SLF001
        while frame is not None and self._side(frame.f_code.co_filename) in (Side.PYTHON, None):
            if frame.f_code.co_name in names:
                return True
            frame = frame.f_back
        return False

    def _side(self, file: str) -> Side | None:
        if file not in self._sides:
            self._sides[file] = self._classify(file)
        return self._sides[file]

    def _classify(self, file: str) -> Side | None:
        if file.startswith("<"):
            return Side.PYTHON if file.startswith("<frozen") else None
        path = file if os.path.isabs(file) else os.path.join(self._places.root, file)  # noqa: PTH117, PTH118
        if path.startswith(_WATCH):
            return None
        if path.startswith(_STEPS):
            return Side.STEP
        if path.startswith(_PACKAGE + os.sep):
            return Side.OWN
        if path.startswith(_STANDARD) and "-packages" not in path:
            return Side.PYTHON
        return Side.LIBRARY if self._places.is_library(path) else Side.USER

    def _where(self, file: str, line: int) -> str:
        path = file if os.path.isabs(file) else os.path.join(self._places.root, file)  # noqa: PTH117, PTH118
        for base in (self._places.root, os.path.dirname(_PACKAGE)):  # noqa: PTH120
            if path.startswith(base + os.sep):
                path = path[len(base) + 1 :]
                break
        return f"{path.replace(os.sep, '/')}:{line}"


_MAPPING_FILES = {"os.py", "_collections_abc.py", "<frozen os>", "<frozen _collections_abc>"}
