"""A data diff in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_kit.data.diff.model import ColumnDiff, FileChange, SchemaChange

_NAMED = 3


def count_words(number: int, thing: str) -> str:
    """Return `1 row`, `27,004 rows`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def share_words(share: float) -> str:
    """Return a share of 0 to 1 in per cent, with three digits."""
    return f"{100 * share:.3g} %"


def row_words(added: int, removed: int, changed: int | None, files: Sequence[FileChange]) -> str:
    """Return what happened to the rows: `27,004 rows added (2013-10), none changed`."""
    if not (added or removed or changed):
        return "no row differs"
    parts = []
    if added:
        parts.append(f"{count_words(added, 'row')} added{_where(files, 'added')}")
    if removed:
        parts.append(f"{count_words(removed, 'row')} removed{_where(files, 'removed')}")
    if changed:
        parts.append(f"{count_words(changed, 'row')} changed")
    elif changed == 0:
        parts.append("none changed")
    return ", ".join(parts)


def schema_words(changes: Sequence[SchemaChange]) -> list[str]:
    """Return `column a added`, `columns b, c removed`, `d is BIGINT instead of DOUBLE`."""
    said = []
    for kind in ("added", "removed"):
        names = [f"`{change.column}`" for change in changes if change.kind == kind]
        if names:
            said.append(f"column{'' if len(names) == 1 else 's'} {_some(names)} {kind}")
    other = [f"`{c.column}` is {c.new} instead of {c.old}" for c in changes if c.kind == "type"]
    return said + ([_some(other)] if other else [])


def table_words(
    rows: str, schema: Sequence[SchemaChange], columns: Sequence[ColumnDiff], files: Sequence[FileChange]
) -> str:
    """Return what changed in a table in one line: rows, then columns, then the largest shift."""
    parts = [rows, *schema_words(schema)]
    if rows == "no row differs" and not parts[1:]:
        renamed = [file for file in files if file.kind == "renamed"]
        parts.append(
            f"{count_words(len(renamed), 'file')} renamed"
            if renamed and len(renamed) == len(files)
            else "other bytes: the order of rows or columns, or how values are written"
        )
    moved = [c for c in columns if c.reason]
    moved.sort(key=lambda c: (-(c.distance or 0.0), c.column))
    parts += [f"`{column.column}` {column.reason}" for column in moved[:2]]
    return "; ".join(parts)


def _where(files: Sequence[FileChange], kind: str) -> str:
    """Return the new (or vanished) files in brackets, where they are few and no other file differs that way."""
    names = [file.name.rpartition("/")[2].partition(".")[0] for file in files if file.kind == kind]
    return f" ({', '.join(names)})" if 0 < len(names) <= _NAMED and all(f.kind == kind for f in files) else ""


def _some(names: Sequence[str]) -> str:
    rest = len(names) - 5
    return ", ".join(names[:5]) + (f" and {rest} more" if rest > 0 else "")
