"""What a second run is put under so that it shows what a result depends on: the axes of the perturbation sweep."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.outside.isolated import Limits
from mlops_kit.outside.machine import can_set, find_faketime, installed_locales, processors
from mlops_kit.outside.resources import templates_root
from mlops_kit.steps.perturbation import variables_of

CLOCK_DAYS = 398
CLOCK = f"+{CLOCK_DAYS}d"
DEEP_FOLDER = "a long folder with a space, ü and ж/" + "/".join(["nested" * 4] * 3)
_SITE = "perturb"
_OTHER_LOCALES = ("tr_TR", "de_DE", "fr_FR")


@dataclass(frozen=True)
class Axis:
    """One thing that a clean rerun may have different."""

    name: str
    """Short name, as in the report."""
    what: str
    """What is different, in words."""
    group: int
    """Axes of one group are perturbed together first; those that would hide each other are in different groups."""
    machine: bool = False
    """Whether the machine must allow it; R4 does not wait for it where it does not."""


AXES = {
    axis.name: axis
    for axis in (
        Axis("threads", "number of threads of numeric libraries", 1),
        Axis("hashseed", "seed of Python's hashes", 1),
        Axis("path", "folder: long, with a space and letters beyond ASCII", 1),
        Axis("files", "order in which folders list their files, and another file system", 1),
        Axis("clock", f"clock, {CLOCK_DAYS} days ahead", 1),
        Axis("network", "no TCP connections", 1),
        Axis("zone", "time zone", 2),
        Axis("locale", "locale", 2),
        Axis("user", "user name, home folder, umask", 2),
        Axis("noise", "unrelated environment variables", 2),
        Axis("cpus", "number of processors", 2, machine=True),
        Axis("aslr", "addresses that are not random", 2, machine=True),
    )
}


@dataclass(frozen=True)
class Sweep:
    """The axes that can be perturbed here."""

    values: Mapping[str, str]
    """Axis -> value."""
    impossible: Mapping[str, str]
    """Axis -> why it cannot be perturbed on this machine."""

    def untried(self) -> dict[str, str]:
        """Return those of the impossible axes that every machine can perturb, so that R4 waits for them."""
        return {name: reason for name, reason in self.impossible.items() if not AXES[name].machine}

    def groups(self) -> list[dict[str, str]]:
        """Return the axes that are perturbed together."""
        numbers = sorted({AXES[name].group for name in self.values})
        return [
            {name: value for name, value in self.values.items() if AXES[name].group == number}
            for number in numbers
        ]


def plan_sweep(threads: int) -> Sweep:
    """Return the axes that can be perturbed on this machine; `threads` is the declared number of threads."""
    impossible: dict[str, str] = {}
    values = {
        "threads": str(threads + 1),
        "hashseed": "4242",
        "path": "deep",
        "files": "reversed",
        "clock": f"{CLOCK} libfaketime" if find_faketime() else CLOCK,
        "network": "off" if can_set(Limits(network=False)) else "blocked in Python",
        "zone": "Pacific/Kiritimati",
        "locale": _other_locale(),
        "user": "somebody",
        "noise": "on",
    }
    if processors() > 1 and can_set(Limits(cpus=1)):
        values["cpus"] = "1"
    else:
        impossible["cpus"] = "there is one processor, or this system does not let a process choose"
    if can_set(Limits(aslr=False)):
        values["aslr"] = "off"
    else:
        impossible["aslr"] = "this system does not let a process switch it off"
    return Sweep({name: values[name] for name in AXES if name in values}, impossible)


def folder_of(axes: Mapping[str, str]) -> str:
    """Return the name of the folder, below the workspace, in which the commit is checked out."""
    return DEEP_FOLDER if "path" in axes else "tree"


def limits_of(axes: Mapping[str, str]) -> Limits:
    """Return the limits that the command's process is put under."""
    return Limits(
        umask=0o077 if "user" in axes else None,
        cpus=int(axes["cpus"]) if "cpus" in axes else None,
        aslr="aslr" not in axes,
        network=axes.get("network") != "off",
    )


def environment_of(axes: Mapping[str, str], base: Mapping[str, str], workspace: Path) -> dict[str, str]:
    """Return the environment `base` with `axes` perturbed; folders that it names are made below `workspace`."""
    if not axes:
        return dict(base)
    made = {**base, **variables_of(axes)}
    if "user" in axes:
        home = workspace / "home of somebody"
        home.mkdir(parents=True, exist_ok=True)
        made |= {"HOME": str(home), "USERPROFILE": str(home), "USER": axes["user"], "LOGNAME": axes["user"]}
        made = {name: value for name, value in made.items() if not name.startswith("XDG_")}
    if "clock" in axes and "libfaketime" in axes["clock"]:
        made |= {"LD_PRELOAD": str(find_faketime()), "FAKETIME": CLOCK, "FAKETIME_DONT_RESET": "1"}
    site = workspace / _SITE
    site.mkdir()
    for name in ("sitecustomize.py", "pins.py"):
        shutil.copyfile(templates_root() / "perturb" / name, site / name)
    inside = [str(site), *filter(None, [base.get("PYTHONPATH")])]
    return {**made, "PYTHONPATH": os.pathsep.join(inside)}


def was_masked(workspace: Path) -> bool:
    """Return whether a Python process of the stage was kept from seeing what was perturbed, so that its result says nothing."""
    return (workspace / _SITE / "masked").exists()


def _other_locale() -> str:
    """Return a locale that is as unlike C.UTF-8 as this machine has it: Turkish letters, a decimal comma, else plain C."""
    known = installed_locales()
    for name in _OTHER_LOCALES:
        found = [one for one in known if re.fullmatch(rf"{name}\.utf-?8", one, re.IGNORECASE)]
        if found:
            return found[0]
    return "C" if sys.platform != "win32" else "C.UTF-8"
