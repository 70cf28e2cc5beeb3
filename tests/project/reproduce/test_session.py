"""Whole reproductions of a real DVC repository: what is identical, what differs, what cannot be had, and that nothing is left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from mlops_kit.compare.ladder import OutputLevel, Rung, StageOutcome, StageResult
from mlops_kit.compare.reproduction import Reproduction
from mlops_kit.errors import ExitCode, UsageError
from mlops_kit.outside import git
from mlops_kit.project.reproduce.session import ReproduceOptions, reproduce_revision

pytestmark = pytest.mark.slow

GOOD = ("good", "next", "sub/dvc.yaml:inner")
FAULTS = {
    "hash": "hashseed", "files": "files", "zone": "zone", "threads": "threads", "clock": "clock", "cpus": "cpus", "path": "path",
    "umask": "user", "home": "user", "noise": "noise", "locale": "locale", "network": "network",
}  # fmt: skip


def run(root: Path, *stages: str, perturb: str = "none", **options: object) -> Reproduction:
    chosen = ReproduceOptions(stages=stages, perturb=perturb, environment="current", jobs=2, **options)  # type: ignore[arg-type]
    return reproduce_revision(root, chosen)


def stage(made: Reproduction, name: str) -> StageResult:
    return next(one for one in made.stages if one.stage == name)


@pytest.fixture(scope="module")
def swept(recorded: Path) -> Reproduction:
    return run(recorded, perturb="quick")


def test_every_stage_of_every_pipeline_is_run(swept: Reproduction) -> None:
    assert {one.stage for one in swept.stages} >= {*GOOD, *(f"each@{name}" for name in FAULTS)}
    assert swept.known == len(swept.stages)
    assert all(one.outcome is StageOutcome.RAN for one in swept.stages)


@pytest.mark.parametrize("name", GOOD)
def test_clean_stage_passes_every_axis(swept: Reproduction, name: str) -> None:
    found = stage(swept, name)
    assert found.identical
    assert len(found.swept) == 2
    assert all(one.passed for one in found.swept)


@pytest.mark.parametrize(("fault", "axis"), FAULTS.items())
def test_planted_fault_is_found_with_its_axis(swept: Reproduction, fault: str, axis: str) -> None:
    if axis in swept.impossible:
        pytest.skip(swept.impossible[axis])
    found = stage(swept, f"each@{fault}")
    assert found.identical, found
    assert [one.axes for one in found.swept if not one.passed] == [(axis,)]


def test_random_output_differs_without_any_perturbation(swept: Reproduction) -> None:
    found = stage(swept, "each@random")
    assert not found.identical
    assert [one.axes for one in found.swept] == [()]


def test_fault_keeps_the_ladder_down(swept: Reproduction) -> None:
    assert swept.ladder.rung is Rung.R0
    assert swept.exit_code is ExitCode.BAD_DATA
    assert any("random" in reason for reason in swept.ladder.stopped)


def test_clean_stage_reaches_the_fourth_rung_and_leaves_nothing(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    mine = f"mlops-kit-reproduce-{os.getpid()}-*"
    spare = len(list(Path("/dev/shm").glob(mine)))
    status = git.dirty_paths(recorded)
    made = run(recorded, "sub/dvc.yaml:inner", perturb="full", required=Rung.R4)
    assert made.ladder.rung is Rung.R4
    assert made.exit_code is ExitCode.OK
    assert made.partial
    assert os.listdir(tmp_path) == []
    assert len(list(Path("/dev/shm").glob(mine))) == spare
    assert len(made.stages[0].swept) == len(made.axes)
    assert git.dirty_paths(recorded) == status


def test_recorded_input_that_is_gone_comes_from_the_stage_that_writes_it(repository: Path) -> None:
    (repository / "good.txt").unlink()
    listing = (repository / "dvc.lock").read_text()
    digest = listing.split("path: good.txt\n")[1].split("md5: ")[1][:32]
    (repository / ".dvc/cache/files/md5" / digest[:2] / digest[2:]).unlink()
    made = run(repository, "next")
    assert [one.stage for one in made.stages] == ["good", "next"]
    assert made.ladder.rung is Rung.R3
    assert "run too" in " ".join(made.notes)


def test_input_that_nobody_can_give_is_said_with_its_mend(repository: Path) -> None:
    shutil.rmtree(repository / ".dvc/cache")
    made = run(repository, "good", "next")
    assert [one.outcome for one in made.stages] == [StageOutcome.NOT_RUN, StageOutcome.NOT_RUN]
    assert "source.csv" in made.stages[0].problem
    assert "dvc fetch" in made.stages[0].mend
    assert made.exit_code is ExitCode.UNREADABLE


def test_commit_whose_lock_is_behind_is_stale(repository: Path) -> None:
    (repository / "params.yaml").write_text("size: 4\n")
    git.commit_all(repository, "not run")
    made = run(repository, "good")
    assert made.stages[0].outcome is StageOutcome.STALE
    assert "size is 4 in the commit and 3" in made.stages[0].problem
    assert made.exit_code is ExitCode.STALE


def test_uncommitted_edits_have_no_effect(repository: Path) -> None:
    (repository / "write.py").write_text("raise SystemExit(1)\n")
    (repository / "good.txt").write_text("edited")
    assert run(repository, "good").ladder.rung is Rung.R3


def test_cache_survives_a_stage_that_writes_into_its_input(repository: Path) -> None:
    lock = (repository / "dvc.lock").read_text()
    (repository / "dvc.yaml").write_text(
        "stages:\n  next:\n    cmd: echo more >> good.txt\n    deps: [good.txt]\n    outs: [next]\n"
    )
    digest = lock.split("path: good.txt\n")[1].split("md5: ")[1][:32]
    (repository / "dvc.lock").write_text(
        f"schema: '2.0'\nstages:\n  next:\n    cmd: echo more >> good.txt\n    deps:\n    - path: good.txt\n      md5: {digest}\n"
        "    outs:\n    - path: next\n      md5: 0123456789abcdef0123456789abcdef\n"
    )
    git.commit_all(repository, "writes into its input")
    made = run(repository, "next")
    assert [out.level for out in made.stages[0].outputs] == [OutputLevel.MISSING]
    content = (repository / ".dvc/cache/files/md5" / digest[:2] / digest[2:]).read_text()
    assert "more" not in content


def test_failing_stage_shows_its_last_lines(repository: Path) -> None:
    (repository / "write.py").write_text("import sys\nsys.exit('no luck')\n")
    git.commit_all(repository, "broken")
    made = run(repository, "good")
    assert made.stages[0].outcome is StageOutcome.FAILED
    assert made.stages[0].tail == ("no luck",)
    assert made.exit_code is ExitCode.OUTSIDE


def test_flipped_bit_in_the_cache_is_not_taken_for_the_input(repository: Path) -> None:
    digest = (repository / "source.csv.dvc").read_text().split("md5: ")[1][:32]
    blob = repository / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    blob.chmod(0o644)
    blob.write_text("x,y\n1,3\n")
    made = run(repository, "good")
    assert made.stages[0].outcome is StageOutcome.NOT_RUN
    assert "not the recorded one" in made.stages[0].problem


def test_unknown_stage_is_named(recorded: Path) -> None:
    with pytest.raises(UsageError, match="no stage `nothing`"):
        run(recorded, "nothing")


def test_repository_in_a_folder_with_signs_of_every_kind(recorded: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(recorded, tmp_path / "it's ü; $x %20", symlinks=True))
    assert run(root, "good").ladder.rung is Rung.R3


def test_dvc_root_below_the_repository(recorded: Path, tmp_path: Path) -> None:
    top = tmp_path / "top"
    shutil.copytree(recorded, top / "ml", symlinks=True, ignore=shutil.ignore_patterns(".git"))
    git.init_repository(top, "main")
    git.commit_all(top, "all")
    assert run(top / "ml", *GOOD).ladder.rung is Rung.R3


def test_inputs_on_a_remote_are_fetched_and_the_work_tree_is_left_alone(
    repository: Path, tmp_path: Path
) -> None:
    remote = tmp_path / "remote"
    subprocess.run(["git", "config", "user.email", "a@b"], cwd=repository, check=True)
    (repository / ".dvc/config").write_text(f"[core]\n    remote = s\n['remote \"s\"']\n    url = {remote}\n")
    git.commit_all(repository, "remote")
    shutil.move(repository / ".dvc/cache", remote)
    for name in ("source.csv", "good.txt"):
        (repository / name).unlink()
    made = run(repository, *GOOD)
    assert made.ladder.rung is Rung.R3
    assert not (repository / "good.txt").exists()


def test_output_whose_recorded_content_is_gone_is_only_called_different(repository: Path) -> None:
    lock = (repository / "dvc.lock").read_text()
    digest = lock.split("path: good.txt\n")[1].split("md5: ")[1][:32]
    (repository / "dvc.lock").write_text(lock.replace(digest, "0123456789abcdef0123456789abcdef"))
    git.commit_all(repository, "another record")
    (out,) = run(repository, "good").stages[0].outputs
    assert out.level is OutputLevel.DIFFERENT
    assert "only identical or different" in out.detail[0]


def test_twin_of_an_input_with_the_same_md5_is_refused(repository: Path) -> None:
    digest = (repository / "source.csv.dvc").read_text().split("md5: ")[1][:32]
    evidence = {
        "version": 1,
        "stages": {"good": {"deps": {"source.csv": {"md5": digest, "sha256": "0" * 64, "size": 8}}}},
    }
    (repository / ".mlops").mkdir()
    (repository / ".mlops/evidence.json").write_text(json.dumps(evidence))
    git.commit_all(repository, "evidence")
    made = run(repository, "good")
    assert made.stages[0].outcome is StageOutcome.NOT_RUN
    assert "another SHA-256" in made.stages[0].problem


def test_undeclared_inputs_that_the_watcher_saw_are_carried_into_the_result(repository: Path) -> None:
    trace = '{"stage": "good", "findings": [{"kind": "read", "name": "many/a", "where": "write.py:3"}]}'
    pipeline = (repository / "dvc.yaml").read_text()
    cmd = f"python write.py good good.txt && echo '{trace}' >> $MLOPS_KIT_TRACE"
    for name in ("dvc.yaml", "dvc.lock"):
        text = (repository / name).read_text()
        (repository / name).write_text(
            text.replace("cmd: python write.py good good.txt", "cmd: " + json.dumps(cmd))
        )
    assert pipeline != (repository / "dvc.yaml").read_text()
    git.commit_all(repository, "trace")
    (found,) = run(repository, "good").stages
    assert found.findings == ({"kind": "read", "name": "many/a", "where": "write.py:3"},)
