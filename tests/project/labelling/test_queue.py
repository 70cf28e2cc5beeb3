"""`label queue` on a small project: candidates, strategies, gold questions, the file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression

from mlops_kit.artifacts.kinds import save_artifact
from mlops_kit.cli.edge import run_guarded
from mlops_kit.errors import BadDataError, RefusedError, SpecError, UsageError
from mlops_kit.labels.delivery.manifest import manifest_path, manifest_text
from mlops_kit.labels.delivery.model import Manifest
from mlops_kit.labels.queue.model import Queued, read_queue
from mlops_kit.project.labelling.queue import make_queue
from tests.project.labelling.queueing import ROWS, add_events, make_project, table, write_report


def _items(made: Queued, strategy: str = "") -> list[int]:
    return [int(pick.item.item) for pick in made.picks if strategy in ("", pick.item.strategy)]


def test_uncertain_items_are_those_next_to_the_border(tmp_path: Path) -> None:
    made = make_queue(make_project(tmp_path, "{uncertain: 1}"), budget=20)
    rows = table().to_pandas()
    side = (rows["x"] + 0.2 * rows["z"]).abs()
    assert side[_items(made)].max() < side.quantile(0.15)
    scores = [pick.score or 0.0 for pick in made.picks]
    assert scores == sorted(scores, reverse=True)


def test_prelabels_are_the_models_answers_in_the_words_of_the_task(tmp_path: Path) -> None:
    made = make_queue(make_project(tmp_path, "{random: 1}"), budget=50)
    for pick in made.picks:
        assert pick.item.prelabel is not None
        sign = table()["x"][int(pick.item.item)].as_py() + 0.2 * table()["z"][int(pick.item.item)].as_py()
        if abs(sign) > 0.3:
            assert pick.item.prelabel.value == ("dog" if sign > 0 else "cat")
            assert (pick.item.prelabel.probability or 0) > 0.5


def test_queue_is_the_same_again_and_another_with_another_seed(tmp_path: Path) -> None:
    root = make_project(tmp_path, "{uncertain: 2, diverse: 1, random: 1}")
    first, again = make_queue(root, budget=40), make_queue(root, budget=40)
    assert first.written
    assert not again.written
    assert read_queue(root, "sort") == tuple(pick.item for pick in first.picks)
    assert _items(make_queue(root, budget=40, seed=1, write=False), "random") != _items(first, "random")


def test_shares_hold_for_every_beginning_of_the_queue(tmp_path: Path) -> None:
    made = make_queue(make_project(tmp_path, "{uncertain: 2, diverse: 1, random: 1}"), budget=40)
    for length in (4, 8, 20, 40):
        part = [pick.item.strategy for pick in made.picks[:length]]
        assert part.count("uncertain") == length // 2
    assert len(set(_items(made))) == 40


def test_answered_items_are_not_asked_again_and_those_in_exports_neither(tmp_path: Path) -> None:
    root = make_project(tmp_path, "{random: 1}")
    add_events(root, *((number, "dog" if number % 2 else None) for number in range(100)))
    (root / "labels/batches").mkdir()
    out = Manifest("out", "sort", {"time": "2026-01-01T00:00:00Z"}, {"100": "c"})
    manifest_path(root, "out").write_text(manifest_text(out))
    made = make_queue(root, budget=ROWS)
    assert sorted(_items(made)) == list(range(101, ROWS))
    assert made.pool == {"items": 300, "open": 199, "answered": 100, "decided": 0, "gold": 0, "waiting": 1}
    assert any("101 items fewer than the budget" in note for note in made.notes)


def test_disagreeing_takes_items_with_different_answers_that_nobody_decided(tmp_path: Path) -> None:
    root = make_project(tmp_path, "{disagreeing: 1, random: 1}")
    add_events(root, (1, "cat"), (2, "cat"), (3, "cat"))
    add_events(root, (1, "dog"), (2, "cat"), (3, "dog"), annotator="bob")
    add_events(root, (3, "dog"), annotator="eve", role="adjudication")
    made = make_queue(root, budget=10)
    assert _items(made, "disagreeing") == [1]
    assert made.found["disagreeing"] == 1
    assert len(made.picks) == 10


def test_review_takes_what_a_new_version_of_the_guidelines_asks_for(tmp_path: Path) -> None:
    root = make_project(tmp_path, "{review: 1}")
    add_events(root, (1, "dog"), (2, "cat"), (3, "dog"), guideline="1")
    add_events(root, (3, "dog"), annotator="bob", guideline="2")
    rule = '---\nreview:\n  - {version: "2", classes: [dog], reason: small dogs are cats}\n---\nVersion 2.\n'
    (root / "labels/guidelines.md").write_text(rule)
    made = make_queue(root, budget=1)
    assert _items(made, "review") == [1]
    assert made.found["review"] == 1
    assert made.picks[0].item.again


def test_mislabelled_finds_the_labels_that_were_turned(tmp_path: Path) -> None:
    root = make_project(tmp_path, "{mislabelled: 1}")
    import pyarrow.parquet as pq

    path = root / "data/labels.parquet"
    labels = pq.read_table(path).to_pandas()
    rows = table().to_pandas()
    clear = rows.index[(rows["x"] + 0.2 * rows["z"]).abs() > 1.0][:6]
    labels.loc[clear, "y"] = 1 - labels.loc[clear, "y"]
    pq.write_table(pa.Table.from_pandas(labels, preserve_index=False), path)
    add_events(root, *((number, "dog") for number in range(ROWS)))
    made = make_queue(root, budget=6)
    assert set(_items(made, "mislabelled")) == set(clear)


def test_failing_slices_are_asked_about_where_a_promise_is_broken(tmp_path: Path) -> None:
    root = make_project(tmp_path, "{slices: 1}")
    write_report(root, "slices", {"rows": []})
    write_report(root, "verdict", {"kpis": [{"name": "roc_auc [kind=b]", "status": "fail"}]})
    made = make_queue(root, budget=30)
    assert len(made.picks) == 30
    assert all(number % 3 == 0 for number in _items(made))


def test_drifted_takes_what_is_more_frequent_now(tmp_path: Path) -> None:
    root = make_project(tmp_path, "{drifted: 1}")
    shares = {"<= 0": [0.5, 0.1], "<= 1": [0.3, 0.2], "> 1": [0.2, 0.7]}
    write_report(
        root,
        "drift_columns",
        {"columns": {"x": {"drifted": True, "shares": shares}, "gone": {"drifted": True, "shares": {}}}},
    )
    rows = table().to_pandas()
    number = int((rows["x"] > 1).sum())
    assert set(_items(make_queue(root, budget=number))) == set(rows.index[rows["x"] > 1])


def test_gold_questions_look_like_all_others(tmp_path: Path) -> None:
    root = make_project(tmp_path, "{uncertain: 1, random: 1}", gold=0.2)
    add_events(root, *((number, "dog") for number in range(50)), annotator="boss", role="gold")
    made = make_queue(root, budget=40)
    assert sum(pick.gold for pick in made.picks) == 8
    text = (root / "labels/queue/sort.jsonl").read_text()
    assert "gold" not in text
    assert {tuple(sorted(json.loads(line))) for line in text.splitlines()} == {
        ("content", "item", "prelabel", "strategy")
    }
    assert "gold" not in json.loads((root / "labels/queue/sort.json").read_text())["taken"]


def test_queue_of_a_project_without_a_model_is_random_and_says_so(tmp_path: Path) -> None:
    made = make_queue(make_project(tmp_path, "{uncertain: 1, mislabelled: 1}", model=False), budget=10)
    assert {pick.item.strategy for pick in made.picks} == {"random"}
    assert any("models/model.skops" in note for note in made.notes)
    assert any("`uncertain` found nothing" in note for note in made.notes)
    assert all(pick.item.prelabel is None for pick in made.picks)


def test_condition_says_which_rows_are_items(tmp_path: Path) -> None:
    root = make_project(tmp_path, "{uncertain: 1, random: 1}")
    path = root / "labels/labels.yaml"
    path.write_text(path.read_text() + "    where: x > 1 AND kind = 'a'\n")
    rows = table().to_pandas()
    made = make_queue(root, budget=ROWS)
    assert sorted(_items(made)) == rows.index[(rows["x"] > 1) & (rows["kind"] == "a")].tolist()


def test_items_without_a_row_of_features_are_asked_by_chance_alone(tmp_path: Path) -> None:
    root = make_project(tmp_path, "{uncertain: 1, diverse: 1, random: 2}")
    rows = table().select(["id", "x", "z", "kind"])
    save_artifact("Rows", rows.slice(0, 100), root / "data/features.parquet")
    made = make_queue(root, budget=150)
    assert all(pick.item.prelabel is None for pick in made.picks if int(pick.item.item) >= 100)
    assert max(_items(made, "uncertain") + _items(made, "diverse")) < 100
    assert max(_items(made, "random")) >= 100


def test_model_that_does_not_fit_its_features_says_so(tmp_path: Path) -> None:
    root = make_project(tmp_path, "{uncertain: 1}")
    rows = table().select(["id", "x", "z", "kind"])
    save_artifact("Rows", rows.drop_columns(["z"]), root / "data/features.parquet")
    with pytest.raises(BadDataError, match="needs z"):
        make_queue(root, budget=5)
    texts = rows.set_column(2, "z", rows["kind"])
    save_artifact("Rows", texts, root / "data/features.parquet")
    with pytest.raises(BadDataError, match="cannot score"):
        make_queue(root, budget=5)


def test_table_of_probabilities_stands_in_for_the_model(tmp_path: Path) -> None:
    root = make_project(tmp_path, "{uncertain: 1}", model=False)
    share = np.linspace(0, 1, ROWS)
    save_artifact(
        "Rows", pa.table({"id": np.arange(ROWS), "cat": share, "dog": 1 - share}), root / "data/mine.parquet"
    )
    path = root / "labels/labels.yaml"
    path.write_text(path.read_text().replace("gold: 0.0", "gold: 0.0, scores: mine"))
    made = make_queue(root, budget=10)
    assert set(_items(made)) == set(range(145, 155))
    values = {pick.item.prelabel.value for pick in made.picks if pick.item.prelabel}
    assert values == {"cat", "dog"}


def test_numbers_get_prelabels_and_no_doubts(tmp_path: Path) -> None:
    root = make_project(tmp_path, "{uncertain: 1, diverse: 1}")
    rows = table().to_pandas()
    save_artifact("Model", LinearRegression().fit(rows[["x"]], 2 * rows["x"]), root / "models/model.skops")
    path = root / "labels/labels.yaml"
    path.write_text(path.read_text().replace("type: class\n    classes: [cat, dog]", "type: number"))
    made = make_queue(root, budget=10)
    for pick in made.picks:
        assert pick.item.prelabel is not None
        assert pick.item.prelabel.value == pytest.approx(2 * rows["x"][int(pick.item.item)])
    assert any("`uncertain` found nothing" in note for note in made.notes)


def test_model_of_other_classes_has_doubts_and_no_prelabels(tmp_path: Path) -> None:
    root = make_project(tmp_path, "{uncertain: 1}")
    (root / "params.yaml").write_text("label: {column: y}\n")
    made = make_queue(root, budget=5)
    assert len(_items(made, "uncertain")) == 5
    assert all(pick.item.prelabel is None for pick in made.picks)
    assert any("`positive`" in note for note in made.notes)


def test_queue_never_holds_columns_about_persons(tmp_path: Path) -> None:
    root = make_project(tmp_path, "{random: 1}")
    make_queue(root, budget=100)
    assert "nowhere" not in (root / "labels/queue/sort.jsonl").read_text()


def test_queue_that_was_edited_is_not_replaced(tmp_path: Path) -> None:
    root = make_project(tmp_path, "{random: 1}")
    make_queue(root, budget=5)
    path = root / "labels/queue/sort.jsonl"
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    with pytest.raises(RefusedError, match="edited"):
        make_queue(root, budget=5)
    assert make_queue(root, budget=5, force=True).written


def test_queue_of_an_unknown_task_and_of_a_bad_condition_say_what_is_wrong(tmp_path: Path) -> None:
    root = make_project(tmp_path, "{random: 1}")
    with pytest.raises(UsageError, match="no task `sorted`"):
        make_queue(root, "sorted", budget=5)
    path = root / "labels/labels.yaml"
    path.write_text(path.read_text() + "    where: xx > 0\n")
    with pytest.raises(SpecError, match="no column `xx`"):
        make_queue(root, budget=5)


def test_queue_as_a_command_prints_text_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_project(tmp_path, "{uncertain: 1, random: 1}")
    command = ["label", "queue", "--budget", "10", "--repo", str(root)]
    assert run_guarded([*command, "--dry-run"]) == 0
    assert "nothing written" in capsys.readouterr().out
    assert not (root / "labels/queue").exists()
    assert run_guarded([*command, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["taken"] == {"random": 5, "uncertain": 5}
    assert run_guarded(command) == 0
    assert "unchanged: labels/queue/sort.jsonl" in capsys.readouterr().out
