"""Why a stage would run, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlops_kit.artifacts.freshness import CHANGED, GONE, NOT_RECORDED, Cause
from mlops_kit.spec.names import PARAMS, PROVENANCE

_LONGEST = 60


@dataclass(frozen=True)
class Reason:
    """One cause, for people and for programs."""

    kind: str
    """`code`, `data`, `param`, `package`, `contract`, `runtime`, `output`, `command`, `upstream`, `new` or `always`."""
    name: str
    """Path, key, package or stage."""
    text: str
    """In words."""
    old: str = ""
    """What was recorded."""
    new: str = ""
    """What is now."""


def describe_cause(cause: Cause, via: Mapping[str, str]) -> Reason:
    """Return a cause in words; `via` is Python file -> the import (`file:line`) that leads to it, of a generated stage."""
    if cause.kind == "new":
        return Reason("new", cause.name, "it has not run yet")
    if cause.kind == "always":
        return Reason("always", cause.name, f"it always runs ({cause.name})")
    if cause.kind == "command":
        return Reason(
            "command",
            "cmd",
            f"its command changed: {_short(cause.old)} -> {_short(cause.new)}",
            cause.old,
            cause.new,
        )
    if cause.kind == "out":
        what = {GONE: "is missing", CHANGED: "is not what it wrote", NOT_RECORDED: "is a new output"}
        return Reason(
            "output", cause.name, f"{cause.name} {what.get(cause.new, f'is {cause.new}')}", new=cause.new
        )
    if cause.kind == "dep":
        return _input(cause, via)
    return _value(cause)


def _input(cause: Cause, via: Mapping[str, str]) -> Reason:
    kind = "code" if cause.name in via or cause.name.endswith(".py") else "data"
    what = {GONE: "is missing", CHANGED: "changed", NOT_RECORDED: "is a new dependency"}[cause.new]
    way = " <- ".join(_way(cause.name, via))
    text = f"{cause.name} {what}" + (f" (imported at {way})" if way else "")
    return Reason(kind, cause.name, text, new=cause.new)


def _way(path: str, via: Mapping[str, str]) -> Iterator[str]:
    """Yield the imports that lead from a file back to the stage's own file."""
    seen: set[str] = set()
    while (where := via.get(path)) and path not in seen:
        seen.add(path)
        yield where
        path = where.rpartition(":")[0]


def _value(cause: Cause) -> Reason:
    file, _, key = cause.name.partition(":")
    kind, shown = "param", cause.name.removeprefix(f"{PARAMS}:")
    if file == PROVENANCE:
        group, _, rest = key.partition(".")
        kind = {"packages": "package", "contracts": "contract"}.get(group, "runtime")
        shown = {"package": rest, "contract": "the step's contract"}.get(
            kind, "Python" if rest == "python" else rest
        )
    return Reason(
        kind,
        key if file == PROVENANCE else cause.name,
        f"{shown} {_short(cause.old)} -> {_short(cause.new)}",
        cause.old,
        cause.new,
    )


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"
