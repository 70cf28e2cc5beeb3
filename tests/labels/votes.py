"""Counted votes for tests, as the table that `counted_votes` makes."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from mlops_kit.artifacts.duck import Duck, open_duck

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("item", "annotator", "value", "role", "source")),
        ("time", pa.timestamp("us")),
        ("seconds", pa.float64()),
        ("confidence", pa.float64()),
        ("guideline", pa.string()),
        ("id", pa.string()),
        ("trust", pa.float64()),
        ("batch", pa.string()),
        ("reason", pa.string()),
        ("changes", pa.int64()),
    ]
)
DEFAULTS: dict[str, Any] = {
    "role": "vote", "source": "person", "time": dt.datetime(2026, 1, 5, 9, tzinfo=dt.UTC), "seconds": None, "confidence": None,
    "guideline": "1", "trust": 1.0, "batch": "b1", "reason": None, "changes": 0,
}  # fmt: skip


def vote(item: str, annotator: str, value: Any, **others: Any) -> dict[str, Any]:
    """Return one row; `value` None is an abstention."""
    text = None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return {
        **DEFAULTS,
        "item": item,
        "annotator": annotator,
        "value": text,
        "id": f"{item}-{annotator}",
        **others,
    }


@contextmanager
def votes_table(rows: Iterable[dict[str, Any]], threads: int | None = None) -> Iterator[Duck]:
    """Open a database in which `votes` are these rows."""
    with open_duck(threads=threads) as duck:
        duck.connection.register("given", pa.Table.from_pylist(list(rows), schema=SCHEMA))
        duck.run("CREATE TABLE votes AS SELECT * FROM given")
        yield duck
