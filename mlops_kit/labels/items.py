"""Items by name and content, in SQL, so that a table of any size can be named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mlops_kit.artifacts.duck import literal, quoted

if TYPE_CHECKING:
    import pyarrow as pa

CONTENT_LENGTH = 16
_BETWEEN = "|"


def item_sql(
    key: Sequence[str], kinds: Mapping[str, pa.DataType], hidden: frozenset[str] = frozenset()
) -> str:
    """Return SQL of an item's name: the texts of its `key` columns with `|` between them, `|` and the backslash inside one behind a backslash.

    With a key column among `hidden` (marked `pii`) it is `#` and 32 hexadecimal digits of the SHA-256 of that text: a pseudonym that
    everybody who has the data can compute, and nobody else can read.
    """
    parts = [_escaped(text_sql(name, kinds[name])) for name in key]
    whole = f" || {literal(_BETWEEN)} || ".join(f"coalesce({part}, '')" for part in parts)
    return f"('#' || left(sha256({whole}), 32))" if hidden & set(key) else f"({whole})"


def content_sql(columns: Sequence[str], kinds: Mapping[str, pa.DataType]) -> str:
    """Return SQL of the content hash of an item: 16 hexadecimal digits of the SHA-256 of names and values of the `columns` that are shown."""
    parts = [f"{literal(name + '=')} || coalesce({text_sql(name, kinds[name])}, chr(0))" for name in columns]
    return f"left(sha256({' || chr(31) || '.join(parts)}), {CONTENT_LENGTH})"


def text_sql(column: str, kind: pa.DataType) -> str:
    """Return SQL of a column's value as the text that people and hashes see: times as `2013-01-31T12:00:00Z`, bytes by their SHA-256."""
    import pyarrow as pa

    name = quoted(column)
    if pa.types.is_timestamp(kind):
        micro = f"(epoch_us({name}) % 1000000 <> 0)"
        return f"CASE WHEN {micro} THEN strftime({name}, '%Y-%m-%dT%H:%M:%S.%fZ') ELSE strftime({name}, '%Y-%m-%dT%H:%M:%SZ') END"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return f"sha256({name})"
    return f"CAST({name} AS VARCHAR)"


def _escaped(text: str) -> str:
    return f"replace(replace({text}, '\\', '\\\\'), '|', '\\|')"
