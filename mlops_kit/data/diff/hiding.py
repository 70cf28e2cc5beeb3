"""Which columns of a table must not be shown."""

from __future__ import annotations

from collections.abc import Sequence


def hidden_columns(
    names: Sequence[str], marked: frozenset[str], *, everything: bool = False
) -> frozenset[str]:
    """Return which of a table's columns must not be shown: those marked, in whatever case they are written.

    In a table of rows in quarantine (it has a column `rule`) also what could repeat such a value: `value`, `text` and `key`.
    """
    if everything:
        return frozenset(names)
    low = {name.casefold() for name in marked}
    if low and "rule" in names:
        low |= {"value", "text", "key", "reason"}
    return frozenset(name for name in names if name.casefold() in low)
