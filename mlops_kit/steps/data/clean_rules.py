"""Clean raw rows by the data contract; rows that break it are kept with the reason.

Casts every column of schema.yaml to its type and checks missing values, ranges, allowed values and patterns, then duplicate keys
(the first row wins). Rows in = rows of `clean` + rows of `quarantine`, always. A missing column, or more quarantined rows than
`max_quarantine` allows, ends with exit code 5.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from mlops_kit import (
    Arrow,
    BadDataError,
    Document,
    Metrics,
    Partitions,
    Schema,
    Task,
    cast_column,
    profile_table,
    run,
    step,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_kit import Column


@dataclass(frozen=True)
class CleanParams:
    """Section of params.yaml."""

    dedupe: bool = True
    """Whether rows with a key that came before go to quarantine; otherwise they fail the step."""


class Cleaned(NamedTuple):
    """What the step writes."""

    clean: Arrow
    quarantine: Arrow
    profile: Document
    cleaning: Metrics


@step(contract=1)
def clean(raw: Partitions, *, schema: Schema, task: Task, params: CleanParams) -> Cleaned:
    """Cast and check every row; keep the bad ones with rule, column and value."""
    import pyarrow as pa

    table = raw.combine()
    missing = [name for name in schema.columns if name not in table.column_names]
    if missing:
        raise BadDataError(
            f"the data lacks columns of schema.yaml: {', '.join(missing)}",
            fix="mend the source, or remove them from schema.yaml",
        )
    faults = _Faults(table)
    columns = {name: _check(table[name], name, rule, faults) for name, rule in schema.columns.items()}
    made = pa.table(columns)
    repeated = _repeated(made, task.key, faults.bad)
    if repeated.any() and not params.dedupe:
        raise BadDataError(
            f"{int(repeated.sum())} rows repeat a key",
            fix="set clean.dedupe: true in params.yaml, or change task.key",
        )
    faults.add(repeated, "unique key", task.key[0])
    kept = made.filter(pa.array(~faults.bad)).sort_by([(name, "ascending") for name in task.key])
    quarantine = faults.quarantine(task.key)
    assert table.num_rows == kept.num_rows + quarantine.num_rows
    _check_share(quarantine, table.num_rows, schema.max_quarantine)
    dropped = [name for name in table.column_names if name not in schema.columns]
    missing_cells = sum(column.null_count for column in kept.columns)
    return Cleaned(
        kept,
        quarantine,
        {"columns": profile_table(kept), "dropped_columns": dropped, "rows": kept.num_rows},
        {
            "rows_in": table.num_rows,
            "rows_out": kept.num_rows,
            "quarantined": quarantine.num_rows,
            "quarantine_share": quarantine.num_rows / table.num_rows,
            "missing_share": missing_cells / max(1, kept.num_rows * kept.num_columns),
        },
    )


class _Faults:
    """Which rows break the contract, and the first rule that each breaks."""

    def __init__(self, table: pa.Table) -> None:
        import numpy as np

        self._table = table
        self.bad: np.ndarray[Any, Any] = np.zeros(table.num_rows, dtype=bool)
        self._found: list[tuple[np.ndarray[Any, Any], str, str]] = []

    def add(self, rows: np.ndarray[Any, Any], rule: str, column: str) -> None:
        import numpy as np

        fresh = np.flatnonzero(rows & ~self.bad)
        if len(fresh):
            self._found.append((fresh, rule, column))
            self.bad[fresh] = True

    def quarantine(self, key: tuple[str, ...]) -> pa.Table:
        import pyarrow as pa

        parts: dict[str, list[Any]] = {name: [] for name in (*key, "rule", "column", "value")}
        for rows, rule, column in self._found:
            taken = self._table.take(rows)
            for name in key:
                parts[name] += taken[name].cast(pa.string()).to_pylist()
            parts["rule"] += [rule] * len(rows)
            parts["column"] += [column] * len(rows)
            parts["value"] += taken[column].cast(pa.string()).to_pylist()
        made = pa.table({name: pa.array(values, pa.string()) for name, values in parts.items()})
        return made.sort_by([(name, "ascending") for name in (*key, "rule", "column")])


def _check(raw: pa.ChunkedArray, name: str, rule: Column, faults: _Faults) -> pa.ChunkedArray:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    values, unreadable = cast_column(raw, rule.type)
    faults.add(unreadable, f"type {rule.type}", name)
    null = values.is_null().to_numpy(zero_copy_only=False)
    if not rule.nullable:
        faults.add(null, "not missing", name)
    checks = [("min", pc.less, rule.min), ("max", pc.greater, rule.max)]
    for what, breaks, bound in checks:
        if bound is not None:
            broken = pc.fill_null(breaks(values.cast(pa.float64()), pa.scalar(float(bound))), False)
            faults.add(np.asarray(broken), f"{what} {bound:g}", name)
    if rule.values:
        known = pc.is_in(values.cast(pa.string()), value_set=pa.array(rule.values))
        faults.add(~np.asarray(known) & ~null, "allowed values", name)
    if rule.pattern:
        fits = pc.match_substring_regex(values.cast(pa.string()), f"^(?:{rule.pattern})$")
        faults.add(~np.asarray(pc.fill_null(fits, True)), f"pattern {rule.pattern}", name)
    return values


def _repeated(table: pa.Table, key: tuple[str, ...], bad: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return which of the good rows have a key that an earlier good row has."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    joined = pc.binary_join_element_wise(
        *(pc.fill_null(table[name].cast(pa.string()), "") for name in key), "\x1f"
    )
    codes = joined.combine_chunks().dictionary_encode().indices.to_numpy()
    good = np.flatnonzero(~bad)
    _, first = np.unique(codes[good], return_index=True)
    repeated = ~bad
    repeated[good[first]] = False
    return repeated


def _check_share(quarantine: pa.Table, rows: int, allowed: float) -> None:
    share = quarantine.num_rows / rows
    if share > allowed:
        pairs = zip(quarantine["column"].to_pylist(), quarantine["rule"].to_pylist(), strict=True)
        worst = ", ".join(
            f"{column}: {rule} ({count} rows)" for (column, rule), count in Counter(pairs).most_common(3)
        )
        raise BadDataError(
            f"{quarantine.num_rows} of {rows} rows ({share:.1%}) break the contract, {allowed:.1%} may: {worst}",
            fix="mend the data or the rule in schema.yaml, or raise max_quarantine there",
        )


if __name__ == "__main__":
    run(clean)
