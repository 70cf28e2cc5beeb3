"""Exact versions of Python packages as other tools lock them: uv.lock, pylock.toml, requirements files with `==`. Text in, values out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_kit.errors import SpecError

_HASHES = re.compile(r"^(?:wheels = \[\n(?:[ \t].*\n)*\]|sdist = .*)\n", re.MULTILINE)
_TABLES = re.compile(r"^\[\[?packages?\.(?:wheels|sdist|archive)\]\]?\n(?:(?!\[).*\n)*", re.MULTILINE)
_PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9][\w.-]*)[ \t]*(?:\[[^\]]*\])?[ \t]*={2,3}[ \t]*(?P<version>[^\s;,#\\]+)[ \t]*(?:;[ \t]*(?P<marker>.*?))?[ \t]*(?:--.*)?$"
)
_COMMENT = re.compile(r"(?:^|[ \t])#.*$", re.MULTILINE)
_NAMES = re.compile(r"[-_.]+")


@dataclass(frozen=True)
class Needed:
    """One requirement of a package."""

    name: str
    """Normalized name."""
    extras: tuple[str, ...] = ()
    """Extras of it that are asked for."""
    marker: str = ""
    """Condition on the environment; empty for always."""
    version: str = ""
    """The version that the lock means, where it holds several."""


@dataclass(frozen=True)
class Pin:
    """One locked version of one package."""

    name: str
    """Normalized name."""
    version: str
    """Version; with `@ commit` for one from a repository."""
    markers: tuple[str, ...] = ()
    """Conditions of which one must hold; none for always."""
    needs: tuple[Needed, ...] | None = None
    """What it requires; None where the lock does not say."""
    extras: Mapping[str, tuple[Needed, ...]] = field(default_factory=dict)
    """Extra -> what it requires besides."""
    local: bool = False
    """Whether its code is a folder, so that its version does not say what its code is."""


@dataclass(frozen=True)
class PinFile:
    """A lock file."""

    path: str
    """Path, relative to the project."""
    pins: tuple[Pin, ...]
    """What it pins; several of one name hold under different markers."""
    complete: bool
    """Whether every requirement in it is pinned."""


def read_pins(text: str, path: str) -> PinFile:
    """Read the lock file `path` by its name: `uv.lock`, `pylock*.toml`, else a requirements file.

    Raises SpecError when it cannot be read.
    """
    name = path.rpartition("/")[2]
    if name == "uv.lock":
        return PinFile(path, tuple(_uv(_load(text, path))), True)
    if name.startswith("pylock") and name.endswith(".toml"):
        return PinFile(path, tuple(_pylock(_load(text, path))), True)
    pins, complete = _requirements(text)
    return PinFile(path, pins, complete)


def normal_name(name: str) -> str:
    """Return the normalized form of a package's name."""
    return _NAMES.sub("-", name).lower()


def _load(text: str, path: str) -> dict[str, Any]:
    import tomllib

    try:
        # The parser is in Python, and nine tenths of a lock are hashes of files.
        return tomllib.loads(_HASHES.sub("", _TABLES.sub("", text.replace("\r\n", "\n"))))
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"not valid TOML: {error}", where=path, fix="make the lock again: uv lock") from None


def _uv(value: Mapping[str, Any]) -> Iterator[Pin]:
    for package in value.get("package", ()):
        source = package.get("source") or {}
        commit = str(source.get("git", "")).rpartition("#")[2] if "#" in str(source.get("git", "")) else ""
        version = str(package.get("version", ""))
        yield Pin(
            normal_name(package["name"]),
            f"{version} @ {commit}" if commit else version,
            tuple(package.get("resolution-markers", ())),
            tuple(_needed(package.get("dependencies", ()))),
            {
                extra: tuple(_needed(items))
                for extra, items in (package.get("optional-dependencies") or {}).items()
            },
            any(kind in source for kind in ("editable", "virtual", "directory")),
        )


def _pylock(value: Mapping[str, Any]) -> Iterator[Pin]:
    for package in value.get("packages", ()):
        commit = str((package.get("vcs") or {}).get("commit-id", ""))
        version = str(package.get("version", ""))
        marker = str(package.get("marker", ""))
        yield Pin(
            normal_name(package["name"]),
            f"{version} @ {commit}" if commit else version,
            (marker,) if marker else (),
            tuple(_needed(package["dependencies"])) if "dependencies" in package else None,
            local="directory" in package,
        )


def _needed(items: Iterable[Mapping[str, Any]]) -> Iterator[Needed]:
    for item in items:
        yield Needed(
            normal_name(item["name"]),
            tuple(item.get("extra", ())),
            str(item.get("marker", "")),
            str(item.get("version", "")),
        )


def _requirements(text: str) -> tuple[tuple[Pin, ...], bool]:
    """Return the pins of a requirements file, and whether it has nothing else."""
    pins: list[Pin] = []
    complete = True
    for text_line in _COMMENT.sub("", text.replace("\r\n", "\n").replace("\\\n", " ")).splitlines():
        line = text_line.strip()
        if not line or line.startswith("--hash"):
            continue
        found = _PIN.match(line)
        if found and not found["version"].endswith("*"):
            marker = found["marker"] or ""
            pins.append(Pin(normal_name(found["name"]), found["version"], (marker,) if marker else ()))
        elif not line.startswith(
            ("--index-url", "--extra-index-url", "--find-links", "--no-binary", "--only-binary", "-i ", "-f ")
        ):
            complete = False
    return tuple(pins), complete and bool(pins)
