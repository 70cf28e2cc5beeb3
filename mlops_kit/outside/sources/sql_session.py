"""One connection to a database: what its columns are, and the statements that read them. Nothing is written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlops_kit.errors import BadDataError, MlopsKitError, OutsideError, UsageError
from mlops_kit.outside.sources import sql_types as kinds
from mlops_kit.outside.sources.patience import Patience
from mlops_kit.outside.sources.secrets import expanded, masked, scrubbed, secrets_of
from mlops_kit.outside.sources.sql_types import SqlColumn

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

BATCH_ROWS = 10_000
# What makes a text that the server writes the same everywhere; sessions end with the fetch.
_SETTINGS: Mapping[str, tuple[str, ...]] = {
    "postgresql": (
        "SET TIME ZONE 'UTC'", "SET datestyle = 'ISO, YMD'", "SET intervalstyle = 'iso_8601'", "SET extra_float_digits = 3",
        "SET bytea_output = 'hex'", "SET TRANSACTION READ ONLY",
    ),
    "sqlite": ("PRAGMA query_only = ON",),
}  # fmt: skip
_DRIVERS: Mapping[str, tuple[str, ...]] = {
    "postgresql": ("psycopg", "psycopg2", "pg8000"),
    "mysql": ("MySQLdb", "pymysql"),
    "mariadb": ("MySQLdb", "pymysql"),
}
# SQLSTATE: connection, conflict, resources, operator intervention.
_PASSING = ("08", "40", "53", "57P")


@dataclass(frozen=True)
class Database:
    """What rows to read, and where."""

    url: str
    """An address of SQLAlchemy, such as `postgresql://me:${PASSWORD}@host/db` or `sqlite:///data/flights.db`."""
    table: str = ""
    """A table or view, `schema.table` too."""
    query: str = ""
    """A SELECT instead of a table."""
    cursor: str = ""
    """Column that grows with time: an identifier, a time."""
    order: tuple[str, ...] = ()
    """Columns that order rows with the same cursor value; all columns when empty."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Types of columns where the database's own do not fit; see sql_types.WORDS."""
    root: Path = field(default_factory=Path)
    """Where relative paths of SQLite files begin."""
    batch_rows: int = BATCH_ROWS
    """Rows that are in memory at once."""

    def __str__(self) -> str:
        return f"{masked(self.url)} {self.table or ' '.join(self.query.split())[:80]}"


@dataclass(frozen=True)
class Session:
    """An open connection, and what is known of the columns."""

    connection: Connection
    database: Database
    columns: tuple[SqlColumn, ...]
    cursor: SqlColumn | None
    """The cursor column; None when the table is read whole."""

    def scalars(self, selects: Sequence[str], where: str, values: Mapping[str, Any]) -> Sequence[Any]:
        """Return the one row of `SELECT <selects> FROM ... WHERE <where>`."""
        from sqlalchemy import text

        row = self.connection.execute(text(self._statement(", ".join(selects), where)), dict(values)).one()
        return list(row)

    def above(
        self, after: str, upto: str, *, inclusive: bool = False, tag: str = ""
    ) -> tuple[str, dict[str, Any]]:
        """Return condition and values for cursor values above `after` (from it on if `inclusive`) up to `upto`; empty is no bound.

        `tag` tells the values of several conditions in one statement apart.
        """
        if self.cursor is None:
            return "", {}
        parts, values = [], {}
        for sign, name, bound in (
            (">=" if inclusive else ">", f"after_{tag}", after),
            ("<=", f"upto_{tag}", upto),
        ):
            if not bound:
                continue
            value = kinds.cursor_value(bound, self.cursor)
            if self.connection.dialect.driver == "pg8000":
                parts.append(f"{self.cursor.order} {sign} {_escaped(_literal(value))}")
            else:
                parts.append(f"{self.cursor.order} {sign} :{name}")
                values[name] = value
        return " AND ".join(parts), values

    def parts(self, where: str, values: Mapping[str, Any]) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Yield the rows of a condition in order, some at a time, as the server has them ready."""
        from sqlalchemy import text

        chosen = self.database.order or tuple(column.name for column in self.columns)
        by_name = {column.name: column for column in self.columns}
        for name in chosen:
            if name not in by_name:
                raise BadDataError(
                    f"{self.database}: no column `{name}` to order by", fix=f"it has: {', '.join(by_name)}"
                )
        order = [self.cursor.order] if self.cursor else []
        order += [by_name[name].order for name in chosen if not self.cursor or name != self.cursor.name]
        select = ", ".join(column.select for column in self.columns)
        statement = f"{self._statement(select, where)} ORDER BY {', '.join(order)}"
        rows = self.database.batch_rows
        options = {"stream_results": True, "yield_per": rows, "max_row_buffer": rows}
        with self.connection.execute(text(statement), dict(values), execution_options=options) as result:
            for part in result.partitions(rows):
                yield [tuple(row) for row in part]

    def _statement(self, select: str, where: str) -> str:
        relation = _relation(self.connection, self.database)
        return f"SELECT {select} FROM {relation}" + (f" WHERE {where}" if where else "")  # noqa: S608 - names are quoted; the query is the user's


@contextmanager
def session(database: Database) -> Iterator[Session]:
    """Connect, read-only, and find out about the columns. Raises what drivers raise; `explain` makes sense of it."""
    engine = _engine(database)
    try:
        with engine.connect() as connection:
            for setting in _SETTINGS.get(connection.dialect.name, ()):
                connection.exec_driver_sql(setting)
            columns = tuple(_columns(connection, database))
            yield Session(connection, database, columns, _cursor(database, columns))
    finally:
        engine.dispose()


def explain(
    database: Database, error: Exception, patience: Patience, *, after_progress: bool = False
) -> None:
    """Wait for a database that may come back; raise OutsideError, or the error itself if it is ours, when that makes no sense."""
    if isinstance(error, MlopsKitError):
        raise error
    original = getattr(error, "orig", None) or error
    state = _state(original)
    said = scrubbed(f"{database}: {_said(original)}", secrets_of(database.url))
    if _is_passing(error, original, state):
        patience.failed(said, after_progress=after_progress)
        return
    raise OutsideError(said, fix="look at url, table, query and cursor in params.yaml") from None


def _is_passing(error: Exception, original: BaseException, state: str) -> bool:
    if state:
        return state.startswith(_PASSING)
    if isinstance(original, sqlite3.Error):
        return "locked" in str(original) or "busy" in str(original)
    if getattr(error, "connection_invalidated", False) or isinstance(original, OSError):
        return True
    return type(original).__name__ in ("OperationalError", "InterfaceError")


def _state(error: BaseException) -> str:
    """Return the SQLSTATE of a driver's error, empty where it has none."""
    for name in ("sqlstate", "pgcode"):
        if isinstance(found := getattr(error, name, None), str):
            return found
    first = error.args[0] if error.args else None
    return str(first.get("C", "")) if isinstance(first, dict) else ""


