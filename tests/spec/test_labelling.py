"""labels/labels.yaml is read strictly, with the line in every message."""

from __future__ import annotations

import pytest

from mlops_kit.errors import SpecError
from mlops_kit.spec.load import load_labelling

TASK = "version: 1\ntasks:\n  late:\n    type: class\n    classes: [late, on_time]\n"


def test_task_has_defaults_that_need_nothing_else() -> None:
    task = load_labelling(TASK).tasks["late"]
    assert (task.table, task.votes, task.queue.gold, task.acceptance.min_complete) == ("clean", 1, 0.0, 0.95)


def test_annotators_answer_for_tasks_of_the_file() -> None:
    roster = load_labelling(f"{TASK}annotators:\n  fox: {{trust: 0.5, tasks: [late]}}\n").annotators
    assert roster["fox"].trust == 0.5
    with pytest.raises(SpecError, match=r"labels.yaml:7") as caught:
        load_labelling(f"{TASK}annotators:\n  fox: {{tasks: [other]}}\n")
    assert "tasks of this file (late)" in caught.value.fix


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("    shortcuts: {late: l, on_time: l}", "different single characters"),
        ("    shortcuts: {unknown: l}", "classes of this task"),
        ("    queue: {shares: {best: 1}}", "one of uncertain"),
        ("    queue: {gold: 0.9}", "between 0 and 0.5"),
        ("    acceptance: {min_gold: 2}", "between 0 and 1"),
        ("    votes: 0", "1 or more"),
    ],
)
def test_task_that_cannot_be_is_refused_with_its_line(line: str, said: str) -> None:
    with pytest.raises(SpecError, match=r"labels.yaml:6") as caught:
        load_labelling(f"{TASK}{line}\n")
    assert said in caught.value.fix


@pytest.mark.parametrize(("kind", "said"), [("spans", "text"), ("boxes", "image"), ("json", "JSON Schema")])
def test_task_without_what_its_type_needs_is_refused(kind: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_labelling(f"version: 1\ntasks: {{marks: {{type: {kind}, classes: [a]}}}}\n")
    assert said in caught.value.fix
