"""Commands that start at once: a plain command line is read here, because typer and what it loads cost more than the work does.

What is not plain (help, a mistake, `-abc`, completion) goes to typer, which knows the same options from the same signature.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import typer

# Command -> the module with the function of that name; such modules do not import typer.
LIGHT = {
    "acquire": "mlops_kit.cli.acquire",
    "compare": "mlops_kit.cli.compare",
    "generate": "mlops_kit.cli.generate",
    "log": "mlops_kit.cli.log",
    "plan": "mlops_kit.cli.plan",
    "run": "mlops_kit.cli.run",
    "stats": "mlops_kit.cli.stats",
    "why": "mlops_kit.cli.why",
}

Command = Callable[..., int]


class Parameter(NamedTuple):
    """One parameter of a light command, as the default value in the function's signature."""

    default: Any
    """Value when it is not given."""
    names: tuple[str, ...]
    """`--name`, `-n`, or `--on/--off`; none for an argument."""
    help: str
    """One sentence."""
    least: int | None = None
    """Smallest allowed number."""


def argument(default: Any, *, help: str) -> Any:
    """Declare an argument of a light command."""
    return Parameter(default, (), help)


def option(default: Any, *names: str, help: str, least: int | None = None) -> Any:
    """Declare an option of a light command."""
    return Parameter(default, names, help, least)


def add_command(app: typer.Typer, function: Any) -> None:
    """Add a light command to `app`, with its parameters as typer knows them."""
    import typer

    made = [
        typer.Option(p.default, *p.names, help=p.help, min=p.least)
        if p.names
        else typer.Argument(p.default, help=p.help)
        for p in function.__defaults__
    ]
    copy = FunctionType(function.__code__, function.__globals__, function.__name__, tuple(made))
    copy.__doc__, copy.__annotations__, copy.__module__ = (
        function.__doc__,
        function.__annotations__,
        function.__module__,
    )
    app.command()(copy)


def call_light(arguments: Sequence[str]) -> int | None:
    """Run the light command that `arguments` plainly name and return its exit code; None when that is for typer."""
    if not arguments or arguments[0] not in LIGHT:
        return None
    function: Any = getattr(import_module(LIGHT[arguments[0]]), arguments[0])
    values = read_arguments(function, arguments[1:])
    return None if values is None else int(function(**values))


def read_arguments(function: Any, words: Sequence[str]) -> dict[str, Any] | None:
    """Return the values of the parameters of a light command; None when `words` are not plain."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    reader = _Reader(
        {
            name: (p, function.__annotations__[name])
            for name, p in zip(names, function.__defaults__, strict=True)
        }
    )
    try:
        return reader.read(list(words))
    except _NotPlainError:
        return None


class _NotPlainError(Exception):
    """The command line needs typer."""


class _Reader:
    def __init__(self, parameters: dict[str, tuple[Parameter, str]]) -> None:
        self._parameters = parameters
        self._values: dict[str, Any] = {name: p.default for name, (p, _) in parameters.items()}
        self._arguments: list[str] = []

    def read(self, words: list[str]) -> dict[str, Any]:
        while words:
            word = words.pop(0)
            if word == "--":
                self._arguments += words
                break
            if word.startswith("-"):
                self._option(word, words)
            else:
                self._arguments.append(word)
        self._place_arguments()
        return self._values

    def _option(self, word: str, words: list[str]) -> None:
        spelled, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        for name, (parameter, kind) in self._parameters.items():
            for index, own in enumerate(own for names in parameter.names for own in names.split("/")):
                if own != spelled:
                    continue
                if kind == "bool":
                    self._values[name] = _plain(
                        not equals, index == 0 or not any("/" in n for n in parameter.names)
                    )
                else:
                    self._take(
                        name,
                        value if equals else _plain(bool(words), words and words.pop(0)),
                        equals=bool(equals),
                    )
                return
        raise _NotPlainError

    def _take(self, name: str, value: str, *, equals: bool = True) -> None:
        parameter, kind = self._parameters[name]
        _plain(equals or not value.startswith("-"), None)
        if kind.startswith("list"):
            self._values[name] = [*(self._values[name] or []), value]
        elif kind == "int":
            _plain(value.isascii() and value.isdigit() and len(value) < 10, None)
            self._values[name] = _plain(parameter.least is None or int(value) >= parameter.least, int(value))
        else:
            self._values[name] = Path(value) if kind.startswith("Path") else value

    def _place_arguments(self) -> None:
        for name, (parameter, kind) in self._parameters.items():
            if not parameter.names and self._arguments:
                if kind.startswith("list"):
                    self._values[name], self._arguments = self._arguments, []
                else:
                    self._values[name] = self._arguments.pop(0)
        _plain(not self._arguments, None)


def _plain(condition: Any, value: Any) -> Any:
    if not condition:
        raise _NotPlainError
    return value
