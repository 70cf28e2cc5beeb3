"""The items whose label differs, with what led to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from mlops_kit.labels.diff.model import Basis, ItemDiff, ItemKind, Why
from mlops_kit.labels.diff.reading import TABLE
from mlops_kit.labels.diff.shown import Cells

if TYPE_CHECKING:
    from mlops_kit.artifacts.duck import Duck

MOST_TEXT = 200
MOST_NAMES = 8
Show: TypeAlias = Callable[[str, Sequence[str]], Mapping[str, Cells]]
"""Task and names of items -> what annotators see of them."""
_PSEUDONYM = re.compile(r"#[0-9a-f]{32}")
_HIDDEN = "not shown"


@dataclass(frozen=True)
class Veil:
    """What is not shown."""

    words: bool = False
    """Annotators' words, which may speak of persons that they see."""
    names: bool = False
    """Names of items that are no pseudonyms."""
    labels: bool = False
    """Labels, which are free answers about persons."""


def diff_items(
    duck: Duck, task: str, *, basis: Basis, limit: int, veil: Veil, show: Show
) -> tuple[ItemDiff, ...]:
    """Return the first `limit` items of the table `label_pairs` that differ: changed ones, then lost ones, then new ones, each by name."""
    rows = duck.run(_ITEMS, [limit, task]).fetchall()
    shown = show(task, [row[1] for row in rows])
    return tuple(_item(row, veil, basis, shown.get(row[1], ())) for row in rows)


_ITEMS = f"""
    WITH told AS (
        SELECT *, CASE WHEN old_label IS NULL THEN 2 WHEN new_label IS NULL THEN 1 ELSE 0 END AS rank FROM label_pairs
        WHERE old_label IS DISTINCT FROM new_label ORDER BY rank, item LIMIT ?),
    fresh AS (
        SELECT item, list(DISTINCT annotator ORDER BY annotator) AS who, arg_max(batch, (time, id)) AS batch,
            arg_max(reason, (time, id)) FILTER (reason IS NOT NULL) AS reason,
            bool_or(role = 'gold' AND in_new) AS gold, bool_or(role = 'adjudication' AND in_new) AS decided,
            bool_or(text IS NULL AND in_new) AS withdrawn, bool_and(in_old) AS gone
        FROM {TABLE} WHERE task = ? AND in_old <> in_new AND item IN (SELECT item FROM told) GROUP BY item)
    SELECT told.rank, told.item, old_label, new_label, old_how, how, old_votes, new_votes, who, batch, reason, gold, decided, withdrawn, gone
    FROM told LEFT JOIN fresh USING (item) ORDER BY rank, item"""


def _item(row: tuple[Any, ...], veil: Veil, basis: Basis, shown: Cells) -> ItemDiff:
    rank, item, old, new, old_how, how, old_votes, new_votes, who, batch, reason, *marks = row
    kinds: tuple[ItemKind, ...] = ("changed", "lost", "newly")
    return ItemDiff(
        item="" if veil.names and not _PSEUDONYM.fullmatch(item) else cut_text(item),
        kind=kinds[rank],
        old=_HIDDEN if veil.labels and old is not None else cut_text(old),
        new=_HIDDEN if veil.labels and new is not None else cut_text(new),
        why=_why(old_how, how, marks) if who else _why_without(old_how, how, basis),
        annotators=tuple(who or ())[:MOST_NAMES],
        batch=batch or "",
        reason="" if veil.words else cut_text(reason) or "",
        votes=(old_votes, new_votes),
        shown=shown,
    )


def _why(old_how: str | None, how: str | None, marks: list[bool | None]) -> Why:
    gold, decided, withdrawn, gone = (bool(mark) for mark in marks)
    if how == "gold" and (gold or old_how != "gold"):
        return "gold"
    if how == "adjudicated" and (decided or old_how != "adjudicated"):
        return "adjudicated"
    return "taken back" if withdrawn or gone else "votes"


def _why_without(old_how: str | None, how: str | None, basis: Basis) -> Why:
    """Return why an item has another label of which no event differs."""
    return "settings" if basis == "votes" else "method" if old_how != how else "other items"


def cut_text(text: Any) -> Any:
    """Return a text with at most 200 characters; None stays None."""
    return text if text is None or len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…"
