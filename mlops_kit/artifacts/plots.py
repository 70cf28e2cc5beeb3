"""Plots as dvc.yaml declares them, and the records in their files: CSV, TSV, JSON and YAML, written by any tool."""

from __future__ import annotations

import csv
import io
import json
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.dvcfiles import LockedStage
from mlops_kit.artifacts.store import Store
from mlops_kit.artifacts.values import load_foreign_yaml
from mlops_kit.errors import BadDataError, SpecError

MAX_BYTES = 20_000_000
MAX_FILES = 200
IMAGES = (".png", ".jpg", ".jpeg", ".svg")
TABLES = (".csv", ".tsv", ".json", ".yaml", ".yml")
_DEEPEST = 6
Record = Mapping[str, Any]


@dataclass(frozen=True)
class PlotFile:
    """One file that a plot shows, and how dvc.yaml says to draw it."""

    name: str
    """Name of the plot: its title or id in dvc.yaml, else the file's path. Files with one name are drawn into one picture."""
    path: str
    """The file, relative to the DVC root."""
    x: str = ""
    """Column of the x axis; empty for the position of the record."""
    y: tuple[str, ...] = ()
    """Columns of the y axis; empty for the last column."""
    template: str = ""
    """DVC's template, such as `linear`, `confusion` or `bar_horizontal`; empty for the default, a line."""
    x_label: str = ""
    """Words at the x axis; empty for the column's name."""
    y_label: str = ""
    """Words at the y axis; empty for the column's name."""
    header: bool = True
    """Whether the first line of a table names the columns; without one they are named 0, 1, ..."""
    content: bytes | Path | None = None
    """What is in the file, or where that lies; None when it could not be had."""
    fix: str = ""
    """With content None: the command that gets it."""

    @property
    def is_image(self) -> bool:
        """Return whether the file is a picture already."""
        return self.path.lower().endswith(IMAGES)

    def load(self) -> bytes:
        """Return the content. Raises BadDataError, with the command that mends it, when there is none or it is too large."""
        content = self.content
        if content is None:
            raise BadDataError(f"{self.path} is neither in git nor in the DVC cache", fix=self.fix)
        try:
            size = len(content) if isinstance(content, bytes) else content.stat().st_size
            if size > MAX_BYTES:
                raise BadDataError(f"{self.path} is larger than {MAX_BYTES // 1_000_000} MB")
            return content if isinstance(content, bytes) else content.read_bytes()
        except OSError as error:
            raise BadDataError(f"{self.path}: {error.strerror}", fix=self.fix) from None


class Files:
    """Where the files of one side are: in git, in the work tree, or among the objects that DVC keeps."""

    def __init__(
        self,
        names: Iterable[str],
        read: Callable[[Iterable[str]], Mapping[str, bytes]],
        stages: Mapping[str, LockedStage],
        store: Store,
        here: Path | None,
    ) -> None:
        """Take the tracked `names` and how to `read` them, the recorded `stages` and the `store` of their outputs, and a work tree's root."""
        self._names = frozenset(names)
        self._read = read
        self._hashes = {path: digest for stage in stages.values() for path, digest in stage.outs.items()}
        self._store = store
        self._here = here

    def resolve(self, declared: PlotFile) -> Iterator[PlotFile]:
        """Yield the declared file with its content; for a folder each file of it that can be drawn."""
        path = declared.path
        if path.startswith(("../", "/")):
            yield replace(declared, fix=f"name a file of this repository instead of {path}")
            return
        found = self._content(path)
        if found is not None:
            yield replace(declared, content=found)
            return
        inside = dict(self._folder(path))
        for name in sorted(inside)[:MAX_FILES]:
            shown = name if declared.name == path else f"{declared.name}: {name}"
            yield replace(declared, name=shown, path=name, content=inside[name])
        if not inside:
            yield replace(declared, fix=f"dvc pull {path}" if path in self._hashes else "mlops-kit run")

    def _content(self, path: str) -> bytes | Path | None:
        if self._here is not None and (self._here / path).is_file():
            # Read now: what lies in a work tree can be gone when the plots are drawn.
            file = self._here / path
            return file.read_bytes() if file.stat().st_size <= MAX_BYTES else file
        if path in self._names:
            return self._read([path]).get(path)
        digest = self._hashes.get(path, "")
        return None if digest.endswith(".dir") else self._store.find(digest)

    def _folder(self, path: str) -> Iterator[tuple[str, bytes | Path]]:
        names = {name for name in self._names if name.startswith(f"{path}/")}
        if self._here is not None and (self._here / path).is_dir():
            files = (file for file in (self._here / path).rglob("*") if file.is_file())
            names |= {file.relative_to(self._here).as_posix() for file in files}
        for name in sorted(names):
            found = self._content(name) if _can_be_drawn(name) else None
            if found is not None:
                yield name, found
        if not names:
            yield from self._kept_folder(path)

    def _kept_folder(self, path: str) -> Iterator[tuple[str, Path]]:
        """Yield the files of a folder that only DVC's store has; its object is a list of them."""
        listing = self._store.find(self._hashes.get(path, ""))
        try:
            entries = json.loads(listing.read_bytes()) if listing else []
            for entry in entries:
                blob = self._store.find(str(entry["md5"])) if _can_be_drawn(str(entry["relpath"])) else None
                if blob is not None:
                    yield posixpath.normpath(f"{path}/{entry['relpath']}"), blob
        except (OSError, ValueError, KeyError, TypeError):
            return


