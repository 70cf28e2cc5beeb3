"""`mlops-kit label diff` over real commits: who changed which label, from what to what, and why."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mlops_kit.errors import UnreadableSideError
from mlops_kit.labels.diff.model import LabelDiff, TaskDiff
from mlops_kit.project.labeldiff import diff_labels
from mlops_kit.report.label_diff import dumps, render
from tests.support.label_commits import LABELS, add_events, commit, event, label_project, write_batch
from tests.support.world import git, run_kit


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return label_project(tmp_path_factory.mktemp("labels") / "p")


@pytest.fixture
def root(template: Path, tmp_path: Path) -> Path:
    """Return a copy of the repository that has three labelled items."""
    return Path(shutil.copytree(template, tmp_path / "p"))


def task(root: Path, base: str | None = None, head: str | None = None) -> TaskDiff:
    (found,) = diff_labels(root, base, head).found.tasks
    return found


def test_same_labels_are_nothing_to_tell(root: Path) -> None:
    made = diff_labels(root, "HEAD", "HEAD")
    assert made.found == LabelDiff()
    assert "no label differs" in render(made.base, made.head, made.found)
    assert json.loads(dumps(made.base, made.head, made.found))["empty"] is True


def test_new_item_of_a_file_that_git_does_not_know_is_newly_labelled(root: Path) -> None:
    write_batch(root, "two", event("d", "on_time", "ann-3"))
    found = task(root)
    assert (found.newly, found.changed, found.lost, found.old_items, found.new_items) == (1, 0, 0, 3, 4)
    assert (found.items[0].item, found.items[0].old, found.items[0].new) == ("d", None, "on_time")


def test_adjudication_changes_a_label_and_says_who_and_why(root: Path) -> None:
    write_batch(root, "two", event("a", "on_time", "ann-9", role="adjudication", reason="past midnight"))
    (item,) = task(root).items
    assert (item.kind, item.old, item.new, item.why) == ("changed", "late", "on_time", "adjudicated")
    assert (item.annotators, item.batch, item.reason) == (("ann-9",), "two", "past midnight")


def test_answer_taken_back_leaves_no_label(root: Path) -> None:
    write_batch(root, "two", event("b", None, at=40))
    found = task(root)
    assert (found.lost, found.abstentions) == (1, 1)
    assert (found.items[0].kind, found.items[0].why) == ("lost", "taken back")


def test_annotator_who_changes_their_mind_has_the_newest_answer(root: Path) -> None:
    add_events(root, "one", event("c", "on_time", at=50))
    made = diff_labels(root)
    (found,) = made.found.tasks
    assert [(move.old, move.new, move.items) for move in found.moves] == [("late", "on_time", 1)]
    assert [(batch.batch, batch.state, batch.added) for batch in made.found.batches] == [
        ("one", "extended", 1)
    ]


def test_event_that_is_gone_is_told_as_a_batch_that_was_rewritten(root: Path) -> None:
    write_batch(root, "one", event("a", "late"))
    (batch,) = diff_labels(root).found.batches
    assert (batch.state, batch.removed) == ("rewritten", 3)
    assert "3 events that were there are gone" in render(
        None, diff_labels(root).head, diff_labels(root).found
    )


def test_event_moved_to_another_file_is_no_difference_of_items(root: Path) -> None:
    (root / "labels/events/one.jsonl").rename(root / "labels/events/uno.jsonl")
    assert diff_labels(root).found.tasks == ()


def test_commits_are_compared_whatever_lies_in_the_work_tree(root: Path) -> None:
    write_batch(root, "two", event("d", "on_time"))
    commit(root)
    write_batch(root, "three", event("e", "on_time"))
    assert [item.item for item in task(root, "HEAD~1", "HEAD").items] == ["d"]
    assert [item.item for item in task(root).items] == ["e"]


def test_branches_that_labelled_the_same_item_are_both_told_after_a_merge(root: Path) -> None:
    for name, value in (("left", "late"), ("right", "on_time")):
        git(root, "switch", "-qc", name, "main")
        write_batch(root, name, event("z", value, f"ann-{name}"))
        commit(root)
    git(root, "merge", "-q", "--no-edit", "left")
    found = task(root, "main", "HEAD")
    assert (found.added, found.newly) == (2, 1)
    assert found.items[0].annotators == ("ann-left", "ann-right")


def test_guidelines_and_roster_are_told(root: Path) -> None:
    (root / "labels/guidelines.md").write_text("Version 2.\n")
    (root / "labels/labels.yaml").write_text(LABELS.replace("trust: 0.5", "trust: 0.25"))
    found = diff_labels(root).found
    assert [(one.old, one.new) for one in found.guidelines] == [("1", "2")]
    assert [(one.name, one.changes) for one in found.roster] == [("ann-2", ("trust: 0.5 → 0.25",))]


def test_line_that_is_no_event_is_counted(root: Path) -> None:
    with (root / "labels/events/one.jsonl").open("a") as file:
        file.write('{"id": "torn", "item')
    assert "1 line is no event" in diff_labels(root).found.left_out[0]


def test_words_of_annotators_who_see_persons_are_not_shown(root: Path) -> None:
    (root / "labels/labels.yaml").write_text(LABELS.replace("    votes: 2", "    allow_pii: [name]"))
    write_batch(root, "two", event("a", "on_time", "ann-9", role="adjudication", reason="Ms Secret"))
    assert task(root).items[0].reason == ""


def test_item_named_by_a_column_about_persons_has_no_name(root: Path) -> None:
    (root / "schema.yaml").write_text("columns:\n  id: {type: string, pii: true}\n")
    write_batch(root, "two", event("d", "late"), event(f"#{7:032x}", "late"))
    assert {item.item for item in task(root).items} == {"", f"#{7:032x}"}


def test_command_prints_hostile_text_inert(root: Path) -> None:
    write_batch(root, "two", event("\x1b[31mx", "late", "a\u202eb", reason="r\nr\x07"))
    text = run_kit("label", "diff", cwd=root).stdout
    assert "1 newly labelled" in text
    assert not {"\x1b", "\x07", "\u202e"} & set(text)


def test_json_has_the_fields_of_the_model(root: Path) -> None:
    write_batch(root, "two", event("d", "on_time"))
    made = diff_labels(root)
    value = json.loads(dumps(made.base, made.head, made.found))
    assert (value["version"], value["empty"], value["head"]["label"]) == (1, False, "work tree")
    assert value["tasks"][0]["items"][0]["new"] == "on_time"


def test_answer_outside_of_the_task_changes_no_label_and_is_told(root: Path) -> None:
    write_batch(root, "two", event("d", "never"))
    found = task(root)
    assert (found.added, found.newly, found.changed) == (1, 0, 0)
    assert [(one.rule, one.counts, one.old, one.new) for one in found.rules] == [
        ("outside_task", False, 0, 1)
    ]


def test_unknown_revision_is_an_unreadable_side(root: Path) -> None:
    with pytest.raises(UnreadableSideError):
        diff_labels(root, "nowhere")
