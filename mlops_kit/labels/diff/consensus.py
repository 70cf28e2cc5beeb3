"""Labels of both sides by the tables that the label stage wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.artifacts.duck import literal
from mlops_kit.labels.diff.truth import SIDES, SideName

if TYPE_CHECKING:
    from mlops_kit.artifacts.duck import Duck

COLUMNS = {"item", "value", "votes", "provenance"}


def use_consensus(duck: Duck, task: str, old: Path, new: Path) -> bool:
    """Put what was decided of the items of `task` into `labels_old` and `labels_new`; return False, with both as they were, where one is no such table.

    Rows that no person answered have no item in it, and are no labels of events.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        fits = all(set(pq.read_schema(path).names) >= COLUMNS for path in (old, new))
    except (OSError, pa.ArrowException):
        return False
    if fits:
        for side, path in zip(SIDES, (old, new), strict=True):
            _put(duck, task, side, path)
    return fits


def _put(duck: Duck, task: str, side: SideName, path: Path) -> None:
    duck.run(f"DELETE FROM labels_{side} WHERE task = {literal(task)}")
    duck.run(f"""
        INSERT INTO labels_{side} SELECT {literal(task)}, item, CAST(value AS VARCHAR), provenance, votes
        FROM read_parquet({literal(path.as_posix())}) WHERE item IS NOT NULL AND value IS NOT NULL""")
