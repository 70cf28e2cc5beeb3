"""A month that arrived: a comparison whose data changed, with everything that the section on data can say."""

from __future__ import annotations

from mlops_kit.compare.model import DataChange
from mlops_kit.compare.section import (
    DataSection,
    PartitionChange,
    ProfileChange,
    QuarantineChange,
    QuarantineExample,
    QuarantineRule,
)
from mlops_kit.data.diff.model import (
    CellChange,
    ClassBalance,
    ColumnDiff,
    RowExample,
    SchemaChange,
    TableDiff,
    ValueShare,
)

KEY = (("time_hour", "2013-10-01T10:00:00Z"), ("carrier", "UA"), ("flight", "1545"))


def changed_files() -> tuple[DataChange, ...]:
    """Return what is known without reading a row."""
    return (
        DataChange("data/clean.parquet", "changed", 1_710_000, 1_905_000, None, None, 250_450, 277_453),
        DataChange("data/quarantine.parquet", "changed", 3_000, 3_200, None, None, 4, 13),
    )


def section() -> DataSection:
    """Return the section."""
    return DataSection(
        tables=(table(),),
        partitions=(
            PartitionChange(
                "data/raw",
                "2013-10",
                "added",
                None,
                28_889,
                "https://flights.example/2013-10.csv.gz",
                ("2013-09-30T23:00:00Z", "2013-10-31T23:00:00Z"),
                2,
            ),
        ),
        quarantine=QuarantineChange(
            "data/quarantine.parquet",
            4,
            13,
            (
                QuarantineRule(
                    "arr_delay", "max 3000", 0, 7, (QuarantineExample(KEY, "9999"), QuarantineExample(KEY, None))
                ),
                QuarantineRule("passenger", "not missing", 1, 3, (QuarantineExample(KEY, None, hidden=True),)),
            ),
            others=1,
        ),
        profile=(
            ProfileChange("dep_delay", "missing", "1.0 %", "3.1 %"),
            ProfileChange("distance", "largest", "4,983", "5,095"),
        ),
        left_out=("data/features.parquet: rows not compared; mlops-kit data diff --path data/features.parquet",),
    )  # fmt: skip


def table() -> TableDiff:
    """Return the rows of the cleaned table."""
    return TableDiff(
        "data/clean.parquet",
        "changed",
        "27,004 rows added, 1 removed, 3 changed; `dep_delay` missing in 3.1 % instead of 1 %",
        key=("time_hour", "carrier", "flight"),
        key_source="task.key in mlops.yaml",
        old_rows=250_450,
        new_rows=277_453,
        added=27_004,
        removed=1,
        changed=3,
        unchanged=250_446,
        schema=(SchemaChange("gate", "added", "", "VARCHAR"), SchemaChange("distance", "type", "BIGINT", "DOUBLE")),
        columns=(
            ColumnDiff(
                "dep_delay", "BIGINT", 3,
                (CellChange(KEY, "4", None, 2), CellChange(KEY, None, "12", 1)),
                None, None, 0.12, "clear", "missing in 3.1 % instead of 1.0 %; median 2 instead of -1",
            ),
            ColumnDiff("passenger", "VARCHAR", 1, (), None, None, None, "unknown", "", pii=True),
            ColumnDiff("origin", "VARCHAR", 0, (), None, None, 0.01, "same", ""),
        ),
        classes=ClassBalance(
            "late",
            (ValueShare("0", 194_000, 212_100), ValueShare("1", 56_450, 65_353)),
            "1: 23.6 % of the rows instead of 22.5 %",
        ),
        added_examples=(RowExample((*KEY, ("dest", "IAH"), ("dep_delay", None))),),
        time=("time_hour", "2013-10-01", "2013-10-31"),
        compared_with="250,450 rows of 9 unchanged files",
        notes=("numbers are written as texts on the base side",),
    )  # fmt: skip
