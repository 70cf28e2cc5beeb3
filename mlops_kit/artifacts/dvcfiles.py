"""Typed readers of dvc.yaml, dvc.lock and .dvc/config: text in, frozen values out. Works on any DVC repository."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mlops_kit.artifacts.templating import DEFAULT_PARAMS, Reader, Templates, is_templated
from mlops_kit.artifacts.values import flatten, load_foreign_yaml
from mlops_kit.errors import SpecError
from mlops_kit.spec.kinds import JsonValue


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
    sizes: Mapping[str, tuple[int | None, int | None]] = field(default_factory=dict)
    """Path of an output -> its bytes and, of a folder, the number of its files, where they are recorded."""
    foreign: str = ""
    """What only DVC itself understands of it, in words: hashes of DVC 2, versions that a cloud keeps; empty when there is nothing."""
    entry: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """The entry as it stands in the lock."""


@dataclass(frozen=True)
class DeclaredOutput:
    """An output as dvc.yaml declares it."""

    path: str
    """Path relative to the DVC root."""
    section: str
    """`outs`, `metrics`, `plots` or `live` (of DVC before 3)."""
    type: str = ""
    """DVC's `type` annotation."""
    cache: bool = True
    """Whether DVC keeps the content; otherwise git does."""
    stage: str = ""
    """Name of the stage that writes it; empty for a top-level entry."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What else is said of it, as written: of a plot `x`, `y`, `template`, `title`."""


@dataclass(frozen=True)
class Pipeline:
    """What one dvc.yaml declares."""

    outputs: tuple[DeclaredOutput, ...]
    """Outputs of all stages, top-level metrics and plots."""
    param_files: tuple[str, ...]
    """Parameter files that stages or the top level name, relative to the DVC root."""
    stages: tuple[str, ...] = ()
    """Names of all stages, those of foreach and matrix one by one."""
    problems: tuple[str, ...] = ()
    """Stages that could not be resolved, each with the reason."""
    resolved: Mapping[str, Any] = field(default_factory=dict)
    """The file's `stages` and top-level `plots` with all templates resolved, as plain values."""
    bases: Mapping[str, str] = field(default_factory=dict)
    """Stage with a `wdir`, named as read_lock names it -> the folder that its recorded paths are relative to."""


def read_pipeline(
    text: str | bytes, folder: str, where: str, *, read: Reader = lambda path: None
) -> Pipeline:
    """Read a dvc.yaml that lies in `folder` (relative to the DVC root, empty for the root itself).

    `vars`, `${}`, `foreach` and `matrix` are resolved as DVC does; `read` gives the content of a file of the same side (None if there
    is none), for params.yaml and the files that `vars` names. A stage that cannot be resolved is among the `problems`, and the
    others are read. Raises SpecError when the file as a whole cannot be used.
    """
    value = _document(text, where)
    if not isinstance(value, dict) or not isinstance(value.get("stages") or {}, dict):
        raise SpecError("is not a mapping with `stages`", where=where)
    problems: list[str] = []
    stages: dict[str, Mapping[str, Any]] = {}
    for name, stage in _resolved(value, folder, where, read, problems):
        stages[name] = stage
    outputs: list[DeclaredOutput] = []
    params: list[str] = []
    prefix = f"{folder}/dvc.yaml:" if folder else ""
    for name, stage in stages.items():
        base = _join(folder, stage.get("wdir") or "")
        outputs += _outputs(prefix + name, stage, base)
        params += [_join(base, path) for path in _param_files(stage.get("params"))]
    top = {key: value.get(key) for key in ("metrics", "params", "plots")}
    if is_templated(top):
        try:
            top = Templates(value.get("vars"), folder, where, read).resolve(top)
        except SpecError as error:
            problems.append(error.message)
            top = {}
    outputs += [DeclaredOutput(_join(folder, path), "metrics") for path, _ in _entries(top.get("metrics"))]
    outputs += _top_plots(top.get("plots"), folder)
    params += [_join(folder, path) for path in top.get("params") or []]
    return Pipeline(
        tuple(outputs),
        tuple(dict.fromkeys(params)),
        tuple(stages),
        tuple(problems),
        {"stages": stages, "plots": top.get("plots")},
        {prefix + name: _join(folder, stage["wdir"]) for name, stage in stages.items() if stage.get("wdir")},
    )


