"""The number of a row that decides into which set it goes: a digest of its key or group, the same in every version of every tool.

The digest is MD5, spelled out: hexadecimal digits of the text `split`, the salt and the values, joined by the unit separator. DuckDB's own
`hash` is faster, but may change from one version to the next, and a test set that changes with a tool is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mlops_kit.artifacts.duck import literal, quoted

if TYPE_CHECKING:
    import pyarrow as pa

DIGITS = 15
"""Hexadecimal digits that are taken of a digest: 60 bits, which any 64-bit integer holds."""
PLACES = 16**DIGITS


def value_text(name: str, kind: pa.DataType) -> str:
    """Return SQL for the text of column `name` of Arrow type `kind`, missing where the value is missing.

    Equal values have equal texts whatever the type: 7 is `7` as integer, as float and as text. A time is its number of microseconds since
    1970, UTC.
    """
    import pyarrow as pa

    column = quoted(name)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return column
    if pa.types.is_timestamp(kind):
        return f"CAST(epoch_us({column}) AS VARCHAR)"
    if pa.types.is_floating(kind):
        whole = f"isfinite({column}) AND abs({column}) < 1e15 AND {column} = trunc({column})"
        return f"CASE WHEN {whole} THEN CAST(CAST({column} AS BIGINT) AS VARCHAR) ELSE printf('%.17g', {column}) END"
    return f"CAST({column} AS VARCHAR)"


def digest_place(names: Sequence[str], kinds: Mapping[str, pa.DataType], salt: str = "") -> str:
    """Return SQL for the place of a row by its columns `names`: an integer from 0 to PLACES - 1, evenly spread.

    Another `salt` gives places that have nothing to do with these. Rows with equal values have the same place, for ever.
    """
    parts = ["'split'", literal(salt), *(f"coalesce({value_text(name, kinds[name])}, '')" for name in names)]
    text = " || chr(31) || ".join(parts)
    return f"CAST('0x' || md5({text})[1:{DIGITS}] AS BIGINT)"


def time_place(name: str) -> str:
    """Return SQL for the place of a row by its time column: microseconds since 1970, UTC."""
    return f"epoch_us({quoted(name)})"
