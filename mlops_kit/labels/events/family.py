"""Families of events (one annotator, one item, one role) with more than one event, or with one that replaces another: which of them counts."""

from __future__ import annotations

from mlops_kit.artifacts.duck import Duck

COLUMNS = (
    "item",
    "annotator",
    "value",
    '"role"',
    "source",
    '"time"',
    '"seconds"',
    "confidence",
    "guideline",
    "id",
    "batch",
    "reason",
)


def settle_families(duck: Duck, base: str, special: str, *, prefix: str) -> tuple[str, dict[str, int]]:
    """Return the name of a table with the event that counts of each family in the table `special`, and how many of the others there are by rule.

    `base` is the query of all events that may count. The table has `COLUMNS`, `changes` and `stale`.
    """
    members, fitting, votes = (f"{prefix}{name}" for name in ("members", "fitting", "families"))
    duck.run(
        f"CREATE OR REPLACE TEMP TABLE {members} AS SELECT * FROM {base} WHERE family IN (SELECT family FROM {special})"
    )
    duck.run(
        f"CREATE OR REPLACE TEMP TABLE {fitting} AS WITH once AS (SELECT * FROM {members} "
        "QUALIFY row_number() OVER (PARTITION BY id ORDER BY file, batch) = 1) "
        f"SELECT one.*, {_LINK} AS link FROM once AS one LEFT JOIN once AS target ON target.id = one.supersedes"
    )
    alive = (
        f"SELECT * FROM {fitting} WHERE link IN ('', 'good', 'supersedes_unknown') "
        f"AND id NOT IN (SELECT supersedes FROM {fitting} WHERE link = 'good')"
    )
    duck.run(
        f"CREATE OR REPLACE TEMP TABLE {votes} AS WITH alive AS ({alive}), newest AS (SELECT * FROM alive "
        'QUALIFY row_number() OVER (PARTITION BY item, annotator, "role" ORDER BY "time" DESC, id DESC) = 1) '
        "SELECT newest.*, (SELECT count(*) FROM "
        f'{fitting} AS other WHERE other.item = newest.item AND other.annotator = newest.annotator AND other."role" = newest."role" '
        "AND other.value <> newest.value AND other.link IN ('', 'good', 'supersedes_unknown')) AS changes FROM newest"
    )
    return votes, _counts(duck, members, fitting, votes, alive)


_LINK = (
    "CASE WHEN one.supersedes IS NULL THEN '' WHEN target.id IS NULL THEN 'supersedes_unknown' "
    "WHEN one.item <> target.item THEN 'supersedes_other_item' "
    "WHEN one.annotator <> target.annotator AND one.\"role\" <> 'adjudication' THEN 'supersedes_other_annotator' ELSE 'good' END"
)


def _counts(duck: Duck, members: str, fitting: str, votes: str, alive: str) -> dict[str, int]:
    links = dict(duck.run(f"SELECT link, count(*) FROM {fitting} GROUP BY link").fetchall())
    twice, replaced, successors = duck.run(
        f"SELECT (SELECT count(*) FROM {members}) - (SELECT count(*) FROM {fitting}), "
        f"(SELECT count(*) FROM {fitting} WHERE id IN (SELECT supersedes FROM {fitting} WHERE link = 'good')), "
        f"(SELECT coalesce(sum(many), 0) FROM (SELECT count(*) AS many FROM {fitting} WHERE link = 'good' GROUP BY supersedes) WHERE many > 1)"
    ).fetchall()[0]
    repeated, changed = duck.run(
        f"SELECT count(*) FILTER (one.value = won.value), count(*) FILTER (one.value <> won.value) FROM ({alive}) AS one "
        f'JOIN {votes} AS won ON one.item = won.item AND one.annotator = won.annotator AND one."role" = won."role" AND one.id <> won.id'
    ).fetchall()[0]
    return {
        "same_id": twice,
        "superseded": replaced,
        "two_successors": int(successors),
        "repeated_vote": repeated,
        "changed_vote": changed,
        **{rule: many for rule, many in links.items() if rule not in ("", "good")},
    }
