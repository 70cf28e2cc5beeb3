"""Features that give the label away: how well each of them alone orders the rows as the label does.

Classification: the area under the ROC curve, from mid-ranks (Hanley & McNeil 1982, doi:10.1148/radiology.143.1.7063747). Regression:
Spearman's rank correlation, from mid-ranks too. All sums are integers, so the values are exact and the same for any number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_kit.artifacts.duck import quoted
from mlops_kit.data.splitting.joined import JoinedRows

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE_ROWS = 200_000
"""Training rows that are looked at, about; the standard error of an AUC near 1 is then below 0.001."""
TELLING = {"classification": 0.98, "regression": 0.999}
FEWEST = 20
"""Rows that a value needs to stand for itself: a value that stands once tells its own label by construction, not by leaking it."""
MOST_VALUES = 1000
"""Different values up to which numbers are looked at as names too: a code may give the label away without ordering it."""


def telling_columns(
    rows: JoinedRows, part: str, features: Sequence[str], limits: dict[str, float] | None = None
) -> tuple[dict[str, float], int]:
    """Return the `features` that give the label away, with their AUC or rank correlation (0 to 1), and the number of rows looked at.

    Looks at a sample of the training rows that the digest of their key chooses.
    """
    limit = (limits or TELLING)[rows.task.kind]
    count = _sample(rows, part, features)
    found = {}
    for number, name in enumerate(features):
        value = max(_strength(rows, sql) for sql in _orders(rows, f"x{number}", rows.kinds[name]))
        if value > limit:
            found[name] = value
    return found, count


def _sample(rows: JoinedRows, part: str, features: Sequence[str]) -> int:
    """Make the table `sample`: the label as doubled mid-rank `y`, and the features as `x0`, `x1`, ..."""
    key, target = ", ".join(map(quoted, rows.task.key)), quoted(rows.task.target)
    columns = "".join(f", {quoted(name)} AS x{number}" for number, name in enumerate(features))
    limit = min(2**32 - 1, SAMPLE_ROWS * 2**32 // max(1, rows.labelled))
    value = f"CAST({target} AS DOUBLE)"
    if rows.task.kind == "classification":
        value = f"CAST({value} > 0.5 AS DOUBLE)"
    rows.duck.run(
        f"CREATE OR REPLACE TABLE sample AS SELECT 2 * rank() OVER (ORDER BY label) + count(*) OVER (PARTITION BY label) - 1 AS y, * EXCLUDE (label) "
        f"FROM (SELECT {value} AS label{columns} FROM {rows.relation} WHERE {part} = 'train' AND hash({key}) >> 32 <= {limit})"
    )
    (count,) = rows.numbers("SELECT count(*) FROM sample")
    return count


def _orders(rows: JoinedRows, column: str, kind: pa.DataType) -> list[str]:
    """Return SQL queries of `v`, by which a feature orders the sample, and `y`: by value, or by the mean label rank of each value."""
    import pyarrow as pa

    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    ordered = number or pa.types.is_temporal(kind) or pa.types.is_boolean(kind)
    (values,) = rows.numbers(f"SELECT count(DISTINCT {column}) FROM sample")
    named = (
        f"SELECT CASE WHEN count(*) OVER same < {FEWEST} THEN (SELECT sum(y) / count(*) FROM sample) "
        f"ELSE sum(y) OVER same / count(*) OVER same END AS v, y FROM sample WINDOW same AS (PARTITION BY {column})"
    )
    queries = [f"SELECT {column} AS v, y FROM sample"] if ordered else []
    return [*queries, named] if values <= MOST_VALUES or not ordered else queries


def _strength(rows: JoinedRows, sql: str) -> float:
    """Return how well `v` orders as `y` does, 0 to 1, in either direction; a missing `v` is below all others."""
    ranked = f"SELECT y, 2 * rank() OVER (ORDER BY v NULLS FIRST) + count(*) OVER (PARTITION BY v) - 1 AS x FROM ({sql})"
    found = rows.duck.run(
        f"SELECT count(*), sum(x), sum(y), sum(x * y), sum(x * x), sum(y * y), sum(x) FILTER (y = top), count(*) FILTER (y = top) "
        f"FROM (SELECT *, max(y) OVER () AS top FROM ({ranked}))"
    ).fetchone()
    n, sx, sy, sxy, sxx, syy, high, positive = (int(value or 0) for value in found or (0,) * 8)
    if n * syy == sy * sy or n * sxx == sx * sx:  # one label, or one value
        return 0.5 if rows.task.kind == "classification" else 0.0
    if rows.task.kind == "regression":
        return abs((n * sxy - sx * sy) / math.sqrt((n * sxx - sx * sx) * (n * syy - sy * sy)))
    area = (high - positive * (positive + 1)) / (2 * positive * (n - positive))
    return max(area, 1 - area)
