"""Which events count as votes: one answer of each annotator for each item, with what was told about the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mlops_kit.artifacts.duck import Duck, literal, quoted
from mlops_kit.artifacts.tables import EventFiles
from mlops_kit.errors import BadDataError
from mlops_kit.labels.events.answers import find_faults, plain_sql
from mlops_kit.labels.events.broken import reading
from mlops_kit.labels.events.family import COLUMNS, settle_families
from mlops_kit.labels.events.ids import id_sql
from mlops_kit.labels.events.reading import read_events
from mlops_kit.labels.events.rules import RULES
from mlops_kit.labels.events.verify import BAD_FIELD, check_doubtful
from mlops_kit.spec.labels import Labelling

VOTES = "counted_votes"


@dataclass(frozen=True)
class Votes:
    """The votes of one task that count, as a view in an open database."""

    duck: Duck
    """The database; the view and the file that it reads are gone with it."""
    table: str
    """Name of the view, to stand after FROM: `item`, `annotator`, `value` (JSON text such as `"late"` or `3.5`; NULL for who cannot tell),
    `role`, `source`, `time` (TIMESTAMP, UTC), `seconds`, `confidence`, `guideline`, `id`, `trust`, `batch`, `reason`, `changes` (how many other
    answers with another value the same annotator gave before or after), `stale` (whether the item's content is another one by now). At
    most one row for each item, annotator and role; in no order."""
    counts: Mapping[str, int]
    """`events` that were read, `votes` that count (abstentions are among them), `items` that have one, and by the names of `rules.py`
    how many events each rule applies to; only rules that apply to any."""


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
    """Make the view of the votes of `task` that count, in `duck`, and return it with what was counted.

    What another event rightly supersedes does not count; of several answers of one annotator for one item in one role the newest by (time, id)
    does. What `rules.py` leaves out is as if it were not there. Rows with `value` NULL are abstentions: they count for coverage and for
    annotators, never for a consensus. `items` is a query in parentheses with `item` and `content` of the items that exist
    (`labels/pool.py`); with it answers for unknown items are left out. `verify`: whether ids are held against what events say.
    Raises BadDataError, naming file and line, for a line that is no event and for an id that does not fit.
    """
    name = quoted(table)
    with reading(files):
        counting = _Counting(duck, files, task, labelling, f"{table}_", items)
        counts = counting.survey(verify)
        counting = replace(counting, clean=not counts.pop(_MISFITS))
        special = counting.find_special(counts.pop(_LINKS))
        families, settled = settle_families(duck, counting.base(), special, prefix=f"{table}_")
        file = duck.scratch / f"{table}.parquet"
        duck.run(f"COPY ({counting.votes(special, families)}) TO {literal(file.as_posix())} (FORMAT parquet)")
    duck.run(
        f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM read_parquet({literal(file.as_posix())}, can_have_nan = true)"
    )
    counts |= settled | _told(duck, name, labelling)
    ordered = {rule: counts[rule] for rule in ("events", "votes", "items", *RULES) if counts.get(rule)}
    return Votes(duck, name, {"events": 0, "votes": 0, "items": 0} | ordered)


@dataclass(frozen=True)
class _Counting:
    """The queries of one call."""

    duck: Duck
    files: EventFiles
    task: str
    labelling: Labelling
    prefix: str
    items: str | None
    clean: bool = False
    """Whether no rule leaves out any event, so that none is asked again."""

    def survey(self, verify: bool) -> dict[str, int]:
        """Read all events once: count them, find what stops, make the tables of values that are no answers and of items."""
        asked = self.labelling.tasks.get(self.task)
        if asked is None:
            raise BadDataError(f"labels/labels.yaml has no task `{self.task}`", fix="add it below `tasks:`")
        plain = plain_sql(asked)
        doubt = f"({BAD_FIELD} OR {f'id <> {id_sql()}' if verify else 'false'})"
        events, doubtful, odd, misfits, links = self.duck.run(
            f"SELECT count(*), count(*) FILTER ({doubt}), count(*) FILTER (NOT {plain}), "
            f"count(*) FILTER ({_BAD_TIME} {self._strangers('OR ', '')}), count(supersedes) FROM {self._read()} AS told"
        ).fetchall()[0]
        if doubtful:
            check_doubtful(self.duck, f"{self._read()} WHERE {doubt}", self.files)
        faults = f"{self._read()} WHERE NOT {plain}" if odd else "(SELECT '' AS value) WHERE false"
        find_faults(self.duck, faults, asked, f"{self.prefix}faults")
        if self.items is not None:
            self.duck.run(
                f"CREATE OR REPLACE TEMP TABLE {self.prefix}items AS "
                f"SELECT item, list(DISTINCT content) AS contents FROM {self.items} GROUP BY item"
            )
        left = self._left_out() if odd or misfits or self.items is not None else {}
        return {"events": events, _LINKS: links, _MISFITS: sum(left.values()), **left}

    def _left_out(self) -> dict[str, int]:
        query = f"SELECT fault, count(*) FROM {self._judged()} WHERE fault IS NOT NULL GROUP BY fault"
        return dict(self.duck.run(query).fetchall())

    def find_special(self, links: int) -> str:
        """Make the table of the families (hash of item, annotator and role) that need a closer look, and return its name. `links` is the number of
        events that replace another."""
        name = f"{self.prefix}special"
        base = self.base()
        self.duck.run(
            f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT family FROM {base} GROUP BY family HAVING count(*) > 1 OR count(supersedes) > 0"
        )
        if links:
            linked = f"SELECT supersedes FROM {base} WHERE supersedes IS NOT NULL"
            self.duck.run(f"INSERT INTO {name} SELECT DISTINCT family FROM {base} WHERE id IN ({linked})")
        return name

    def base(self) -> str:
        """Return the events that no rule leaves out, as a query in parentheses."""
        return f"(SELECT * EXCLUDE (fault) FROM {self._judged()} WHERE fault IS NULL)"

    def votes(self, special: str, families: str) -> str:
        """Return the query of the votes: of plain families their only event, of the others what was settled."""
        plain = f"SELECT {', '.join(COLUMNS)}, 0 AS changes, stale FROM {self.base()} WHERE family NOT IN (SELECT family FROM {special})"
        whole = f"({plain} UNION ALL SELECT {', '.join(COLUMNS)}, changes, stale FROM {families})"
        return (
            'SELECT item, annotator, nullif(value, \'null\') AS value, "role", source, "time", "seconds", confidence, guideline, id, '
            f"coalesce(trust, 1.0) AS trust, batch, reason, changes, stale FROM {whole} LEFT JOIN {self._roster()} USING (annotator)"
        )

    def _read(self) -> str:
        return read_events(self.files, self.task).sql()

    def _judged(self) -> str:
        """Return the events with `family`, `stale` and `fault`: the rule that leaves them out, or NULL."""
        placed = self.items is not None
        strangers = self._strangers("WHEN ", " THEN '{}'")
        unknown = "WHEN placed.item IS NULL THEN 'unknown_item'" if placed else ""
        stale = "coalesce(NOT list_contains(placed.contents, told.content), false)" if placed else "false"
        fault = f"CASE WHEN {_BAD_TIME} THEN 'bad_time' {strangers} {unknown} ELSE faults.fault END"
        faults = (
            "" if self.clean else f" LEFT JOIN {self.prefix}faults AS faults ON faults.value = told.value"
        )
        joined = f" LEFT JOIN {self.prefix}items AS placed ON placed.item = told.item" if placed else ""
        return (
            "(SELECT told.item, told.annotator, told.value, coalesce(told.\"role\", 'vote') AS \"role\", coalesce(told.source, 'person') AS source, "
            'TRY_CAST(told."time" AS TIMESTAMP) AS "time", told."seconds", told.confidence, told.guideline, told.id, told.batch, told.reason, '
            "told.supersedes, told.file, hash(told.item, told.annotator, coalesce(told.\"role\", 'vote')) AS family, "
            f"{stale} AS stale, {'NULL' if self.clean else fault} AS fault FROM {self._read()} AS told{faults}{joined})"
        )

    def _strangers(self, before: str, after: str) -> str:
        """Return SQL about annotators who may not answer: each condition between `before` and `after`, in which `{}` is the rule."""
        listed = self.labelling.annotators
        others = [name for name, one in listed.items() if one.tasks and self.task not in one.tasks]
        asked = [("not_in_roster", _among(listed, "NOT"))] if self.labelling.roster == "closed" else []
        asked += [("other_tasks", _among(others))] if others else []
        return " ".join(f"{before}{condition}{after.format(rule)}" for rule, condition in asked)

    def _roster(self) -> str:
        rows = ", ".join(
            f"({literal(name)}, {float(one.trust)!r}::DOUBLE)"
            for name, one in self.labelling.annotators.items()
        )
        listed = f"VALUES {rows}" if rows else "SELECT NULL::VARCHAR, NULL::DOUBLE WHERE false"
        return f"({listed}) AS roster(annotator, trust)"


_LINKS, _MISFITS = "links", "misfits"
_BAD_TIME = '(told."time" NOT LIKE \'____-__-__T__:__:__%Z\' OR length(told."time") > 27 OR TRY_CAST(told."time" AS TIMESTAMP) IS NULL)'


def _among(names: Iterable[str], negated: str = "") -> str:
    listed = ", ".join(literal(name) for name in names)
    return f"told.annotator {negated} IN ({listed})" if listed else ("true" if negated else "false")


def _told(duck: Duck, view: str, labelling: Labelling) -> dict[str, int]:
    listed = _among(labelling.annotators, "NOT").replace("told.", "")
    votes, items, abstained, stale, unlisted = duck.run(
        f"SELECT count(*), count(DISTINCT item), count(*) FILTER (value IS NULL), count(*) FILTER (stale), count(*) FILTER ({listed}) FROM {view}"
    ).fetchall()[0]
    return {
        "votes": votes,
        "items": items,
        "abstained": abstained,
        "changed_content": stale,
        "unlisted": unlisted,
    }
