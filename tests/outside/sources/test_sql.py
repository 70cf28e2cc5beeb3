"""What comes from a database is what lies there, in one order, with exact types, whatever the connection does."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from mlops_kit.errors import BadDataError, OutsideError, UsageError
from mlops_kit.outside.sources.patience import Patience
from mlops_kit.outside.sources.sql import Database, Extent, measure, open_rows
from tests.support.postgres import PASSWORD, Postgres, postgres

MAKE = """
CREATE TABLE flights (id bigint PRIMARY KEY, at timestamptz NOT NULL, day date, local timestamp, fare numeric(10,2), ratio numeric,
                      delay double precision, late boolean, name text, raw bytea, extra jsonb, span interval, code uuid);
INSERT INTO flights SELECT n, timestamptz '2013-01-01 00:00Z' + (n / 3) * interval '1 minute', date '2013-01-01' + n::int / 100,
  timestamp '2013-01-01 00:00' + n * interval '1 second', n / 7.0, 1.0 / (n + 1), n / 3.0::float8, n % 2 = 0,
  CASE WHEN n % 10 = 0 THEN NULL ELSE 'flight ' || n END, decode(lpad(to_hex(n), 8, '0'), 'hex'), jsonb_build_object('n', n),
  n * interval '1 minute', ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid FROM generate_series(1, 3000) AS n;
CREATE VIEW named AS SELECT id, name FROM flights;
CREATE TABLE odd ("select" int, "a""b" text, "Grüße:x" int); INSERT INTO odd VALUES (1, 'it''s 12:30 :now 5%', 2);
CREATE TABLE gaps (id int); INSERT INTO gaps VALUES (1), (NULL);
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as started:
        for statement in MAKE.split(";"):
            if statement.strip():
                started.run(statement)
        yield started


@pytest.fixture
def flights(server: Postgres) -> Database:
    return Database(server.url, table="flights", cursor="at", batch_rows=700)


@pytest.fixture
def small(tmp_path: Path) -> Database:
    with sqlite3.connect(tmp_path / "small.db") as connection:
        connection.execute(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, at TIMESTAMP, x REAL, s TEXT, b BLOB, d NUMERIC(10,2))"
        )
        rows = [
            (n, f"2013-01-01T00:{n:02}:00", n / 3, None if n == 2 else f"s{n}", bytes([n]), n / 10)
            for n in range(1, 6)
        ]
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", rows)
    connection.close()
    return Database("sqlite:///small.db", table="t", cursor="id", root=tmp_path)


def hurried(attempts: int = 3) -> Patience:
    return Patience(attempts=attempts, sleep=lambda seconds: None)


def read(database: Database, after: str = "") -> pa.Table:
    found = measure(database, after=after, patience=hurried())
    return open_rows(
        database, after=after, upto=found.largest, rows=found.rows, patience=hurried()
    ).read_all()


def test_types_of_postgres_are_kept(flights: Database) -> None:
    table = read(flights)
    assert {field.name: str(field.type) for field in table.schema} == {
        "id": "int64", "at": "timestamp[us, tz=UTC]", "day": "date32[day]", "local": "timestamp[us]", "fare": "decimal128(10, 2)",
        "ratio": "string", "delay": "double", "late": "bool", "name": "string", "raw": "binary", "extra": "string", "span": "string",
        "code": "string",
    }  # fmt: skip
    row = table.slice(6, 1).to_pylist()[0]
    assert row["id"] == 7
    assert row["at"] == dt.datetime(2013, 1, 1, 0, 2, tzinfo=dt.UTC)
    assert (row["fare"], row["ratio"], row["raw"]) == (Decimal("1.00"), "0.12500000000000000000", b"\0\0\0\7")
    assert (row["extra"], row["span"], row["code"][-1]) == ('{"n": 7}', "PT7M", "7")
    assert table["name"].null_count == 300


