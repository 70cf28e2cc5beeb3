"""Columns that a table must have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from mlops_kit.errors import BadDataError


def require_columns(known: Mapping[str, object], wanted: Sequence[str], what: str) -> None:
    """Raise BadDataError for the first of `wanted` that is not in `known`; `what` names the table, the message close names."""
    for name in wanted:
        if name not in known:
            close = get_close_matches(name, known, n=3)
            hint = f"did you mean {' or '.join(close)}?" if close else f"they have: {', '.join(known)}"
            raise BadDataError(f"no column `{name}` in the {what}", fix=hint)
