"""Two runs of a stage differ by themselves: one source of chance after the other is taken away until they agree."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
    Pin(CauseKind.RANDOMNESS, {"pin": "randomness"}, "when chance is seeded"),
    Pin(CauseKind.HASH_SEED, {"hashseed": "0"}, "with a fixed hash seed"),
    Pin(CauseKind.PATH, {}, "in the same folder", same_folder=True),
    # Before the clock: threads that sleep while it stands still often end in the same order by chance.
    Pin(CauseKind.PROCESS_ORDER, {"pin": "order"}, "when parallel work is done one after the other"),
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
    ("uuid", (CauseKind.RANDOMNESS, CauseKind.CLOCK)),
    ("random ids", (CauseKind.RANDOMNESS,)),
    ("memory address", (CauseKind.ADDRESS,)),
    ("addresses or dates", (CauseKind.CLOCK, CauseKind.ADDRESS)),
    ("temporary path", (CauseKind.PATH, CauseKind.RANDOMNESS)),
    ("absolute path", (CauseKind.PATH,)),
    ("same set", (CauseKind.HASH_SEED,)),
    ("another order", (CauseKind.HASH_SEED, CauseKind.PROCESS_ORDER)),
)
_ADDRESSES = re.compile(r": 1[34]\d{13} -> 1[34]\d{13}\b")


def find_chance(
    lab: Laboratory, unstable: Mapping[str, str], usable: Sequence[str]
) -> tuple[list[Cause], list[str]]:
    """Return what makes the outputs `unstable` (path -> first line of how two runs of them differ) come out differently.

    `usable` names the axes that this machine can set. Also returns what was tried, in words.
    """
    hunt = _Hunt(lab, dict(unstable))
    try:
        hunt.run([pin for pin in PINS if all(axis in (*usable, "pin") for axis in pin.axes)])
    except SpentError as error:
        hunt.tried.append(str(error))
    return hunt.causes, hunt.tried


@dataclass
class _Hunt:
    """The search for the causes of several outputs at once."""

    lab: Laboratory
    left: dict[str, str]
    causes: list[Cause] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)

    def run(self, pins: Sequence[Pin]) -> None:
        """Try what the difference hints at, alone and together, then whether anything helps at all, then all the rest."""
        kinds = _hinted(" ".join(self.left.values()))
        hinted = [pin for kind in kinds for pin in pins if pin.kind is kind]
        self._alone(hinted)
        if self.left and len(hinted) > 1:
            self._together(hinted)
        if self.left and hinted and not self._agreeing(pins, CONFIRMATIONS - 1)[0]:
            self.tried.append("when all that can be held still is")
            return
        self._alone([pin for pin in pins if pin not in hinted])
        if self.left:
            self._together(pins)

    def _alone(self, pins: Sequence[Pin]) -> None:
        for pin in pins:
            if not self.left:
                return
            agreed, lines = self._agreeing([pin])
            self.tried.append(pin.words)
            self.causes += [_cause(pin, path, self.left.pop(path), lines) for path in sorted(agreed)]

    def _together(self, pins: Sequence[Pin]) -> None:
        """Add causes that only together explain what is left: all pins at once, then each that cannot be missed."""
        agreed, lines = self._agreeing(pins)
        if not agreed:
            return
        needed = list(pins)
        if len(pins) > 2:  # of two, neither was enough alone
            for pin in reversed(
                pins
            ):  # the last, which hold several things still at once, are given up first
                fewer = [one for one in needed if one is not pin]
                if agreed <= self._agreeing(fewer)[0]:
                    needed = fewer
        names = " and ".join(pin.words for pin in needed)
        for path in sorted(agreed):
            place = self.left.pop(path)
            self.causes += [_cause(pin, path, place, lines, f"only {names}") for pin in needed]

    def _agreeing(self, pins: Sequence[Pin], runs: int = CONFIRMATIONS) -> tuple[set[str], dict[str, str]]:
        """Return which of the paths that are left agree in `runs` runs under `pins`, and pin -> the line that asked for it."""
        axes, same_folder = _merge(pins), any(pin.same_folder for pin in pins)
        first = self.lab.run(axes, same_folder=same_folder)
        agreed = {path for path in self.left if path in first.prints}
        for _ in range(runs - 1):
            if not agreed:
                break
            again = self.lab.run(axes, same_folder=same_folder)
            agreed = {path for path in agreed if again.prints.get(path) == first.prints[path]}
        return agreed, {one["kind"]: one["where"] for one in reversed(first.rerun.findings) if one["where"]}


def _cause(pin: Pin, path: str, place: str, lines: Mapping[str, str], also: str = "") -> Cause:
    evidence = f"two runs differ, and agree {also or pin.words}"
    return Cause(pin.kind, evidence, path, place, lines.get(pin.axes.get("pin", ""), ""))


def _hinted(words: str) -> list[CauseKind]:
    """Return what the words hint at."""
    kinds = [kind for hint, kinds in HINTS if hint in words for kind in kinds]
    if _ADDRESSES.search(words):
        kinds.append(CauseKind.ADDRESS)
    return list(dict.fromkeys(kinds))


def _merge(pins: Sequence[Pin]) -> dict[str, str]:
    axes: dict[str, str] = {}
    for pin in pins:
        axes.update({name: value for name, value in pin.axes.items() if name != "pin"})
    named = [pin.axes["pin"] for pin in pins if "pin" in pin.axes]
    return {**axes, **({"pin": ",".join(named)} if named else {})}