def test_rows_come_in_one_order_with_ties(flights: Database) -> None:
    assert read(flights)["id"].to_pylist() == list(range(1, 3001))


def test_only_what_is_new_is_measured_and_read(flights: Database) -> None:
    after = "2013-01-01T16:00:00.000000Z"
    assert measure(flights, after=after).largest == "2013-01-01T16:40:00.000000Z"
    table = read(flights, after)
    assert table.num_rows == measure(flights, after=after).rows
    assert min(table["at"].to_pylist()) == dt.datetime(2013, 1, 1, 16, 1, tzinfo=dt.UTC)
    assert measure(flights, after="2014-01-01") == Extent(0)


def test_newest_are_held_back(flights: Database) -> None:
    assert measure(flights, hold_back=60).largest == "2013-01-01T16:39:00.000000Z"


def test_query_is_read_like_a_table(server: Postgres) -> None:
    query = "SELECT id, name, '12:30 :now' AS note, fare FROM flights WHERE id % 2 = 0;"
    table = read(Database(server.url, query=query, cursor="id"), "2990")
    assert table["id"].to_pylist() == [2992, 2994, 2996, 2998, 3000]
    assert set(table["note"].to_pylist()) == {"12:30 :now"}
    assert (
        table["fare"].to_pylist()[0] == "427.43"
    )  # not every driver knows the digits of what a query computes


def test_strange_names_and_texts_are_kept(server: Postgres) -> None:
    table = read(Database(server.url, table="odd", cursor="select"))
    assert table.to_pylist() == [{"select": 1, 'a"b': "it's 12:30 :now 5%", "Grüße:x": 2}]


@pytest.mark.parametrize("stops", [1, 4])
def test_stream_goes_on_after_restarts(server: Postgres, flights: Database, stops: int) -> None:
    wanted = read(flights)
    found = measure(flights)
    waits = Patience(attempts=3)
    got = []
    for number, batch in enumerate(open_rows(flights, upto=found.largest, rows=found.rows, patience=waits)):
        got.append(batch)
        if number < stops:
            server.restart()
    assert pa.Table.from_batches(got).equals(wanted)


def test_rows_that_change_in_between_are_noticed(server: Postgres, flights: Database) -> None:
    found = measure(flights)
    server.run("CREATE TABLE aside AS SELECT * FROM flights WHERE id = 700")
    server.run(
        "CHECKPOINT"
    )  # the server is about to crash, and keeps what it was told a moment ago in memory alone
    try:
        reader = open_rows(flights, upto=found.largest, rows=found.rows, patience=hurried())
        next(reader)
        server.restart()
        server.run("UPDATE flights SET name = 'another' WHERE id = 700")
        with pytest.raises(OutsideError, match="changed while it was read"):
            reader.read_all()
    finally:
        server.run("UPDATE flights SET name = aside.name FROM aside WHERE flights.id = aside.id")
        server.run("DROP TABLE aside")


def test_late_rows_are_noticed_by_their_number(flights: Database) -> None:
    found = measure(flights)
    with pytest.raises(OutsideError, match="2,999 rows were counted, 3,000 have come"):
        open_rows(flights, upto=found.largest, rows=found.rows - 1, patience=hurried()).read_all()


