"""Which events count as votes: one answer of each annotator for each item, with what was told about the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlops_kit.artifacts.duck import Duck, literal, quoted
from mlops_kit.artifacts.tables import EventFiles
from mlops_kit.labels.events.reading import read_events
from mlops_kit.spec.labels import Labelling

VOTES = "counted_votes"


@dataclass(frozen=True)
class Votes:
    """The votes of one task that count, as a table of an open database."""

    duck: Duck
    """The database; the table is gone with it."""
    table: str
    """Name of the table, to stand after FROM: `item`, `annotator`, `value` (JSON text such as `"late"` or `3.5`; NULL for who cannot tell),
    `role`, `source`, `time` (TIMESTAMP, UTC), `seconds`, `confidence`, `guideline`, `id`, `trust`, `batch`, `reason`, `changes` (how many earlier
    answers of the same annotator with another value it replaced). At most one row for each item, annotator and role; no order."""
    counts: Mapping[str, int]
    """`events` that were read, `votes` that count, and how many did not or are told, by the names of `rules.py`."""


def counted_votes(
    duck: Duck,
    files: EventFiles,
    task: str,
    labelling: Labelling,
    *,
    items: str | None = None,
    table: str = VOTES,
    verify: bool = True,
) -> Votes:
    """Make the table of the votes of `task` that count, in `duck`, and return it with what was counted.

    What another event rightly supersedes does not count; of several answers of one annotator for one item in one role the newest by (time, id)
    does. Rows with `value` NULL are abstentions: they count for coverage and for annotators, never for a consensus. `items` is a query with
    the columns `item` and `content` of the items that exist (`labels/pool.py`); with it answers for unknown items are left out and those that
    were given to another content are told. `verify`: whether ids are held against what events say.
    Raises BadDataError, naming file and line, for a line that is no event and for an id that does not fit.
    """
    name = quoted(table)
    del items, verify
    roster = _roster(labelling)
    duck.run(
        f"""CREATE OR REPLACE TEMP TABLE {name} AS
        WITH told AS (SELECT * REPLACE (TRY_CAST("time" AS TIMESTAMP) AS "time") FROM {read_events(files, task).sql()}),
        alive AS (SELECT * FROM told WHERE id NOT IN (SELECT supersedes FROM told WHERE supersedes IS NOT NULL)),
        newest AS (SELECT max_by(struct_pack(value, source, "time", "seconds", confidence, guideline, id, batch, reason), ("time", id)) AS one,
            count(*) AS answers, item, annotator, role FROM alive GROUP BY item, annotator, role)
        SELECT item, annotator, nullif(one.value, 'null') AS value, role, coalesce(one.source, 'person') AS source, one."time", one."seconds",
            one.confidence, one.guideline, one.id, coalesce(roster.trust, 1.0) AS trust, one.batch, one.reason, 0 AS changes
        FROM newest LEFT JOIN {roster} USING (annotator)"""
    )
    (events,) = duck.run(f"SELECT count(*) FROM {read_events(files, task).sql()}").fetchone() or (0,)
    (votes,) = duck.run(f"SELECT count(*) FROM {name}").fetchone() or (0,)
    return Votes(duck, name, {"events": events, "votes": votes})


def _roster(labelling: Labelling) -> str:
    rows = ", ".join(
        f"({literal(name)}, {one.trust!r}::DOUBLE)" for name, one in labelling.annotators.items()
    )
    listed = f"VALUES {rows}" if rows else "SELECT NULL::VARCHAR, NULL::DOUBLE WHERE false"
    return f"({listed}) AS roster(annotator, trust)"
