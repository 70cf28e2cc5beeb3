"""Names and content hashes of items, computed by DuckDB."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa

from mlops_kit.artifacts.duck import open_duck
from mlops_kit.labels.items import content_sql, item_sql

ROWS = pa.table(
    {
        "at": pa.array([dt.datetime(2013, 1, 1, 5, tzinfo=dt.UTC), None], pa.timestamp("us", "UTC")),
        "name": ["a|b", "c\\d"],
        "count": [1, None],
    }
)
KINDS = {field.name: field.type for field in ROWS.schema}


def _run(sql: str) -> list[object]:
    with open_duck() as duck:
        duck.connection.register("rows", ROWS)
        return [row[0] for row in duck.run(f"SELECT {sql} FROM rows").fetchall()]


def test_name_of_an_item_joins_its_key_and_cannot_be_mistaken() -> None:
    assert _run(item_sql(["at", "name"], KINDS)) == ["2013-01-01T05:00:00Z|a\\|b", "|c\\\\d"]


def test_name_of_an_item_with_a_hidden_key_is_a_pseudonym() -> None:
    names = _run(item_sql(["name"], KINDS, frozenset({"name"})))
    assert all(str(name).startswith("#") and len(str(name)) == 33 for name in names)


def test_content_changes_with_a_shown_value_and_tells_missing_from_empty() -> None:
    first, second = _run(content_sql(["name", "count"], KINDS))
    assert first != second
    assert len(str(first)) == 16
