"""Installed distributions: which one a module belongs to, and its version."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from importlib import metadata

from mlops_kit.errors import StaleError


def find_distributions(modules: Iterable[str]) -> tuple[str, ...]:
    """Return the installed distributions that the top-level `modules` belong to, by normalized name, sorted.

    Modules of the standard library, and modules that are not installed, are left out.
    """
    wanted = [name for name in modules if name not in sys.stdlib_module_names]
    if not wanted:
        return ()
    owners = metadata.packages_distributions()
    return tuple(sorted({_normalize(owners[name][0]) for name in wanted if name in owners}))


def owners_of(modules: Iterable[str]) -> dict[str, str]:
    """Return module -> the installed distribution that it belongs to, by normalized name; modules that are not installed are left out."""
    owners = metadata.packages_distributions()
    return {name: _normalize(owners[name][0]) for name in modules if name in owners}


def version_of(distribution: str) -> str:
    """Return the installed version of `distribution`. Raises StaleError when it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        raise StaleError(
            f"the package {distribution} is not installed", fix=f"pip install {distribution}"
        ) from None


def describe_mismatch(recorded: Mapping[str, str]) -> str:
    """Return what differs between `recorded` versions and the installed ones, in words; empty when nothing does."""
    different = []
    for name, version in sorted(recorded.items()):
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            found = "missing"
        if found != version:
            different.append(f"{name} {found} (recorded {version})")
    return ", ".join(different)


def _normalize(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
