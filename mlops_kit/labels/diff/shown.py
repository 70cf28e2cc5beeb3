"""What annotators see of the items that are told, from the table they are rows of; never of a column about persons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from mlops_kit.artifacts.duck import literal, quoted
from mlops_kit.labels.items import item_sql, text_sql

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_kit.artifacts.duck import Duck

MOST_COLUMNS = 6
MOST_TEXT = 80
Cells: TypeAlias = tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class ItemTable:
    """The table whose rows are the items of a task."""

    place: Path
    """The Parquet file."""
    key: tuple[str, ...]
    """Columns that name a row."""
    columns: tuple[str, ...] = ()
    """Columns that annotators see, in order; those of the table if empty."""
    hidden: frozenset[str] = frozenset()
    """Columns about persons."""
    veiled: frozenset[str] = field(default_factory=frozenset)
    """Of these, those that are pseudonyms in names of items."""


def show_items(duck: Duck, table: ItemTable, items: Sequence[str]) -> dict[str, Cells]:
    """Return item -> columns and values as text, of those `items` that are rows; nothing where the table does not fit.

    Long texts are cut; bytes, and the key when it stands in the item's name, are left out.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        kinds: Mapping[str, pa.DataType] = {field.name: field.type for field in pq.read_schema(table.place)}
    except (OSError, pa.ArrowException):
        return {}
    columns = _columns(table, kinds)
    if not (items and columns and table.key and set(table.key) <= set(kinds)):
        return {}
    cells = ", ".join(f"left({text_sql(name, kinds[name])}, {MOST_TEXT})" for name in columns)
    name = item_sql(table.key, kinds, table.veiled)
    wanted = ", ".join(map(literal, items))
    rows = duck.run(
        f"SELECT {name} AS {quoted('item name')}, {cells} FROM read_parquet({literal(table.place.as_posix())}) WHERE {name} IN ({wanted})"
    ).fetchall()
    return {row[0]: tuple(zip(columns, row[1:], strict=True)) for row in sorted(rows, key=str)}


def _columns(table: ItemTable, kinds: Mapping[str, pa.DataType]) -> list[str]:
    import pyarrow as pa

    about = {name.casefold() for name in table.hidden}
    told = [
        name
        for name in table.columns or tuple(kinds)
        if name in kinds
        and name not in table.key
        and name.casefold() not in about
        and not (
            pa.types.is_binary(kinds[name])
            or pa.types.is_large_binary(kinds[name])
            or pa.types.is_nested(kinds[name])
        )
    ]
    return told[:MOST_COLUMNS]
