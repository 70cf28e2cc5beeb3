"""Make labels from a column that becomes known later.

Reads `clean` and writes `labels`: the key, the target, and when it became known. With a time column, rows newer than
`known_after_days` before the newest row have no label yet; rows whose source is missing never get one. Both are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from mlops_kit import Arrow, BadDataError, Metrics, Task, run, step

if TYPE_CHECKING:
    import pyarrow as pa

DAY = 86_400_000_000


@dataclass(frozen=True)
class LabelParams:
    """Section of params.yaml."""

    column: str
    """Column of the cleaned data that the label is made from."""
    at_least: float | None = None
    """The label is 1 from this value on, else 0."""
    equals: str | None = None
    """The label is 1 where the column holds this text, else 0."""
    known_after_days: float = 0.0
    """Days after the row's time at which the label is known."""


class Labelled(NamedTuple):
    """What the step writes."""

    labels: Arrow
    labelling: Metrics


@step(contract=1)
def label(clean: Arrow, *, task: Task, params: LabelParams) -> Labelled:
    """Label the rows whose outcome is known by the newest time in the data."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if params.column not in clean.column_names:
        raise BadDataError(
            f"no column `{params.column}` to make labels from",
            fix=f"set label.column to one of {', '.join(clean.column_names)}",
        )
    source = clean[params.column]
    target = _target(source, params, task)
    present = source.is_valid()
    known, as_of = present, None
    made = {name: clean[name] for name in task.key} | {task.target: target}
    if task.time is not None:
        moment = clean[task.time].cast(pa.int64())
        as_of = pc.max(moment).as_py()
        known_at = pc.add(moment, int(params.known_after_days * DAY))
        known = pc.and_(present, pc.less_equal(known_at, as_of))
        made["known_at"] = known_at.cast(pa.timestamp("us", tz="UTC"))
    labels = pa.table(made).filter(known)
    if labels.num_rows == 0:
        raise BadDataError(
            "no row has a known label", fix="lower label.known_after_days, or acquire more months"
        )
    labelled = pc.sum(known).as_py()
    mean = pc.mean(labels[task.target].cast(pa.float64())).as_py()
    return Labelled(
        labels.sort_by([(name, "ascending") for name in task.key]),
        {
            "labelled": labelled,
            "unlabelled_missing": len(clean) - pc.sum(present).as_py(),
            "unlabelled_not_yet": pc.sum(present).as_py() - labelled,
            "positive_share" if task.kind == "classification" else "mean_label": mean,
            "newest_row_day": 0.0 if as_of is None else as_of / DAY,
        },
    )


def _target(source: pa.ChunkedArray, params: LabelParams, task: Task) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    if params.at_least is not None:
        return pc.greater_equal(source.cast(pa.float64()), pa.scalar(params.at_least)).cast(pa.int8())
    if params.equals is not None:
        return pc.equal(source.cast(pa.string()), pa.scalar(params.equals)).cast(pa.int8())
    if task.kind == "regression":
        return source.cast(pa.float64())
    wrong = sorted(
        {str(value) for value in pc.unique(source).to_pylist() if value not in (None, 0, 1, True, False)}
    )
    if wrong:
        raise BadDataError(
            f"`{params.column}` holds {', '.join(wrong[:5])}; a label is 0 or 1",
            fix="set label.at_least or label.equals",
        )
    return source.cast(pa.int8())


if __name__ == "__main__":
    run(label)
