"""Labels of two sides: by the consensus table, with what annotators see, deliveries, Parquet under DVC, within a budget."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_kit.artifacts.datafiles import DataFile
from mlops_kit.artifacts.side import Side, read_side
from mlops_kit.compare.label_section import describe_labels
from mlops_kit.labels.consensus.labelling import COLUMNS as WRITTEN
from mlops_kit.labels.diff.consensus import COLUMNS as READ
from mlops_kit.labels.diff.model import LabelDiff
from mlops_kit.labels.events.model import COLUMNS, LabelEvent, event_schema
from mlops_kit.report.label_text import label_lines
from tests.support.label_commits import LABELS, add_events, commit, event, label_project, write_batch


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return label_project(tmp_path_factory.mktemp("labels") / "p")


@pytest.fixture
def root(template: Path, tmp_path: Path) -> Path:
    """Return a copy of the repository that has three labelled items."""
    return Path(shutil.copytree(template, tmp_path / "p"))


def sides(root: Path) -> tuple[Side, Side]:
    return read_side(root, "HEAD"), read_side(root, None)


def diff(root: Path, **options: Any) -> LabelDiff:
    found = describe_labels(root, *sides(root), **options)
    assert found is not None
    return found


def table(folder: Path, path: str, rows: list[dict[str, Any]]) -> DataFile:
    """Return a table as a stage would have written it."""
    place = folder / f"{hashlib.md5(repr(rows).encode()).hexdigest()}.parquet"
    pq.write_table(pa.Table.from_pylist(rows), place)
    return DataFile(path, hashlib.md5(place.read_bytes()).hexdigest(), place.stat().st_size, None, place)


def consensus(folder: Path, **labels: tuple[str | None, str]) -> DataFile:
    rows = [
        {"id": n, "item": item, "value": value, "votes": 2, "provenance": how}
        for n, (item, (value, how)) in enumerate(labels.items())
    ]
    return table(folder, "data/consensus.parquet", rows)


def with_data(side: Side, *files: DataFile) -> Side:
    return replace(side, data={**side.data, **{file.path: file for file in files}})


def test_consensus_table_says_what_the_labels_are(root: Path, tmp_path: Path) -> None:
    write_batch(root, "two", event("a", "on_time", "ann-3"))
    old, new = sides(root)
    old = with_data(old, consensus(tmp_path, a=("late", "majority"), b=("late", "majority")))
    new = with_data(new, consensus(tmp_path, a=("on_time", "dawid_skene"), b=("on_time", "dawid_skene")))
    found = describe_labels(root, old, new)
    assert found is not None
    (task,) = found.tasks
    assert (task.basis, task.changed) == ("consensus", 2)
    assert [(item.item, item.why) for item in task.items] == [("a", "votes"), ("b", "method")]


def test_consensus_table_is_read_by_the_columns_that_the_label_stage_writes() -> None:
    assert set(WRITTEN) >= READ


def test_consensus_flips_are_told_where_no_event_differs(root: Path, tmp_path: Path) -> None:
    old, new = sides(root)
    old = with_data(old, consensus(tmp_path, a=("late", "dawid_skene"), b=(None, "undecided")))
    new = with_data(new, consensus(tmp_path, a=("on_time", "dawid_skene"), b=("late", "dawid_skene")))
    found = describe_labels(root, old, new)
    assert found is not None
    assert [(item.kind, item.why) for item in found.tasks[0].items] == [
        ("changed", "other items"),
        ("newly", "method"),
    ]
    assert "the same answers; 1 newly labelled, 1 changed" in label_lines(found)[0]


def test_consensus_that_was_not_computed_since_is_said(root: Path, tmp_path: Path) -> None:
    write_batch(root, "two", event("a", "on_time", "ann-3", role="gold"))
    same = consensus(tmp_path, a=("late", "majority"))
    found = describe_labels(root, *(with_data(side, same) for side in sides(root)))
    assert found is not None
    assert found.tasks[0].basis == "votes"
    assert "mlops-kit run" in found.left_out[0]


def test_items_are_shown_as_annotators_see_them_without_persons(root: Path, tmp_path: Path) -> None:
    (root / "schema.yaml").write_text("columns:\n  name: {type: string, pii: true}\n")
    write_batch(root, "two", event("a", "on_time", role="gold"))
    clean = table(tmp_path, "data/clean.parquet", [{"id": "a", "name": "Ms Secret", "hour": 7, "day": None}])
    old, new = sides(root)
    found = describe_labels(root, old, with_data(new, clean))
    assert found is not None
    assert found.tasks[0].items[0].shown == (("hour", "7"), ("day", None))
    assert "Secret" not in repr(found)


def test_contract_that_cannot_be_read_hides_names_words_and_rows(root: Path, tmp_path: Path) -> None:
    (root / "schema.yaml").write_text("columns: [broken\n")
    write_batch(root, "two", event("a", "on_time", role="gold", reason="why"))
    clean = table(tmp_path, "data/clean.parquet", [{"id": "a", "hour": 7}])
    old, new = sides(root)
    found = describe_labels(root, old, with_data(new, clean))
    assert found is not None
    (item,) = found.tasks[0].items
    assert (item.item, item.reason, item.shown) == ("", "", ())


def delivery(root: Path, batch: str, *deliveries: dict[str, Any], **more: Any) -> None:
    path = root / "labels" / "batches" / f"{batch}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"version": 1, "batch": batch, "deliveries": deliveries, **more}))


def test_delivery_that_was_rejected_is_told_with_the_reason(root: Path) -> None:
    delivery(root, "v1", {"verdict": "rejected", "reason": "gold 0.55 is below 0.8"})
    refused = root / "labels" / "refused" / "v1.jsonl"
    refused.parent.mkdir()
    refused.write_text('{"rule": "rejected", "why": "x", "event": {}}\n' * 3)
    found = diff(root)
    (batch,) = found.batches
    assert (batch.state, batch.verdict, batch.refused) == ("rejected", "rejected", 3)
    assert label_lines(found)[0].startswith("batch v1 rejected, 3 refused: gold 0.55 is below 0.8")


def test_delivery_in_a_known_manifest_is_told_once(root: Path) -> None:
    first = {"verdict": "rejected", "reason": "late"}
    delivery(root, "v1", first)
    commit(root)
    delivery(root, "v1", first, {"verdict": "forced", "reason": "we looked at it"})
    assert label_lines(diff(root)) == ("batch v1 accepted in spite of its test: we looked at it",)


def test_batch_that_went_out_is_told(root: Path) -> None:
    delivery(root, "v2", exported={"time": "x"}, items={"a": "1", "b": "2"})
    assert label_lines(diff(root)) == ("batch v2 exported with 2 items",)


def test_manifest_that_is_none_is_no_error(root: Path) -> None:
    (root / "labels" / "batches").mkdir()
    (root / "labels" / "batches" / "x.json").write_text("[" * 100_000)
    assert describe_labels(root, *sides(root)) is None


def test_held_events_that_were_decided_are_told(root: Path) -> None:
    held = root / "labels" / "held" / "v1.jsonl"
    held.parent.mkdir()
    held.write_text('{"rule": "unknown_item"}\n' * 2)
    commit(root)
    held.write_text("")
    (batch,) = diff(root).batches
    assert (batch.state, batch.held, batch.reasons) == ("held", 0, ("2 no longer held",))


def write_parquet(path: Path, *events: LabelEvent) -> None:
    rows = [{name: getattr(one, name) for name in COLUMNS} for one in events]
    for row in rows:
        row["value"] = json.dumps(row["value"])
    pq.write_table(pa.Table.from_pylist(rows, event_schema()), path)


def label_tables(root: Path, place: Path) -> tuple[str, ...]:
    """Return what is said when the content is no table."""
    place.write_bytes(b"PAR1 and nothing else")
    return diff(root).left_out


def test_parquet_under_dvc_is_read_from_the_cache(root: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.parquet"
    write_parquet(made, event("p", "late"), event("q", None))
    md5 = hashlib.md5(made.read_bytes()).hexdigest()
    place = root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
    place.parent.mkdir(parents=True)
    shutil.copyfile(made, place)
    pointer = f"outs:\n- md5: {md5}\n  size: {made.stat().st_size}\n  hash: md5\n  path: big.parquet\n"
    (root / "labels" / "events" / "big.parquet.dvc").write_text(pointer)
    found = diff(root)
    assert [(batch.batch, batch.added) for batch in found.batches] == [("big", 2)]
    assert (found.tasks[0].newly, found.tasks[0].abstentions, found.left_out) == (1, 1, ())
    assert label_tables(root, place) == (
        "labels/events/big is no Parquet file of events: mlops-kit label check",
    )
    place.unlink()
    assert "labels/events/big is not here: dvc fetch" in diff(root).left_out[0]


@pytest.fixture
def longer(root: Path) -> Path:
    """Return the repository with more events, of 12 KB, in a commit."""
    write_batch(root, "many", *(event(f"m{n}", "late", f"ann-{n % 3}", n) for n in range(60)))
    commit(root)
    write_batch(root, "two", event("m7", "on_time", "ann-9", role="adjudication"), event("d", "late"))
    return root


def test_items_concerned_are_looked_up_where_all_events_are_too_many(longer: Path) -> None:
    (task,) = diff(longer, budget=4000).tasks
    assert (task.basis, task.newly, task.changed, task.old_items) == ("votes", 1, 1, None)
    assert [(item.item, item.old, item.why) for item in task.items] == [
        ("m7", "late", "adjudicated"),
        ("d", None, "votes"),
    ]
    whole = diff(longer).tasks[0]
    assert (whole.old_items, whole.items) == (63, task.items)


def test_what_is_not_read_for_its_size_is_said(longer: Path) -> None:
    found = diff(longer, budget=1000)
    assert (found.tasks[0].added, found.tasks[0].basis) == (2, None)
    assert "what items were before is not told" in found.left_out[0]
    nothing = diff(longer, budget=10)
    assert nothing.tasks == ()
    assert "events of two are too many" in nothing.left_out[0]


def test_class_that_the_task_loses_is_the_reason_of_lost_labels(root: Path) -> None:
    (root / "labels" / "labels.yaml").write_text(
        LABELS.replace("classes: [late, on_time]", "classes: [on_time, early]")
    )
    found = diff(root)
    assert [(one.kind, one.name, one.changes) for one in found.roster] == [
        ("task", "late", ("classes: late, on_time → on_time, early",))
    ]
    assert {(item.kind, item.why) for item in found.tasks[0].items} == {("lost", "settings")}


def test_agreement_is_that_of_the_label_stage(root: Path) -> None:
    add_events(root, "one", event("b", "on_time", "ann-2", 6), event("c", "late", "ann-2", 7))
    add_events(root, "one", event("d", "on_time", at=8), event("d", "on_time", "ann-2", 9))
    (figure,) = diff(root).tasks[0].agreement
    assert figure.old is None
    assert figure.new == pytest.approx(0.5333333333, abs=1e-9)


def test_order_of_files_and_lines_changes_nothing(root: Path) -> None:
    one, two = [event(str(n), "late", f"ann-{n % 3}", n) for n in range(20)], [event("a", "on_time", "z", 50)]
    write_batch(root, "m", *one)
    write_batch(root, "n", *two)
    before = diff(root)
    write_batch(root, "m", *reversed(one))
    assert diff(root) == before


def test_line_with_odd_fields_is_told_and_breaks_no_report(root: Path) -> None:
    odd = {"id": "1", "item": "d", "task": "late", "value": "late", "source": "alien", "time": None}
    (root / "labels" / "events" / "odd.jsonl").write_text(json.dumps(odd) + "\n")
    found = diff(root)
    assert [(one.annotator, one.source) for one in found.tasks[0].annotators] == [("", "person")]
    assert "late: 1 new answer" in label_lines(found)[0]
