"""What a data file says about itself: types, key, time and task, each with the reason."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.duck import open_duck
from mlops_kit.data.contract.facts import ColumnFacts, are_unique, look_at
from mlops_kit.data.contract.infer import infer_column
from mlops_kit.data.contract.loading import loaded
from mlops_kit.data.contract.rules import numbered, stored_columns
from mlops_kit.errors import BadDataError, UsageError
from mlops_kit.spec.model import Column, ColumnRole, TaskKind

KEY_NAMES = re.compile(r"(^|_)(id|key|uuid|index|number)$", re.IGNORECASE)
REGRESSION_VALUES = 20
POSITIVE_WORDS = ("1", "true", "yes", "y", "t", "positive", "bad", "fraud", "churn")


@dataclass(frozen=True)
class Inferred:
    """What was read off a data file."""

    kind: TaskKind
    key: tuple[str, ...]
    time: str | None
    columns: dict[str, Column]
    label: dict[str, Any]
    """Section `label` of params.yaml."""
    slices: tuple[str, ...]
    """Columns with few values, to be watched as slices."""
    notes: tuple[str, ...] = field(default=())
    """What was inferred and why, a sentence each."""


def infer_dataset(path: Path, *, target: str, key: Sequence[str] = (), time: str | None = None) -> Inferred:
    """Infer task, key, time column and schema of the data file at `path` for predicting the column `target`.

    Given `key` and `time` are taken as they are. Raises BadDataError for a file that cannot be read or has no key, UsageError for
    columns that do not exist and for targets with more than two classes.
    """
    with loaded(path) as found, open_duck() as duck:
        rows = found.files.count()
        if not rows:
            raise BadDataError(f"{path}: no rows, only a header")
        relation = numbered(found.files)
        stored = stored_columns(duck, relation)
        for name in (target, *key, *([time] if time else [])):
            _require(stored, name, path)
        facts = {each.name: each for each in look_at(duck, relation, stored, rows=rows)}
        notes = _first_notes(facts[target].rows, rows, found.rejected)
        chosen_key = tuple(key) or _find_key(facts, target, rows, notes, path)
        if key and not are_unique(duck, relation, stored, key, rows=rows):
            raise BadDataError(
                f"{path}: rows repeat the key {', '.join(key)}", fix="name other columns: --key COL[,COL]"
            )
    chosen_time = time or _find_time(facts, notes)
    if chosen_time and facts[chosen_time].type != "timestamp":
        raise BadDataError(
            f"{path}: column `{chosen_time}` holds no times such as 2013-01-31T12:00:00Z",
            fix="name another with --time",
        )
    kind, label = _task(facts[target], notes)
    columns = {}
    for name, each in facts.items():
        seen = infer_column(each)
        role = _role(name, target, chosen_key, chosen_time)
        columns[name] = Column(each.type, role, nullable=role not in ("key", "time"), pii=seen.column.pii)
        if seen.column.pii:
            notes.append(f"`{name}` is marked `pii`: {seen.reasons[0]}")
    slices = tuple(
        name for name, each in facts.items() if columns[name].role == "feature" and _is_slice(each)
    )
    notes.append(
        "value ranges and lists of allowed values: see `mlops-kit data infer`, and write what you know into schema.yaml"
    )
    return Inferred(kind, chosen_key, chosen_time, columns, label, slices[:2], tuple(notes))


def _first_notes(looked: int, rows: int, rejected: int) -> list[str]:
    found = []
    if looked < rows:
        found.append(f"types and values: read off {looked:,} of {rows:,} rows, spread evenly")
    if rejected:
        found.append(
            f"{rejected:,} lines of the file are no rows; they will be in quarantine, each with the reason"
        )
    return found


def _require(columns: Mapping[str, str], name: str, path: Path) -> None:
    if name not in columns:
        close = get_close_matches(name, columns, n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"it has: {', '.join(columns)}"
        raise UsageError(f"{path}: no column `{name}`", fix=hint)


def _find_key(
    facts: Mapping[str, ColumnFacts], target: str, rows: int, notes: list[str], path: Path
) -> tuple[str, ...]:
    unique = [name for name, each in facts.items() if each.unique and name != target]
    if not unique:
        raise BadDataError(
            f"{path}: no column names a row uniquely", fix="name the columns that do: --key COL[,COL]"
        )
    best = next((name for name in unique if KEY_NAMES.search(name)), unique[0])
    notes.append(f"key: `{best}`, its {rows:,} values are all different")
    return (best,)


def _find_time(facts: Mapping[str, ColumnFacts], notes: list[str]) -> str | None:
    found = next((name for name, each in facts.items() if each.type == "timestamp"), None)
    notes.append(
        f"time: `{found}` holds times"
        if found
        else "time: no column holds times, so the split goes by a hash of the key"
    )
    return found


def _task(facts: ColumnFacts, notes: list[str]) -> tuple[TaskKind, dict[str, Any]]:
    target, count = facts.name, facts.distinct
    label: dict[str, Any] = {"column": target}
    if count == 2:
        rarer = min(facts.values, key=lambda each: (each[1], each[0]))[0]
        positive = next((value for value, _ in facts.values if value.lower() in POSITIVE_WORDS), rarer)
        notes.append(f"task: classification, `{target}` has two values; `{positive}` is the positive class")
        return "classification", label | {"equals": positive}
    if facts.type in ("integer", "number") and count >= REGRESSION_VALUES:
        notes.append(f"task: regression, `{target}` is a number with {count:,} values")
        return "regression", label
    if count < 2:
        raise BadDataError(
            f"column `{target}` has only the value {facts.values[0][0] if facts.values else '(missing)'}",
            fix="name another with --target",
        )
    raise UsageError(
        f"column `{target}` has {count} values; two classes or a number with at least {REGRESSION_VALUES} values can be predicted",
        fix="make a column with two values, or name another with --target",
    )


def _role(name: str, target: str, key: tuple[str, ...], time: str | None) -> ColumnRole:
    if name == target:
        return "label_source"
    if name in key:
        return "key"
    return "time" if name == time else "feature"


def _is_slice(facts: ColumnFacts) -> bool:
    return facts.type == "string" and 2 <= facts.distinct <= 20
