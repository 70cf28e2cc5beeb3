"""SQLite files whose bytes depend on the schema and the rows alone.

A database file remembers its history: pages that were freed, the order in which they were filled, and in its header how often it was
changed and by which version of SQLite. Under a Turkish locale Python 3.11 does not even recognise INSERT as a change, so each row becomes
a transaction of its own. Here the rows go into a fresh database in one explicit transaction, VACUUM INTO lays the pages out anew, and the
header's counters are fixed.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.canonical.cells import plain_cell
from mlops_kit.errors import BadDataError

# Offsets in the file's header, each four bytes: change counter, changes of the schema (VACUUM counts as one), the change for which the
# size is valid, SQLite's version.
# https://www.sqlite.org/fileformat2.html#the_database_header
HEADER = {24: 1, 40: 1, 92: 1, 96: 0}


def sqlite_bytes(value: Any) -> bytes:
    """Return a SQLite database.

    `value` is {table name: pandas DataFrame, pyarrow Table or rows as mappings}, an open sqlite3.Connection, or the path of a database,
    which is only read. Tables of a mapping come in the order of their names, rows in the order given, columns without a type in SQL.
    A default index of a frame is dropped, any other becomes columns. Raises BadDataError for what a database cannot hold.
    """
    if isinstance(value, sqlite3.Connection):
        return _rebuild(value)
    if isinstance(value, Mapping):
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            _fill(connection, value)
            return _rebuild(connection)
    path = Path(value)
    if not path.is_file():
        raise BadDataError(f"{path}: no such database")
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        return _rebuild(connection)


def read_tables(path: Path) -> list[tuple[str, list[str], list[tuple[Any, ...]]]]:
    """Return name, columns and rows of each table of the database at `path`, in the order of the names. Changes nothing."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        known = (
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        )
        found = []
        for (name,) in connection.execute(known).fetchall():
            cursor = connection.execute(f"SELECT * FROM {_quote(name)}")  # noqa: S608 - the name is quoted
            found.append((name, [column[0] for column in cursor.description], cursor.fetchall()))
        return found


def _fill(connection: sqlite3.Connection, tables: Mapping[str, Any]) -> None:
    connection.execute("BEGIN")
    for name in sorted(tables):
        columns, rows = _table_rows(name, tables[name])
        listed = ", ".join(map(_quote, columns))
        try:
            connection.execute(f"CREATE TABLE {_quote(name)} ({listed})")
            marks = ", ".join("?" * len(columns))
            connection.executemany(
                f"INSERT INTO {_quote(name)} ({listed}) VALUES ({marks})",  # noqa: S608 - names are quoted
                ([plain_cell(item, f"table `{name}`") for item in row] for row in rows),
            )
        except (sqlite3.Error, OverflowError) as error:
            raise BadDataError(f"table `{name}` cannot be written: {error}") from error
    connection.execute("COMMIT")


def _table_rows(name: str, table: Any) -> tuple[list[str], Any]:
    from mlops_kit.artifacts.canonical.parquet import arrow_table

    if isinstance(table, Sequence) and not isinstance(table, str):
        columns = list(table[0]) if table else []
        if not columns or any(not isinstance(row, Mapping) or list(row) != columns for row in table):
            raise BadDataError(
                f"table `{name}` takes rows as mappings that all have the same columns in the same order"
            )
        return columns, (list(row.values()) for row in table)
    made = arrow_table(table)
    batches = made.to_batches(max_chunksize=10_000)
    return made.column_names, (
        row for batch in batches for row in zip(*(c.to_pylist() for c in batch.columns), strict=True)
    )


def _quote(name: str) -> str:
    if "\0" in name:
        raise BadDataError(f"{name!r} is no name of a table or column")
    return '"' + name.replace('"', '""') + '"'


def _rebuild(connection: sqlite3.Connection) -> bytes:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        fresh = Path(folder) / "fresh.sqlite"
        try:
            connection.execute("VACUUM INTO ?", [str(fresh)])
        except sqlite3.Error as error:
            raise BadDataError(
                f"the database cannot be copied: {error}", fix="commit or close what is still open on it"
            ) from error
        content = bytearray(fresh.read_bytes())
    for offset, number in HEADER.items():
        content[offset : offset + 4] = number.to_bytes(4, "big")
    content[18:20] = b"\x01\x01"  # no write-ahead log, which would be a second file
    return bytes(content)
