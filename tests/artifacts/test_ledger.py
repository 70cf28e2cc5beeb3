"""The books of a run: the same bytes as DVC's, and what a killed or half-done run leaves."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_kit.artifacts.freshness import Freshness
from mlops_kit.artifacts.ledger import Ledger
from mlops_kit.errors import BadDataError, RefusedError
from tests.support.pipelines.case import Case
from tests.support.pipelines.contract import differences, prepare
from tests.support.pipelines.corpus import CASES
from tests.support.pipelines.loop import run_serially
from tests.support.pipelines.runners import RUNNERS, with_this_python
from tests.support.world import git

BY_NAME = {case.name: case for case in CASES}
# What the other parts of the corpus are made of; `python -m tests.support.pipelines` runs all of it.
CHOSEN = ("folders", "metrics and plots", "params of many kinds", "persist", "hard links")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of a library of DVC
@pytest.mark.parametrize("name", CHOSEN)
def test_files_are_the_same_as_those_of_dvc(name: str, tmp_path: Path) -> None:
    assert list(differences(BY_NAME[name], tmp_path, {"ledger": run_serially})) == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of a library of DVC
@pytest.mark.parametrize("name", ["commands", "python stages"])
def test_runs_side_by_side_leave_the_same_files(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", with_this_python())
    runners = {way: RUNNERS[way] for way in ("-j1 cold", "-j8 warm")}
    case = replace(BY_NAME[name], only=("changed dep",))
    assert list(differences(case, tmp_path, runners)) == []


def test_corpus_has_many_pipelines_with_names_of_their_own() -> None:
    assert len(BY_NAME) == len(CASES) >= 40


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return prepare(BY_NAME["chain"], tmp_path)


def _open(root: Path) -> Ledger:
    freshness = Freshness(root, quiet_comments=False)
    return Ledger(root, freshness, tuple(freshness.pipelines.stages))


def _write(root: Path) -> None:
    for name in ("a.txt", "renamed.txt", "size.json"):
        (root / name).write_text("1\n")


def test_entry_waits_for_the_stages_before_it(root: Path) -> None:
    _write(root)
    ledger = _open(root)
    ledger.record("second")
    assert not (root / "dvc.lock").exists()
    ledger.record("first")
    text = (root / "dvc.lock").read_text()
    assert text.index("  first:") < text.index("  second:")


def test_what_waited_when_a_run_ended_is_taken_over_by_the_next(root: Path) -> None:
    _write(root)
    _open(root).record("second")
    ledger = _open(root)
    ledger.record("first")
    assert not ledger.judge("second").would_run
    assert "  second:" in (root / "dvc.lock").read_text()
    assert not (root / ".dvc/tmp/mlops-kit/pending.jsonl").exists()


def test_what_waited_counts_no_longer_when_its_output_has_changed(root: Path) -> None:
    _write(root)
    _open(root).record("second")
    (root / "renamed.txt").write_text("edited\n")
    ledger = _open(root)
    ledger.record("first")
    assert ledger.judge("second").would_run


def test_half_a_line_of_what_waited_is_left_out(root: Path) -> None:
    _write(root)
    _open(root).record("second")
    pending = root / ".dvc/tmp/mlops-kit/pending.jsonl"
    pending.write_text(pending.read_text()[:-9])
    assert _open(root).judge("second").would_run


def test_missing_output_is_an_error_and_nothing_is_recorded(root: Path) -> None:
    with pytest.raises(BadDataError, match=r"a\.txt does not exist"):
        _open(root).record("first")
    assert not (root / "dvc.lock").exists()


def test_output_that_git_tracks_is_refused(root: Path) -> None:
    _write(root)
    git(root, "add", "a.txt")
    with pytest.raises(RefusedError, match="git tracks it"):
        _open(root).record("first")


def test_damaged_object_is_dropped_and_not_brought_back(root: Path) -> None:
    run_serially(root)
    (damaged,) = (
        p for p in (root / ".dvc/cache/files").rglob("*") if p.is_file() and p.read_bytes() == b"one\n"
    )
    damaged.chmod(0o644)
    damaged.write_bytes(b"two\n")
    damaged.chmod(0o444)
    (root / "a.txt").unlink()
    assert not _open(root).restore("first")
    assert not damaged.exists()


def test_lost_output_comes_back_without_a_command(root: Path) -> None:
    run_serially(root)
    (root / "a.txt").unlink()
    assert run_serially(root) == []
    assert (root / "a.txt").read_text() == "one\n"


@pytest.mark.parametrize(("links", "damage"), [("copy", b"half a"), ("hardlink", b"two\n")])
def test_damaged_object_is_replaced_when_its_content_is_recorded(
    root: Path, links: str, damage: bytes
) -> None:
    run_serially(root)
    (root / ".dvc/config").write_text(f"[cache]\n    type = {links}\n")
    (damaged,) = (
        p for p in (root / ".dvc/cache/files").rglob("*") if p.is_file() and p.read_bytes() == b"one\n"
    )
    damaged.chmod(0o644)
    damaged.write_bytes(damage)
    damaged.chmod(0o444)
    _open(root).record("first")
    assert damaged.read_bytes() == b"one\n" == (root / "a.txt").read_bytes()
    assert stat.S_IMODE(damaged.stat().st_mode) == 0o444


def test_read_only_cache_serves_what_it_has(tmp_path: Path) -> None:
    case = Case("read-only", BY_NAME["chain"].files)
    root = prepare(case, tmp_path)
    run_serially(root)
    cache = root / ".dvc/cache"
    folders = [cache, *(path for path in cache.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        (root / "a.txt").unlink()
        assert run_serially(root) == []
    finally:
        for folder in folders:
            folder.chmod(0o755)
