"""What differs between two sides' data and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.datafiles import DataFile, TableShape
from mlops_kit.compare.model import DataChange, LabelChange

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

MOST_LABELS = 5_000_000


def compare_data(old: Mapping[str, DataFile], new: Mapping[str, DataFile]) -> tuple[DataChange, ...]:
    """Return the data files that were added, removed or changed, by path; with rows and columns where both are tables that are here."""
    changes = []
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path), new.get(path)
        if before is None or after is None or before.digest != after.digest:
            changes.append(_change(path, before, after))
    return tuple(changes)


def _change(path: str, before: DataFile | None, after: DataFile | None) -> DataChange:
    kind = "added" if before is None else "removed" if after is None else "changed"
    shapes = (before.shape() if before else None, after.shape() if after else None)
    return DataChange(
        path,
        kind,
        old_size=before.size if before else None,
        new_size=after.size if after else None,
        old_files=before.files if before else None,
        new_files=after.files if after else None,
        old_rows=shapes[0].rows if shapes[0] else None,
        new_rows=shapes[1].rows if shapes[1] else None,
        columns=_columns(*shapes),
    )


def _columns(old: TableShape | None, new: TableShape | None) -> tuple[str, ...]:
    """Return in words which columns were added, removed or have another type."""
    if old is None or new is None:
        return ()
    gone = [f"removed {name}" for name in old.columns if name not in new.columns]
    fresh = [f"added {name} ({kind})" for name, kind in new.columns.items() if name not in old.columns]
    other = [
        f"{name}: {old.columns[name]} → {kind}"
        for name, kind in new.columns.items()
        if name in old.columns and old.columns[name] != kind
    ]
    return (*gone, *fresh, *other)


def compare_labels(
    old: DataFile | None, new: DataFile | None, key: Sequence[str], target: str
) -> LabelChange | None:
    """Return how labels differ, row by row of the columns `key`; None when they do not, or cannot be read as tables here."""
    if old is None or new is None or old.digest == new.digest or not key:
        return None
    tables = (old.table(), new.table())
    if any(table is None or not {*key, target} <= set(table.column_names) for table in tables):
        return None
    if max(table.num_rows for table in tables if table is not None) > MOST_LABELS:
        return None
    import numpy as np

    (old_keys, old_labels), (new_keys, new_labels) = (_labels(table, key, target) for table in tables)
    _, in_old, in_new = np.intersect1d(old_keys, new_keys, return_indices=True)
    return LabelChange(
        path=new.path,
        old_rows=len(old_keys),
        new_rows=len(new_keys),
        added=len(new_keys) - len(in_new),
        removed=len(old_keys) - len(in_old),
        changed=int((old_labels[in_old] != new_labels[in_new]).sum()),
    )


def _labels(table: Any, key: Sequence[str], target: str) -> tuple[Array, Array]:
    """Return a hash of each row's key, and its label as text."""
    import pandas as pd

    frame = table.select([*key]).to_pandas()
    labels: Array = table[target].cast("string").to_pandas().fillna("(missing)").to_numpy()
    return pd.util.hash_pandas_object(frame, index=False).to_numpy(), labels
