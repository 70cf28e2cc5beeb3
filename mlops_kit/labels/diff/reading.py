"""Events of two sides as one table that says which side has each; a file that both sides have is read once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from mlops_kit.artifacts.duck import literal
from mlops_kit.labels.events.model import COLUMNS
from mlops_kit.spec.labels import EventSource

if TYPE_CHECKING:
    from mlops_kit.artifacts.duck import Duck

TABLE = "diff_events"
_NUMBERS = ("confidence", "seconds")


@dataclass(frozen=True)
class EventPart:
    """One file of events, and the sides that have it with this content."""

    batch: str
    """Name of the batch."""
    place: Path
    """Where it lies."""
    form: Literal["jsonl", "parquet"]
    """What it is."""
    old: bool
    """Whether the base has it."""
    new: bool
    """Whether the head has it."""

    @property
    def same(self) -> bool:
        """Return whether both sides have it."""
        return self.old and self.new


@dataclass(frozen=True)
class Loaded:
    """What was read."""

    events: int
    """Different events."""
    broken: int
    """Lines that are no event; `mlops-kit label check` names them."""


def load_events(duck: Duck, parts: Sequence[EventPart], *, whole: bool = True) -> Loaded:
    """Make the table `diff_events`: each event once, with `value` as text, `batch`, and `in_old` and `in_new`.

    An event is the same on both sides if its id is, in whatever file it stands. Without `whole`, of files that both sides have only events on
    items that the other files name are taken.
    """
    first = parts if whole else [part for part in parts if not part.same]
    duck.run(f"CREATE OR REPLACE TEMP TABLE raw_events AS {_union(first)}")
    (broken,) = duck.run("SELECT count(*) FROM raw_events WHERE id IS NULL OR item IS NULL").fetchone() or (
        0,
    )
    if not whole:
        rest = _union([part for part in parts if part.same])
        duck.run(
            f"INSERT INTO raw_events BY NAME SELECT * FROM ({rest}) WHERE (task, item) IN (SELECT (task, item) FROM raw_events)"
        )
    same = ", ".join(f"min({name}) AS {name}" for name in (*COLUMNS[1:], "text"))
    duck.run(
        f"CREATE OR REPLACE TEMP TABLE {TABLE} AS SELECT id, {same}, bool_or(in_old) AS in_old, bool_or(in_new) AS in_new"
        " FROM raw_events WHERE id IS NOT NULL AND item IS NOT NULL GROUP BY id"
    )
    duck.run("DROP TABLE raw_events")
    (events,) = duck.run(f"SELECT count(*) FROM {TABLE}").fetchone() or (0,)
    return Loaded(int(events), int(broken))


def _union(parts: Sequence[EventPart]) -> str:
    """Return a query of the events of `parts`: one scan for all files of a form that the same sides have, however many there are."""
    kinds = dict.fromkeys((part.form, part.old, part.new) for part in parts)
    grouped = [[part for part in parts if (part.form, part.old, part.new) == kind] for kind in kinds]
    return " UNION ALL BY NAME ".join(map(_group_sql, grouped)) or _nothing()


def write_side(duck: Duck, side: str) -> Path:
    """Write the events of one side (`old` or `new`) as Parquet with the columns of events into the database's scratch folder, and return the file."""
    place = duck.scratch / f"side-{side}.parquet"
    columns = ", ".join(
        "coalesce(value, 'null') AS value" if name == "value" else f'"{name}"' for name in COLUMNS
    )
    duck.run(
        f"COPY (SELECT {columns} FROM {TABLE} WHERE in_{side}) TO {literal(place.as_posix())} (FORMAT parquet)"
    )
    return place


def task_names(duck: Duck) -> tuple[str, ...]:
    """Return the tasks of the loaded events, by name."""
    return tuple(row[0] for row in duck.run(f"SELECT DISTINCT task FROM {TABLE} ORDER BY task").fetchall())


def _group_sql(parts: Sequence[EventPart]) -> str:
    part = parts[0]
    places = f"[{', '.join(literal(one.place.as_posix()) for one in parts)}]"
    if part.form == "parquet":
        source = f"read_parquet({places}, union_by_name = true, filename = true)"
    else:
        kinds = ", ".join(f"{literal(name)}: {literal(_kind(name))}" for name in COLUMNS)
        # Broken lines come as rows without anything, and are counted.
        source = (
            f"read_json({places}, format = 'newline_delimited', columns = {{{kinds}}}, ignore_errors = true,"
            " filename = true, maximum_object_size = 67108864)"
        )
    given = ("value", "role", "source", "batch", "task", "annotator", "time")
    told = [name for name in COLUMNS if name not in given]
    kinds_of = ", ".join(map(literal, get_args(EventSource)))
    names = ", ".join(told)
    return (
        f"SELECT {names}, coalesce(task, '') AS task, coalesce(annotator, '') AS annotator, coalesce(time, '') AS time, CAST(value AS VARCHAR) AS value,"
        " CASE WHEN CAST(value AS VARCHAR) = 'null' THEN NULL ELSE CAST(value AS JSON) ->> '$' END AS text,"
        f" coalesce(role, 'vote') AS role, CASE WHEN source IN ({kinds_of}) THEN source ELSE 'person' END AS source,"
        f" file_batch AS batch, {part.old} AS in_old, {part.new} AS in_new FROM {source} AS told"
        f" JOIN {_files_sql(parts)} AS files ON files.file = replace(told.filename, chr(92), '/')"
    )


def _files_sql(parts: Sequence[EventPart]) -> str:
    """Return a query in parentheses of file and batch."""
    names = ", ".join(literal(one.place.as_posix()) for one in parts)
    batches = ", ".join(literal(one.batch) for one in parts)
    return f"(SELECT unnest([{names}]) AS file, unnest([{batches}]) AS file_batch)"


def _kind(name: str) -> str:
    return "JSON" if name == "value" else "DOUBLE" if name in _NUMBERS else "VARCHAR"


def _nothing() -> str:
    columns = ", ".join(
        f"CAST(NULL AS {'DOUBLE' if name in _NUMBERS else 'VARCHAR'}) AS {name}"
        for name in (*COLUMNS, "text")
    )
    return f"SELECT {columns}, false AS in_old, false AS in_new WHERE false"
