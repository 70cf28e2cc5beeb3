"""Two runs of a stage differ by themselves: one source of chance after the other is taken away until they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlops_kit.compare.causes import Cause, CauseKind
from mlops_kit.project.reproduce.laboratory import Laboratory, SpentError

CONFIRMATIONS = 3
"""Runs under one pin that must agree before it is named: two can agree by chance, as threads that race often do."""


@dataclass(frozen=True)
class Pin:
    """One source of chance, taken away."""

    kind: CauseKind
    """What it is called when it is the cause."""
    axes: Mapping[str, str]
    """What the runs are put under."""
    words: str
    """What was done, as the end of `two runs differ, and agree ...`."""
    same_folder: bool = False
    """Whether the runs take place in the very same folder."""


PINS = (
    Pin(CauseKind.PATH, {}, "in the same folder", same_folder=True),
    Pin(CauseKind.HASH_SEED, {"hashseed": "0"}, "with a fixed hash seed"),
    Pin(CauseKind.PROCESS_ORDER, {"pin": "order"}, "when parallel work is done one after the other"),
    Pin(CauseKind.RANDOMNESS, {"pin": "randomness"}, "when chance is seeded"),
    Pin(CauseKind.CLOCK, {"pin": "clock"}, "when the clock stands still"),
    Pin(CauseKind.PROCESS_ID, {"pin": "pid"}, "with a fixed process id"),
    Pin(CauseKind.THREADS, {"threads": "1", "cpus": "1"}, "with one thread"),
    Pin(CauseKind.FILE_ORDER, {"pin": "files"}, "when folders list their files by name"),
    Pin(
        CauseKind.ADDRESS,
        {"aslr": "off", "hashseed": "0"},
        "with fixed addresses",
        same_folder=True,
    ),
)

# Words in the comparison of two runs -> what to try first. They decide the order of trials, never the cause.
HINTS: tuple[tuple[str, tuple[CauseKind, ...]], ...] = (
    ("date", (CauseKind.CLOCK,)),
    ("time", (CauseKind.CLOCK,)),
    ("uuid", (CauseKind.RANDOMNESS,)),
    ("random ids", (CauseKind.RANDOMNESS,)),
    ("memory address", (CauseKind.ADDRESS,)),
    ("addresses or dates", (CauseKind.CLOCK, CauseKind.ADDRESS)),
    ("temporary path", (CauseKind.PATH, CauseKind.RANDOMNESS)),
    ("absolute path", (CauseKind.PATH,)),
    ("same set", (CauseKind.HASH_SEED,)),
    ("another order", (CauseKind.HASH_SEED, CauseKind.PROCESS_ORDER)),
)


def find_chance(
    lab: Laboratory, unstable: Mapping[str, str], usable: Sequence[str]
) -> tuple[list[Cause], list[str]]:
    """Return what makes the outputs `unstable` (path -> first line of how two runs of them differ) come out differently.

    `usable` names the axes that this machine can set. Also returns what was tried, in words.
    """
    left = dict(unstable)
    causes: list[Cause] = []
    tried: list[str] = []
    pins = [pin for pin in PINS if all(axis in (*usable, "pin") for axis in pin.axes)]
    try:
        for pin in _ordered(pins, " ".join(unstable.values())):
            agreed, lines = _agreeing(lab, pin.axes, set(left), same_folder=pin.same_folder)
            tried.append(pin.words)
            causes += [_cause(pin, path, left.pop(path), lines) for path in sorted(agreed)]
            if not left:
                return causes, tried
        causes += _together(lab, pins, left)
    except SpentError as error:
        tried.append(str(error))
    return causes, tried


def _cause(pin: Pin, path: str, place: str, lines: Mapping[str, str], also: str = "") -> Cause:
    evidence = f"two runs differ, and agree {also or pin.words}"
    return Cause(pin.kind, evidence, path, place, lines.get(pin.axes.get("pin", ""), ""))


def _ordered(pins: Sequence[Pin], words: str) -> list[Pin]:
    """Return the pins with those that the words hint at first."""
    hinted = [kind for hint, kinds in HINTS if hint in words for kind in kinds]
    return sorted(pins, key=lambda pin: hinted.index(pin.kind) if pin.kind in hinted else len(hinted))


def _agreeing(
    lab: Laboratory, axes: Mapping[str, str], paths: set[str], *, same_folder: bool
) -> tuple[set[str], dict[str, str]]:
    """Return the paths in which CONFIRMATIONS runs under `axes` agree, and pin -> the line that asked for it."""
    first = lab.run(axes, same_folder=same_folder)
    agreed = {path for path in paths if path in first.prints}
    for _ in range(CONFIRMATIONS - 1):
        if not agreed:
            break
        again = lab.run(axes, same_folder=same_folder)
        agreed = {path for path in agreed if again.prints.get(path) == first.prints[path]}
    return agreed, {one["kind"]: one["where"] for one in reversed(first.rerun.findings) if one["where"]}


def _together(lab: Laboratory, pins: Sequence[Pin], left: dict[str, str]) -> list[Cause]:
    """Return causes that only together explain what is `left`: all pins at once, then each that cannot be missed."""
    agreed, lines = _agreeing(lab, _merge(pins), set(left), same_folder=True)
    if not agreed:
        return []
    needed = list(pins)
    for pin in reversed(pins):  # the last, which hold several things still at once, are given up first
        fewer = [one for one in needed if one is not pin]
        same_folder = any(one.same_folder for one in fewer)
        if agreed <= _agreeing(lab, _merge(fewer), agreed, same_folder=same_folder)[0]:
            needed = fewer
    names = " and ".join(pin.words for pin in needed)
    return [
        _cause(pin, path, left[path], lines, f"only {names}") for path in sorted(agreed) for pin in needed
    ]


def _merge(pins: Sequence[Pin]) -> dict[str, str]:
    axes: dict[str, str] = {}
    for pin in pins:
        axes.update({name: value for name, value in pin.axes.items() if name != "pin"})
    named = [pin.axes["pin"] for pin in pins if "pin" in pin.axes]
    return {**axes, **({"pin": ",".join(named)} if named else {})}
