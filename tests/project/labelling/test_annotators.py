"""The roster gets pseudonyms; names stay in a file that git ignores."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_kit.errors import RefusedError, SpecError, UsageError
from mlops_kit.project.labelling.annotators import add_annotator, list_annotators, retire_annotator
from mlops_kit.spec.labels import Annotator
from mlops_kit.spec.load import read_labelling
from tests.support.world import git, run_kit

LABELS = "# ours\nversion: 1\ntasks:\n  late: {type: class, classes: [a, b]}  # kept\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/labels.yaml").write_text(LABELS)
    (tmp_path / "labels/.gitignore").write_text("/people.yaml\n")
    return tmp_path


def test_name_goes_to_the_ignored_file_and_the_pseudonym_to_the_roster(root: Path) -> None:
    done = add_annotator(root, "Ann Example", pseudonym="fox", settings=Annotator(trust=0.5, tasks=("late",)))
    assert done.changed == ("labels/labels.yaml", "labels/people.yaml")
    text = (root / "labels/labels.yaml").read_text()
    assert text == f"{LABELS}annotators:\n  fox: {{source: person, trust: 0.5, tasks: [late]}}\n"
    assert (root / "labels/people.yaml").read_text() == "fox: Ann Example\n"
    assert "people" not in git(root, "status", "--porcelain", "-uall")


def test_same_person_twice_changes_nothing(root: Path) -> None:
    first = add_annotator(root, "Ann Example")
    again = add_annotator(root, "ann example")
    assert (again.pseudonym, again.changed) == (first.pseudonym, ())
    assert first.pseudonym.startswith("person-")


def test_second_annotator_and_an_empty_roster_keep_the_rest_of_the_file(root: Path) -> None:
    path = root / "labels/labels.yaml"
    for roster in ("annotators: {}\n", "annotators:\n  owl: {source: person}  # first\n"):
        path.write_text(f"{LABELS}{roster}roster: closed\n")
        add_annotator(root, f"Ben {len(roster)}", pseudonym=f"ben{len(roster)}")
        made = read_labelling(root)
        assert f"ben{len(roster)}" in made.annotators
        assert made.roster == "closed"
        assert path.read_text().startswith(LABELS)
    assert "# first" in path.read_text()


def test_pseudonym_of_somebody_else_is_refused(root: Path) -> None:
    add_annotator(root, "Ann Example", pseudonym="fox")
    with pytest.raises(RefusedError, match="somebody else's"):
        add_annotator(root, "Ben Example", pseudonym="fox")
    with pytest.raises(RefusedError, match="labels as `fox` already"):
        add_annotator(root, "Ann Example", pseudonym="owl")


def test_name_is_not_written_where_git_would_take_it(root: Path) -> None:
    (root / "labels/.gitignore").unlink()
    with pytest.raises(RefusedError, match="does not ignore"):
        add_annotator(root, "Ann Example")
    assert not (root / "labels/people.yaml").exists()
    assert (root / "labels/labels.yaml").read_text() == LABELS


@pytest.mark.parametrize("name", ["two words", "../x", "", "a" * 65])
def test_what_can_be_no_pseudonym_is_refused(root: Path, name: str) -> None:
    with pytest.raises(UsageError, match="no pseudonym"):
        add_annotator(root, "Ann Example", pseudonym=name)


def test_unknown_task_leaves_everything_as_it_was(root: Path) -> None:
    with pytest.raises(SpecError):
        add_annotator(root, "Ann Example", settings=Annotator(tasks=("other",)))
    assert not (root / "labels/people.yaml").exists()


def test_function_is_its_own_pseudonym(root: Path) -> None:
    assert add_annotator(root, "clock", settings=Annotator(source="function")).changed == (
        "labels/labels.yaml",
    )


def test_retired_annotator_stays_in_the_roster(root: Path) -> None:
    add_annotator(root, "Ann Example", pseudonym="fox")
    assert retire_annotator(root, "fox")
    assert not retire_annotator(root, "fox")
    assert [one.entry.active for one in list_annotators(root)] == [False]
    with pytest.raises(UsageError, match="no annotator `owl`"):
        retire_annotator(root, "owl")


def test_command_never_prints_a_name(root: Path) -> None:
    done = run_kit("label", "annotator", "add", "Ann Example", "--as", "fox", cwd=root)
    listed = run_kit("label", "annotator", "list", cwd=root)
    assert done.stdout.startswith("fox: wrote labels/labels.yaml, labels/people.yaml\n")
    assert listed.stdout == "fox: person, trust 1, name known here\n"
    assert "Ann" not in done.stdout + done.stderr + listed.stdout
