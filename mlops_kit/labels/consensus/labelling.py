"""Training labels from label events: what people say of a row stands, else what a column says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from mlops_kit.artifacts.duck import Duck, literal, open_duck, quoted
from mlops_kit.data.columns import require_columns
from mlops_kit.data.labelling import DAY, ColumnLabels, column_labels, mean_label
from mlops_kit.errors import BadDataError, SpecError
from mlops_kit.labels.agreement.quality import Quality, quality
from mlops_kit.labels.consensus.deciding import decide
from mlops_kit.labels.consensus.model import ConsensusOptions, Decided
from mlops_kit.labels.consensus.targets import target_sql
from mlops_kit.labels.events.counting import Votes, counted_votes
from mlops_kit.labels.events.rules import RULES
from mlops_kit.labels.items import item_sql
from mlops_kit.labels.pool import hidden_columns, items_query
from mlops_kit.spec.labels import Labelling, LabelTask
from mlops_kit.spec.model import Schema, Task

if TYPE_CHECKING:
    from mlops_kit.artifacts.tables import EventFiles, RowStream, TableFiles

_NO_LABEL = ("undecided", "not_yet")
_COUNTS = (
    "annotators",
    "answers",
    "changes",
    "events",
    "items",
    "items_cannot_tell",
    "items_enough_votes",
    "items_in_all",
    "items_labelled",
)
"""Figures that no promise is about; they stand in the report alone, as does what the rules for events leave out."""
FunctionVotes: TypeAlias = Literal["fill", "vote"]
COLUMNS = ("item", "value", "probability", "votes", "disagreement", "provenance")
"""Columns of `consensus` after the key."""


class LabelledByEvents(NamedTuple):
    """What labelling gives, in the order in which the label step returns it."""

    labels: RowStream
    """Key, target, with a time column `known_at`, and `labelled_by`: `people`, `functions` or `column`; by key."""
    consensus: RowStream
    """Key and what was decided, of every row that has a label or a vote, by key."""
    labelling: dict[str, float]
    """Counts, agreement, coverage."""
    label_quality: dict[str, Any]
    """What is behind the counts."""


@dataclass(frozen=True)
class ColumnFallback:
    """A column that labels rows nobody labelled."""

    column: str | None = None
    """Its name; None for no such column."""
    at_least: float | None = None
    """The label is 1 from this value on, else 0."""
    equals: str | None = None
    """The label is 1 where the column holds this text, else 0."""
    known_after_days: float = 0.0
    """Days after the row's time at which the label is known."""


@dataclass(frozen=True)
class LabelRules:
    """How events and columns become labels."""

    question: str | None = None
    """Task of labels/labels.yaml; the only one when None."""
    positive: str | None = None
    """Class that is target 1."""
    consensus: ConsensusOptions = field(default_factory=ConsensusOptions)
    """How votes become one answer."""
    functions: FunctionVotes = "fill"
    """What votes of label functions are for: `fill` the items that nobody else answered, or `vote` beside people."""
    fallback: ColumnFallback = field(default_factory=ColumnFallback)
    """What labels the rows that people have not decided."""


def label_by_events(
    rows: TableFiles,
    events: EventFiles,
    *,
    task: Task,
    schema: Schema,
    labelling: Labelling,
    rules: LabelRules,
    functions: TableFiles | None = None,
) -> LabelledByEvents:
    """Label `rows` by the consensus of `events` and of what label `functions` say, else by a column.

    Raises SpecError when the rules do not fit labels.yaml, BadDataError for events that cannot be read and when no row has a label.
    """
    name, question = choose_question(labelling, rules.question)
    target = target_sql(task, question, positive=rules.positive, at_least=rules.fallback.at_least)
    kinds = rows.schema()
    require_columns(kinds, [*task.key, *filter(None, [task.time])], "cleaned data")
    duck = open_duck()
    items = items_query(rows, task.key, question, schema)
    votes = counted_votes(duck, _together(events, functions), name, labelling, items=items)
    decided = decide(_weighed(votes, rules.functions), question, rules.consensus)
    if functions is not None:
        _tell_functions(votes, decided)
    hidden = hidden_columns(question, schema)
    ripe = _ripe(duck, rows, task, rules.fallback.known_after_days)
    column = _fallback(duck, rows, task, rules.fallback)
    joined = _Joined(duck, rows, task, decided, column, ripe)
    joined.write(item_sql(task.key, kinds, hidden), target)
    labels = joined.labels()
    labelled, mean = mean_label(duck, labels, task)
    if not labelled:
        raise BadDataError(
            "no row has a label", fix="mlops-kit label queue, mlops-kit label serve; or set label.column"
        )
    numbers = {
        "labelled": labelled,
        "unlabelled": joined.rows.count() - labelled,
        "positive_share" if task.kind == "classification" else "mean_label": mean,
        **({"newest_row_day": column.newest_day} if column else {}),
        **joined.counts(votes),
        **decided.told,
    }
    soft = [
        (column, f"p_{question.classes[n] if question.classes else n}")
        for n, column in enumerate(decided.soft)
    ]
    told = _quality(votes, decided, labelling, name, question, items)
    figures = {**told.metrics, **numbers}
    return LabelledByEvents(
        duck.stream(labels),
        joined.consensus(soft),
        {name: value for name, value in figures.items() if name not in (*_COUNTS, *RULES)},
        {"question": name, **told.document},
    )


