"""Pseudonyms of those who label."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_kit.errors import RefusedError, UsageError
from mlops_kit.project.labelling.serve.people import find_annotators
from mlops_kit.spec.labels import Annotator, Labelling, LabelTask

TASKS = {"tone": LabelTask("class", classes=("a", "b")), "other": LabelTask("class", classes=("a", "b"))}


def test_without_a_roster_a_clone_makes_a_pseudonym_and_keeps_it(git_repo: Path) -> None:
    labelling = Labelling(1, TASKS)
    (made,) = find_annotators(git_repo, labelling, "tone", ())
    assert made.startswith("p-")
    assert find_annotators(git_repo, labelling, "tone", ()) == (made,)
    assert find_annotators(git_repo, labelling, "tone", ("anna", "anna")) == ("anna",)


def test_the_only_person_of_the_roster_is_meant(git_repo: Path) -> None:
    roster = {
        "anna": Annotator(),
        "ben": Annotator(active=False),
        "rule": Annotator("function"),
        "cleo": Annotator(tasks=("other",)),
    }
    assert find_annotators(git_repo, Labelling(1, TASKS, roster), "tone", ()) == ("anna",)
    with pytest.raises(UsageError, match="anna, cleo"):
        find_annotators(git_repo, Labelling(1, TASKS, roster), "other", ())


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("ben", RefusedError),
        ("stranger", RefusedError),
        ("cleo", RefusedError),
        ("rule", UsageError),
        ("Anna Müller", UsageError),
        ("-x", UsageError),
    ],
)
def test_who_may_not_answer_is_refused(git_repo: Path, name: str, error: type[Exception]) -> None:
    roster = {
        "ben": Annotator(active=False),
        "rule": Annotator("function"),
        "cleo": Annotator(tasks=("other",)),
    }
    with pytest.raises(error):
        find_annotators(git_repo, Labelling(1, TASKS, roster, "closed"), "tone", (name,))
