"""What functions and methods of the language and of well-known libraries make of known values: paths, texts, configurations."""

from __future__ import annotations

import json
import posixpath
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.values import load_foreign_yaml
from mlops_kit.errors import SpecError
from mlops_kit.project.adopt.values import (
    ROOT,
    UNKNOWN,
    Handle,
    Items,
    Partial,
    Table,
    Values,
    combine,
    join,
    merge,
    parent,
    slashed,
    wrap,
)

MAX_CONFIG_BYTES = 1 << 18
CONFIG_ENDINGS = (".yaml", ".yml", ".json", ".toml")


def _same(value: Any = UNKNOWN, *_: Any) -> Any:
    return value


def _path(change: Callable[[str], str]) -> Callable[..., Any]:
    """Return a function of paths that leaves other values unknown."""
    return lambda value=UNKNOWN, *_: change(slashed(value)) if isinstance(value, str) else UNKNOWN


def _default(_: Any = UNKNOWN, default: Any = UNKNOWN) -> Any:
    return default


def _real(path: str) -> str:
    return posixpath.normpath(path)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "os.path.join": join,
    "pathlib.Path": lambda *parts: join(*parts) if parts else ".",
    "pathlib.PurePath": lambda *parts: join(*parts) if parts else ".",
    "pathlib.PosixPath": join,
    "str": _same,
    "os.fspath": _same,
    "os.path.abspath": _path(_real),
    "os.path.realpath": _path(_real),
    "os.path.normpath": _path(_real),
    "os.path.expanduser": _same,
    "os.path.expandvars": _same,
    "os.path.dirname": _path(posixpath.dirname),
    "os.path.basename": _path(posixpath.basename),
    "os.getcwd": lambda: ".",
    "pathlib.Path.cwd": lambda: ".",
    "os.environ.get": _default,
    "os.getenv": _default,
    "open": lambda path=UNKNOWN, *_: Handle(slashed(path)) if isinstance(path, str) else UNKNOWN,
    "io.open": lambda path=UNKNOWN, *_: Handle(slashed(path)) if isinstance(path, str) else UNKNOWN,
    "typer.Option": _same,
    "typer.Argument": _same,
    "hydra.utils.to_absolute_path": _same,
    "hydra.utils.get_original_cwd": lambda: ".",
}
# Functions that return the content of a configuration file: of an open file, its text, or its path.
LOADERS = frozenset(
    ("yaml.safe_load", "yaml.load", "yaml.full_load", "yaml.unsafe_load", "json.load", "json.loads", "toml.load", "toml.loads",
     "tomllib.load", "tomllib.loads", "tomli.load", "tomli.loads", "omegaconf.OmegaConf.load", "dvc.api.params_show",
     "ruamel.yaml.safe_load", "hydra.compose")
)  # fmt: skip
# Calls that return their first argument in another wrapping.
WRAPPERS = frozenset(
    ("ConfigBox", "Box", "EasyDict", "Munch", "DotMap", "SimpleNamespace", "AttrDict", "dict", "list", "tuple", "sorted", "set",
     "OmegaConf", "create", "tqdm", "track", "vars", "to_container", "munchify", "reversed", "deepcopy", "copy")
)  # fmt: skip


def attribute_of(value: Any, name: str) -> Values:
    """Return the attribute `name` of a plain value: of a path, a table, an open file."""
    if isinstance(value, Table):
        return value.entries.get(name, ())
    if isinstance(value, str):
        return _path_attribute(value, name)
    return (value.path,) if isinstance(value, Handle) and name == "name" else ()


def _path_attribute(value: str, name: str) -> Values:
    if name == "parent":
        return (parent(value),)
    if name == "parents":
        found, path = [], value
        for _ in range(value.count("/") + 1):
            path = parent(path)
            found.append((path,))
        return (Items(tuple(found)),)
    base = posixpath.basename(value)
    simple = {"name": base, "stem": posixpath.splitext(base)[0], "suffix": posixpath.splitext(base)[1]}
    return (simple[name],) if name in simple else ()


Method = Callable[[Values, Sequence[Values], Mapping[str, Values]], Values]


def _on_text(change: Callable[..., Any]) -> Method:
    """Return a method of texts; further arguments are passed on."""

    def method(receivers: Values, arguments: Sequence[Values], _: Mapping[str, Values]) -> Values:
        texts = tuple(value for value in receivers if isinstance(value, str | Partial))
        return combine(change, [texts, *arguments]) if texts else ()

    return method


