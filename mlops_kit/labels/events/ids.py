"""Ids of events, held against what the events say: in bulk by DuckDB, exactly by Python where the two disagree."""

from __future__ import annotations

from mlops_kit.labels.events.model import COLUMNS, ID_LENGTH, NUMBERS

_DEFAULTS = {"source": "person", "role": "vote"}
_SORTED = sorted(name for name in COLUMNS if name != "id")


def id_sql() -> str:
    """Return SQL of the id of an event (`LabelEvent.id`) from its columns.

    Right for events as `event_line` and Parquet write them. It may differ where numbers are written in scientific notation and where control
    characters are escaped in another way, so a difference is a reason to compute the id in Python, not yet a fault.
    """
    # One call of concat: a chain of || copies the text for each of its links, and takes three times as long.
    said = ", ".join(
        f"'{',' if index else '{'}\"{name}\":', {_text(name)}" for index, name in enumerate(_SORTED)
    )
    return f"left(sha256(concat({said}, '}}')), {ID_LENGTH})"


def _text(name: str) -> str:
    if name == "batch":
        return "'null'"
    if name == "value":
        return "value"
    column = f'"{name}"'
    if name in NUMBERS:
        return f"coalesce(CAST({column} AS VARCHAR), 'null')"
    missing = f"'\"{_DEFAULTS[name]}\"'" if name in _DEFAULTS else "'null'"
    return f"coalesce(CAST(to_json({column}) AS VARCHAR), {missing})"
