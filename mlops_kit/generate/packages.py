"""The packages that a stage's code uses: those of its imports and all that these require, each with its exact version."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mlops_kit.artifacts.conditions import holds, parse_requirement
from mlops_kit.artifacts.pins import Needed, Pin, PinFile, normal_name, read_pins
from mlops_kit.errors import SpecError, StaleError
from mlops_kit.outside import git
from mlops_kit.outside.distributions import OWN, Installation
from mlops_kit.steps.recorded import install_command

# Tried in this order when mlops.yaml does not name one; a requirements file counts when every line of it is pinned.
LOCKS = ("uv.lock", "pylock.toml", "requirements.lock", "requirements.txt")
NO_LOCK = "none"
# A key must not depend on the machine on which the files are generated, so conditions on the system are judged for all of these.
PLATFORMS: Mapping[str, Mapping[str, str]] = {
    f"{system}-{machine}": {
        "sys_platform": system, "platform_system": name, "os_name": os_name, "platform_machine": machine, "platform_release": "",
        "platform_version": "",
    }
    for system, name, os_name, machines in (
        ("linux", "Linux", "posix", ("x86_64", "aarch64")),
        ("darwin", "Darwin", "posix", ("arm64", "x86_64")),
        ("win32", "Windows", "nt", ("AMD64",)),
    )
    for machine in machines
}  # fmt: skip
EVERYWHERE = frozenset(PLATFORMS)
# Public functions of mlops_kit compute with these.
HELPERS: Mapping[str, tuple[str, ...]] = {
    "compute_metrics": ("numpy",),
    "cast_column": ("numpy", "pyarrow"),
    "profile_table": ("numpy", "pyarrow"),
    **dict.fromkeys(("apply_rules", "keep_contract", "profile_rows", "read_raw"), ("duckdb", "pyarrow")),
    "make_predictions": ("numpy", "pyarrow"),
    "vote_rows": ("duckdb", "numpy", "pyarrow"),
    "part_rows": ("pyarrow",),
    "read_rows": ("pyarrow",),
    "read_table": ("pyarrow",),
    "sample_rows": ("pyarrow",),
    "PartitionSet": ("pyarrow",),
    "dump_model": ("scikit-learn", "skops"),
    # Which of these it uses depends on the ending of a path that need not stand in the code.
    "write": ("numpy", "pandas", "pyarrow", "scikit-learn", "skops"),
    "canonical": ("numpy", "pandas", "pyarrow", "scikit-learn", "skops"),
}


@dataclass(frozen=True)
class UsedPackages:
    """What the imports of one stage come to."""

    names: tuple[str, ...]
    """Packages whose version is a dependency of the stage, normalized, sorted."""
    absent: tuple[str, ...]
    """Modules that the code tries to import and does without, because they are not there."""
    unknown: tuple[str, ...]
    """Modules that nobody provides: neither the project, nor Python, nor an installed package."""


@dataclass
class Packages:
    """The packages of a project: from its lock, and as they are installed here."""

    lock: PinFile | None
    """The lock that decides; None when what is installed decides."""
    python: str
    """Minor version of Python for which conditions are judged."""
    installation: Installation = field(default_factory=Installation)
    """What is installed here."""
    passed_over: tuple[str, ...] = ()
    """Lock files that do not count, because git does not have them."""

    def used_by(
        self,
        modules: Iterable[str],
        optional: Iterable[str],
        packages: Iterable[str],
        data: Iterable[str] = (),
    ) -> UsedPackages:
        """Return what `modules` (dotted names) and `packages` come to, with all that they require, and the packages `data`.

        Only files of the packages `data` are read, so that what these require does not count.

        `optional` are those of the modules without which the code goes on. The package of mlops_kit itself is left out: its steps
        carry contract versions. Raises StaleError when one of `packages` is neither locked nor installed.
        """
        wanted = [
            m for m in modules if m.partition(".")[0] not in sys.stdlib_module_names and m != "mlops_kit"
        ]
        helpers = [m.partition(".")[2] for m in wanted if m.startswith("mlops_kit.")]
        foreign = [m for m in wanted if not m.startswith("mlops_kit.")]
        owners = self.installation.owners(foreign)
        named = {name for names in owners.values() for name in names}
        for module in foreign:
            if module not in owners and (guess := self._locked_as(module)):
                owners[module] = (guess,)
                named.add(guess)
        required = {normal_name(p) for p in packages} | {p for h in helpers for p in HELPERS.get(h, ())}
        for name in sorted({*required, *data}):
            self.version(name)
        named |= required
        missing = {m.partition(".")[0] for m in foreign if m not in owners}
        absent = missing & {m.partition(".")[0] for m in optional}
        return UsedPackages(
            tuple(sorted({*self._all_of(named), *(normal_name(p) for p in data)} - {OWN})),
            tuple(sorted(absent)),
            tuple(sorted(missing - absent)),
        )

    def version(self, name: str) -> str:
        """Return the version of the package `name` by the lock, else as installed. Raises StaleError when neither has it."""
        pin = self._pin(name)
        found = pin.version if pin and pin.version else self.installation.version(name)
        if found is None:
            raise StaleError(
                f"the package {name} is not installed",
                fix=install_command(self.lock.path) if self.lock else f"pip install {name}",
            )
        return found

    def platforms(self, name: str) -> tuple[str, ...]:
        """Return on which platforms the package is needed; empty for all of them. Known when a stage was found to use it."""
        places = self._needed_on.get(name, EVERYWHERE)
        return () if places == EVERYWHERE else tuple(sorted(places))

    def disagreements(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return in words which of the packages the lock lacks, and which are installed here in another version."""
        if self.lock is None:
            return ()
        found = []
        for name in sorted(names):
            here = self.installation.version(name)
            if name not in self._pins:
                found.append(
                    f"{name} is used and {self.lock.path} does not have it; the installed {here} counts"
                )
            elif here is not None and here != self.version(name):
                found.append(f"{self.lock.path} has {name} {self.version(name)}, installed is {here}")
        return tuple(found)

    @cached_property
    def _needed_on(self) -> dict[str, frozenset[str]]:
        return {}

    @cached_property
    def _pins(self) -> Mapping[str, list[Pin]]:
        by_name: dict[str, list[Pin]] = {}
        for pin in self.lock.pins if self.lock else ():
            by_name.setdefault(pin.name, []).append(pin)
        return by_name

    def _pin(self, name: str, version: str = "") -> Pin | None:
        pins = self._pins.get(name, [])
        if len(pins) > 1:
            pins = (
                [p for p in pins if p.version == version]
                or [p for p in pins if self._holds_here(p.markers)]
                or pins
            )
        return pins[0] if pins else None

    def _holds_here(self, markers: Iterable[str]) -> bool:
        from mlops_kit.outside.distributions import current_platform

        places = [self._places(marker, ()) for marker in markers]
        return not places or any(current_platform() in found for found in places)

    def _locked_as(self, module: str) -> str:
        """Return the locked package that is called like a module which is not installed here."""
        name = normal_name(module.partition(".")[0])
        return name if name in self._pins else ""

    def _all_of(self, named: Iterable[str]) -> set[str]:
        """Return the packages `named` and all that they require on some platform."""
        places: dict[str, frozenset[str]] = {}
        extras: dict[str, frozenset[str]] = {}
        queue = [(Needed(name), EVERYWHERE) for name in sorted(named)]
        while queue:
            need, where = queue.pop()
            pin = self._pin(need.name, need.version)
            where = self._limit(pin, where)
            if not where or (pin is None and self.installation.version(need.name) is None):
                continue
            known, asked = places.get(need.name, frozenset()), extras.get(need.name, frozenset())
            if where <= known and asked.issuperset(need.extras):
                continue
            places[need.name] = known | where
            extras[need.name] = asked | set(need.extras)
            if need.name == OWN:
                continue
            for inner, condition in self._needs(need.name, pin, tuple(sorted(extras[need.name]))):
                queue.append((inner, places[need.name] & condition))
        for name, found in places.items():
            self._needed_on[name] = self._needed_on.get(name, frozenset()) | found
        return set(places)

    def _limit(self, pin: Pin | None, where: frozenset[str]) -> frozenset[str]:
        if pin is None or not pin.markers or self.lock is None or len(self._pins[pin.name]) > 1:
            return where
        return where & frozenset().union(*(self._places(marker, ()) for marker in pin.markers))

    def _needs(
        self, name: str, pin: Pin | None, extras: tuple[str, ...]
    ) -> list[tuple[Needed, frozenset[str]]]:
        if pin is not None and pin.needs is not None:
            listed = [*pin.needs, *(need for extra in extras for need in pin.extras.get(extra, ()))]
            return [(need, self._places(need.marker, extras)) for need in listed]
        found = []
        for text in self.installation.requires(name):
            need = parse_requirement(text)
            if where := self._places(need.marker, extras):
                found.append((need, where))
        return found

    def _places(self, marker: str, extras: tuple[str, ...]) -> frozenset[str]:
        """Return the platforms on which a condition holds for this Python; without a lock it is judged for this machine alone."""
        if not marker:
            return EVERYWHERE
        if self.lock is None:
            return EVERYWHERE if holds(marker, extras, self.python, ()) else frozenset()
        return frozenset(
            name
            for name, facts in PLATFORMS.items()
            if holds(marker, extras, self.python, tuple(facts.items()))
        )