def _said(error: BaseException) -> str:
    first = error.args[0] if error.args else None
    return str(first.get("M", first)) if isinstance(first, dict) else f"{type(error).__name__}: {error}"


def _engine(database: Database) -> Engine:
    try:
        import sqlalchemy as sa
    except ImportError:
        raise UsageError("SQL sources need SQLAlchemy", fix="pip install 'dvc-mlops-kit[sql]'") from None
    if bool(database.table) == bool(database.query):
        raise UsageError(
            f"{masked(database.url)}: one of `table` and `query` is needed",
            fix="set one of them in params.yaml",
        )
    full = expanded(database.url)
    try:
        url = sa.make_url(full)
        if url.get_backend_name() == "sqlite":
            return sa.create_engine(
                "sqlite://", creator=lambda: _sqlite(database, url.database), poolclass=sa.NullPool
            )
        if "+" not in url.drivername:
            url = url.set(drivername=_with_driver(url.drivername))
        return sa.create_engine(url, poolclass=sa.NullPool)
    except (sa.exc.ArgumentError, ImportError) as error:
        said = scrubbed(str(error), secrets_of(database.url))
        raise UsageError(
            f"{masked(database.url)}: {said}",
            fix="postgresql://user:${PASSWORD}@host/database, and pip install its driver",
        ) from None


def _with_driver(name: str) -> str:
    """Return a scheme with the first driver that is installed."""
    found = next((driver for driver in _DRIVERS.get(name, ()) if find_spec(driver)), None)
    return f"{name}+{found.lower()}" if found else name


def _sqlite(database: Database, name: str | None) -> sqlite3.Connection:
    """Open a SQLite file that is there: SQLite itself would make an empty one."""
    path = database.root / (name or "")
    if not name or not path.is_file():
        raise BadDataError(f"{database}: no such file", fix="sqlite:///path/in/the/project.db")
    address = quote(path.resolve().as_posix(), safe="/:")
    connection = sqlite3.connect(f"file:{address}?mode=ro", uri=True, check_same_thread=False)
    connection.text_factory = lambda content: content.decode("utf-8", "backslashreplace")
    return connection


def _relation(connection: Connection, database: Database) -> str:
    if database.table:
        prepare = connection.dialect.identifier_preparer
        return ".".join(_escaped(prepare.quote(part)) for part in database.table.split("."))
    return f"({_escaped(database.query.strip().rstrip(';'))}) source_"


