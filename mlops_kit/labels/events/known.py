"""Which events are here, by their ids."""

from __future__ import annotations

from collections.abc import Iterable

from mlops_kit.artifacts.duck import Duck
from mlops_kit.artifacts.tables import EventFiles
from mlops_kit.labels.events.broken import reading
from mlops_kit.labels.events.reading import read_events


def known_ids(duck: Duck, files: EventFiles, ids: Iterable[str]) -> set[str]:
    """Return those of `ids` that events in `files` have; the files are read once. Raises BadDataError for a broken line."""
    import pyarrow as pa

    duck.connection.register("asked_arrow", pa.table({"id": pa.array(list(ids), pa.string())}))
    duck.run("CREATE OR REPLACE TEMP TABLE asked_ids AS SELECT DISTINCT id FROM asked_arrow")
    duck.connection.unregister("asked_arrow")
    with reading(files):
        found = duck.run(
            f"SELECT DISTINCT id FROM {read_events(files).sql()} WHERE id IN (SELECT id FROM asked_ids)"
        ).fetchall()
    return {row[0] for row in found}


def strange_tasks(duck: Duck, files: EventFiles, known: Iterable[str]) -> dict[str, int]:
    """Return task -> number of events, of the tasks that are not among the `known`."""
    with reading(files):
        found = duck.run(
            f"SELECT coalesce(task, ''), count(*) FROM {read_events(files).sql()} GROUP BY ALL ORDER BY 1"
        ).fetchall()
    return {task: many for task, many in found if task not in set(known)}