# One command reads the same files several times, and parsing them is most of what it does. What is in here is never changed.
_DOCUMENTS: dict[str | bytes, Any] = {}
_LOCKS: dict[tuple[str | bytes, str], dict[str, LockedStage]] = {}
_MOST_KEPT = 8
_T = TypeVar("_T")
_K = TypeVar("_K")


def _document(text: str | bytes, where: str) -> Any:
    found = _DOCUMENTS.get(text)
    return _keep(_DOCUMENTS, text, load_foreign_yaml(text, where) or {}) if found is None else found


def _keep(known: dict[_K, _T], key: _K, value: _T) -> _T:
    while len(known) >= _MOST_KEPT:
        del known[next(iter(known))]
    known[key] = value
    return value


def _resolved(
    value: Mapping[str, Any], folder: str, where: str, read: Reader, problems: list[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    declared = value.get("stages") or {}
    templates: Templates | None = None
    for name, stage in declared.items():
        if not isinstance(stage, dict):
            problems.append(f"{where}: stage `{name}` is not a mapping")
        elif not ("foreach" in stage or "matrix" in stage or is_templated(stage)):
            yield str(name), stage
        else:
            try:
                templates = templates or Templates(value.get("vars"), folder, where, read)
                yield from list(templates.stages(str(name), stage))
            except SpecError as error:
                problems.append(error.message)


def _outputs(name: str, stage: Mapping[str, Any], base: str) -> Iterator[DeclaredOutput]:
    for section in ("outs", "metrics", "plots"):
        for path, options in _entries(stage.get(section)):
            cached = options.get("cache", True) is not False
            yield DeclaredOutput(
                _join(base, path), section, str(options.get("type", "")), cached, name, options
            )
    # `live:` was dropped in DVC 3; its summary lay beside the folder, later in it.
    live = stage.get("live")
    for path, options in _entries([live] if isinstance(live, str) else live):
        if options.get("summary", True) is not False:
            cached = options.get("cache", True) is not False
            yield DeclaredOutput(_join(base, path), "live", "", cached, name, options)


def _top_plots(section: Any, folder: str) -> Iterator[DeclaredOutput]:
    """Yield the files of top-level plots: `y` may name several, else the plot's own name is the file."""
    for name, options in _entries(section):
        y = options.get("y")
        for path in y if isinstance(y, dict) else [name]:
            yield DeclaredOutput(_join(folder, path), "plots", options=options)


def metric_files(outputs: Iterable[DeclaredOutput]) -> dict[str, tuple[str, ...]]:
    """Return declared metric path -> other places where an old DVC may have put it."""
    files: dict[str, tuple[str, ...]] = {}
    for output in outputs:
        if output.section == "metrics":
            files.setdefault(output.path, ())
        elif output.section == "live":
            files.setdefault(f"{output.path}.json", (f"{output.path}/metrics.json",))
    return files


def read_lock(text: str | bytes, folder: str, where: str) -> dict[str, LockedStage]:
    """Read a dvc.lock (schema 1.0 or 2.0) that lies in `folder`; stage names outside the root are `folder/dvc.yaml:name`.

    A lock of schema 1.0 holds the stages at its top. Raises SpecError when it is no lock, or of a schema that is not known.
    """
    known = _LOCKS.get((text, folder))
    if known is None:
        known = _keep(_LOCKS, (text, folder), _read_lock(text, folder, where))
    return dict(known)


def _read_lock(text: str | bytes, folder: str, where: str) -> dict[str, LockedStage]:
    value = _document(text, where)
    if not isinstance(value, dict):
        raise SpecError("is not a mapping of stages", where=where)
    schema = value.get("schema")
    if isinstance(schema, str | float | int) and str(schema) not in ("1.0", "2.0", "1", "2"):
        raise SpecError(f"has schema {schema}, which this version does not know", where=where)
    known = isinstance(schema, str | float | int)
    stages = (value.get("stages") or {}) if known else value
    prefix = f"{folder}/dvc.yaml:" if folder else ""
    return {f"{prefix}{name}": _locked(stage or {}, folder) for name, stage in stages.items()}


def move_stages(
    stages: Mapping[str, LockedStage], folder: str, bases: Mapping[str, str]
) -> dict[str, LockedStage]:
    """Return what read_lock read from a lock in `folder`, with the paths of the stages in `bases` relative to their folders there.

    A lock does not say that a stage has a `wdir`, to which its paths are relative; its dvc.yaml does.
    """

    def moved(path: str, base: str) -> str:
        outside = ":/" in path or posixpath.isabs(path)
        return path if outside else _join(base, posixpath.relpath(path, folder or "."))

    def moved_param(key: str, base: str) -> str:
        file, _, name = key.partition(":")
        return f"{moved(file, base)}:{name}"

    made = dict(stages)
    for name in stages.keys() & bases.keys():
        stage, base = stages[name], bases[name]
        made[name] = LockedStage(
            stage.cmd,
            {moved(path, base): digest for path, digest in stage.deps.items()},
            {moved_param(key, base): value for key, value in stage.params.items()},
            {moved(path, base): digest for path, digest in stage.outs.items()},
            {moved(path, base): sizes for path, sizes in stage.sizes.items()},
            stage.foreign,
            stage.entry,
        )
    return made


def locked_stage(entry: Mapping[str, Any], base: str) -> LockedStage:
    """Return an entry of a dvc.lock as read_lock does; its paths are relative to `base`, the folder of its commands."""
    return _locked(entry, base)


def read_dvc_file(text: str | bytes, path: str) -> LockedStage:
    """Return what a .dvc file at `path` (relative to the DVC root) tracks, as the outputs of a stage without a command."""
    value = load_foreign_yaml(text, path) or {}
    if not isinstance(value, dict):
        raise SpecError("is not a mapping", where=path)
    folder = _join(posixpath.dirname(path), value.get("wdir") or "")
    outs = value.get("outs")
    return LockedStage("", {}, {}, _hashes(outs, folder), _sizes(outs, folder), entry={"outs": outs or []})


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
        _sizes(stage.get("outs"), folder),
        _foreign([*(stage.get("deps") or []), *(stage.get("outs") or [])]),
        stage,
    )


def _foreign(entries: Iterable[Mapping[str, Any]]) -> str:
    for entry in entries:
        if "md5" in entry and entry.get("hash") != "md5":
            return f"{entry.get('path')} is recorded with a hash of DVC 2"
        if "files" in entry or "cloud" in entry or "version_id" in entry:
            return f"{entry.get('path')} is recorded with the versions that a cloud keeps"
        if not {"md5", "path"} <= entry.keys() and entry.keys() - {
            "path",
            "hash",
            "size",
            "nfiles",
            "isexec",
        }:
            return f"{entry.get('path')} is recorded with {', '.join(sorted(entry.keys() - {'path'}))}"
    return ""


def _sizes(entries: Any, folder: str) -> dict[str, tuple[int | None, int | None]]:
    def whole(value: Any) -> int | None:
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

    return {
        _join(folder, entry["path"]): (whole(entry.get("size")), whole(entry.get("nfiles")))
        for entry in entries or []
        if "size" in entry
    }


def _hashes(entries: Any, folder: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in entries or []:
        digest = next((entry[key] for key in ("md5", "etag", "checksum") if entry.get(key)), "")
        # Cloud versioning (`files:`) records no hash of the folder; its listing stands for it.
        content = digest or (_hash_of(entry["files"]) if entry.get("files") else "")
        found[_join(folder, entry["path"])] = str(content)
    return found


def _hash_of(listing: Any) -> str:
    import hashlib

    return hashlib.md5(repr(listing).encode(), usedforsecurity=False).hexdigest()


def _entries(section: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    items = section.items() if isinstance(section, dict) else section or []
    for item in items:
        if isinstance(item, str):
            yield item, {}
        elif isinstance(item, tuple):
            yield str(item[0]), _options(item[1])
        elif isinstance(item, dict):
            yield from ((str(path), _options(options)) for path, options in item.items())


def _options(options: Any) -> Mapping[str, Any]:
    """Return the options of an output; a plot may have a list of them, of which the first counts."""
    if isinstance(options, list):
        options = options[0] if options else {}
    return options if isinstance(options, dict) else {}


def _param_files(section: Any) -> Iterator[str]:
    for item in section or []:
        if isinstance(item, dict):
            yield from (str(path) for path in item)
        else:
            yield DEFAULT_PARAMS


def _join(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, str(path).replace("\\", "/")))