def _format(receivers: Values, arguments: Sequence[Values], keywords: Mapping[str, Values]) -> Values:
    """Return `"...{}...".format(...)` for plain fields."""
    names = list(keywords)

    def fill(text: Any, *given: Any) -> Any:
        if not isinstance(text, str):
            return UNKNOWN
        if any(not isinstance(one, str | int | float) for one in given):
            return Partial(text.partition("{")[0])
        positional = given[: len(arguments)]
        try:
            return text.format(*positional, **dict(zip(names, given[len(arguments) :], strict=True)))
        except (LookupError, ValueError, AttributeError):
            return UNKNOWN

    return combine(fill, [receivers, *arguments, *keywords.values()])


def _get(receivers: Values, arguments: Sequence[Values], _: Mapping[str, Values]) -> Values:
    """Return `table.get(key, default)`."""
    tables = [value for value in receivers if isinstance(value, Table)]
    keys = [key for key in (arguments[0] if arguments else ()) if isinstance(key, str)]
    found = merge(table.entries.get(key, ()) for table in tables for key in keys)
    return found or (arguments[1] if len(arguments) > 1 else ())


def _table_part(part: str) -> Method:
    def method(receivers: Values, _: Sequence[Values], __: Mapping[str, Values]) -> Values:
        tables = [value for value in receivers if isinstance(value, Table)]
        if part == "values":
            return tuple(Items(tuple(table.entries.values())) for table in tables)
        if part == "items":
            return tuple(
                Items(tuple((Items(((key,), value)),) for key, value in table.entries.items()))
                for table in tables
            )
        return tuple(Items(tuple((key,) for key in table.entries)) for table in tables)

    return method


def _joined(receivers: Values, arguments: Sequence[Values], _: Mapping[str, Values]) -> Values:
    """Return `separator.join(items)`."""
    lists = [value for value in (arguments[0] if arguments else ()) if isinstance(value, Items)]
    separators = [value for value in receivers if isinstance(value, str)]
    return merge(
        combine(lambda *parts, sign=sign: _join_texts(sign, parts), one.items)
        for one in lists
        for sign in separators
    )


def _join_texts(sign: str, parts: Sequence[Any]) -> Any:
    return sign.join(parts) if all(isinstance(part, str) for part in parts) else UNKNOWN


def _suffixed(path: Any, suffix: Any = UNKNOWN) -> Any:
    if not isinstance(path, str):
        return path
    return (
        posixpath.splitext(path)[0] + suffix
        if isinstance(suffix, str)
        else Partial(posixpath.splitext(path)[0])
    )


def _named(path: Any, name: Any = UNKNOWN) -> Any:
    return join(posixpath.dirname(path), name) if isinstance(path, str) else path


def _replaced(text: Any, old: Any = UNKNOWN, new: Any = UNKNOWN, *_: Any) -> Any:
    known = isinstance(text, str) and isinstance(old, str) and isinstance(new, str)
    return text.replace(old, new) if known else UNKNOWN


def _handle(path: Any, *_: Any) -> Any:
    return Handle(path) if isinstance(path, str) else UNKNOWN


def _content(receivers: Values, _: Sequence[Values], __: Mapping[str, Values]) -> Values:
    return tuple(value for value in receivers if isinstance(value, Handle))


METHODS: dict[str, Method] = {
    "joinpath": _on_text(join),
    "resolve": _on_text(_same),
    "absolute": _on_text(_same),
    "expanduser": _on_text(_same),
    "as_posix": _on_text(_same),
    "strip": _on_text(_same),
    "with_suffix": _on_text(_suffixed),
    "with_name": _on_text(_named),
    "replace": _on_text(_replaced),
    "lower": _on_text(lambda text: text.lower() if isinstance(text, str) else text),
    "upper": _on_text(lambda text: text.upper() if isinstance(text, str) else text),
    "open": _on_text(_handle),
    "read_text": _on_text(_handle),
    "read_bytes": _on_text(_handle),
    "read": _content,
    "format": _format,
    "get": _get,
    "keys": _table_part("keys"),
    "values": _table_part("values"),
    "items": _table_part("items"),
    "join": _joined,
}


def load_config(root: Path, script: str, path: str) -> Any:
    """Return the content of a small configuration file as known values, UNKNOWN when it cannot be read.

    A relative path is tried from `root`, then from the script's folder.
    """
    plain = path.removeprefix(f"{ROOT}/")
    for folder in dict.fromkeys(("", "" if plain != path else posixpath.dirname(script))):
        file = root / folder / plain
        if not plain.endswith(CONFIG_ENDINGS) or posixpath.isabs(plain):
            return UNKNOWN
        try:
            if file.is_file() and file.stat().st_size <= MAX_CONFIG_BYTES:
                return wrap(_parse(plain, file.read_text(encoding="utf-8")))
        except (OSError, ValueError, SpecError, RecursionError):
            return UNKNOWN
    return UNKNOWN


def _parse(path: str, text: str) -> Any:
    if path.endswith(".json"):
        return json.loads(text)
    return tomllib.loads(text) if path.endswith(".toml") else load_foreign_yaml(text, path)
