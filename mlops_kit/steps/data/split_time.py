"""Split labelled rows into train and test, and set the rows that have no label yet aside as live.

With a time column the newest labelled rows become the test set, cut between two times; without one, rows go by a hash of their
key, so that new rows never move old ones. Columns with the role `ignore` or `label_source` are dropped here. The leakage report
says what a test set must not have in common with the training set.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from mlops_kit import Arrow, BadDataError, Document, Schema, Task, compute_metrics, feature_columns, run, step

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

TELLING = 0.98
SAMPLE_ROWS = 50_000


@dataclass(frozen=True)
class SplitParams:
    """Section of params.yaml."""

    test_share: float = 0.25
    """Share of the labelled rows (0 to 1) that become the test set: the newest ones where there is a time column."""


class Split(NamedTuple):
    """What the step writes."""

    train: Arrow
    test: Arrow
    live: Arrow
    leakage: Document


@step(contract=1)
def split(features: Arrow, labels: Arrow, *, task: Task, schema: Schema, params: SplitParams) -> Split:
    """Cut the labelled rows in two, without anything of the future in the training set."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not 0 < params.test_share < 1:
        raise BadDataError(f"split.test_share is {params.test_share}", fix="use a share between 0 and 1")
    gone = [
        name
        for name, column in schema.columns.items()
        if column.role in ("ignore", "label_source") and name not in task.key
    ]
    rows = features.drop_columns([name for name in gone if name in features.column_names])
    order = [(name, "ascending") for name in task.key]
    target = labels.select([*task.key, task.target])
    labelled = rows.join(target, keys=list(task.key), join_type="inner", use_threads=False).sort_by(order)
    unlabelled = rows.join(target, keys=list(task.key), join_type="left anti", use_threads=False).sort_by(
        order
    )
    is_test = (
        _newest(labelled, task.time, params.test_share)
        if task.time
        else _hashed(labelled, task.key, params.test_share)
    )
    train, test = labelled.filter(pc.invert(is_test)), labelled.filter(is_test)
    if not train.num_rows or not test.num_rows:
        raise BadDataError(
            f"{train.num_rows} rows to train with and {test.num_rows} to test with",
            fix="acquire more rows, or change split.test_share",
        )
    live = unlabelled
    if task.time:
        live = unlabelled.filter(
            pc.greater(unlabelled[task.time].cast(pa.int64()), pc.max(labelled[task.time].cast(pa.int64())))
        )
    return Split(train, test, live, _leakage(train, test, task))


def _newest(table: pa.Table, time: str, share: float) -> pa.ChunkedArray:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    moments = np.sort(table[time].cast(pa.int64()).to_numpy())
    cut = moments[int(len(moments) * (1 - share))]
    return pc.greater_equal(table[time].cast(pa.int64()), int(cut))


def _hashed(table: pa.Table, key: tuple[str, ...], share: float) -> pa.Array:
    import pyarrow as pa

    limit = int(share * 2**64)
    rows = zip(*(table[name].cast(pa.string()).to_pylist() for name in key), strict=True)
    digests = (
        hashlib.blake2b("\x1f".join(map(str, row)).encode(), digest_size=8, person=b"split").digest()
        for row in rows
    )
    return pa.array([int.from_bytes(digest, "big") < limit for digest in digests])


def _leakage(train: pa.Table, test: pa.Table, task: Task) -> dict[str, Any]:
    columns = feature_columns(train.column_names, task)
    overlap = False
    if task.time:
        import pyarrow.compute as pc

        overlap = bool(pc.max(train[task.time]).as_py() >= pc.min(test[task.time]).as_py())
    telling = _telling_columns(train, columns, task) if task.kind == "classification" else {}
    return {
        "rows_train": train.num_rows,
        "rows_test": test.num_rows,
        "time_overlap": overlap,
        "identical_feature_rows": _identical_rows(train, test, columns),
        "telling_columns": telling,
        "warnings": [
            f"`{name}` alone gives the label away (AUC {auc:.3f})" for name, auc in sorted(telling.items())
        ],
    }


def _identical_rows(train: pa.Table, test: pa.Table, columns: list[str]) -> int:
    """Return how many test rows have the same features as some training row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def joined(table: pa.Table) -> pa.Array:
        texts = [pc.fill_null(table[name].cast(pa.string()), "") for name in columns]
        return pc.binary_join_element_wise(*texts, "\x1f")

    return int(pc.sum(pc.is_in(joined(test), value_set=joined(train))).as_py() or 0) if columns else 0


def _telling_columns(train: pa.Table, columns: list[str], task: Task) -> dict[str, float]:
    stride = max(1, train.num_rows // SAMPLE_ROWS)
    part = train.take(list(range(0, train.num_rows, stride)))
    actual = part[task.target].to_numpy().astype(float)
    found = {}
    for name in columns:
        auc = compute_metrics("classification", actual, _as_number(part[name], actual)).get("roc_auc", 0.5)
        if max(auc, 1 - auc) > TELLING:
            found[name] = max(auc, 1 - auc)
    return found


def _as_number(column: pa.ChunkedArray, actual: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the column as numbers: a text by the share of positive rows among those that have it."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(column.type):
        codes = pc.fill_null(column, "").combine_chunks().dictionary_encode().indices.to_numpy()
        counts = np.bincount(codes)
        shares: np.ndarray[Any, Any] = (np.bincount(codes, weights=actual) / counts)[codes]
        # A value that stands once tells its own label by construction, not by leaking it.
        known: np.ndarray[Any, Any] = np.where(counts[codes] < 20, actual.mean(), shares)
        return known
    values = (
        column.cast(pa.int64()).cast(pa.float64())
        if pa.types.is_timestamp(column.type)
        else column.cast(pa.float64())
    )
    numbers: np.ndarray[Any, Any] = values.to_numpy()
    lowest = np.nanmin(numbers) if np.isfinite(numbers).any() else 0.0
    filled: np.ndarray[Any, Any] = np.nan_to_num(numbers, nan=lowest - 1)
    return filled


if __name__ == "__main__":
    run(split)