def _literal(value: Any) -> str:
    """Return a cursor value as PostgreSQL reads it. pg8000 stumbles over every % of a statement that has parameters."""
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def _escaped(sql: str) -> str:
    """Return SQL in which SQLAlchemy sees no parameters."""
    return sql.replace(":", "\\:")


def _columns(connection: Connection, database: Database) -> Iterator[SqlColumn]:
    """Yield the columns of what is read. Raises BadDataError for two of one name, UsageError for types that are none."""
    from sqlalchemy import text

    with connection.execute(text(f"SELECT * FROM {_relation(connection, database)} WHERE 1 = 0")) as nothing:  # noqa: S608 - as above
        described = list(nothing.cursor.description or ())
    names = [str(column[0]) for column in described]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not names:
        raise BadDataError(
            f"{database}: several columns named {', '.join(twice)}" if twice else f"{database}: no columns",
            fix="give each column of the query a name of its own: SELECT a.id, b.id AS other_id",
        )
    for name in database.types:
        if name not in names:
            raise UsageError(f"types: {database} has no column `{name}`", fix=f"it has: {', '.join(names)}")
    words = _WORDS.get(connection.dialect.name, _reflected_words)(connection, database, described)
    for name in names:
        quoted = _escaped(connection.dialect.identifier_preparer.quote_identifier(name))
        yield _column(connection.dialect.name, name, quoted, words.get(name, kinds.TEXT), database)


def _column(dialect: str, name: str, quoted: str, native: str, database: Database) -> SqlColumn:
    word = (
        kinds.check_word(database.types[name], name) if name in database.types else native.partition(" ")[0]
    )
    if name == database.cursor and native == "text numeric":
        word = "decimal(38,0)"
    select = order = quoted
    if dialect == "postgresql" and word == kinds.TEXT:
        select = quoted if native == kinds.TEXT else f"CAST({quoted} AS TEXT) AS {quoted}"
        order = f'{quoted} COLLATE "C"' if native == kinds.TEXT else f'CAST({quoted} AS TEXT) COLLATE "C"'
    return SqlColumn(name, word, select, order, loose=dialect == "sqlite" and native == "text other")


def _cursor(database: Database, columns: Sequence[SqlColumn]) -> SqlColumn | None:
    if not database.cursor:
        return None
    for column in columns:
        if column.name == database.cursor:
            return column
    raise BadDataError(
        f"{database}: no cursor column `{database.cursor}`",
        fix=f"it has: {', '.join(column.name for column in columns)}",
    )


def _postgres_words(connection: Connection, database: Database, described: Sequence[Any]) -> dict[str, str]:
    """Return column -> type, from the identifiers of types; `text` alone is text for PostgreSQL as well, `text ...` is cast to it there."""
    # Some drivers know the digits of a query's NUMERIC and some do not; the bytes of a partition must not depend on the driver.
    declared = _reflected_words(connection, database, described) if database.table else {}
    words = {}
    for name, identifier in (tuple(column[:2]) for column in described):
        if identifier in kinds.POSTGRES_TEXTS:
            words[name] = kinds.TEXT
        elif identifier == kinds.POSTGRES_NUMERIC:
            found = declared.get(name, kinds.TEXT)
            words[name] = "text numeric" if found == kinds.TEXT else found
        else:
            words[name] = kinds.POSTGRES.get(identifier, "text other")
    return words


def _sqlite_words(connection: Connection, database: Database, described: Sequence[Any]) -> dict[str, str]:
    """Return column -> type by what is declared; a view of this connection's own says it for a query."""
    del described
    connection.exec_driver_sql(
        "PRAGMA query_only = OFF"
    )  # the view is in the memory of this connection alone
    relation = _relation(connection, database).replace("\\:", ":")
    connection.exec_driver_sql(f"CREATE TEMP VIEW mlops_kit_ AS SELECT * FROM {relation}")  # noqa: S608 - as above
    found = connection.exec_driver_sql("PRAGMA temp.table_info(mlops_kit_)").fetchall()
    connection.exec_driver_sql("DROP VIEW temp.mlops_kit_")
    connection.exec_driver_sql("PRAGMA query_only = ON")
    return {str(row[1]): kinds.sqlite_word(str(row[2])) for row in found}


def _reflected_words(connection: Connection, database: Database, described: Sequence[Any]) -> dict[str, str]:
    """Return column -> type as SQLAlchemy reflects a table; nothing for a query, whose columns are texts then."""
    from sqlalchemy import inspect

    del described
    if not database.table:
        return {}
    schema, _, name = database.table.rpartition(".")
    found = inspect(connection).get_columns(name, schema=schema or None)
    return {str(column["name"]): kinds.reflected_word(column["type"]) for column in found}


_WORDS = {"postgresql": _postgres_words, "sqlite": _sqlite_words}
