"""Installed distributions: which one a module belongs to, its version, and what it requires.

importlib.metadata builds an object for each file of each distribution to answer the first question (2.6 s for 160 of them); here the
lists of files are searched as bytes (0.02 s).
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

from mlops_kit.errors import StaleError

OWN = "dvc-mlops-kit"
_HEADER = re.compile(r"^(Version|Requires-Dist|Provides-Extra):[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)


class Installation:
    """What is installed on an import path, read when it is asked for."""

    def __init__(self, path: Iterable[str] | None = None) -> None:
        self._path = list(sys.path if path is None else path)
        self._headers: dict[str, dict[str, list[str]]] = {}
        self._by_top: dict[str, list[str]] = {}

    @cached_property
    def folders(self) -> Mapping[str, Path]:
        """Return normalized name -> folder (or file) with the metadata; the first on the path counts."""
        found: dict[str, Path] = {}
        for place in self._path:
            try:
                names = sorted(os.listdir(place)) if place else []  # noqa: PTH208 - a third of the time of Path.iterdir
            except OSError:
                continue
            for name in names:
                if name.endswith((".dist-info", ".egg-info")):
                    found.setdefault(normalize(name.rpartition(".")[0].partition("-")[0]), Path(place, name))
        return found

    def version(self, name: str) -> str | None:
        """Return the version of the distribution `name`, with `@ commit` when it was installed from a repository; None without it."""
        if normalize(name) not in self.folders:
            return None
        version = self._header(name).get("Version", [""])[0]
        commit = self.direct_url(name).get("vcs_info", {}).get("commit_id", "")
        return f"{version} @ {commit}" if commit else version

    def requires(self, name: str) -> tuple[str, ...]:
        """Return what the distribution `name` requires, as its metadata says it."""
        return tuple(self._header(name).get("Requires-Dist", ()))

    def is_linked(self, name: str) -> bool:
        """Return whether the distribution `name` is a link to a folder that can be edited."""
        editable: object = self.direct_url(name).get("dir_info", {}).get("editable")
        return normalize(name) in self.folders and editable is True

    def direct_url(self, name: str) -> dict[str, dict[str, str]]:
        """Return where the distribution `name` was installed from, when that is no index; else empty."""
        try:
            value = json.loads(
                (self.folders[normalize(name)] / "direct_url.json").read_text(encoding="utf-8")
            )
        except (OSError, ValueError, KeyError):
            return {}
        return value if isinstance(value, dict) else {}

    def owners(self, modules: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return dotted module name -> the distributions that it belongs to, by normalized name; unknown modules are left out.

        Several distributions may fill one top-level package; the module's further names tell which of them counts.
        """
        names = list(modules)
        self._look_for({name.partition(".")[0] for name in names} - set(self._by_top))
        found = {name: self._by_top[name.partition(".")[0]] for name in names}
        return {name: self._narrow(name, owners) for name, owners in found.items() if owners}

    def _look_for(self, tops: set[str]) -> None:
        if not tops:
            return
        self._by_top.update({top: [] for top in tops})
        words = b"|".join(re.escape(top.encode()) for top in sorted(tops))
        pattern = re.compile(rb"^(?:" + words + rb")(?=[/.][^\n]*,)", re.MULTILINE)
        for name in self.folders:
            for top in self._tops(name, pattern, tops):
                self._by_top[top].append(name)

    def _tops(self, name: str, pattern: re.Pattern[bytes], wanted: set[str]) -> Iterator[str]:
        record = self._record(name)
        found = {match.decode() for match in set(pattern.findall(record))} if record else set()
        if not record:
            found |= set(self._text(name, "top_level.txt").split())
        elif b".pth," in record or b"__editable__" in record:
            found |= {top for top in wanted if self._has_linked(name, record, top)}
        return iter(found & wanted)

    def _has_linked(self, name: str, record: bytes, top: str) -> bool:
        """Return whether an editable distribution has the module `top` in a folder that its link names."""
        base = self.folders[name].parent
        for line in record.decode("utf-8", "replace").splitlines():
            file = line.partition(",")[0]
            if file.startswith("__editable__") and file.endswith(".py") and f"'{top}':" in _read(base / file):
                return True
            if file.endswith(".pth"):
                for folder in map(Path, _read(base / file).splitlines()):
                    if folder.is_absolute() and ((folder / top).is_dir() or (folder / f"{top}.py").is_file()):
                        return True
        return False

    def _narrow(self, module: str, names: list[str]) -> tuple[str, ...]:
        parts = module.split(".")
        for depth in range(len(parts), 0, -1) if len(names) > 1 else ():
            start = "\n" + "/".join(parts[:depth])
            fits = [
                n
                for n in names
                if any(
                    (start + end).encode() in b"\n" + self._record(n) for end in ("/__init__.", ".py,", ".")
                )
            ]
            fits = fits or (
                [n for n in names if (start + "/").encode() in b"\n" + self._record(n)] if depth > 1 else []
            )
            if fits:
                return tuple(sorted(fits))
        return tuple(sorted(names))

    def _record(self, name: str) -> bytes:
        try:
            return (self.folders[name] / "RECORD").read_bytes()
        except OSError:
            return b""

    def _text(self, name: str, file: str) -> str:
        return _read(self.folders[name] / file)

    def _header(self, name: str) -> dict[str, list[str]]:
        name = normalize(name)
        if name not in self._headers:
            place = self.folders.get(name)
            texts = [] if place is None else [place, place / "METADATA", place / "PKG-INFO"]
            text = next((found for file in texts if (found := _read(file))), "")
            fields: dict[str, list[str]] = {}
            for key, value in _HEADER.findall(text.replace("\r\n", "\n").partition("\n\n")[0]):
                fields.setdefault(key, []).append(value)
            self._headers[name] = fields
        return self._headers[name]


def owners_of(modules: Iterable[str]) -> dict[str, str]:
    """Return module -> the installed distribution that it belongs to, by normalized name; modules that are not installed are left out."""
    return {module: names[0] for module, names in Installation().owners(modules).items()}


def version_of(distribution: str) -> str:
    """Return the installed version of `distribution`. Raises StaleError when it is not installed."""
    version = Installation().version(distribution)
    if version is None:
        raise StaleError(f"the package {distribution} is not installed", fix=f"pip install {distribution}")
    return version


def describe_mismatch(
    recorded: Mapping[str, str], platforms: Mapping[str, Iterable[str]] | None = None
) -> str:
    """Return what differs between `recorded` versions and the installed ones, in words; empty when nothing does.

    A package that is needed on some `platforms` only (package -> `linux-x86_64` and the like) may be missing on others.
    """
    installation = Installation()
    here = current_platform()
    different = []
    for name, version in sorted(recorded.items()):
        found = installation.version(name)
        if found is None and here not in (platforms or {}).get(name, (here,)):
            continue
        if found != version:
            different.append(f"{name} {found or 'missing'} (recorded {version})")
    return ", ".join(different)


def current_platform() -> str:
    """Return this system and machine, such as `linux-x86_64`, `darwin-arm64` or `win32-AMD64`."""
    machine = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")
    return f"{sys.platform}-{machine}"


def normalize(name: str) -> str:
    """Return the normalized form of a distribution's name: small letters, one dash for each run of `-`, `_` and `.`."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
