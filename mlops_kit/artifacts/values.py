"""Values in other tools' files: JSON, YAML, TOML, CSV, TSV and Python constants, by the file's extension."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from mlops_kit.artifacts.plain_yaml import parse_plain_yaml
from mlops_kit.errors import SpecError
from mlops_kit.spec.scalars import resolve_scalar

MAX_LEAVES = 100_000
_MARKER = re.compile(rb"^(<{7}|>{7}|={7})( |\r?$)", re.MULTILINE)
_CORE = "tag:yaml.org,2002:core"


def parse_values(path: str, content: bytes) -> Any:
    """Return the value of the metrics or parameter file `path`.

    A CSV or TSV file is read as one mapping: `name,value` rows by name, a single row by column, of several rows the last one.
    Raises SpecError when the content is not what the extension says; the message names git's conflict markers where there are any.
    """
    if _MARKER.search(content):
        raise SpecError(
            "has conflict markers of a merge", where=path, fix=f"resolve them: git diff -- {path}"
        )
    suffix = path[path.rfind(".") :].lower() if "." in path else ""
    try:
        return _READERS.get(suffix, _yaml)(path, content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise SpecError("is not UTF-8 text", where=path) from None
    except (ValueError, RecursionError, SyntaxError) as error:
        first = str(error).partition("\n")[0] or type(error).__name__
        raise SpecError(f"is not valid {suffix.lstrip('.') or 'YAML'}: {first}", where=path) from None


def load_foreign_yaml(text: str | bytes, where: str) -> Any:
    """Return the value of a YAML file that is not ours, its plain scalars read by YAML 1.2, as DVC reads them.

    Dates stay texts. Raises SpecError when it is not YAML.
    """
    try:
        return parse_plain_yaml(text if isinstance(text, str) else text.decode("utf-8")) or None
    except ValueError:
        return _load_any_yaml(text, where)


def _load_any_yaml(text: str | bytes, where: str) -> Any:
    import yaml

    try:
        return yaml.load(text, Loader=_loader())  # noqa: S506 - derived from a safe loader
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as error:
        lines = str(error).splitlines()
        place = next((line.strip() for line in lines if " line " in line), "")
        first = (lines[0] if lines else type(error).__name__) + (f" ({place})" if place else "")
        raise SpecError(f"not valid YAML: {first}", where=where, fix=f"git checkout -- {where}") from None


def flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, leaf) of a nested mapping; lists are leaves. Raises SpecError beyond 100,000 leaves."""
    for count, item in enumerate(_leaves(value, prefix)):
        if count >= MAX_LEAVES:
            raise SpecError(f"holds more than {MAX_LEAVES:,} values", where=prefix or "file")
        yield item


def _leaves(value: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


@cache
def _loader() -> Any:
    """Return PyYAML's safe loader (in C where there is one) with the scalar rules of YAML 1.2: `1e-3` is a number, `on` a text."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the base is known at run time only
        """Built once, when a foreign file is first read."""

    merge = (("tag:yaml.org,2002:merge", re.compile(r"<<")),)
    core = ((_CORE, re.compile(r"(?:~|[Nn]ull|NULL|[Tt]rue|TRUE|[Ff]alse|FALSE|[-+]?\.?[0-9].*|[-+]?\.(?:[Ii]nf|INF)|\.(?:nan|NaN|NAN)|)$")),)  # fmt: skip
    Loader.yaml_implicit_resolvers = {first: list(core) for first in "~nNtTfF-+.0123456789"}
    Loader.yaml_implicit_resolvers.update({"": list(core), "<": list(merge)})
    Loader.add_constructor(_CORE, lambda loader, node: _resolve(loader.construct_scalar(node)))
    return Loader


def _resolve(text: str) -> Any:
    """Return the value of a plain scalar; `1_000` is a number to DVC's reader."""
    value = resolve_scalar(text)
    if isinstance(value, str) and "_" in text:
        number = resolve_scalar(text.replace("_", ""))
        return number if type(number) in (int, float) else value
    return value


def _yaml(path: str, text: str) -> Any:
    return load_foreign_yaml(text, path)


def _json(path: str, text: str) -> Any:  # noqa: ARG001 - one signature for all readers
    return json.loads(text)


def _toml(path: str, text: str) -> Any:  # noqa: ARG001 - one signature for all readers
    import tomllib

    return tomllib.loads(text)


def _python(path: str, text: str) -> dict[str, Any]:
    """Return the constants of a Python file, those of classes below the class's name; the file is not run."""
    import ast

    def constants(body: list[ast.stmt]) -> Iterator[tuple[str, Any]]:
        for statement in body:
            if isinstance(statement, ast.ClassDef):
                yield statement.name, dict(constants(statement.body))
            targets = (
                statement.targets
                if isinstance(statement, ast.Assign)
                else [statement.target]
                if isinstance(statement, ast.AnnAssign)
                else []
            )
            for target in targets:
                value = getattr(statement, "value", None)
                if isinstance(target, ast.Name) and value is not None:
                    try:
                        yield target.id, ast.literal_eval(value)
                    except ValueError:
                        continue  # computed when the file runs

    return dict(constants(ast.parse(text, filename=path).body))


def _table(delimiter: str) -> Callable[[str, str], Mapping[str, Any]]:
    def read(path: str, text: str) -> Mapping[str, Any]:
        rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if row]
        if not rows:
            return {}
        width = len(rows[0])
        if any(len(row) != width for row in rows):
            raise SpecError("has rows of different lengths", where=path)
        cells = [[resolve_scalar(cell.strip()) for cell in row] for row in rows]
        pairs = width == 2 and all(isinstance(row[0], str) for row in cells)
        if pairs and not all(isinstance(cell, str) for cell in cells[-1]):
            return {str(name): value for name, value in cells if not isinstance(value, str)}
        return dict(zip((cell.strip() for cell in rows[0]), cells[-1], strict=True)) if len(rows) > 1 else {}

    return read


_READERS: dict[str, Callable[[str, str], Any]] = {
    ".csv": _table(","),
    ".json": _json,
    ".py": _python,
    ".toml": _toml,
    ".tsv": _table("\t"),
}
