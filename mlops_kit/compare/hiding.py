"""Whose values may be shown: the columns that a data contract marks `pii`, what they are renamed from, and all if it cannot be read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hiding:
    """What is hidden."""

    columns: frozenset[str] = frozenset()
    """Columns about persons, on either side."""
    everything: bool = False
    """Whether a contract cannot be read, so that nobody knows what is about persons."""

    @property
    def anything(self) -> bool:
        """Return whether some column is hidden; then a text that is about no column may hold its values."""
        return self.everything or bool(self.columns)

    def hides(self, column: str) -> bool:
        """Return whether the values of a column are hidden, in whatever case it is written."""
        return self.everything or column.casefold() in {name.casefold() for name in self.columns}