def _quality(
    votes: Votes, decided: Decided, labelling: Labelling, name: str, question: LabelTask, items: str
) -> Quality:
    """Return agreement, coverage and the like of all votes, those of functions too."""
    duck = votes.duck
    (count,) = duck.run(f"SELECT count(DISTINCT item) FROM {items}").fetchone() or (0,)
    value = "CAST(to_json(value) AS VARCHAR)" if question.type == "class" else "value"
    labels = f"(SELECT item, {value} AS value FROM {decided.table} WHERE value IS NOT NULL)"
    return quality(
        duck, votes.table, task=name, labelling=labelling, items=count, consensus=labels, counts=votes.counts
    )


def choose_question(labelling: Labelling, name: str | None) -> tuple[str, LabelTask]:
    """Return name and task of labels.yaml that `name` asks for, or the only one. Raises SpecError."""
    known = ", ".join(labelling.tasks)
    if name is None and len(labelling.tasks) == 1:
        name = next(iter(labelling.tasks))
    if name is None:
        raise SpecError(
            "which question labels the rows?",
            where="params.yaml (label)",
            fix=f"set question to one of {known}",
        )
    if name not in labelling.tasks:
        raise SpecError(
            f"no task `{name}` in labels/labels.yaml",
            where="params.yaml (label)",
            fix=f"set question to one of {known}",
        )
    return name, labelling.tasks[name]


def _together(events: EventFiles, functions: TableFiles | None) -> EventFiles:
    """Return the files of events with those of function votes, which have the same columns."""
    return events if functions is None else replace(events, paths=(*events.paths, *functions.paths))


def _weighed(votes: Votes, functions: FunctionVotes) -> Votes:
    """Return the votes that decide. A function's vote is computed, and has no time that says when it became known."""
    if votes.duck.run(f"SELECT 1 FROM {votes.table} WHERE source = 'function' LIMIT 1").fetchone() is None:
        return votes
    filled = (
        "source <> 'function' OR item NOT IN "
        f"(SELECT item FROM {votes.table} WHERE source <> 'function' AND value IS NOT NULL)"
    )
    votes.duck.run(
        f"""CREATE OR REPLACE TEMP VIEW weighed_votes AS
        SELECT * REPLACE (CASE WHEN source <> 'function' THEN "time" END AS "time") FROM {votes.table}
        WHERE {filled if functions == "fill" else "true"}"""
    )
    return replace(votes, table="weighed_votes")


def _tell_functions(votes: Votes, decided: Decided) -> None:
    """Say of items that nobody but functions answered that they are decided by functions, not by people."""
    votes.duck.run(
        f"""UPDATE {decided.table} SET provenance = 'functions' WHERE provenance NOT IN ('gold', 'adjudicated', 'undecided')
        AND item NOT IN (SELECT item FROM {votes.table} WHERE source <> 'function' AND value IS NOT NULL)"""
    )


def _ripe(duck: Duck, rows: TableFiles, task: Task, days: float) -> str:
    """Return SQL of whether a row is old enough that a function may label it, `days` before the newest, as the column does: labels in the
    weeks that wait for theirs would leave nothing live."""
    if not task.time:
        return "true"
    moment = f"epoch_us({quoted(task.time)})"
    (newest,) = duck.run(f"SELECT max({moment}) FROM {rows.sql()}").fetchone() or (None,)
    return f"coalesce({moment} + {int(days * DAY)} <= {newest or 0}, false)"


def _fallback(duck: Duck, rows: TableFiles, task: Task, fallback: ColumnFallback) -> ColumnLabels | None:
    if fallback.column is None:
        return None
    return column_labels(
        duck,
        rows,
        fallback.column,
        task=task,
        at_least=fallback.at_least,
        equals=fallback.equals,
        known_after_days=fallback.known_after_days,
    )


