"""Arguments of the command line: what a parser gives, and how scripts are started according to the repository's own texts."""

from __future__ import annotations

import ast
import posixpath
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.project.adopt.evaluate import Evaluator
from mlops_kit.project.adopt.program import Module
from mlops_kit.project.adopt.values import Table, Values

MAX_TEXT_BYTES = 1 << 18
# Texts that say how a script is started, the surest first.
_TEXTS = ("(GNUm|M|m)akefile|justfile", r"[^/]*\.sh|scripts/[^/]*\.sh|bin/[^/]*\.sh", r"README[^/]*")
_CALL = re.compile(
    r"(?:^|[\s`\"'(&;|@])python3?(?:\s+-u)?\s+(?P<path>[^\s`]+\.py)(?P<arguments>[^\n`&;|>#]*)", re.MULTILINE
)
_PLACEHOLDER = re.compile(r"[$<>{}\[\]*?]|\.\.\.|path/to|your[-_ ]")


@dataclass(frozen=True)
class Start:
    """How a script is started."""

    arguments: tuple[str, ...]
    """Its arguments."""
    where: str
    """The text that says so."""


@dataclass(frozen=True)
class _Option:
    name: str
    flags: tuple[str, ...]
    default: Values
    required: bool
    switch: bool | None
    """What a flag without a value sets; None when it takes a value."""


def find_options(evaluator: Evaluator, main: Module) -> tuple[Table, list[str]]:
    """Return what `parse_args()` gives (option -> alternatives) for the evaluator's arguments, and the options that are missing."""
    options = [
        option
        for node in ast.walk(main.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "add_argument"
        for option in _option(evaluator, main, node)
    ]
    given = _given(options, evaluator.argv)
    entries = {one.name: given.get(one.name, one.default) for one in options}
    missing = [(one.flags or (one.name,))[-1] for one in options if one.required and one.name not in given]
    return Table(entries), missing


def _option(evaluator: Evaluator, main: Module, node: ast.Call) -> list[_Option]:
    scope = evaluator.module_scope(main)
    names = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    if not names:
        return []
    given: dict[str, Values] = {
        one.arg: evaluator.values(one.value, scope) for one in node.keywords if one.arg
    }
    flags = tuple(name for name in names if name.startswith("-"))
    long = next((flag for flag in flags if flag.startswith("--")), names[0])
    action = next(iter(given.get("action", ())), "")
    switch = {"store_true": True, "store_false": False}.get(action) if isinstance(action, str) else None
    optional = next(iter(given.get("nargs", ())), "") in ("?", "*")
    fallback: Values = (None,) if switch is None else (not switch,)
    required = given.get("required") == (True,) or (not flags and not optional and "default" not in given)
    name = str((given.get("dest") or (long.lstrip("-").replace("-", "_"),))[0])
    return [_Option(name, flags, given.get("default", fallback), required, switch)]


def _given(options: Sequence[_Option], arguments: Sequence[str]) -> dict[str, Values]:
    """Return option -> value for the arguments of a command line."""
    positional = [one for one in options if not one.flags]
    found: dict[str, Values] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        flag, equals, value = word.partition("=")
        option = next((one for one in options if flag in one.flags), None)
        if option and option.switch is not None:
            found[option.name] = (option.switch,)
        elif option:
            found[option.name] = (value if equals else rest.pop(0) if rest else "",)
        elif positional and not word.startswith("-"):
            found[positional.pop(0).name] = (word,)
    return found


def find_starts(root: Path, files: Sequence[str]) -> dict[str, Start]:
    """Return script -> how the Makefile, a shell script or the README starts it with arguments, where they say one way only."""
    found: dict[str, Start] = {}
    for pattern in _TEXTS:
        calls: dict[str, dict[tuple[str, ...], str]] = {}
        for name in files:
            if (
                re.fullmatch(pattern, name)
                and (root / name).is_file()
                and (root / name).stat().st_size <= MAX_TEXT_BYTES
            ):
                for path, arguments in _calls((root / name).read_text(encoding="utf-8", errors="replace")):
                    calls.setdefault(path, {}).setdefault(arguments, name)
        for path, ways in calls.items():
            if len(ways) == 1:
                found.setdefault(path, *(Start(arguments, where) for arguments, where in ways.items()))
    return found


def _calls(text: str) -> list[tuple[str, tuple[str, ...]]]:
    found = []
    for match in _CALL.finditer(text.replace("\\\n", " ")):
        try:
            arguments = tuple(shlex.split(match["arguments"]))
        except ValueError:
            continue
        if arguments and not _PLACEHOLDER.search(match["arguments"]):
            found.append((posixpath.normpath(match["path"]), arguments))
    return found
