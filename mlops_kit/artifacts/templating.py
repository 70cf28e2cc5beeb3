"""DVC's templates: `vars`, `${}`, `foreach` and `matrix`, resolved as DVC resolves them, without loading DVC."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

from mlops_kit.artifacts.values import flatten, parse_values
from mlops_kit.errors import SpecError

DEFAULT_PARAMS = "params.yaml"
Reader = Callable[[str], bytes | None]
_EXPRESSION = re.compile(r"(?<!\\)\$\{([^}]*)\}")
_MOST_STAGES = 10_000


def is_templated(value: Any) -> bool:
    """Return whether a value of dvc.yaml holds a `${}` at any depth."""
    if isinstance(value, Mapping):
        return any(is_templated(key) or is_templated(item) for key, item in value.items())
    if isinstance(value, list):
        return any(is_templated(item) for item in value)
    return isinstance(value, str) and _EXPRESSION.search(value) is not None


class Templates:
    """The variables of one dvc.yaml: its `vars`, on top of the params.yaml beside it."""

    def __init__(self, declared: Any, folder: str, where: str, read: Reader) -> None:
        self._folder = folder
        self._where = where
        self._read = read
        default = read(posixpath.join(folder, DEFAULT_PARAMS))
        self._base: dict[str, Any] = {}
        if default is not None:
            self._merge(self._base, parse_values(posixpath.join(folder, DEFAULT_PARAMS), default))
        self._load(self._base, declared, folder)

    def stages(self, name: str, stage: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (name, resolved stage) of every stage that the entry `name` of dvc.yaml stands for.

        Names are DVC's: `name@key` for foreach, `name@a-b` for matrix. Raises SpecError for a variable that does not exist.
        """
        if "foreach" in stage:
            yield from self._foreach(name, stage)
        elif "matrix" in stage:
            yield from self._matrix(name, stage)
        else:
            yield name, self._stage(name, stage, {})

    def resolve(self, value: Any) -> Any:
        """Return a top-level value of dvc.yaml with its `${}` replaced."""
        return self._resolve(value, self._base, "")

    def _foreach(self, name: str, stage: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        items = self._resolve(stage["foreach"], self._base, "foreach")
        body = stage.get("do")
        if not isinstance(body, Mapping) or not isinstance(items, list | Mapping):
            raise self._error(f"stage `{name}`: foreach needs a list or a mapping, and `do`")
        self._check_count(name, len(items))
        if isinstance(items, Mapping):
            extra = {to_text(key): {"item": item, "key": to_text(key)} for key, item in items.items()}
        elif any(isinstance(item, list | Mapping) for item in items):
            extra = {str(number): {"item": item} for number, item in enumerate(items)}
        else:
            extra = {to_text(item): {"item": item} for item in items}
        for key, variables in extra.items():
            yield f"{name}@{key}", self._stage(f"{name}@{key}", body, variables)

    def _matrix(self, name: str, stage: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        axes = self._resolve(stage["matrix"], self._base, "foreach")
        if not isinstance(axes, Mapping) or not all(isinstance(values, list) for values in axes.values()):
            raise self._error(f"stage `{name}`: matrix needs a list for each name")
        body = {key: value for key, value in stage.items() if key != "matrix"}
        count = 1
        for values in axes.values():
            count *= len(values)
        self._check_count(name, count)
        for chosen in product(*(enumerate(values) for values in axes.values())):
            parts = [
                f"{axis}{number}" if isinstance(value, list | Mapping) else to_text(value)
                for axis, (number, value) in zip(axes, chosen, strict=True)
            ]
            key = "-".join(parts)
            item = {axis: value for axis, (_, value) in zip(axes, chosen, strict=True)}
            yield f"{name}@{key}", self._stage(f"{name}@{key}", body, {"item": item, "key": key})

    def _stage(self, name: str, stage: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        context = {**self._base, **variables}
        wdir = posixpath.join(self._folder, to_text(self._resolve(stage.get("wdir") or "", context, "wdir")))
        if stage.get("vars"):
            context = _copy(context)
            self._load(context, stage["vars"], wdir)
        try:
            return {key: self._resolve(value, context, key) for key, value in stage.items() if key != "vars"}
        except SpecError as error:
            raise self._error(f"stage `{name}`: {error.message.removeprefix(self._where + ': ')}") from None

    def _load(self, context: dict[str, Any], declared: Any, folder: str) -> None:
        for item in declared or []:
            if isinstance(item, Mapping):
                self._merge(context, item)
            elif isinstance(item, str):
                self._merge(context, self._file(item, folder))
            else:
                raise self._error(f"vars: `{item}` is neither a file nor a mapping")

    def _file(self, item: str, folder: str) -> Mapping[str, Any]:
        name, _, keys = item.replace("\\", "/").partition(":")
        path = posixpath.normpath(posixpath.join(folder, name))
        content = self._read(path)
        if content is None:
            raise self._error(f"vars: {path} does not exist")
        values = parse_values(path, content)
        chosen = [key for key in keys.split(",") if key]
        if not isinstance(values, Mapping) or any(key not in values for key in chosen):
            raise self._error(f"vars: {item} is not a mapping with these keys")
        return {key: values[key] for key in chosen} if chosen else values

    def _merge(self, context: dict[str, Any], new: Any) -> None:
        for name, value in new.items() if isinstance(new, Mapping) else ():
            if not isinstance(name, str):
                continue  # DVC cannot name such a key either
            if isinstance(value, Mapping):
                merged = dict(context[name]) if isinstance(context.get(name), Mapping) else {}
                self._merge(merged, value)
                context[name] = merged
            else:
                context[name] = value

    def _resolve(self, value: Any, context: Mapping[str, Any], key: str) -> Any:
        if isinstance(value, Mapping):
            return {
                self._resolve(name, context, key): self._resolve(item, context, key)
                for name, item in value.items()
            }
        if isinstance(value, list):
            return [self._resolve(item, context, key) for item in value]
        return self._text(value, context, key) if isinstance(value, str) else value

    def _text(self, text: str, context: Mapping[str, Any], key: str) -> Any:
        whole = _EXPRESSION.fullmatch(text)
        if whole:
            found = self._select(whole[1], context)
            if isinstance(found, list | Mapping) and key != "foreach":
                if key == "cmd" and isinstance(found, Mapping):
                    return to_text(found)
                raise self._error(f"`{text}` is a {type(found).__name__}, not a single value")
            return found
        made = _EXPRESSION.sub(lambda match: to_text(self._select(match[1], context)), text)
        return made.replace("\\${", "${")

    def _select(self, expression: str, context: Mapping[str, Any]) -> Any:
        current: Any = context
        for part in expression.strip().replace("[", ".").replace("]", "").split("."):
            if isinstance(current, list) and part.isdecimal() and int(part) < len(current):
                current = current[int(part)]
            elif isinstance(current, Mapping) and part in current:
                current = current[part]
            else:
                raise self._error(f"`${{{expression}}}` is neither in vars nor in {DEFAULT_PARAMS}")
        return current

    def _check_count(self, name: str, count: int) -> None:
        if count > _MOST_STAGES:
            raise self._error(
                f"stage `{name}` stands for {count:,} stages; at most {_MOST_STAGES:,} are read"
            )

    def _error(self, message: str) -> SpecError:
        return SpecError(message, where=self._where, fix=f"dvc stage list, or git checkout -- {self._where}")


def to_text(value: Any) -> str:
    """Return a value as DVC writes it into a text: `true` for True, `--name value` options for a mapping."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, Mapping):
        return str(value)
    options: list[str] = []
    for name, item in flatten(value):
        if isinstance(item, bool):
            options += [f"--{name}"] if item else []
        elif isinstance(item, list):
            options += [
                f"--{name}",
                *(shlex.quote(part) if isinstance(part, str) else str(part) for part in item),
            ]
        else:
            options += [f"--{name}", shlex.quote(item) if isinstance(item, str) else str(item)]
    return " ".join(options)


def _copy(context: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, Mapping) else value for key, value in context.items()}
