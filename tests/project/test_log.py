"""The history of metrics: which commits get a row, what is compared with what, and that long histories cost few processes."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.compare.history import History, exit_code
from mlops_kit.errors import ExitCode, UnreadableSideError, UsageError
from mlops_kit.project.compare import compare_commits
from mlops_kit.project.log import LogOptions, read_log
from tests.conftest import CommitClock
from tests.support.histories import Changes, import_history
from tests.support.shapes import SHAPES
from tests.support.world import git

PIPELINE = "metrics: [m.json]\n"
EVERY = LogOptions(rows="every", max_count=0)


def numbers(**values: float) -> str:
    return json.dumps(values)


def made(root: Path, *values: float | None) -> Path:
    """Make a history in which `auc` takes these values; None is a commit that leaves it as it is."""
    commits: list[Changes] = [
        {"code.py": str(index)} if value is None else {"m.json": numbers(auc=value, loss=1.0)}
        for index, value in enumerate(values)
    ]
    import_history(root, [{**commits[0], "dvc.yaml": PIPELINE}, *commits[1:]])
    return root


def column(history: History, name: str = "auc") -> list[float | None]:
    index = [line.name for line in history.series].index(name)
    return [row.cells[index].value for row in history.rows]


def changes(history: History, name: str = "auc") -> list[float | None]:
    index = [line.name for line in history.series].index(name)
    return [row.cells[index].change for row in history.rows]


def test_rows_are_commits_at_which_a_metric_changed_and_named_ones(tmp_path: Path) -> None:
    root = made(tmp_path / "r", 0.25, None, 0.5, None, None)
    git(root, "tag", "v1", "HEAD~3")
    assert [row.subject for row in read_log(root, LogOptions()).rows] == [
        f"commit {number}" for number in (4, 2, 1, 0)
    ]
    assert column(read_log(root, LogOptions(rows="changed"))) == [0.5, 0.25]
    assert column(read_log(root, EVERY)) == [0.5, 0.5, 0.5, 0.25, 0.25]
    assert changes(read_log(root, LogOptions())) == [0, 0.25, 0, None]


def test_only_changes_of_wanted_metrics_count(tmp_path: Path) -> None:
    root = made(tmp_path / "r", 0.25, 0.5, 0.75)
    made_log = read_log(root, LogOptions(metrics=("lo*",), rows="changed"))
    assert [line.name for line in made_log.series] == ["loss"]
    assert column(made_log, "loss") == [1.0]
    assert made_log.complete


def test_limit_stops_reading_and_says_so(tmp_path: Path) -> None:
    root = made(tmp_path / "r", *(number / 1000 for number in range(300)))
    history = read_log(root, LogOptions(max_count=5))
    assert column(history) == [0.299, 0.298, 0.297, 0.296, 0.295]
    assert not history.complete
    assert history.scanned == 5
    assert read_log(root, LogOptions(max_count=0)).complete
    assert len(read_log(root, LogOptions(max_count=0)).rows) == 300


def test_work_tree_has_a_row_when_its_metrics_differ(tmp_path: Path) -> None:
    root = made(tmp_path / "r", 0.25, 0.5)
    assert read_log(root, LogOptions()).rows[0].sha
    (root / "m.json").write_text(numbers(auc=0.75, loss=1.0))
    history = read_log(root, LogOptions())
    assert (history.rows[0].sha, column(history), changes(history)) == (
        "",
        [0.75, 0.5, 0.25],
        [0.25, 0.25, None],
    )
    assert all(row.sha for row in read_log(root, LogOptions(revisions=("HEAD",))).rows)


@pytest.fixture
def merged(tmp_path: Path, clock: CommitClock) -> Path:
    """A branch with two commits, merged into main; main had one of its own."""
    root = made(tmp_path / "r", 0.1)
    git(root, "switch", "-qc", "topic")
    for value in (0.2, 0.3):
        commit(root, clock, {"m.json": numbers(auc=value, loss=1.0)})
    git(root, "switch", "-q", "main")
    commit(root, clock, {"n.txt": "main"})
    clock.step()
    git(root, "merge", "-q", "--no-ff", "-m", "merge", "topic")
    return root


def commit(root: Path, clock: CommitClock, files: Changes) -> None:
    clock.step()
    for path, content in files.items():
        assert isinstance(content, str)
        (root / path).write_text(content)
    git(root, "add", "-A")
    git(root, "commit", "-qm", " ".join(files))


def test_merged_branch_is_one_change_by_first_parent(merged: Path) -> None:
    assert column(read_log(merged, LogOptions(rows="changed"))) == [0.3, 0.1]
    every = read_log(merged, LogOptions(rows="changed", first_parent=False))
    assert column(every) == [0.3, 0.2, 0.1]  # the merge has what its second parent has: it changed nothing
    assert changes(every) == [pytest.approx(0.1), pytest.approx(0.1), None]


def test_change_is_against_the_ancestor_not_the_row_below(merged: Path) -> None:
    history = read_log(merged, LogOptions(everything=True, rows="every"))
    by_subject = {row.subject: row for row in history.rows}
    merge, own = by_subject["merge"], by_subject["n.txt"]
    assert merge.previous is not None
    assert history.rows[merge.previous] is own
    assert own.previous is not None
    assert history.rows[own.previous].subject == "commit 0"


def test_branches_and_tags_have_a_row_each(merged: Path) -> None:
    git(merged, "tag", "v1", "HEAD~1")
    git(merged, "tag", "-am", "annotated", "v2", "topic")
    assert column(read_log(merged, LogOptions(branches=True))) == [0.3, 0.3]
    assert column(read_log(merged, LogOptions(tags=True))) == [0.1, 0.3]
    with pytest.raises(UsageError):
        read_log(merged, LogOptions(tags=True, revisions=("HEAD",)))


def test_range_is_compared_with_what_came_before_it(merged: Path) -> None:
    history = read_log(merged, LogOptions(revisions=("main~1..topic",), rows="changed"))
    assert column(history) == [0.3, 0.2]
    assert read_log(merged, LogOptions(revisions=("main..main",))).rows == ()
    with pytest.raises(UsageError):
        read_log(merged, LogOptions(revisions=("--all",)))
    with pytest.raises(UnreadableSideError):
        read_log(merged, LogOptions(revisions=("nowhere",)))


def test_since_limits_the_history(tmp_path: Path) -> None:
    root = made(tmp_path / "r", 0.1, 0.2, 0.3)
    assert column(read_log(root, LogOptions(since="2026-01-01T00:00:30Z"))) == [0.3, 0.2]


def test_renamed_metric_file_goes_on_as_the_same_metric(tmp_path: Path) -> None:
    commits: list[Changes] = [
        {"dvc.yaml": PIPELINE, "m.json": numbers(auc=0.5)},
        {"dvc.yaml": "metrics: [out/eval.json]\n", "out/eval.json": numbers(auc=0.5), "m.json": None},
        {"out/eval.json": numbers(auc=0.75)},
    ]
    import_history(tmp_path / "r", commits)
    history = read_log(tmp_path / "r", LogOptions(rows="changed"))
    assert column(history) == [0.75, 0.5]
    assert history.series[0].files == ("m.json", "out/eval.json")


def test_shallow_clone_says_where_it_ends(tmp_path: Path) -> None:
    root = made(tmp_path / "r", 0.1, 0.2, 0.3)
    git(tmp_path, "clone", "-q", "--depth=2", f"file://{root}", "s")
    history = read_log(tmp_path / "s", LogOptions())
    assert column(history) == [0.3, 0.2]
    assert "git fetch --unshallow" in " ".join(history.notes)
    assert read_log(tmp_path / "s", LogOptions(max_count=1)).notes == ()


def test_no_commit_yet_shows_the_work_tree(git_repo: Path) -> None:
    with pytest.raises(UsageError, match=r"no dvc.yaml"):
        read_log(git_repo, LogOptions())
    (git_repo / "dvc.yaml").write_text(PIPELINE)
    (git_repo / "m.json").write_text(numbers(auc=0.5))
    assert column(read_log(git_repo, LogOptions())) == [0.5]


def test_pipeline_that_is_gone_is_still_in_the_history(tmp_path: Path) -> None:
    root = made(tmp_path / "r", 0.1, 0.2)
    git(root, "rm", "-q", "dvc.yaml", "m.json")
    git(root, "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-qm", "gone")
    assert column(read_log(root, LogOptions())) == [None, 0.2, 0.1]


def test_repository_without_metrics_is_a_usage_error(git_repo: Path, tmp_path: Path) -> None:
    import_history(tmp_path / "r", [{"dvc.yaml": "stages: {}\n"}])
    with pytest.raises(UsageError, match=r"no dvc.yaml with metrics"):
        read_log(tmp_path / "r", LogOptions())
    import_history(tmp_path / "s", [{"dvc.yaml": PIPELINE}])
    with pytest.raises(UnreadableSideError, match="no commit holds a value of m.json"):
        read_log(tmp_path / "s", LogOptions())


def test_unknown_metric_is_a_usage_error_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no metric `auk`") as caught:
        read_log(made(tmp_path / "r", 0.1), LogOptions(metrics=("auk",)))
    assert caught.value.fix == "did you mean `auc`?"


def test_what_cannot_be_read_is_named_once_with_its_commits(tmp_path: Path) -> None:
    pipeline = "stages:\n  t:\n    cmd: x\n    metrics: [m.json]\n"
    lock = "schema: '2.0'\nstages:\n  t:\n    cmd: x\n    outs:\n    - path: m.json\n      md5: {}\n"
    gone: list[Changes] = [{"dvc.lock": lock.format(letter * 32)} for letter in "abc"]
    there: Changes = {"m.json": numbers(auc=0.5)}
    import_history(tmp_path / "r", [{**gone[0], "dvc.yaml": pipeline}, *gone[1:], there])
    history = read_log(tmp_path / "r", LogOptions(metrics=("auc",)))
    assert [bool(row.cells[0].unreadable) for row in history.rows] == [False, True, True, True]
    (lost,) = history.unreadable
    assert (lost.what, lost.commits, lost.fix) == ("m.json", 3, "dvc fetch --all-commits m.json")
    assert exit_code(history) is ExitCode.UNREADABLE
    assert exit_code(read_log(tmp_path / "r", LogOptions(max_count=1))) is ExitCode.OK


def test_directions_and_order_come_from_the_contract(tmp_path: Path) -> None:
    root = made(tmp_path / "r", 0.1, 0.3, 0.2)
    (root / "kpis.yaml").write_text("metrics: {auc: {direction: lower}}\nkpis: [{metric: loss, max: 2}]\n")
    history = read_log(root, LogOptions())
    assert [(line.name, line.kpi) for line in history.series] == [("loss", True), ("auc", False)]
    assert [row.cells[1].best for row in history.rows] == [False, False, True]
    (root / "kpis.yaml").write_text("kpis: [{metric: loss}]\n")
    assert "cannot be used" in read_log(root, LogOptions()).notes[0]


def test_linked_work_tree_and_detached_head(tmp_path: Path) -> None:
    root = made(tmp_path / "r", 0.1, 0.2)
    git(root, "worktree", "add", "-q", "--detach", str(tmp_path / "w"), "HEAD~1")
    history = read_log(tmp_path / "w", LogOptions())
    assert (column(history), history.span) == ([0.1], "HEAD (detached)")


def count_processes(tmp_path: Path, root: Path, *arguments: str) -> int:
    """Return how many git processes a command starts, by a git on PATH that counts."""
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir(exist_ok=True)
    real = subprocess.run(
        ["sh", "-c", "command -v git"], capture_output=True, text=True, check=True
    ).stdout.strip()
    fake.write_text(f'#!/bin/sh\necho >> {tmp_path}/count\nexec {real} "$@"\n')
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "count").write_text("")
    environment = {**os.environ, "PATH": f"{fake.parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(
        [sys.executable, "-m", "mlops_kit", *arguments],
        cwd=root,
        env=environment,
        check=True,
        capture_output=True,
    )
    return len((tmp_path / "count").read_text().splitlines())


def test_number_of_processes_does_not_grow_with_the_history(tmp_path: Path) -> None:
    short, long = made(tmp_path / "s", *([0.1] * 2)), made(tmp_path / "l", *(n / 999 for n in range(999)))
    counts = [count_processes(tmp_path, root, "log", "-n", "0") for root in (short, long)]
    assert counts[0] == counts[1] <= 8


def test_compare_of_two_commits_starts_few_processes(tmp_path: Path) -> None:
    root = made(tmp_path / "r", 0.1, 0.2)
    (root / ".dvc").mkdir()
    assert count_processes(tmp_path, root, "compare", "HEAD~1", "HEAD", "--json") <= 6


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_has_the_numbers_that_compare_has(name: str, tmp_path: Path) -> None:
    shape = SHAPES[name]
    place = shape.build(tmp_path / "repo")
    compared = compare_commits(place, shape.base, "HEAD")  # first, because it deepens a shallow clone
    try:
        made_log = read_log(place, LogOptions(revisions=("HEAD",), rows="every", max_count=0))
    except UnreadableSideError:
        assert compared.unreadable
        return
    # A lock is read only where git does not hold the metrics.
    assert made_log.unreadable or not compared.unreadable or name == "lock of a schema to come"
    rows = {row.sha: row for row in made_log.rows}
    assert compared.base is not None
    old, new = rows[compared.base.sha], rows[compared.head.sha]
    for diff in compared.metrics:
        (index,) = (i for i, line in enumerate(made_log.series) if line.name == diff.name)
        for cell, value in ((old.cells[index], diff.old), (new.cells[index], diff.new)):
            assert cell.value == value or (cell.unreadable and name == "only on a remote")
