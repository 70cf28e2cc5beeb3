"""What is done about hidden inputs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

MODE = "MLOPS_KIT_WATCH"


class WatchMode(StrEnum):
    """What is done about what a stage uses and does not declare."""

    OFF = "off"
    WARN = "warn"
    REFUSE = "refuse"


def watch_mode(environment: Mapping[str, str], default: WatchMode = WatchMode.WARN) -> WatchMode:
    """Return the mode that MLOPS_KIT_WATCH names; `default` when it names none."""
    value = environment.get(MODE, "")
    return WatchMode(value) if value in set(WatchMode) else default
