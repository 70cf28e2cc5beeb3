"""Typed readers of dvc.yaml, dvc.lock and .dvc/config: text in, frozen values out. Works on any DVC repository."""

from __future__ import annotations

import configparser
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from mlops_kit.errors import SpecError
from mlops_kit.spec.model import JsonValue


@dataclass(frozen=True)
class LockedStage:
    """One stage as a lock file records it."""

    cmd: str
    """The command line(s), joined by newlines."""
    deps: Mapping[str, str]
    """Path -> content hash."""
    params: Mapping[str, JsonValue]
    """`file:dotted.name` -> recorded value."""
    outs: Mapping[str, str]
    """Path -> content hash."""


@dataclass(frozen=True)
class DeclaredOutput:
    """An output as dvc.yaml declares it."""

    path: str
    """Path relative to the DVC root."""
    section: str
    """`outs`, `metrics` or `plots`."""
    type: str = ""
    """DVC's `type` annotation."""
    cache: bool = True
    """Whether DVC keeps the content; otherwise git does."""


@dataclass(frozen=True)
class Pipeline:
    """What one dvc.yaml declares."""

    outputs: tuple[DeclaredOutput, ...]
    """Outputs of all stages, and top-level metrics."""
    param_files: tuple[str, ...]
    """Parameter files that stages name, relative to the DVC root."""
    notes: tuple[str, ...] = ()
    """What could not be understood, in words."""


@dataclass(frozen=True)
class DvcConfig:
    """The parts of .dvc/config that say where content is."""

    cache_dir: str = "cache"
    """Folder of the cache; relative to .dvc."""
    remotes: Mapping[str, str] = field(default_factory=dict)
    """Remote name -> url; relative paths are relative to .dvc."""
    verify: frozenset[str] = frozenset()
    """Remotes whose downloads are checked."""


def load_foreign_yaml(text: str | bytes, where: str) -> Any:
    """Return the value of a YAML file that is not ours. Raises SpecError when it is not YAML."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SpecError(f"not valid YAML: {first}", where=where, fix=f"git checkout -- {where}") from None


def read_pipeline(text: str | bytes, folder: str, where: str) -> Pipeline:
    """Read a dvc.yaml that lies in `folder` (relative to the DVC root, empty for the root itself)."""
    value = load_foreign_yaml(text, where) or {}
    outputs: list[DeclaredOutput] = []
    params: list[str] = []
    notes: list[str] = []
    for name, stage in (value.get("stages") or {}).items():
        if not isinstance(stage, dict):
            continue
        if "foreach" in stage or "matrix" in stage or "${" in str(stage):
            notes.append(f"{where}: stage `{name}` is templated; its metrics are not read")
            continue
        base = posixpath.join(folder, stage.get("wdir") or "")
        for section in ("outs", "metrics", "plots"):
            outputs += [
                DeclaredOutput(
                    _join(base, path),
                    section,
                    options.get("type", ""),
                    options.get("cache", True) is not False,
                )
                for path, options in _entries(stage.get(section))
            ]
        params += [_join(base, path) for path in _param_files(stage.get("params"))]
    outputs += [DeclaredOutput(_join(folder, path), "metrics") for path, _ in _entries(value.get("metrics"))]
    return Pipeline(tuple(outputs), tuple(dict.fromkeys(params)), tuple(notes))


def read_lock(text: str | bytes, folder: str, where: str) -> dict[str, LockedStage]:
    """Read a dvc.lock (schema 1.0 or 2.0) that lies in `folder`; stage names outside the root are `folder/dvc.yaml:name`."""
    value = load_foreign_yaml(text, where) or {}
    stages = value["stages"] if "schema" in value else value
    prefix = f"{folder}/dvc.yaml:" if folder else ""
    return {f"{prefix}{name}": _locked(stage or {}, folder) for name, stage in (stages or {}).items()}


def read_config(*texts: str) -> DvcConfig:
    """Read .dvc/config and then .dvc/config.local, later ones winning."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    for text in texts:
        parser.read_string("\n".join(line.strip() for line in text.splitlines()))
    remotes: dict[str, str] = {}
    verify: set[str] = set()
    for section in parser.sections():
        name = section.strip("'").removeprefix('remote "').rstrip('"')
        if section.strip("'").startswith('remote "'):
            remotes[name] = parser.get(section, "url", fallback="")
            if parser.getboolean(section, "verify", fallback=False):
                verify.add(name)
    return DvcConfig(parser.get("cache", "dir", fallback="cache"), remotes, frozenset(verify))


def flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, leaf) of a nested mapping; lists are leaves."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from flatten(item, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def _locked(stage: Mapping[str, Any], folder: str) -> LockedStage:
    cmd = stage.get("cmd", "")
    params = {
        f"{_join(folder, file)}:{name}": leaf
        for file, values in (stage.get("params") or {}).items()
        for name, leaf in flatten(values or {})
    }
    return LockedStage(
        "\n".join(cmd) if isinstance(cmd, list) else str(cmd),
        _hashes(stage.get("deps"), folder),
        params,
        _hashes(stage.get("outs"), folder),
    )


def _hashes(entries: Any, folder: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in entries or []:
        digest = next((entry[key] for key in ("md5", "etag", "checksum") if entry.get(key)), "")
        found[_join(folder, entry["path"])] = str(digest)
    return found


def _entries(section: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    items = section.items() if isinstance(section, dict) else section or []
    for item in items:
        if isinstance(item, str):
            yield item, {}
        elif isinstance(item, tuple):
            yield item[0], item[1] or {}
        elif isinstance(item, dict):
            yield from ((path, options or {}) for path, options in item.items())


def _param_files(section: Any) -> Iterator[str]:
    for item in section or []:
        if isinstance(item, dict):
            yield from item
        else:
            yield "params.yaml"


def _join(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, str(path).replace("\\", "/")))
