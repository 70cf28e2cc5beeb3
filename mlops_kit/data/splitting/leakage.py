"""What the test rows of a split have in common with the rows that a model learns from or is chosen by: the leakage report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.duck import quoted
from mlops_kit.artifacts.predictions import feature_columns
from mlops_kit.data.splitting.joined import JoinedRows
from mlops_kit.data.splitting.telling import telling_columns

if TYPE_CHECKING:
    import pyarrow as pa

PARTS = ("train", "validation", "test")
ALIKE_SHARE = 0.01
"""Share of test rows from which twins among the others are worth a warning."""
DIGITS = 3


def find_leakage(
    rows: JoinedRows, part: str, sizes: Mapping[str, int]
) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the numbers that KPIs can bind (`leakage:same_key`), and the report with warnings in words.

    `part` is SQL that names the set of a row, `sizes` is the number of rows of each set. All but the single features are counted over
    all rows; these are looked at in a sample of training rows whose size the report names.
    """
    features = feature_columns(rows.columns, rows.task)
    alike = {
        f"{name}_rows": _twins(rows, part, features, near=near)
        for name, near in (("identical", False), ("near_identical", True))
    }
    late, spans = _times(rows, part)
    telling, sampled = telling_columns(rows, part, features)
    numbers: dict[str, float] = {f"in_{name}": count for name, count in sizes.items()}
    numbers |= {
        "same_key": _on_both_sides(rows, part, rows.task.key) if rows.repeated_keys else 0,
        "same_group": _on_both_sides(rows, part, [rows.task.group]) if rows.task.group else 0,
        **alike,
        "identical_share": alike["identical_rows"] / sizes["test"],
        "near_identical_share": alike["near_identical_rows"] / sizes["test"],
        "time_overlap_rows": late,
        "telling_columns": len(telling),
    }
    warnings = _warnings(numbers, telling, rows)
    report = {
        **numbers,
        "telling_columns": telling,
        "telling_sample_rows": sampled,
        "near_identical_means": f"numbers equal in {DIGITS} digits, texts but for case and outer spaces, times to the hour",
        "label_share": _label_shares(rows, part) if rows.task.kind == "classification" else {},
        "time_spans": spans,
        "warnings": warnings,
    }
    return numbers | {"warnings": len(warnings)}, report


def _on_both_sides(rows: JoinedRows, part: str, names: Sequence[str]) -> int:
    """Return how many values of the columns `names` stand in the test set and in another one."""
    columns = ", ".join(map(quoted, names))
    (count,) = rows.numbers(
        f"SELECT count(*) FROM (SELECT 1 FROM (SELECT {columns}, {part} = 'test' AS tested FROM {rows.relation} "
        f"WHERE {quoted(rows.task.target)} IS NOT NULL) GROUP BY {columns} HAVING bool_or(tested) AND NOT bool_and(tested))"
    )
    return count


def _twins(rows: JoinedRows, part: str, features: Sequence[str], *, near: bool) -> int:
    """Return how many test rows have the same features as some other row; with `near`, as good as the same."""
    if not features:
        return 0
    values = [_rounded(name, rows.kinds[name]) if near else quoted(name) for name in features]
    # Two 64-bit digests of 50 million rows meet by chance in about one run of 10,000: the number is not exact, but never far off.
    made = f"SELECT hash({', '.join(values)}) AS h FROM {rows.relation} WHERE {part}"
    (count,) = rows.numbers(
        f"SELECT count(*) FROM ({made} = 'test') WHERE h IN (SELECT h FROM ({made} IN ('train', 'validation')))"
    )
    return count


def _rounded(name: str, kind: pa.DataType) -> str:
    """Return SQL of what two values that are as good as the same have in common."""
    import pyarrow as pa

    column = quoted(name)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return f"lower(trim({column}))"
    if pa.types.is_timestamp(kind):
        return f"epoch_us({column}) // 3600000000"
    if pa.types.is_boolean(kind) or not (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    ):
        return column
    number = f"CAST({column} AS DOUBLE)"
    scale = f"pow(10, floor(log10(abs({number}))) - {DIGITS - 1})"
    return f"CASE WHEN {number} = 0 OR NOT isfinite({number}) THEN {number} ELSE round({number} / {scale}) * {scale} END"


def _times(rows: JoinedRows, part: str) -> tuple[int, dict[str, list[str]]]:
    """Return how many rows to learn from are not older than the oldest test row, and first and last time of each set."""
    if not rows.task.time:
        return 0, {}
    moment = f"epoch_us({quoted(rows.task.time)})"
    found = rows.duck.run(
        f"SELECT {part} AS part, min({moment}), max({moment}) FROM {rows.relation} GROUP BY part"
    ).fetchall()
    edges = {name: (first, last) for name, first, last in found if name is not None and first is not None}
    late = 0
    if "test" in edges:
        (late,) = rows.numbers(
            f"SELECT count(*) FROM {rows.relation} WHERE {part} IN ('train', 'validation') AND {moment} >= {edges['test'][0]}"
        )
    return late, {name: [_iso(moment) for moment in edges[name]] for name in PARTS if name in edges}


def _iso(moment: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)).isoformat()


def _label_shares(rows: JoinedRows, part: str) -> dict[str, float]:
    """Return the share of positive labels in each set."""
    found = rows.duck.run(
        f"SELECT {part} AS part, count(*) FILTER (CAST({quoted(rows.task.target)} AS DOUBLE) > 0.5), count(*) FROM {rows.relation} GROUP BY part"
    ).fetchall()
    shares = {name: positive / count for name, positive, count in found if name is not None}
    return {name: shares[name] for name in PARTS if name in shares}


def _warnings(numbers: Mapping[str, float], telling: Mapping[str, float], rows: JoinedRows) -> list[str]:
    said = []
    if numbers["same_key"]:
        said.append(
            f"{numbers['same_key']:,} keys stand in the test set and in another one: make task.key unique"
        )
    if numbers["same_group"]:
        said.append(
            f"{numbers['same_group']:,} values of `{rows.task.group}` stand in the test set and in another one: "
            "rows of one group are not independent; split.group keeps them together"
        )
    exact = numbers["identical_share"]
    near = numbers["near_identical_share"] - exact
    for share, words in ((exact, "the same features as"), (near, "nearly the same features as")):
        if share > ALIKE_SHARE:
            said.append(
                f"{share:.1%} of the test rows have {words} a row of another set: are they the same events twice?"
            )
    if numbers["time_overlap_rows"]:
        said.append(
            f"{numbers['time_overlap_rows']:,} rows to learn from are not older than the oldest test row: the metrics say how "
            "the model does on days that it has seen, not on days to come"
        )
    measure = "AUC" if rows.task.kind == "classification" else "rank correlation"
    said += [
        f"`{name}` alone gives the label away ({measure} {value:.3f})"
        for name, value in sorted(telling.items())
    ]
    return said
