"""Requirements of Python packages and the conditions on them (PEP 508).

What is simple is judged here; `packaging` knows the rest, and loading it costs as much as all other work of `generate --check`.
"""

from __future__ import annotations

import operator
import os
import re
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from mlops_kit.artifacts.pins import Needed, normal_name
from mlops_kit.errors import SpecError

_PLAIN = re.compile(
    r"^([A-Za-z0-9][\w.-]*)[ \t]*(?:\[([\w., -]*)\])?[ \t]*(?:\(?[<>=!~][^;\[@]*\)?)?[ \t]*(?:;[ \t]*(.*))?$"
)
_TERM = re.compile(r"^(\w+)[ \t]*(==|!=|<=|>=|<|>)[ \t]*(?:'([^']*)'|\"([^\"]*)\")$")
_NUMBERS = re.compile(r"\d+(?:\.\d+)*")
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip
_SYSTEMS = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}


@lru_cache(maxsize=4096)
def parse_requirement(text: str) -> Needed:
    """Return one line of a distribution's requirements as a value. Raises SpecError when it is not one."""
    plain = _PLAIN.match(text)
    if plain:
        extras = tuple(sorted(part.strip() for part in (plain[2] or "").split(",") if part.strip()))
        return Needed(normal_name(plain[1]), extras, plain[3] or "")
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        found = Requirement(text)
    except InvalidRequirement as error:
        raise SpecError(f"`{text}` is no requirement: {error}", where="installed metadata") from None
    return Needed(normal_name(found.name), tuple(sorted(found.extras)), str(found.marker or ""))


@lru_cache(maxsize=4096)
def holds(marker: str, extras: tuple[str, ...], python: str, facts: tuple[tuple[str, str], ...]) -> bool:
    """Return whether the condition `marker` holds for the minor version `python` when one of `extras`, or none, is asked for.

    `facts` describe the platform (`sys_platform` and so on); empty for this one. Raises SpecError when it is no condition.
    """
    return any(_holds(marker, {**dict(facts), "extra": extra}, python) for extra in ("", *extras))


def _holds(marker: str, environment: Mapping[str, str], python: str) -> bool:
    known = {
        "sys_platform": sys.platform, "platform_system": _SYSTEMS.get(sys.platform, ""), "os_name": os.name, **environment,
    }  # fmt: skip
    results = []
    for part in marker.split(" or "):
        terms = [_term(term.strip(), known, python) for term in part.split(" and ")]
        if None in terms:
            return _ask_packaging(marker, environment, python)
        results.append(all(terms))
    return any(results)


def _term(text: str, known: Mapping[str, str], python: str) -> bool | None:
    """Return what one comparison gives, None when it is not simple."""
    found = _TERM.match(text)
    if not found:
        return None
    name, sign, value = found[1], found[2], found[3] if found[3] is not None else found[4]
    if name in ("python_version", "python_full_version") and _NUMBERS.fullmatch(value):
        numbers = [tuple(map(int, version.split("."))) for version in (python, value)]
        # Of a full version 3.12 means 3.12.0, so that these two ask for the minor version alone.
        if len(numbers[1]) == 2 and (name == "python_version" or sign in ("<", ">=")):
            return _COMPARE[sign](*numbers)
    if name == "extra" and sign in ("==", "!="):
        return _COMPARE[sign](normal_name(known["extra"]), normal_name(value))
    if name in known and known[name] and sign in ("==", "!="):
        return _COMPARE[sign](known[name], value)
    return None


def _ask_packaging(marker: str, environment: Mapping[str, str], python: str) -> bool:
    from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName

    full = ".".join(map(str, sys.version_info[:3]))
    versions = {
        "python_version": python,
        "python_full_version": full if full.startswith(f"{python}.") else f"{python}.0",
    }
    try:
        return bool(Marker(marker).evaluate({**environment, **versions}))
    except (InvalidMarker, UndefinedEnvironmentName) as error:
        raise SpecError(f"`{marker}` is no condition: {error}", where="requirements") from None
