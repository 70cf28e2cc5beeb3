"""SQLite: tables and rows; files are opened read-only and immutable."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterator

from mlops_kit.compare.deviation.content import Content
from mlops_kit.compare.deviation.findings import Findings, TooMuchError, show
from mlops_kit.compare.deviation.model import Level

MOST_ROWS = 2_000_000
_STEPS = 2_000_000_000


def explain_sqlite(old: Content, new: Content, found: Findings) -> None:
    """Compare the tables of two SQLite files; row ids and free pages do not count, the order of rows is named."""
    with _connect(old) as one, _connect(new) as other:
        schemas = (_schema(one), _schema(other))
        for fresh, (side, rest) in enumerate((schemas, schemas[::-1])):
            for name in sorted(side.keys() - rest.keys()):
                found.only(bool(fresh), f"{side[name][0]} {name}")
        for name in sorted(schemas[0].keys() & schemas[1].keys()):
            if schemas[0][name] != schemas[1][name]:
                found.change(f"definition of {name}", schemas[0][name][1], schemas[1][name][1])
            elif schemas[0][name][0] == "table":
                _compare_rows(name, one, other, found)
    if not found.count:
        found.say("the same rows, other pages, counters or SQLite version")


@contextlib.contextmanager
def _connect(content: Content) -> Iterator[sqlite3.Connection]:
    if content.path is not None:
        uri = f"{content.path.resolve().as_uri()}?mode=ro&immutable=1"
        connection = sqlite3.connect(uri, uri=True)
    else:
        connection = sqlite3.connect(":memory:")
        connection.deserialize(content.data)
    with contextlib.closing(connection):
        connection.text_factory = bytes
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA query_only=ON")
        left = [_STEPS // 1_000_000]

        def stop() -> bool:  # a damaged file could otherwise keep SQLite busy for ever
            left[0] -= 1
            return left[0] < 0

        connection.set_progress_handler(stop, 1_000_000)
        yield connection


def _schema(connection: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    rows = connection.execute("SELECT name, type, sql FROM sqlite_master").fetchall()
    named = [[(part or b"").decode("utf-8", "replace") for part in row] for row in rows]
    return {
        name: (kind if "VIRTUAL" not in sql.upper()[:20] else "virtual table", sql)
        for name, kind, sql in named
        if not name.startswith("sqlite_")
    }


def _compare_rows(name: str, one: sqlite3.Connection, other: sqlite3.Connection, found: Findings) -> None:
    sides = [_rows(side, name) for side in (one, other)]
    if sides[0] == sides[1]:
        return
    counts = (Counter(sides[0]), Counter(sides[1]))
    if counts[0] == counts[1]:
        found.say(f"table {name}: the same {len(sides[0]):,} rows in another order")
        return
    if len(sides[0]) != len(sides[1]):
        found.change(f"table {name}, number of rows", len(sides[0]), len(sides[1]))
    gone, came = counts[0] - counts[1], counts[1] - counts[0]
    changed = [(number, a, b) for number, (a, b) in enumerate(zip(*sides, strict=False), 1) if a != b]
    if len(sides[0]) == len(sides[1]) and len(changed) <= gone.total():
        number, a, b = changed[0]
        cells = [f"{show(x)} -> {show(y)}" for x, y in zip(a, b, strict=True) if x != y]
        found.say(
            f"table {name}: {len(changed):,} rows differ; row {number:,}: {', '.join(cells[:3])}",
            Level.DIFFERENT,
        )
        return
    for fresh, rest in enumerate((gone, came)):
        if rest:
            example = show(min(rest, key=repr))
            found.only(bool(fresh), f"table {name}: {rest.total():,} rows such as {example}")


def _rows(connection: sqlite3.Connection, name: str) -> list[tuple[object, ...]]:
    quoted = '"' + name.replace('"', '""') + '"'
    rows: list[tuple[object, ...]] = []
    for row in connection.execute(f"SELECT * FROM {quoted}"):  # noqa: S608 - an identifier, quoted
        if len(rows) >= MOST_ROWS:
            raise TooMuchError(f"more than {MOST_ROWS:,} rows in table {name}")
        rows.append(
            tuple(
                cell.decode("utf-8", "replace")
                if isinstance(cell, bytes)
                else str(cell)
                if cell != cell
                else cell
                for cell in row
            )
        )
    return rows
