"""Which votes count on a side, and what each item's label is by events alone: gold, then adjudication, then most votes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from mlops_kit.labels.diff.reading import TABLE

if TYPE_CHECKING:
    from mlops_kit.artifacts.duck import Duck

SIDES: tuple[Literal["old", "new"], ...] = ("old", "new")


def count_votes(duck: Duck, side: Literal["old", "new"]) -> None:
    """Make the table `votes_<side>`: at most one event for each task, item, role and, of votes, annotator.

    Of events that others of the same annotator, or adjudications, replace, none counts; of several of one annotator the newest by
    time and id does, as in `labels/events/counting.py`.
    """
    duck.run(f"""
        CREATE OR REPLACE TEMP TABLE votes_{side} AS
        WITH mine AS (SELECT * FROM {TABLE} WHERE in_{side}),
        later AS (SELECT * FROM mine WHERE supersedes IS NOT NULL),
        live AS (
            SELECT * FROM mine WHERE NOT EXISTS (
                SELECT 1 FROM later WHERE later.supersedes = mine.id AND later.task = mine.task AND later.item = mine.item
                AND (later.annotator = mine.annotator OR later.role = 'adjudication')))
        SELECT * FROM live QUALIFY row_number() OVER (PARTITION BY task, item, role, annotator ORDER BY time DESC, id DESC) = 1""")


def decide_items(duck: Duck, side: Literal["old", "new"]) -> None:
    """Make the table `labels_<side>` (task, item, label, how, votes) from `votes_<side>`.

    `how` is `gold`, `adjudicated` or `votes`; of several gold answers or adjudications the newest counts, of equally many votes the
    label that comes first as text.
    """
    duck.run(f"""
        CREATE OR REPLACE TEMP TABLE labels_{side} AS
        WITH told AS (
            SELECT task, item, role, text, count(*) AS votes, max((time, id)) AS newest FROM votes_{side} WHERE text IS NOT NULL GROUP BY ALL),
        ranked AS (
            SELECT *, sum(votes) FILTER (role = 'vote') OVER (PARTITION BY task, item) AS all_votes FROM told
            QUALIFY row_number() OVER (PARTITION BY task, item ORDER BY {_RANK}, {_ORDER}, text) = 1)
        SELECT task, item, text AS label, {_HOW} AS how, CAST(coalesce(all_votes, 0) AS BIGINT) AS votes FROM ranked""")


_RANK = "CASE role WHEN 'gold' THEN 0 WHEN 'adjudication' THEN 1 ELSE 2 END"
_ORDER = "CASE WHEN role = 'vote' THEN votes ELSE 0 END DESC, CASE WHEN role = 'vote' THEN NULL ELSE newest END DESC"
_HOW = "CASE role WHEN 'gold' THEN 'gold' WHEN 'adjudication' THEN 'adjudicated' ELSE 'votes' END"
