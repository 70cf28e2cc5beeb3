"""The items of one task, in the order in which they are asked: those of the queue, or without one all that are open, in an order of chance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mlops_kit.artifacts.duck import literal, open_duck, quoted
from mlops_kit.artifacts.tables import EventFiles
from mlops_kit.labels.asking.board import Asked, Given, Slot
from mlops_kit.labels.asking.queue import QueueFile
from mlops_kit.labels.delivery.pool import ITEMS, Pool
from mlops_kit.labels.events.counting import counted_votes
from mlops_kit.labels.items import text_sql
from mlops_kit.labels.queue.model import Prelabel, QueuedItem
from mlops_kit.spec.kinds import JsonValue
from mlops_kit.spec.labels import EventRole

CHUNK = 1000
"""How many items are held ready."""
TAKEN_BACK = "taken back"
"""Reason of an event that takes an answer back and puts nothing in its place."""
# Strategies that want another answer for items that have enough of them, and those that may ask the same person again.
_ANOTHER = frozenset({"disagreeing", "mislabelled", "review"})
_SAME_PERSON = frozenset({"mislabelled", "review"})


class Items:
    """Items that are asked about. They are read from the table in chunks, never all at once; what is hidden is never read."""

    def __init__(self, pool: Pool, queue: QueueFile, events: EventFiles, role: EventRole = "vote") -> None:
        self.pool = pool
        self.role = role
        self.queue = queue
        self.strategies = {each.item: each for each in queue.lines}
        self._duck = open_duck()
        self._at = 0
        pool.view(self._duck)
        counted_votes(self._duck, events, pool.name, pool.labelling, verify=False)
        self.total = self._order()
        self.absent = len(self.strategies) - self.total if self.strategies else 0

    def close(self) -> None:
        """Let go of the database."""
        self._duck.connection.close()
        self._duck.held.close()

    def more(self) -> list[Slot]:
        """Return the next items with what was answered for them; empty at the end."""
        start, self._at = self._at, self._at + CHUNK
        if start >= self.total:
            return []
        votes = self._votes(start)
        return [self._slot(asked, votes.get(asked.item, [])) for asked in self._asked(start)]

    def image(self, item: str) -> object:
        """Return what the cell of the item's image holds; None when there is none."""
        if not self._has_images():
            return None
        column = quoted(f".{self.pool.task.image}")
        sql = f"SELECT {column} FROM {ITEMS} WHERE item = {literal(item)} LIMIT 1"
        row = self._duck.run(sql).fetchone()
        return row[0] if row else None

    def earlier(self, annotator: str) -> list[tuple[str, Given]]:
        """Return the annotator's latest answers that stand, the newest last: item and answer; at most CHUNK."""
        sql = (
            f"SELECT item, id, value FROM counted_votes WHERE annotator = {literal(annotator)} AND role = {literal(self.role)} "
            f"AND NOT (value IS NULL AND coalesce(reason, '') = {literal(TAKEN_BACK)}) ORDER BY time DESC, id DESC LIMIT {CHUNK}"
        )
        found = self._duck.run(sql).fetchall()
        return [(item, Given(id, _value(value))) for item, id, value in reversed(found)]  # noqa: A001 - a column

    def one(self, item: str) -> Slot | None:
        """Return an item by its name, whether it is in the queue or not; None when the table does not have it."""
        self._duck.run("CREATE OR REPLACE TEMP TABLE one AS SELECT 0 AS place, ? AS item", [item])
        asked = self._read("one", "true")
        votes = self._grouped(f"SELECT {_VOTE} FROM counted_votes WHERE item = {literal(item)}")
        return self._slot(asked[0], votes.get(item, [])) if asked else None

    def _order(self) -> int:
        """Make the table `asked`: place (from 0) and item."""
        import pyarrow as pa

        if self.queue.lines:
            names = list(self.strategies)
            queue = pa.table({"place": list(range(len(names))), "item": names})
            self._duck.connection.register("queue", queue)
            wanted = f"SELECT place, item FROM queue SEMI JOIN {ITEMS} USING (item)"
        else:
            # The digest stands in for chance: the same order everywhere, and no order of the table.
            wanted = (
                f"SELECT md5(item) AS place, item FROM (SELECT DISTINCT item FROM {ITEMS}) {self._open()}"
            )
        self._duck.run(
            f"CREATE TEMP TABLE asked AS SELECT row_number() OVER (ORDER BY place) - 1 AS place, item FROM ({wanted})"
        )
        (count,) = self._duck.run("SELECT count(*) FROM asked").fetchone() or (0,)
        return int(count)

    def _open(self) -> str:
        """Return what leaves those items over that still need an answer of this role."""
        if self.role == "vote":
            enough = (
                "SELECT item FROM counted_votes GROUP BY item HAVING count(*) FILTER (role <> 'vote' AND value IS NOT NULL) > 0 "
                f"OR count(*) FILTER (role = 'vote' AND value IS NOT NULL) >= {self.pool.task.votes}"
            )
            return f"ANTI JOIN ({enough}) USING (item)"
        decided = f"SELECT item FROM counted_votes WHERE role = {literal(self.role)} AND value IS NOT NULL"
        if self.role == "gold":
            return f"ANTI JOIN ({decided}) USING (item)"
        torn = "SELECT item FROM counted_votes WHERE role = 'vote' GROUP BY item HAVING count(DISTINCT value) > 1"
        return f"SEMI JOIN ({torn}) USING (item) ANTI JOIN ({decided}) USING (item)"

    def _asked(self, start: int) -> list[Asked]:
        return self._read("asked", f"place >= {start} AND place < {start + CHUNK}")

    def _read(self, table: str, where: str) -> list[Asked]:
        """Return items with the texts of their columns. A key that two rows have stands for the first of them."""
        pool, text = self.pool, self._own_text()
        cells = [name for name in pool.shown if name not in (pool.task.image, text)]
        texts = [self._text(name) for name in (*cells, *filter(None, [text]))]
        image = f"{quoted(f'.{pool.task.image}')} IS NOT NULL" if self._has_images() else "false"
        sql = (
            f"SELECT item, content, {''.join(f'{each}, ' for each in texts)}{'' if text else 'NULL, '}{image} "
            f"FROM {table} JOIN {ITEMS} USING (item) WHERE {where} ORDER BY place, content"
        )
        found: dict[str, Asked] = {}
        for item, hashed, *values, own, has_image in self._duck.run(sql).fetchall():
            pairs = tuple(zip(cells, values, strict=True))
            line = self.strategies.get(item)
            found.setdefault(item, Asked(item, hashed, pairs, own, bool(has_image), _prelabel(line, hashed)))
        return list(found.values())

    def _text(self, name: str) -> str:
        """Return SQL of the text of a shown column."""
        return text_sql(f".{name}", self.pool.kinds[name])

    def _own_text(self) -> str | None:
        text = self.pool.task.text
        return text if text in self.pool.shown else None

    def _has_images(self) -> bool:
        return self.pool.task.image in self.pool.shown

    def _votes(self, start: int) -> Mapping[str, list[_Vote]]:
        return self._grouped(
            f"SELECT {_VOTE} FROM counted_votes SEMI JOIN (SELECT item FROM asked WHERE place >= {start} AND place < {start + CHUNK}) USING (item)"
        )

    def _grouped(self, sql: str) -> Mapping[str, list[_Vote]]:
        found: dict[str, list[_Vote]] = {}
        for item, *rest in self._duck.run(f"{sql} ORDER BY item, annotator, role").fetchall():
            annotator, role, value, reason, id, batch = rest  # noqa: A001 - a column
            taken_back = value is None and reason == TAKEN_BACK
            found.setdefault(item, []).append(
                _Vote(annotator, role, _value(value), taken_back, id, self.queue.made(batch))
            )
        return found

    def _slot(self, asked: Asked, votes: Sequence[_Vote]) -> Slot:
        line = self.strategies.get(asked.item)
        strategy = line.strategy if line else ""
        role = self.role
        own = [vote for vote in votes if vote.role == role]
        answers = {vote.annotator for vote in own if vote.value is not None}
        fresh = {vote.annotator for vote in own if vote.fresh}
        slot = Slot(asked, self._wanted(votes, answers - fresh, strategy), answers & fresh)
        slot.usual = max(0, self.pool.task.votes - len(answers - fresh))
        slot.given = {vote.annotator: Given(vote.id, vote.value, vote.taken_back) for vote in own}
        again = strategy in _SAME_PERSON
        slot.done = {vote.annotator for vote in own if not vote.taken_back and (vote.fresh or not again)}
        if role == "vote":  # whoever knows the answer is not asked
            slot.done |= {vote.annotator for vote in votes if vote.role != "vote"}
        if role == "adjudication":
            shown = tuple((vote.annotator, vote.value) for vote in votes if vote.role == "vote")
            slot.asked = replace(asked, votes=shown)
        return slot

    def _wanted(self, votes: Sequence[_Vote], earlier: set[str], strategy: str) -> int | None:
        """Return how many more answers an item needs, beyond the `earlier` ones: of a gold question one of everybody."""
        if self.role != "vote":
            return 1 - min(1, len(earlier))
        if any(vote.role == "gold" and vote.value is not None for vote in votes):
            return None
        return max(self.pool.task.votes - len(earlier), int(strategy in _ANOTHER))


@dataclass(frozen=True)
class _Vote:
    annotator: str
    role: str
    value: JsonValue
    taken_back: bool
    id: str
    fresh: bool
    """Whether it was given for the queue of now."""


_VOTE = "item, annotator, role, value, reason, id, batch"


def _prelabel(line: QueuedItem | None, content: str) -> Prelabel | None:
    """Return what the model would answer, unless it was asked about another content of the item."""
    return line.prelabel if line and line.content in ("", content) else None


def _value(text: str | None) -> JsonValue:
    value: JsonValue = None if text is None else json.loads(text)
    return value