def test_server_that_stays_away_is_said_without_password(server: Postgres, flights: Database) -> None:
    server.stop()
    try:
        with pytest.raises(OutsideError, match="3 times in a row") as caught:
            measure(flights, patience=hurried())
    finally:
        server.start()
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"table": "nothing"}, OutsideError, "nothing"),
        ({"cursor": "nothing"}, BadDataError, "no cursor column `nothing`"),
        ({"table": "gaps", "cursor": "id"}, BadDataError, "1 rows have no value in the cursor column"),
        ({"cursor": "name"}, BadDataError, "no value in the cursor column"),
        ({"cursor": "delay"}, BadDataError, "does not sort as text"),
        ({"types": {"name": "varchar"}}, UsageError, "no type"),
        ({"types": {"x": "text"}}, UsageError, "no column `x`"),
        ({"table": "", "query": "SELECT id, id FROM flights"}, BadDataError, "several columns named id"),
        ({"table": ""}, UsageError, "one of `table` and `query`"),
        ({"table": "", "query": "DELETE FROM flights"}, OutsideError, "FROM"),
    ],
)
def test_what_makes_no_sense_is_said_at_once(
    server: Postgres, change: dict[str, object], error: type[Exception], said: str
) -> None:
    database = Database(**{"url": server.url, "table": "flights", "cursor": "at", **change})  # type: ignore[arg-type]
    with pytest.raises(error, match=said) as caught:
        measure(database, patience=hurried(1))
    assert PASSWORD not in str(caught.value)
    assert server.run("SELECT count(*) FROM flights") == [(3000,)]


def test_wrong_password_is_no_reason_to_wait(server: Postgres) -> None:
    url = server.url.replace(PASSWORD, "wrong-word")
    with pytest.raises(OutsideError, match="authentication failed") as caught:
        measure(Database(url, table="flights"), patience=hurried(1))
    assert "wrong-word" not in str(caught.value)


def test_query_that_writes_is_refused(server: Postgres) -> None:
    server.run("CREATE OR REPLACE FUNCTION wipe() RETURNS int LANGUAGE sql AS 'DELETE FROM gaps RETURNING 1'")
    with pytest.raises(OutsideError, match="read-only transaction"):
        read(Database(server.url, query="SELECT id, wipe() FROM flights", cursor="id"))
    assert server.run("SELECT count(*) FROM gaps") == [(2,)]


def test_declared_type_holds_what_the_database_says_in_text(flights: Database) -> None:
    typed = Database(
        flights.url, table="flights", cursor="at", types={"ratio": "decimal(21,20)", "fare": "text"}
    )
    row = read(typed).slice(0, 1).to_pylist()[0]
    assert (row["ratio"], row["fare"]) == (Decimal("0.5"), "0.14")


def test_value_that_does_not_fit_is_not_told(flights: Database) -> None:
    typed = Database(flights.url, table="flights", cursor="at", types={"name": "integer"})
    with pytest.raises(BadDataError, match="column `name` holds a value that is no integer") as caught:
        read(typed)
    assert "flight 1" not in str(caught.value)


def test_sqlite_file_is_read(small: Database) -> None:
    table = read(small, "3")
    assert [str(field.type) for field in table.schema] == [
        "int64",
        "string",
        "double",
        "string",
        "binary",
        "string",
    ]
    assert table.to_pylist()[0] == {
        "id": 4, "at": "2013-01-01T00:04:00", "x": 4 / 3, "s": "s4", "b": b"\x04", "d": "0.4",
    }  # fmt: skip


def test_sqlite_query_by_time_has_the_types_of_its_columns(small: Database) -> None:
    by_time = Database(small.url, query="SELECT at, x, id + 1 AS more FROM t", cursor="at", root=small.root)
    table = read(by_time, "2013-01-01T00:03:00")
    assert table.to_pylist() == [
        {"at": "2013-01-01T00:04:00", "x": 4 / 3, "more": "5"},
        {"at": "2013-01-01T00:05:00", "x": 5 / 3, "more": "6"},
    ]


def test_table_without_cursor_is_read_whole(small: Database) -> None:
    whole = Database(small.url, table="t", root=small.root)
    assert read(whole)["id"].to_pylist() == [1, 2, 3, 4, 5]


def test_missing_sqlite_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="no such file"):
        measure(Database("sqlite:///none.db", table="t", root=tmp_path), patience=hurried())
    assert list(tmp_path.iterdir()) == []


def test_computed_number_is_a_cursor_of_numbers(small: Database) -> None:
    computed = Database(small.url, query="SELECT id * 1 AS n, s FROM t", cursor="n", root=small.root)
    assert read(computed, "3")["n"].to_pylist() == ["4", "5"]
