"""Label events of any number, in DuckDB: JSON lines and Parquet as one relation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.duck import literal
from mlops_kit.artifacts.tables import EventFiles
from mlops_kit.errors import BadDataError
from mlops_kit.labels.events.model import COLUMNS
from mlops_kit.labels.events.places import shown_path

_KINDS = {"value": "JSON", "confidence": "DOUBLE", "seconds": "DOUBLE"}
_LONGEST_LINE = 16 << 20


@dataclass(frozen=True)
class EventRows:
    """Events that lie in files and are never loaded whole."""

    files: EventFiles
    """Where they are."""
    task: str | None = None
    """Only those of this task; all when None."""

    def sql(self) -> str:
        """Return a query in parentheses, to stand after FROM: the columns of events (`model.COLUMNS`) and `file`, the name of the file.

        What has no task is not dropped with the other tasks, so that it can be told. `value` is JSON text without blanks, `null` where the annotator cannot tell. The order of rows is that of the files."""
        parts = [_lines(paths) for paths in [self._ending(".jsonl")] if paths]
        parts += [_parquet(paths) for paths in [self._ending(".parquet")] if paths]
        whole = " UNION ALL BY NAME ".join(parts) or _nothing()
        where = "" if self.task is None else f" WHERE coalesce(task, '') IN ('', {literal(self.task)})"
        return f"(SELECT * FROM ({whole}){where})"

    def _ending(self, suffix: str) -> Sequence[Path]:
        return [path for path in self.files.paths if path.suffix == suffix and not _is_nothing(path)]


def read_events(files: EventFiles, task: str | None = None) -> EventRows:
    """Return the events of `files`, only those of `task` unless it is None. Nothing is read yet: a broken line shows when a query runs."""
    return EventRows(files, task)


def _is_nothing(path: Path) -> bool:
    """Return whether a file is empty, or one sign, at which DuckDB 2.0 stops or finds nothing. Raises BadDataError when that sign says something."""
    if path.stat().st_size > 1:
        return False
    if path.read_bytes().strip():
        raise BadDataError(
            f"{shown_path(path)}:1: this line is no JSON", fix=f"git checkout -- {shown_path(path)}"
        )
    return True


def _lines(paths: Sequence[Path]) -> str:
    kinds = ", ".join(f"{literal(name)}: {literal(_KINDS.get(name, 'VARCHAR'))}" for name in COLUMNS)
    return (
        f"SELECT * EXCLUDE (filename, value), coalesce(CAST(value AS VARCHAR), 'null') AS value, {_FILE} "
        f"FROM read_json({_listed(paths)}, format = 'newline_delimited', columns = {{{kinds}}}, filename = true, "
        f"maximum_object_size = {_LONGEST_LINE})"
    )


def _parquet(paths: Sequence[Path]) -> str:
    columns = ", ".join(
        f'CAST("{name}" AS {"DOUBLE" if name in ("confidence", "seconds") else "VARCHAR"}) AS "{name}"'
        if name != "value"
        else "coalesce(value, 'null') AS value"
        for name in COLUMNS
    )
    return (
        f"SELECT {columns}, {_FILE} "
        f"FROM read_parquet({_listed(paths)}, union_by_name = true, filename = true, can_have_nan = true)"
    )


_FILE = r"regexp_extract(filename, '[^/\\]*$') AS file"


def _listed(paths: Sequence[Path]) -> str:
    return "[" + ", ".join(literal(path.as_posix()) for path in paths) + "]"


def _nothing() -> str:
    columns = ", ".join(
        f'CAST(NULL AS {"DOUBLE" if name in ("confidence", "seconds") else "VARCHAR"}) AS "{name}"'
        for name in (*COLUMNS, "file")
    )
    return f"SELECT {columns} WHERE false"
