"""Events as a table with the columns of their lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlops_kit.labels.events.model import LabelEvent, event_schema

if TYPE_CHECKING:
    import pyarrow as pa


def events_table(events: Sequence[LabelEvent]) -> pa.Table:
    """Return `events` as a table with the columns of `event_schema`; `value` is JSON text without blanks, keys in order."""
    import pyarrow as pa

    schema = event_schema()
    columns = [
        pa.array([_cell(each, name) for each in events], schema.field(name).type) for name in schema.names
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _cell(event: LabelEvent, name: str) -> Any:
    if name == "value":
        return json.dumps(event.value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return getattr(event, name)
