"""Events that come against the items of their task."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_kit.artifacts.duck import Duck
from mlops_kit.labels.events.arriving import Arrival
from mlops_kit.labels.events.standing import INCOMING


def judge_items(duck: Duck, items: str, task: str, by_position: Mapping[int, Arrival]) -> None:
    """Add to the arrivals of `task` whether their item is among `items` (a query with `item` and `content`), and has the content that was shown.

    Needs the table `INCOMING`. An item that is there in several rows has each of their contents.
    """
    rows = duck.run(
        f"SELECT i.position, p.item IS NULL FROM (SELECT * FROM {INCOMING} WHERE task = ?) AS i "
        f"LEFT JOIN (SELECT item, list(content) AS contents FROM {items} GROUP BY item) AS p ON p.item = i.item "
        "WHERE p.item IS NULL OR (i.content IS NOT NULL AND NOT list_contains(p.contents, i.content))",
        [task],
    ).fetchall()
    for position, unknown in rows:
        if unknown:
            by_position[position].findings["unknown_item"] = f"`{task}` has no such item"
        else:
            by_position[position].findings["changed_content"] = (
                "what was shown is not what the item holds now"
            )
