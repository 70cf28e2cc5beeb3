from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_kit import BadDataError, split_by_group, split_by_hash, split_by_time
from mlops_kit.artifacts import duck as engine
from mlops_kit.data.splitting.sets import SplitRows
from mlops_kit.spec.model import Column, Schema, Task
from tests.support.rows import daily, rows, table_of, written

TIMED = Task("classification", "late", ("id",), "when")
KEYED = Task("classification", "late", ("id",))
GROUPED = Task("classification", "late", ("id",), None, "who")
SETS = ("train", "validation", "test", "live")
few = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def labels(table: pa.Table, values: Sequence[int | None] | None = None) -> pa.Table:
    """Return labels of the first rows of `table`, as many as there are `values`."""
    target = [number % 2 for number in range(table.num_rows)] if values is None else list(values)
    made = table.select(["id"]).slice(0, len(target))
    return made.append_column("late", pa.array(target, pa.int8()))


def places(made: SplitRows) -> dict[str, str]:
    """Return key -> name of the set."""
    return {key: name for name in SETS for key in table_of(getattr(made, name))["id"].to_pylist()}


def by_hash(folder: Path, table: pa.Table, **options: Any) -> dict[str, str]:
    made = split_by_hash(
        rows(folder, table), rows(folder, labels(table)), task=KEYED, schema=Schema({}), **options
    )
    return places(made)


def by_group(folder: Path, table: pa.Table, values: Sequence[int] | None = None, **options: Any) -> SplitRows:
    labelled = rows(folder, labels(table, values))
    return split_by_group(rows(folder, table), labelled, task=GROUPED, schema=Schema({}), **options)


def by_time(folder: Path, table: pa.Table, values: Sequence[int] | None = None, **options: Any) -> SplitRows:
    labelled = rows(folder, labels(table, values))
    schema = options.pop("schema", Schema({}))
    return split_by_time(rows(folder, table), labelled, task=TIMED, schema=schema, **options)


def test_the_newest_labelled_rows_are_tested_and_unlabelled_ones_wait(tmp_path: Path) -> None:
    table = daily(100, x=list(range(100)), secret=[number % 2 for number in range(100)])
    schema = Schema({"secret": Column("integer", "ignore")})
    made = by_time(tmp_path, table, [n % 2 for n in range(80)], schema=schema, validation_share=0.1)
    train, validation, test, live = (table_of(getattr(made, name)) for name in SETS)
    assert [part.num_rows for part in (train, validation, test, live)] == [52, 8, 20, 20]
    assert max(train["when"].to_pylist()) < min(validation["when"].to_pylist())
    assert max(validation["when"].to_pylist()) < min(test["when"].to_pylist())
    assert (train.column_names, live.column_names) == (["id", "when", "x", "late"], ["id", "when", "x"])


def test_an_answer_about_the_newest_row_leaves_the_others_to_be_monitored(tmp_path: Path) -> None:
    table = daily(100, x=list(range(100)))
    found = labels(table, [n % 2 for n in range(100)])
    keep = pa.array([n < 80 or n == 99 for n in range(100)])
    by = pa.array(["column" if n < 80 else "people" for n in range(100)])
    told = found.append_column("labelled_by", by).filter(keep)
    made = split_by_time(rows(tmp_path, table), rows(tmp_path, told), task=TIMED, schema=Schema({}))
    assert len(table_of(made.live)) == 19
    assert "labelled_by" not in table_of(made.train).column_names
    silent = split_by_time(
        rows(tmp_path, table), rows(tmp_path, found.filter(keep)), task=TIMED, schema=Schema({})
    )
    assert len(table_of(silent.live)) == 0


def test_rows_that_never_get_a_label_are_counted(tmp_path: Path) -> None:
    made = by_time(tmp_path, daily(10), [1, None, 0, None, 1, 0, 1, None], test_share=0.4)
    assert made.leakage["in_no_set"] == 2
    assert made.leakage["in_live"] == 3