def _can_be_drawn(path: str) -> bool:
    return path.lower().endswith((*TABLES, *IMAGES))


def collect_plots(pipelines: Mapping[str, Any], files: Files) -> tuple[PlotFile, ...]:
    """Return the plots that the dvc.yaml files in `pipelines` (path -> value with templates resolved) declare, with their files' content.

    A section that makes no sense has no plots: whoever reads its stages has said so.
    """
    found: dict[tuple[str, str, tuple[str, ...]], PlotFile] = {}
    for path, value in sorted(pipelines.items()):
        try:
            declared = list(declared_plots(value, posixpath.dirname(path)))
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
        for plot in declared:
            found.setdefault((plot.name, plot.path, plot.y), plot)
    # A file of a stage's own `plots:` that a top-level plot draws, too, is drawn once, as the top level says.
    titled = {plot.path for plot in found.values() if plot.name != plot.path}
    wanted = [plot for plot in found.values() if plot.name != plot.path or plot.path not in titled]
    return tuple(one for plot in wanted for one in files.resolve(plot))


def declared_plots(value: Any, folder: str) -> Iterator[PlotFile]:
    """Yield the plots that a dvc.yaml in `folder` declares: those of its stages and those at its top level.

    `value` is the parsed file with templates resolved.
    """
    if not isinstance(value, dict):
        return
    for stage in (value.get("stages") or {}).values():
        if isinstance(stage, dict):
            base = posixpath.join(folder, str(stage.get("wdir") or ""))
            for name, options in _entries(stage.get("plots")):
                yield from _declared(name, options, base, folder)
    for name, options in _entries(value.get("plots")):
        yield from _declared(name, options, folder, folder)


def _entries(section: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    items = section.items() if isinstance(section, dict) else section if isinstance(section, list) else ()
    for item in items:
        if isinstance(item, str):
            yield item, {}
        elif isinstance(item, tuple):
            yield str(item[0]), item[1] if isinstance(item[1], dict) else {}
        elif isinstance(item, dict):
            yield from ((str(name), value if isinstance(value, dict) else {}) for name, value in item.items())


def _declared(name: str, options: Mapping[str, Any], base: str, folder: str) -> Iterator[PlotFile]:
    x, y = options.get("x"), options.get("y")
    title = _text(options.get("title"))
    drawn = PlotFile(
        "",
        "",
        template=_text(options.get("template")),
        x_label=_text(options.get("x_label")),
        y_label=_text(options.get("y_label")),
        header=options.get("header") is not False,
    )
    if not isinstance(y, dict):
        path = _join(base, name)
        across = next(iter(x.values()), "") if isinstance(x, dict) else x
        yield replace(drawn, name=title or path, path=path, x=_text(across), y=_columns(y))
        return
    label = title or (f"{folder}: {name}" if folder else name)
    for file, wanted in y.items():
        across = x.get(file, next(iter(x.values()), "")) if isinstance(x, dict) else x
        across = across[0] if isinstance(across, list) and across else across
        yield replace(drawn, name=label, path=_join(folder, str(file)), x=_text(across), y=_columns(wanted))


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value)


def _columns(value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(str(item) for item in value)
    return (str(value),) if value is not None else ()


def _join(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path.replace("\\", "/")))


def read_records(path: str, content: bytes, *, header: bool = True) -> Sequence[Record]:
    """Return the records of a plot's file, by its ending: CSV, TSV, JSON or YAML.

    In JSON and YAML it is the first list of records at any depth. Raises BadDataError when the file holds none.
    """
    ending = posixpath.splitext(path)[1].lower()
    if ending not in TABLES:
        raise BadDataError(f"{path} is no table or image that can be drawn")
    try:
        text = content.decode("utf-8-sig")
        if ending in (".csv", ".tsv"):
            return _table(text, "\t" if ending == ".tsv" else ",", header=header)
        value = json.loads(text) if ending == ".json" else load_foreign_yaml(text, path)
    except (ValueError, SpecError, csv.Error, RecursionError) as error:
        raise BadDataError(f"{path} cannot be understood ({type(error).__name__})") from None
    found = _records(value, 0)
    if found is None:
        raise BadDataError(f"{path} has no list of records")
    return found


def _table(text: str, delimiter: str, *, header: bool) -> list[Record]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    first = next(rows, [])
    names = first if header else [str(index) for index in range(len(first))]
    body: list[Record] = [dict(zip(names, row, strict=False)) for row in rows if row]
    return body if header or not first else [dict(zip(names, first, strict=True)), *body]


def _records(value: Any, depth: int) -> list[Record] | None:
    if isinstance(value, list):
        found: list[Record] = [item for item in value if isinstance(item, dict)]
        return found or None
    if isinstance(value, dict) and depth < _DEEPEST:
        return next((made for item in value.values() if (made := _records(item, depth + 1))), None)
    return None
