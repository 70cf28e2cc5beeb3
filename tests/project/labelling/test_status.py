"""`label status`: progress, agreement, annotators and what waits, from the files of a project."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.artifacts.kinds import save_artifact
from mlops_kit.errors import BadDataError, UsageError
from mlops_kit.labels.delivery.manifest import manifest_text
from mlops_kit.labels.delivery.model import Manifest
from mlops_kit.labels.queue.model import QueuedItem, queue_text
from mlops_kit.labels.status import TaskStatus
from mlops_kit.project.labelling.status import label_status
from mlops_kit.report.label_status import as_json, as_text
from tests.support.rows import daily
from tests.support.shapes import write
from tests.support.votes import Vote, event_files
from tests.support.world import run_kit

FILES = {
    "mlops.yaml": "version: 1\nproject: {name: p}\ntask: {kind: classification, target: y, key: [id]}\nsteps: {label: {uses: label.column}}\n",
    "labels/labels.yaml": "version: 1\ntasks:\n  late: {type: class, question: Late?, classes: [late, on_time], votes: 2}\nannotators:\n  owl: {cost_per_label: 2}\n",
    "labels/guidelines.md": '---\nreview:\n  - {version: "2", where: delay > 6, reason: new rule}\n---\nVersion 2.\n',
    "labels/queue/late.jsonl": queue_text(QueuedItem(f"r000{n}", "c", "random") for n in (0, 7, 8)),
    "labels/batches/out.json": manifest_text(
        Manifest("out", "late", {"time": "2026-11-02T00:00:00Z"}, {"r0009": "c"})
    ),
    "labels/held/b9.jsonl": '{"rule": "future", "why": "x", "event": {"task": "late"}}\n{"rule": "future", "why": "x", "event": {"task": "other"}}\n',
}
VOTES: list[Vote] = [
    *(
        (f"r000{n}", who, "late" if n < 3 else "on_time", {"guideline": "1"})
        for n in range(6)
        for who in ("owl", "fox")
    ),
    ("r0006", "owl", "late", {"guideline": "1"}),
    ("r0007", "owl", None, {"guideline": "2"}),
    ("r0007", "fox", "late", {"guideline": "1"}),
    ("r0008", "clock", "late", {"source": "function"}),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, FILES)
    save_artifact("Rows", daily(10, delay=[float(n) for n in range(10)]), tmp_path / "data/clean.parquet")
    event_files(tmp_path, VOTES)
    return tmp_path


def _one(root: Path) -> TaskStatus:
    (found,) = label_status(root)
    return found


def test_progress_is_told_against_the_items_of_the_table(root: Path) -> None:
    coverage = _one(root).quality["coverage"]
    assert (coverage["items"], coverage["answered"], coverage["enough_votes"]) == (10, 8, 6)


def test_what_waits_is_told(root: Path) -> None:
    waiting = _one(root).waiting
    assert (waiting.queue, waiting.queued) == (
        1,
        3,
    )  # r0000 has both answers, r0007 an answer and an abstention
    assert waiting.held == {"future": 1}
    assert [(out.batch, out.items) for out in waiting.exports] == [("out", 1)]
    assert waiting.review_items == 0  # r0007 was answered under version 2


def test_changed_guidelines_ask_for_another_look(root: Path) -> None:
    path = root / "labels/guidelines.md"
    path.write_text(path.read_text(encoding="utf-8").replace('"2"', '"3"'), encoding="utf-8")
    assert _one(root).waiting.review_items == 1
    assert "1 item to look at again since version 3 of the guidelines: new rule" in as_text([_one(root)])


def test_text_is_narrow_and_names_the_annotators_by_pseudonym(root: Path) -> None:
    text = as_text(label_status(root), encoding="ascii")
    assert "answered    ###################.....  8 of 10 items (80.0%)" in text
    assert "fox *" in text
    assert max(map(len, text.splitlines())) <= 100


def test_json_says_the_same_as_the_text(root: Path) -> None:
    (task,) = json.loads(as_json(label_status(root)))["tasks"]
    assert task["annotators"]["owl"]["cost"] == 16
    assert task["agreement"]["krippendorff_alpha"]["value"] == 1.0
    assert task["guidelines"] == {"version": "2", "answers": {"1": 14, "2": 1}}


def test_missing_table_is_told_and_no_error(root: Path) -> None:
    (root / "data/clean.parquet").unlink()
    found = _one(root)
    assert found.quality["coverage"]["items"] is None
    assert any("how many items there are is unknown" in note for note in found.notes)
    assert found.waiting.review_items is None


def test_project_without_answers_says_what_comes_first(root: Path) -> None:
    for name in ("events/b0.jsonl", "queue/late.jsonl", "held/b9.jsonl", "batches/out.json"):
        (root / "labels" / name).unlink()
    assert "nothing: mlops-kit label queue late" in as_text(label_status(root))


def test_unknown_task_and_broken_events_are_errors(root: Path) -> None:
    with pytest.raises(UsageError, match="no task"):
        label_status(root, "early")
    (root / "labels/events/b1.jsonl").write_text("{}\n{", encoding="utf-8")
    with pytest.raises(BadDataError, match="b1.jsonl"):
        label_status(root)


def test_batch_under_dvc_that_is_not_here_is_an_error(root: Path) -> None:
    (root / "labels/events/big.parquet.dvc").write_text("outs: []\n", encoding="utf-8")
    with pytest.raises(BadDataError, match=r"big\.parquet: tracked by DVC"):
        label_status(root)


def test_command_exits_with_0_2_and_5(root: Path) -> None:
    told = run_kit("label", "status", "late", "--json", "--repo", str(root), cwd=root)
    assert json.loads(told.stdout)["tasks"][0]["coverage"]["answered"] == 8
    assert run_kit("label", "status", "early", cwd=root, check=False).returncode == 2
    (root / "labels/events/b1.jsonl").write_text("{}\n{", encoding="utf-8")
    assert run_kit("label", "status", cwd=root, check=False).returncode == 5


def test_status_starts_without_pandas_scikit_learn_and_dvc(root: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from mlops_kit.project.labelling.status import label_status; "
        "label_status(Path(sys.argv[1])); print({'pandas', 'sklearn', 'scipy', 'dvc'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program, root], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
