"""How much may run side by side: processors, memory and groups of stages that keep each other out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_kit.artifacts.declared import DeclaredStage
from mlops_kit.engines._base import Resources
from mlops_kit.errors import SpecError

META = "mlops-kit"
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_FORMS = "`cpu` a number above 0, `memory` a size such as 512M or 8G, `group` a name"


def read_resources(stage: DeclaredStage, peak: int = 0) -> Resources:
    """Return what a stage asks for: its `meta: {mlops-kit: {cpu, memory, group}}`, and for memory else its recorded `peak` (bytes).

    Raises SpecError for hints of another form.
    """
    hints = stage.meta.get(META) or {}
    if not isinstance(hints, Mapping):
        raise SpecError(
            f"`meta.{META}` of stage `{stage.name}` is not a mapping", where=stage.file, fix=_FORMS
        )
    try:
        cpus = float(hints.get("cpu", 1))
        if not cpus > 0:
            raise ValueError("cpu")  # noqa: TRY301 - the same answer to all
        return Resources(cpus, parse_size(hints.get("memory", peak)), str(hints.get("group") or ""))
    except (TypeError, ValueError):
        raise SpecError(
            f"`meta.{META}` of stage `{stage.name}` cannot be used", where=stage.file, fix=_FORMS
        ) from None


def parse_size(value: Any) -> int:
    """Return bytes of a number, or of a text such as `512M`, `8G`, `8 GiB`, by powers of 1,024. Raises ValueError for anything else."""
    if isinstance(value, bool):
        raise ValueError("not a size")  # noqa: TRY004 - one kind of error for all that is no size
    text = str(value).strip().lower().removesuffix("b").removesuffix("i")
    unit = text[-1:] if text[-1:] in "kmgt" else ""
    number = float(text.removesuffix(unit).strip() if unit else text)
    if not 0 <= number < 1 << 60:
        raise ValueError("not a size")
    return int(number * _UNITS[unit])


class Room:
    """What the running stages leave free."""

    def __init__(self, jobs: int, memory: int) -> None:
        """Begin with `jobs` places and `memory` bytes (0 when that is not known)."""
        self._jobs = jobs
        self._memory = memory
        self._running: dict[str, Resources] = {}

    def fits(self, wanted: Resources) -> bool:
        """Return whether a stage with these needs may start now. One that asks for more than there is runs alone."""
        running = self._running.values()
        if wanted.group and any(one.group == wanted.group for one in running):
            return False
        if not running:
            return True
        if len(running) >= self._jobs or sum(one.cpus for one in running) + wanted.cpus > self._jobs:
            return False
        needed = sum(one.memory for one in running) + wanted.memory
        return not (self._memory and wanted.memory and needed > self._memory)

    def take(self, stage: str, wanted: Resources) -> None:
        """Note that a stage runs."""
        self._running[stage] = wanted

    def leave(self, stage: str) -> None:
        """Note that a stage has ended."""
        self._running.pop(stage, None)

    @property
    def full(self) -> bool:
        """Return whether no further stage can start whatever it needs."""
        return len(self._running) >= self._jobs
