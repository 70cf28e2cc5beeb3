"""Large batches lie in DVC's cache as `dvc add` would put them there; branches that label the same item merge without a conflict."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlops_kit.artifacts.duck import open_duck
from mlops_kit.artifacts.tables import read_event_files
from mlops_kit.errors import BadDataError
from mlops_kit.labels.events.counting import counted_votes
from mlops_kit.labels.events.known import known_ids
from mlops_kit.outside.dvc import dvc_environment
from mlops_kit.project.labelling.batches import write_events
from mlops_kit.project.labelling.intake import take_batch
from mlops_kit.project.labelling.store import append_event, events_here, new_batch
from mlops_kit.spec.load import read_labelling
from tests.support.labelling import NOW, answer, labelling_project
from tests.support.world import git

STAGE = "stages:\n  label:\n    cmd: python -c \"import os; open('n.txt','w').write(' '.join(sorted(os.listdir('labels/events'))))\"\n    deps: [labels/events]\n    outs: [n.txt]\n"


def _dvc(root: Path, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *args], cwd=root, env=dvc_environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = labelling_project(tmp_path / "here")
    git(root, "init", "-q", "-b", "main")
    (root / ".gitignore").write_text("/data/\n")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "a project")
    return root


@pytest.mark.slow
def test_large_batch_is_what_dvc_add_makes_and_stages_depend_on_it(root: Path, tmp_path: Path) -> None:
    _dvc(root, "init", "-q")
    _dvc(root, "remote", "add", "-d", "store", str(tmp_path / "store"))
    events = [answer(number % 10, seconds=float(number)) for number in range(20)]
    written = write_events(root, "big", events, most_lines=10)
    assert [path.name for path in written] == ["big.parquet", "big.parquet.dvc", ".gitignore"]
    ours = (root / "labels/events/big.parquet.dvc").read_bytes()
    (root / "dvc.yaml").write_text(STAGE)
    assert "up to date" in _dvc(root, "status", "labels/events/big.parquet.dvc")
    _dvc(root, "repro", "-q")
    assert "big.parquet" in (root / "n.txt").read_text()
    _dvc(root, "add", "-q", "labels/events/big.parquet")
    assert (root / "labels/events/big.parquet.dvc").read_bytes() == ours
    write_events(root, "big", [answer(3, "on_time")])
    assert "labels/events" in _dvc(root, "status")
    _dvc(root, "push", "-q")
    (root / "labels/events/big.parquet").unlink()
    with pytest.raises(BadDataError, match="tracked by DVC, and not here"):
        events_here(root)
    with pytest.raises(BadDataError, match="not here"):
        write_events(root, "big", [answer(4)])
    _dvc(root, "pull", "-q")
    with open_duck() as duck:
        asked = [event.id for event in [*events, answer(3, "on_time")]]
        assert known_ids(duck, read_event_files(root / "labels/events"), asked) == set(asked)


def _counts(root: Path) -> dict[str, int]:
    with open_duck() as duck:
        return dict(counted_votes(duck, events_here(root), "late", read_labelling(root)).counts)


def test_branches_that_labelled_the_same_item_merge_and_the_newest_answer_counts(root: Path) -> None:
    shared = answer(5)
    for branch, value, time in (("one", "late", "07:00"), ("two", "on_time", "07:30")):
        git(root, "switch", "-q", "-c", branch, "main")
        events = [
            answer(0, value, time=f"2026-01-15T{time}:00Z"),
            answer(0, "late", "owl", seconds=1.0),
            shared,
        ]
        take_batch(root, f"batch-{branch}", events, now=NOW)
        git(root, "add", "-A")
        git(root, "commit", "-qm", f"labels of {branch}")
    git(root, "merge", "-q", "-m", "both", "one")
    counts = _counts(root)
    assert counts["events"] == 6
    assert (counts["votes"], counts["changed_vote"], counts["same_id"]) == (3, 1, 2)
    with open_duck() as duck:
        votes = counted_votes(duck, events_here(root), "late", read_labelling(root)).table
        said = duck.run(f"SELECT value FROM {votes} WHERE item = 'i0' AND annotator = 'fox'").fetchall()
    assert said == [('"on_time"',)]


def test_appended_events_are_lines_that_git_shows(root: Path) -> None:
    batch = new_batch("page", "fox/../x")
    ids = [append_event(root, batch, answer(number)) for number in range(3)]
    git(root, "add", "-A")
    shown = git(root, "diff", "--cached", "--", "labels/events")
    assert all(f'+{{"id": "{name}", "item": "i' in shown for name in ids)


def test_append_after_a_crash_keeps_what_was_torn_beside_the_events(root: Path) -> None:
    append_event(root, "b1", answer(0))
    path = root / "labels/events/b1.jsonl"
    path.write_bytes(path.read_bytes() + b'{"id": "3f')
    append_event(root, "b1", answer(1))
    assert _counts(root)["votes"] == 2
    assert "torn_line" in (root / "labels/refused/b1.jsonl").read_text()


def test_several_at_once_append_whole_lines(root: Path) -> None:
    with ThreadPoolExecutor(4) as crew:
        ids = list(
            crew.map(
                lambda number: append_event(root, "b1", answer(number, seconds=float(number))), range(40)
            )
        )
    with open_duck() as duck:
        assert known_ids(duck, events_here(root), ids) == set(ids)
    assert len((root / "labels/events/b1.jsonl").read_text().splitlines()) == 40
