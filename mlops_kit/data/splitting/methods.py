"""The three ways to split: by time, by a digest of the key, by a digest of the group."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mlops_kit.artifacts.duck import quoted
from mlops_kit.data.columns import require_columns
from mlops_kit.data.splitting.bounds import commonest_strata, even_bounds, exact_bounds, newest_bounds
from mlops_kit.data.splitting.joined import join_labels
from mlops_kit.data.splitting.places import digest_place, time_place, value_text
from mlops_kit.data.splitting.sets import SplitRows, finish
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    from mlops_kit.artifacts.tables import TableFiles
    from mlops_kit.spec.model import Schema, Task

ALL = "''"  # one stratum


def split_by_time(
    features: TableFiles,
    labels: TableFiles,
    *,
    task: Task,
    schema: Schema,
    test_share: float = 0.25,
    validation_share: float = 0.0,
    test_from: str | None = None,
) -> SplitRows:
    """Split the labelled rows so that test rows are newer than validation rows, and these newer than training rows.

    The newest `test_share` of the labelled rows are the test set, or those from the moment `test_from` on (`2025-01-31` or
    `2025-01-31T12:00:00Z`); of those before it the newest, `validation_share` of all labelled rows, are for validation. Rows of one moment
    stay together. Raises BadDataError for shares that make no sense, for rows without a time and for a set that is empty.
    """
    if task.time is None:
        raise BadDataError("a split by time needs a time column", fix="set task.time in mlops.yaml")
    _check_shares(test_share, validation_share)
    moment = _moment(test_from) if test_from is not None else None
    rows = join_labels(features, labels, time_place(task.time), ALL, task=task, schema=schema)
    count, dated = rows.numbers(f"SELECT count(*), count(place) FROM {rows.known}")
    if dated < count:
        raise BadDataError(
            f"{count - dated} labelled rows have no `{task.time}`",
            fix="let schema.yaml forbid missing times (nullable: false), so that `clean` puts these rows aside",
        )
    bounds = newest_bounds(rows, test_share, validation_share, moment)
    begins = {
        part: _iso(bound[""])
        for part, bound in (("test", bounds.test), ("validation", bounds.validation))
        if bound
    }
    return finish(rows, bounds, {"method": "time", "begins": begins}, bool(validation_share))


def split_by_hash(
    features: TableFiles,
    labels: TableFiles,
    *,
    task: Task,
    schema: Schema,
    test_share: float = 0.25,
    validation_share: float = 0.0,
    stratify: str | None = None,
    salt: str = "",
) -> SplitRows:
    """Split the labelled rows by a digest of their key: a row stays where it is for ever, whatever other rows come or go.

    Test and validation get about their shares. With `stratify`, the name of the target or of another column with few values, each of its
    values gives exactly its share, at a price: rows next to the border can change sides when rows of the same value arrive. Another
    `salt` draws other sets. More of `validation_share` never changes the test set.
    """
    _check_shares(test_share, validation_share)
    place = _digest(features, task.key, salt)
    stratum = _stratum(features, labels, task, stratify)
    rows = join_labels(features, labels, place, stratum, task=task, schema=schema)
    shares = (test_share, validation_share)
    bounds = exact_bounds(rows, rows.known, shares) if stratify else even_bounds(shares)
    return finish(rows, bounds, {"method": "hash", "stratify": stratify or ""}, bool(validation_share))


def split_by_group(
    features: TableFiles,
    labels: TableFiles,
    *,
    task: Task,
    schema: Schema,
    test_share: float = 0.25,
    validation_share: float = 0.0,
    stratify: str | None = None,
    salt: str = "",
) -> SplitRows:
    """Split the labelled rows by a digest of their group (`task.group`): all rows of a group go to one set, and stay there for ever.

    Shares are shares of groups. With `stratify` a group counts as the value that most of its labelled rows have (the smallest of
    several), and each value gives exactly its share of groups, with the price that `split_by_hash` names. Raises BadDataError for rows
    without a group.
    """
    if task.group is None:
        raise BadDataError("a split by group needs a group column", fix="set task.group in mlops.yaml")
    _check_shares(test_share, validation_share)
    place = _digest(features, (task.group,), salt)
    stratum = _stratum(features, labels, task, stratify)
    rows = join_labels(features, labels, place, stratum, task=task, schema=schema)
    count, grouped = rows.numbers(f"SELECT count(*), count({quoted(task.group)}) FROM {rows.relation}")
    if grouped < count:
        raise BadDataError(
            f"{count - grouped} rows have no `{task.group}`, which task.group in mlops.yaml names",
            fix="give these rows a group of their own in the step that makes the column",
        )
    shares = (test_share, validation_share)
    bounds = even_bounds(shares)
    if stratify:
        rows = commonest_strata(rows)
        bounds = exact_bounds(rows, f"(SELECT DISTINCT stratum, place FROM {rows.known})", shares)
    return finish(rows, bounds, {"method": "group", "stratify": stratify or ""}, bool(validation_share))


def _check_shares(test: float, validation: float) -> None:
    if not (0 < test < 1 and 0 <= validation < 1 and test + validation < 1):
        raise BadDataError(
            f"test_share is {test:g} and validation_share {validation:g}",
            fix="use shares between 0 and 1 whose sum is below 1",
        )


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadDataError(
            f"test_from is {text!r}, which is no time", fix="write 2025-01-31 or 2025-01-31T12:00:00Z"
        ) from None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (zoned - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _iso(moment: int) -> str:
    return (
        (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)).isoformat().replace("+00:00", "Z")
    )


def _digest(features: TableFiles, names: Sequence[str], salt: str) -> str:
    kinds = features.schema()
    require_columns(kinds, names, "features")
    return digest_place(names, kinds, salt)


def _stratum(features: TableFiles, labels: TableFiles, task: Task, name: str | None) -> str:
    if name is None:
        return ALL
    kinds = labels.schema() if name == task.target else features.schema()
    require_columns(kinds, [name], "features")
    return f"coalesce({value_text(name, kinds[name])}, '(missing)')"