def find_packages(root: Path, named: str | None, python: str) -> Packages:
    """Return the packages of the project at `root`; `named` is `runtime.lock` of mlops.yaml, None to look for a lock.

    Raises SpecError when the named lock does not exist or cannot be read.
    """
    if named == NO_LOCK:
        return Packages(None, python)
    if named is not None:
        if not (root / named).is_file():
            raise SpecError(
                f"`runtime.lock` names {named}, which does not exist",
                where="mlops.yaml",
                fix=f"make it, or set `lock: {NO_LOCK}` to take the installed versions",
            )
        return Packages(read_pins((root / named).read_text(encoding="utf-8"), named), python)
    present = [name for name in LOCKS if (root / name).is_file()]
    # What is generated depends on the commit alone: `uv sync` leaves a uv.lock in a clone of a project that has none.
    left = git.untracked_among(root, present) if present else frozenset()
    passed_over = tuple(name for name in present if name in left)
    for name in present:
        if name not in left:
            found = read_pins((root / name).read_text(encoding="utf-8"), name)
            if found.complete:
                return Packages(found, python, passed_over=passed_over)
    return Packages(None, python, passed_over=passed_over)


def python_version(root: Path) -> str:
    """Return the minor version of Python that the project's stages run in: .python-version, else this interpreter's."""
    import re

    path = root / ".python-version"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    found = re.match(r"\s*(?:cpython-?)?(\d+\.\d+)", text)
    return found[1] if found else f"{sys.version_info.major}.{sys.version_info.minor}"
