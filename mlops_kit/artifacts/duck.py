"""DuckDB, the engine for tables that are larger than memory: connections with fixed settings.

Whatever could change a result or reach outside is set: time zone UTC, the order of rows kept, no extension is looked for or loaded, what
does not fit into memory goes to a folder that is gone afterwards. Results do not depend on threads as long as queries order by a
unique key and add integers or decimals. They do for sums and averages of floats, for `first` and `any_value` without an order, and for
approximate aggregates.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.tables import RowStream
from mlops_kit.errors import OutsideError
from mlops_kit.outside.machine import available_memory, usable_processors
from mlops_kit.outside.scratch import Scratch, open_scratch

if TYPE_CHECKING:
    from types import TracebackType

    import duckdb
    import pyarrow as pa

LEAST_MEMORY = 512 << 20
MOST_MEMORY = 3 << 30
BATCH_ROWS = 65_536


def open_duck(*, memory: int | None = None, threads: int | None = None) -> Duck:
    """Return a new in-memory database.

    `memory` is the most bytes that DuckDB itself holds before it spills to disk (half of what is free, 512 MiB to 3 GiB, by default; Arrow
    batches and file writers come on top), `threads` how many it uses (all processors that this process may use, by default).
    """
    import duckdb

    scratch = open_scratch("mlops-kit-duck-")
    limit = memory or min(MOST_MEMORY, max(LEAST_MEMORY, available_memory() // 2))
    connection = duckdb.connect(
        config={
            "memory_limit": f"{limit // (1 << 20)}MiB",
            "threads": threads or usable_processors(),
            "temp_directory": str(scratch.path),
            "preserve_insertion_order": True,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    connection.execute("SET GLOBAL TimeZone = 'UTC'")  # for the cursors of streams too
    return Duck(_silent(connection), scratch.path, scratch)


@dataclass(frozen=True, eq=False)
class Duck:
    """An open database; closed at the end of a `with` block, or when nothing refers to it any more (a RowStream does)."""

    connection: duckdb.DuckDBPyConnection
    """DuckDB's own connection."""
    scratch: Path
    """Folder for what does not fit into memory."""
    held: Scratch
    """What removes that folder."""

    def __post_init__(self) -> None:
        weakref.finalize(self, _close, self.connection, self.held)

    def run(self, sql: str, values: Any = None) -> duckdb.DuckDBPyConnection:
        """Run a statement whose result is small, or needed by the next: `run(...).fetchall()`. Raises KeyboardInterrupt at Ctrl-C, and
        OutsideError when memory or the disk for what does not fit into it are not enough."""
        import duckdb

        try:
            with _interruptible():
                return self.connection.execute(sql, values)
        except duckdb.OutOfMemoryException as error:
            raise OutsideError(
                f"the data does not fit into memory and {self.scratch.parent}: {str(error).splitlines()[0]}",
                fix="free memory or disk; TMPDIR names another folder for what does not fit into memory",
            ) from error

    def stream(self, sql: str) -> RowStream:
        """Return the rows of the query `sql` as a value for a `Rows` output; the query runs when it is written."""

        def start() -> pa.RecordBatchReader:
            return _silent(self.connection.cursor()).sql(sql).to_arrow_reader(BATCH_ROWS)

        return RowStream(start)

    def __enter__(self) -> Duck:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _close(self.connection, self.held)


def _silent(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Keep DuckDB from drawing a progress bar on standard output, among the results, as it does after two seconds where Python has no main
    file: `python -c`, a process that starts warm. A cursor does not inherit it."""
    connection.execute("SET enable_progress_bar = false")
    return connection


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C be what it is everywhere: DuckDB takes the signal and raises a RuntimeError of its own."""
    try:
        yield
    except RuntimeError as error:
        if "interrupted" in str(error).lower():
            raise KeyboardInterrupt from error
        raise


def quoted(name: str) -> str:
    """Return `name` as an SQL identifier, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return `text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def _close(connection: duckdb.DuckDBPyConnection, scratch: Scratch) -> None:
    connection.close()
    scratch.close()
