"""Which votes count on a side, and what each item's label is by events alone: gold, then adjudication, then most votes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from mlops_kit.artifacts.duck import literal
from mlops_kit.artifacts.tables import EventFiles
from mlops_kit.errors import BadDataError
from mlops_kit.labels.diff.model import RuleDiff
from mlops_kit.labels.diff.reading import TABLE

if TYPE_CHECKING:
    from mlops_kit.artifacts.duck import Duck
    from mlops_kit.spec.labels import Labelling

SideName: TypeAlias = Literal["old", "new"]
_TOLD = ("superseded", "abstained")
SIDES: tuple[SideName, ...] = ("old", "new")


@dataclass(frozen=True)
class SideEvents:
    """The events of one side, as `labels/events/counting.py` reads them."""

    place: Path
    """A file with all of them that matter."""
    labelling: Labelling | None
    """The side's labels/labels.yaml; None without one that can be used."""


def make_labels(duck: Duck) -> None:
    """Make the empty tables `labels_old` and `labels_new` (task, item, label, how, votes)."""
    for side in SIDES:
        columns = "task VARCHAR, item VARCHAR, label VARCHAR, how VARCHAR, votes BIGINT"
        duck.run(f"CREATE OR REPLACE TEMP TABLE labels_{side} ({columns})")


@dataclass(frozen=True)
class SideVotes:
    """The votes of one task on one side."""

    table: str
    """Name of the table."""
    rules: Mapping[str, int] = field(default_factory=dict)
    """Rule -> how many events it applies to."""


def count_votes(duck: Duck, side: SideName, task: str, events: SideEvents) -> SideVotes:
    """Make the table of the votes of `task` that count on a side, as the label stage counts them.

    Where labels.yaml does not have the task, or an event is none by the rules, they are counted plainly: of events that others of the same annotator,
    or adjudications, replace, none; of several of one annotator for an item the newest by time and id.
    """
    name = f"votes_{side}"
    if events.labelling and task in events.labelling.tasks:
        from mlops_kit.labels.events.counting import counted_votes
        from mlops_kit.labels.events.rules import RULES

        try:
            files = EventFiles((events.place,))
            votes = counted_votes(duck, files, task, events.labelling, table=f"counted_{side}", verify=False)
            return SideVotes(
                votes.table, {name: votes.counts[name] for name in RULES if name in votes.counts}
            )
        except BadDataError:
            pass  # an event that is none by other rules; `label check` and the label stage name it
    duck.run(f"""
        CREATE OR REPLACE TEMP TABLE {name} AS
        WITH mine AS (SELECT * FROM {TABLE} WHERE in_{side} AND task = {literal(task)}),
        later AS (SELECT * FROM mine WHERE supersedes IS NOT NULL),
        live AS (
            SELECT * FROM mine WHERE NOT EXISTS (
                SELECT 1 FROM later WHERE later.supersedes = mine.id AND later.item = mine.item
                AND (later.annotator = mine.annotator OR later.role = 'adjudication')))
        SELECT * REPLACE (nullif(value, 'null') AS value) FROM live
        QUALIFY row_number() OVER (PARTITION BY item, role, annotator ORDER BY time DESC, id DESC) = 1""")
    return SideVotes(name)


def diff_rules(old: SideVotes, new: SideVotes) -> tuple[RuleDiff, ...]:
    """Return the rules that apply to another number of events, in the order of the table of rules; those for what is told as events of the
    task already are not among them."""
    from mlops_kit.labels.events.rules import RULES

    pairs = {name: (old.rules.get(name, 0), new.rules.get(name, 0)) for name in RULES if name not in _TOLD}
    return tuple(
        RuleDiff(name, RULES[name].use == "counts", *pair)
        for name, pair in pairs.items()
        if pair[0] != pair[1]
    )


def decide_items(duck: Duck, side: SideName, task: str, votes: str) -> None:
    """Add the labels of the items of `task` to `labels_<side>`, from the table `votes`.

    `how` is `gold`, `adjudicated` or `votes`; of several gold answers or adjudications the newest counts, of equally many votes the
    label that comes first as text.
    """
    duck.run(f"""
        INSERT INTO labels_{side}
        WITH told AS (
            SELECT item, role, CAST(value AS JSON) ->> '$' AS label, count(*) AS votes, max((time, id)) AS newest
            FROM {votes} WHERE value IS NOT NULL GROUP BY ALL),
        ranked AS (
            SELECT *, sum(votes) FILTER (role = 'vote') OVER (PARTITION BY item) AS all_votes FROM told
            QUALIFY row_number() OVER (PARTITION BY item ORDER BY {_RANK}, {_ORDER}, label) = 1)
        SELECT {literal(task)}, item, label, {_HOW}, CAST(coalesce(all_votes, 0) AS BIGINT) FROM ranked""")


_RANK = "CASE role WHEN 'gold' THEN 0 WHEN 'adjudication' THEN 1 ELSE 2 END"
_ORDER = "CASE WHEN role = 'vote' THEN votes ELSE 0 END DESC, CASE WHEN role = 'vote' THEN NULL ELSE newest END DESC"
_HOW = "CASE role WHEN 'gold' THEN 'gold' WHEN 'adjudication' THEN 'adjudicated' ELSE 'votes' END"