@dataclass(frozen=True)
class _Joined:
    """Rows with what was decided of them, in a scratch file by key, from which both tables are read."""

    duck: Duck
    rows: TableFiles
    task: Task
    decided: Decided
    column: ColumnLabels | None
    ripe: str
    """SQL: whether what a program says of a row can be known by the newest time of all rows."""

    @property
    def _keys(self) -> str:
        return ", ".join(map(quoted, self.task.key))

    @property
    def _file(self) -> str:
        return f"read_parquet({literal((self.duck.scratch / 'labelled.parquet').as_posix())}, can_have_nan = true)"

    def write(self, item: str, target: str) -> None:
        column = self.column
        known, value, when = (
            (column.known, column.target, column.known_at)
            if column
            else ("false", "NULL", "NULL::TIMESTAMPTZ")
        )
        soft = "".join(f", decided.{name}" for name in self.decided.soft)
        place = literal((self.duck.scratch / "labelled.parquet").as_posix())
        kind = "TINYINT" if self.task.kind == "classification" else "DOUBLE"
        self.duck.run(
            f"""COPY (SELECT {self._keys}, decided.item AS "mlops-kit item", CAST(CASE WHEN {_PEOPLE} THEN person ELSE machine END AS {kind}) AS "mlops-kit target",
            CASE WHEN {_PEOPLE} THEN timezone('UTC', last) ELSE machine_at END AS "mlops-kit known",
            value AS "mlops-kit value", probability AS "mlops-kit probability", coalesce(votes, 0) AS "mlops-kit votes",
            disagreement AS "mlops-kit disagreement",
            CASE WHEN {_NOT_YET} AND machine IS NULL THEN 'not_yet' WHEN {_PEOPLE} OR machine IS NULL THEN provenance ELSE 'column' END AS "mlops-kit provenance"{soft}
            FROM (SELECT {self._keys}, {item} AS "mlops-kit name", CASE WHEN {known} THEN {value} END AS machine,
                  CASE WHEN {known} THEN {when} END AS machine_at, {self.ripe} AS ripe FROM {self.rows.sql()}) AS rows
            LEFT JOIN (SELECT *, {target} AS person FROM {self.decided.table}) AS decided ON decided.item = "mlops-kit name"
            WHERE decided.item IS NOT NULL OR machine IS NOT NULL
            ORDER BY ALL) TO {place} (FORMAT parquet, COMPRESSION snappy)"""
        )

    def labels(self) -> str:
        when = ', "mlops-kit known" AS known_at' if self.task.time else ""
        by = """CASE "mlops-kit provenance" WHEN 'column' THEN 'column' WHEN 'functions' THEN 'functions' ELSE 'people' END AS labelled_by"""
        return (
            f'SELECT {self._keys}, "mlops-kit target" AS {quoted(self.task.target)}{when}, {by} '
            f'FROM {self._file} WHERE "mlops-kit target" IS NOT NULL'
        )

    def consensus(self, soft: Sequence[tuple[str, str]]) -> RowStream:
        names = ", ".join(f'"mlops-kit {name}" AS {name}' for name in COLUMNS)
        shares = "".join(f", {name} AS {quoted(shown)}" for name, shown in soft)
        return self.duck.stream(f"SELECT {self._keys}, {names}{shares} FROM {self._file}")

    def counts(self, votes: Votes) -> dict[str, float]:
        found = self.duck.run(
            f"""SELECT "mlops-kit provenance", count(*), count("mlops-kit disagreement"),
            coalesce(sum(CAST(round("mlops-kit disagreement" * {_BILLION}) AS HUGEINT)), 0) FROM {self._file} GROUP BY ALL ORDER BY ALL"""
        ).fetchall()
        given = dict.fromkeys(("gold", "adjudicated", "undecided", "column"), 0)
        given |= {name: rows for name, rows, _, _ in found}
        judged = sum(rows for _, _, rows, _ in found)
        spread = int(sum(total for *_, total in found)) / _BILLION
        people = sum(n for name, n in given.items() if name not in (*_NO_LABEL, "column", "functions"))
        return {
            "by_people": people,
            **{name if name in _NO_LABEL else f"by_{name}": n for name, n in given.items()},
            "unknown_items": votes.counts.get("unknown_item", 0),
            **({"mean_disagreement": spread / judged} if judged else {}),
            **votes.counts,
        }


_BILLION = 1_000_000_000
"""Disagreements are added in billionths, as whole numbers."""
_NOT_YET = "(coalesce(provenance, '') = 'functions' AND NOT ripe)"
_PEOPLE = f"(decided.item IS NOT NULL AND person IS NOT NULL AND NOT {_NOT_YET})"
