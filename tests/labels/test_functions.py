"""Label functions of a project vote on the items of a task; what they give is checked, and comes out the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mlops_kit.errors import BadDataError, MlopsKitError, SpecError
from mlops_kit.labels.functions import vote_rows
from mlops_kit.spec.load import load_labelling
from mlops_kit.spec.model import Column, Schema, Task
from tests.support.rows import daily, rows, table_of

LABELS = "version: 1\ntasks:\n  late:\n    type: class\n    classes: [late, on_time]\n    where: delay IS NOT NULL\n"
HEAD = "from mlops_kit import Arrow, Table, label_function\n"
ROW = "@label_function\ndef clock(row):\n    return 'late' if row['delay'] >= 15 else None\n"
FRAME = "@label_function(batch=True)\ndef frame(batch: Table):\n    return ['late' if v > 30 else None for v in batch['delay']]\n"
ARROW = "@label_function(batch=True)\ndef arrow(batch: Arrow):\n    return batch['name']\n"
TASK = Task(kind="classification", target="late", key=("id",))
TABLE = daily(5, delay=[0, 15, None, 60, 31], name=["late", "on_time", "late", None, "late"])


def votes(
    folder: Path, code: str, *, labels: str = LABELS, pii: bool = False, **options: Any
) -> list[dict[str, Any]]:
    path = folder / "steps" / "label_functions.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEAD + code)
    schema = Schema(columns={"id": Column(type="string", pii=pii)})
    given: dict[str, Any] = {"path": "steps/label_functions.py", "question": None, **options}
    stream = vote_rows(
        rows(folder, TABLE), task=TASK, schema=schema, labelling=load_labelling(labels), **given
    )
    found: list[dict[str, Any]] = table_of(stream).to_pylist()
    return found


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_functions_vote_on_items_and_abstain_with_none(tmp_path: Path) -> None:
    made = votes(tmp_path, ROW + FRAME + ARROW)
    said = [(one["item"], one["annotator"], json.loads(one["value"])) for one in made]
    assert said == [
        ("r0000", "arrow", "late"),
        ("r0001", "arrow", "on_time"),
        ("r0001", "clock", "late"),
        ("r0003", "clock", "late"),
        ("r0003", "frame", "late"),
        ("r0004", "arrow", "late"),
        ("r0004", "clock", "late"),
        ("r0004", "frame", "late"),
    ]


def test_votes_are_events_of_functions_without_a_time_of_their_own(tmp_path: Path) -> None:
    first = votes(tmp_path, ROW)[0]
    assert (first["source"], first["role"], first["time"]) == ("function", "vote", "1970-01-01T00:00:00.000Z")
    assert len(first["id"]) == 20
    assert pa.Table.from_pylist([first]).num_columns == 16


@pytest.mark.parametrize("size", [1, 2, 3])
def test_size_of_batches_changes_nothing(tmp_path: Path, size: int) -> None:
    assert votes(tmp_path, ROW + FRAME, batch_rows=size) == votes(tmp_path, ROW + FRAME)


def test_item_with_a_hidden_key_is_a_pseudonym(tmp_path: Path) -> None:
    assert all(one["item"].startswith("#") for one in votes(tmp_path, ROW, pii=True))


def test_functions_of_other_tasks_are_not_asked(tmp_path: Path) -> None:
    other = "@label_function(question='other')\ndef other(row):\n    raise ValueError\n"
    assert {one["annotator"] for one in votes(tmp_path, ROW + other)} == {"clock"}


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [
        ("", SpecError, "no label function for the task `late`"),
        ("@label_function\ndef _own(row):\n    return None\n", SpecError, "begins with `_`"),
        (
            "@label_function\ndef f(row):\n    return 'maybe'\n",
            BadDataError,
            "`f` gave an answer that is none",
        ),
        ("@label_function(batch=True)\ndef f(rows):\n    return []\n", BadDataError, "0 answers for 4 rows"),
    ],
)
def test_functions_that_cannot_be_used_are_told(
    tmp_path: Path, code: str, error: type[MlopsKitError], said: str
) -> None:
    with pytest.raises(error, match=said):
        votes(tmp_path, code)


def test_function_that_raises_keeps_its_traceback_and_names_the_item(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        votes(tmp_path, "@label_function\ndef broken(row):\n    return 1 / row['delay']\n")
    assert caught.value.__notes__ == ["in the label function `broken`, at item r0000"]


def test_condition_that_looks_at_other_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="window function"):
        votes(tmp_path, ROW, labels=LABELS.replace("delay IS NOT NULL", "row_number() OVER () > 1"))


@pytest.mark.parametrize(("question", "said"), [("nothing", "no task `nothing`"), (None, "which question")])
def test_task_that_is_not_clear_is_refused(tmp_path: Path, question: str | None, said: str) -> None:
    labels = LABELS + "  second: {type: number}\n"
    with pytest.raises(SpecError, match=said):
        votes(tmp_path, ROW, labels=labels, question=question)
