"""What each item's label is on a side, from its events alone: gold, then adjudication, then most votes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from mlops_kit.labels.diff.reading import TABLE

if TYPE_CHECKING:
    from mlops_kit.artifacts.duck import Duck


def decide_items(duck: Duck, side: Literal["old", "new"]) -> str:
    """Make the table `labels_<side>` (task, item, label, how, votes) and return its name.

    Of events that others of the same annotator, or adjudications, replace, none counts; of several of one annotator the newest by
    time and id does. `how` is `gold`, `adjudicated` or `votes`; of equally many votes the label that comes first as text counts.
    """
    name = f"labels_{side}"
    duck.run(f"""
        CREATE OR REPLACE TEMP TABLE {name} AS
        WITH mine AS (SELECT * FROM {TABLE} WHERE in_{side}),
        live AS (
            SELECT * FROM mine WHERE NOT EXISTS (
                SELECT 1 FROM mine AS later WHERE later.supersedes = mine.id AND later.task = mine.task AND later.item = mine.item
                AND (later.annotator = mine.annotator OR later.role = 'adjudication'))),
        newest AS (
            SELECT * FROM live QUALIFY row_number() OVER (
                PARTITION BY task, item, role, CASE WHEN role = 'vote' THEN annotator ELSE '' END ORDER BY time DESC, id DESC) = 1),
        told AS (
            SELECT task, item, role, text, count(*) AS votes FROM newest WHERE text IS NOT NULL GROUP BY ALL),
        ranked AS (
            SELECT *, sum(votes) FILTER (role = 'vote') OVER (PARTITION BY task, item) AS all_votes FROM told
            QUALIFY row_number() OVER (PARTITION BY task, item ORDER BY {_RANK}, votes DESC, text) = 1)
        SELECT task, item, text AS label, {_HOW} AS how, CAST(coalesce(all_votes, 0) AS BIGINT) AS votes FROM ranked""")
    return name


_RANK = "CASE role WHEN 'gold' THEN 0 WHEN 'adjudication' THEN 1 ELSE 2 END"
_HOW = "CASE role WHEN 'gold' THEN 'gold' WHEN 'adjudication' THEN 'adjudicated' ELSE 'votes' END"