@pytest.mark.parametrize("moment", ["2025-01-31", "2025-01-31T00:00:00Z", "2025-01-31T01:00:00+01:00"])
def test_a_stated_moment_begins_the_test_set_whatever_arrives(tmp_path: Path, moment: str) -> None:
    for count in (40, 60):
        made = by_time(tmp_path, daily(count), test_from=moment)
        assert table_of(made.train)["id"].to_pylist()[-1] == "r0029"
        assert table_of(made.test).num_rows == count - 30
    assert made.leakage_report["begins"] == {"test": "2025-01-31T00:00:00Z"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test_share": 0.0}, "test_share is 0"),
        ({"test_share": 0.6, "validation_share": 0.4}, "shares between 0 and 1"),
        ({"test_from": "soon"}, "which is no time"),
        ({"test_from": "2030-01-01"}, "0 to test with"),
        ({"test_from": "2025-01-02", "validation_share": 0.5}, "0 rows to train with"),
    ],
)
def test_splits_that_make_no_sense_are_refused(
    tmp_path: Path, options: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(BadDataError) as caught:
        by_time(tmp_path, daily(30), **options)
    assert message in f"{caught.value.message} {caught.value.fix}"


def test_tables_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    table = daily(30)
    cases = [
        (table, pa.table({"id": ["a"], "lte": [1]}), "did you mean"),
        (table, pa.concat_tables([labels(table), labels(table)]), "more than once"),
        (table.append_column("late", pa.array([1] * 30)), labels(table), "which is the target"),
        (table, labels(table).set_column(0, "id", pa.array([[1]] * 30)), "cannot be joined"),
        (
            table.set_column(1, "when", pa.nulls(30, pa.timestamp("us", "UTC"))),
            labels(table),
            "have no `when`",
        ),
    ]
    for features, target, message in cases:
        with pytest.raises(BadDataError) as caught:
            split_by_time(rows(tmp_path, features), rows(tmp_path, target), task=TIMED, schema=Schema({}))
        assert message in f"{caught.value.message} {caught.value.fix}"


def test_a_digest_is_the_md5_of_salt_and_key(tmp_path: Path) -> None:
    """Written down, so that no other version of anything can move a row."""
    found = by_hash(tmp_path, daily(60), test_share=0.3, salt="s")
    for key, part in found.items():
        digest = hashlib.md5(b"split\x1fs\x1f" + key.encode(), usedforsecurity=False).hexdigest()
        assert (part == "test") == (int(digest[:15], 16) < 0.3 * 16**15)


@few
@given(
    st.sets(st.integers(0, 10**6), min_size=40, max_size=90), st.integers(1, 30), st.sampled_from([0.2, 0.5])
)
def test_new_rows_never_move_old_ones(tmp_path: Path, ids: set[int], fresh: int, share: float) -> None:
    """Neither do rows that go: the sets of a part of the rows are parts of the sets."""
    everything = sorted(ids)
    table = pa.table({"id": everything, "x": everything})
    whole = by_hash(tmp_path, table, test_share=share, validation_share=0.2)
    part = by_hash(tmp_path, table.take(list(range(fresh, len(ids)))), test_share=share, validation_share=0.2)
    assert part == {key: whole[key] for key in everything[fresh:]}


@few
@given(st.sets(st.integers(0, 99), min_size=30))
def test_labels_that_arrive_move_rows_out_of_live_alone(tmp_path: Path, late: set[int]) -> None:
    table = daily(100)
    whole = by_hash(tmp_path, table)
    values = [None if number in late and number % 3 else number % 2 for number in range(100)]
    made = split_by_hash(
        rows(tmp_path, table), rows(tmp_path, labels(table, values)), task=KEYED, schema=Schema({})
    )
    waiting = {f"r{number:04}" for number, value in enumerate(values) if value is None}
    assert places(made) == {key: "live" if key in waiting else part for key, part in whole.items()}


def test_a_larger_validation_set_leaves_the_test_set_alone(tmp_path: Path) -> None:
    small = by_hash(tmp_path, daily(200), validation_share=0.1)
    large = by_hash(tmp_path, daily(200), validation_share=0.4)
    tests = [{key for key, part in found.items() if part == "test"} for found in (small, large)]
    assert tests[0] == tests[1]
    assert {k for k, part in small.items() if part == "validation"} < {
        k for k, part in large.items() if part == "validation"
    }


def test_another_salt_draws_other_sets(tmp_path: Path) -> None:
    assert by_hash(tmp_path, daily(100)) != by_hash(tmp_path, daily(100), salt="2")


def test_a_key_is_the_same_as_text_and_as_number(tmp_path: Path) -> None:
    numbers = list(range(80))
    found = [
        by_hash(tmp_path, pa.table({"id": pa.array(numbers, pa.int64()).cast(kind), "x": numbers}))
        for kind in (pa.int64(), pa.int16(), pa.float64(), pa.string())
    ]
    assert [list(one.values()) for one in found] == [
        [found[0][key] for key in map(int, one)] for one in found
    ]


@few
@given(st.integers(1, 40), st.sampled_from([0.1, 0.25, 0.5]))
def test_each_stratum_gets_exactly_its_share(tmp_path: Path, rare: int, share: float) -> None:
    table = daily(120)
    labelled = [1] * rare + [0] * (120 - rare)
    made = split_by_hash(
        rows(tmp_path, table), rows(tmp_path, labels(table, labelled)), task=KEYED, schema=Schema({}), test_share=share,
        validation_share=0.2, stratify="late",
    )  # fmt: skip
    tested = table_of(made.test)["late"].to_pylist()
    assert [tested.count(1), tested.count(0)] == [int(rare * share + 0.5), int((120 - rare) * share + 0.5)]


def test_a_column_with_many_values_is_no_stratum(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="more than 200 values"):
        by_hash(tmp_path, daily(300), stratify="id")
    with pytest.raises(BadDataError, match="no column `lat`"):
        by_hash(tmp_path, daily(30), stratify="lat")


@few
@given(
    st.lists(st.integers(0, 60), min_size=60, max_size=120).map(lambda found: [*found, *range(60)]),
    st.booleans(),
)
def test_no_group_is_on_two_sides(tmp_path: Path, owners: list[int], stratify: bool) -> None:
    table = pa.table({"id": list(range(len(owners))), "who": [f"w{n}" for n in owners]})
    made = by_group(tmp_path, table, validation_share=0.2, stratify="late" if stratify else None)
    homes = [set(table_of(getattr(made, name))["who"].to_pylist()) for name in SETS]
    assert not any(a & b for n, a in enumerate(homes) for b in homes[:n])
    assert made.leakage["same_group"] == 0


def test_new_groups_and_rows_never_move_old_groups(tmp_path: Path) -> None:
    found = []
    for count in (150, 400):
        made = by_group(tmp_path, daily(count, who=[f"w{n % (count // 5)}" for n in range(count)]))
        found.append({who: name for name in SETS for who in table_of(getattr(made, name))["who"].to_pylist()})
    assert {who: found[1][who] for who in found[0]} == found[0]


def test_groups_are_stratified_by_what_most_of_their_rows_are(tmp_path: Path) -> None:
    table = daily(400, who=[f"w{n // 10}" for n in range(400)])
    values = [int(n // 10 < 8 and n % 10 < 7) for n in range(400)]  # 8 groups of 40 are mostly positive
    made = by_group(tmp_path, table, values, stratify="late")
    tested = set(table_of(made.test)["who"].to_pylist())
    assert (len(tested & {f"w{n}" for n in range(8)}), len(tested)) == (2, 10)


def test_rows_without_a_group_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="3 rows have no `who`"):
        by_group(tmp_path, daily(30, who=["a"] * 27 + [None] * 3))


@pytest.mark.parametrize("method", ["time", "hash", "group"])
def test_bytes_do_not_depend_on_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    count = 3000
    table = daily(
        count, who=[f"w{n % 90}" for n in range(count)], x=[n * 7919 % 1009 / 7 for n in range(count)]
    )
    task = Task("classification", "late", ("id",), "when", "who")
    split = {"time": split_by_time, "hash": split_by_hash, "group": split_by_group}[method]
    features, labelled = rows(tmp_path, table), rows(tmp_path, labels(table, [n % 2 for n in range(2500)]))
    found = []
    for threads in (1, 2, 8):
        monkeypatch.setattr(engine, "usable_processors", lambda threads=threads: threads)
        made = split(features, labelled, task=task, schema=Schema({}), validation_share=0.1)
        parts = [written(getattr(made, name), tmp_path / "part.parquet") for name in SETS]
        found.append((parts, made.leakage, made.leakage_report))
    assert found[0] == found[1] == found[2]


@few
@given(st.permutations(range(40)))
def test_the_order_of_rows_changes_nothing(tmp_path: Path, order: Sequence[int]) -> None:
    """Not even where keys repeat."""
    table = pa.table(
        {"id": [n // 2 for n in range(40)], "x": list(range(40)), "late": [n % 2 for n in range(40)]}
    )
    labelled = pa.table({"id": list(range(20)), "late": pa.array([n % 2 for n in range(20)], pa.int8())})
    found = []
    for rows_ in (table, table.take(order)):
        made = split_by_hash(
            rows(tmp_path, rows_.drop_columns("late")),
            rows(tmp_path, labelled),
            task=KEYED,
            schema=Schema({}),
        )
        found.append([table_of(getattr(made, name)).to_pylist() for name in SETS])
    assert found[0] == found[1]
