"""One file, three versions: the template's change and yours in one text, or a proposal for a person to decide.

git merges by lines. For files whose lines are records (YAML, TOML, ignore lists), changes on neighbouring lines are merged as well, where
what comes out means exactly what both changes mean together. What cannot be read again afterwards is no merge but a conflict.
"""

from __future__ import annotations

import ast
import configparser
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mlops_kit.errors import MlopsKitError, SpecError
from mlops_kit.outside import git
from mlops_kit.project.update.lines import clashing_lines, merge_lines, split_lines
from mlops_kit.project.update.values import ClashError, means, merge_values
from mlops_kit.spec.load import load_kpis, load_lifecycle, load_params, load_schema
from mlops_kit.spec.names import KPIS, LIFECYCLE, PARAMS, SCHEMA
from mlops_kit.spec.yamlfile import parse_yaml

MARKER = "<<<<<<< "
_LISTS = (".gitignore", ".gitattributes", ".dvcignore")


@dataclass(frozen=True)
class Versions:
    """The three versions of one file."""

    path: str
    """The file, relative to the project."""
    base: str
    """As the template made it; empty when it did not."""
    yours: str
    """As it lies in the project."""
    theirs: str
    """As the template makes it now."""


@dataclass(frozen=True)
class Merged:
    """What became of three versions."""

    text: str | None
    """Both changes together, None when they contradict each other."""
    reason: str = ""
    """Why they could not be merged."""
    lines: tuple[tuple[int, int], ...] = ()
    """Ranges of lines of yours that are concerned, from 1."""
    proposal: str = ""
    """The merged text with markers where a person decides; every proposal has one."""


def merge_file(versions: Versions, *, old: str = "", new: str = "") -> Merged:
    """Merge the template's change of a file into yours; `old` and `new` are versions of mlops-kit for the markers' labels.

    Line ends are yours.
    """
    crlf = "\r\n" in versions.yours
    plain = Versions(
        versions.path, *(_unix(text) for text in (versions.base, versions.yours, versions.theirs))
    )
    merged = _merge(
        plain,
        (f"yours: {plain.path}", f"the template was, mlops-kit {old}", f"the template is, mlops-kit {new}"),
    )
    if not crlf:
        return merged
    text = None if merged.text is None else _dos(merged.text)
    return Merged(text, merged.reason, merged.lines, _dos(merged.proposal))


def _merge(versions: Versions, labels: tuple[str, str, str]) -> Merged:
    try:
        text, conflicts = git.merge_file(versions.base, versions.yours, versions.theirs, labels=labels)
    except MlopsKitError as error:
        return Merged(None, error.message, (), _marked(versions.theirs, error.message))
    reason = ""
    for candidate in _candidates(versions, None if conflicts else text):
        reason = why_not(versions.path, candidate) or _meaning(versions, candidate)
        if not reason:
            return Merged(candidate)
    lines = clashing_lines(*(split_lines(side) for side in (versions.base, versions.yours, versions.theirs)))
    if conflicts:
        return Merged(None, "you and the template changed the same lines", lines, text)
    return Merged(None, reason, lines, _marked(text, reason))


def _candidates(versions: Versions, clean: str | None) -> Iterator[str]:
    if clean is not None:
        yield clean
    if _reader(versions.path) is None and versions.path not in _LISTS:
        return
    sides = [split_lines(side) for side in (versions.base, versions.yours, versions.theirs)]
    if versions.path in _LISTS:  # later lines win in these: yours
        fresh = {*sides[1]} - {*sides[0]}
        sides[2] = [line for line in sides[2] if line not in fresh]
    for yours_first in (False, True):
        merged = merge_lines(sides[0], sides[1], sides[2], yours_first=yours_first)
        if merged is not None:
            yield "".join(merged)


def why_not(path: str, text: str) -> str:
    """Return why `text` cannot be the file `path` of a project, empty if it can."""
    try:
        if path in _LOADERS:
            _LOADERS[path](text)
        elif path.endswith(".py"):
            ast.parse(text)
        elif path == ".dvc/config":
            configparser.ConfigParser(interpolation=None).read_string(text)
        elif reader := _reader(path):
            reader(text)
    except SpecError as error:
        return f"merged, it cannot be read: {error.message.splitlines()[0]}"
    except (SyntaxError, ValueError, configparser.Error) as error:
        return f"merged, it cannot be read: {str(error).splitlines()[0]}"
    return ""


def has_markers(text: str) -> bool:
    """Return whether a conflict of ours is still open in `text`."""
    return any(
        line.startswith((MARKER, "||||||| the template", ">>>>>>> the template")) for line in text.split("\n")
    )


def _meaning(versions: Versions, text: str) -> str:
    """Return what is wrong with the meaning of a merged YAML or TOML text, empty if nothing is."""
    read = _reader(versions.path)
    if read is None:
        return ""
    try:
        expected = merge_values(*(read(side) for side in (versions.base, versions.yours, versions.theirs)))
    except ClashError as clash:
        return f"you and the template changed `{clash}`"
    except (SpecError, ValueError) as error:
        return f"it cannot be read: {str(error).splitlines()[0]}"
    return (
        ""
        if means(read(text), expected)
        else "merged by lines, it means something else than both changes together"
    )


def _reader(path: str) -> Callable[[str], Any] | None:
    if path.endswith((".yaml", ".yml")):
        return lambda text: parse_yaml(text, where=path)
    return tomllib.loads if path.endswith(".toml") else None


_LOADERS: dict[str, Callable[[str], Any]] = {
    LIFECYCLE: load_lifecycle,
    PARAMS: load_params,
    KPIS: load_kpis,
    SCHEMA: load_schema,
}


def _marked(text: str, reason: str) -> str:
    return f"{MARKER}mlops-kit: {reason}; delete this line when the file is right\n{text}"


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n")


def _dos(text: str) -> str:
    return _unix(text).replace("\n", "\r\n")
