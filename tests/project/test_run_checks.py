"""After a run nothing is taken on trust: situations in which DVC says that all is well, and it is not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.artifacts.evidence import read_evidence, render_evidence, write_evidence
from mlops_kit.artifacts.places import read_places
from mlops_kit.artifacts.run_checks import confirm_run
from mlops_kit.errors import OutsideError
from mlops_kit.outside.dvc import ReproResult, dvc_environment
from tests.support.collision import OTHER, TWIN
from tests.support.tiny import changed_project, dvc, flipped, overwrite, tiny_project
from tests.support.world import edit, git, run_kit

pytestmark = pytest.mark.slow


@pytest.fixture
def tiny(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_project(tmp_path, tmp_path_factory)


def test_evidence_covers_all_that_the_lock_names_and_a_second_run_leaves_git_clean(tiny: Path) -> None:
    evidence = read_evidence(tiny)
    assert {stage: (sorted(both.deps), sorted(both.outs)) for stage, both in evidence.items()} == {
        "extra.bin.dvc": ([], ["extra.bin"]),
        "join": (["data/parts", "join.py"], ["data/model.txt", "score.json"]),
        "parts": (["extra.bin", "parts.py", "raw.csv"], ["data/parts"]),
    }
    made = json.loads(run_kit("run", "--json", cwd=tiny).stdout)
    assert (made["ran"], made["shown"]) == ([], [])
    assert git(tiny, "status", "--porcelain") == ""
    shutil.rmtree(tiny / ".dvc/tmp")
    run_kit("run", cwd=tiny)
    assert git(tiny, "status", "--porcelain") == ""


def test_evidence_of_data_that_is_elsewhere_is_kept(tiny: Path) -> None:
    shutil.rmtree(tiny / ".dvc/cache")
    shutil.rmtree(tiny / "data")
    run_kit("run", "--pull", cwd=tiny)
    assert not (tiny / "data").exists()
    (tiny / "extra.bin").unlink()
    run_kit("run", "--pull", cwd=tiny)
    assert git(tiny, "status", "--porcelain") == ""
    assert git(tiny, "status", "--porcelain") == ""


def test_edit_that_keeps_size_and_time_is_shown_to_dvc_and_runs_the_stage(tiny: Path) -> None:
    run_kit("run", cwd=tiny)
    dvc(tiny, "status")  # DVC itself has seen the file, and remembers it by size and time
    overwrite(tiny / "raw.csv", (tiny / "raw.csv").read_bytes().replace(b"one", b"uno"), keep_time=True)
    assert "'parts' didn't change" in dvc(tiny, "repro", "parts").stdout  # what DVC alone makes of it
    made = json.loads(run_kit("run", "--json", cwd=tiny).stdout)
    assert made["shown"] == ["raw.csv"]
    assert [run["stage"] for run in made["ran"]] == ["parts", "join"]


def test_hidden_edit_that_was_hashed_by_another_command_is_shown_all_the_same(tiny: Path) -> None:
    run_kit("run", cwd=tiny)
    overwrite(tiny / "raw.csv", (tiny / "raw.csv").read_bytes().replace(b"one", b"uno"), keep_time=True)
    run_kit("fsck", cwd=tiny, check=False)
    assert json.loads(run_kit("run", "--json", cwd=tiny).stdout)["shown"] == ["raw.csv"]


def test_ordinary_edit_that_a_run_of_another_stage_left_behind_is_not_called_hidden(tiny: Path) -> None:
    run_kit("run", cwd=tiny)
    with (tiny / "join.py").open("a") as file:
        file.write("print('edited')\n")
    edit(tiny / "raw.csv", "one", "two")
    run_kit("run", "parts", cwd=tiny)  # dvc.lock is newer than the edit now
    made = json.loads(run_kit("run", "--json", cwd=tiny).stdout)
    assert (made["shown"], [run["stage"] for run in made["ran"]]) == ([], ["join"])


def test_hidden_edit_of_an_output_is_shown_too(tiny: Path) -> None:
    run_kit("run", cwd=tiny)
    model = tiny / "data/model.txt"
    whole = model.read_bytes()
    overwrite(model, flipped(whole), keep_time=True)
    made = json.loads(run_kit("run", "--json", cwd=tiny).stdout)
    assert (made["shown"], made["cached"]) == (["data/model.txt"], ["join"])
    assert model.read_bytes() == whole


def test_file_replaced_by_its_md5_twin_is_refused(tiny: Path) -> None:
    overwrite(tiny / "extra.bin", TWIN)
    run_kit("run", cwd=tiny)
    overwrite(tiny / "extra.bin", OTHER)
    assert "didn't change" in dvc(tiny, "repro", "parts").stdout
    done = run_kit("run", cwd=tiny, check=False)
    assert done.returncode == 5
    assert "extra.bin is not the file that stage" in done.stderr
    assert "SHA-256" in done.stderr


def test_damaged_cache_object_is_no_restored_output(tiny: Path) -> None:
    model = tiny / "data/model.txt"
    digest = {
        both.outs["data/model.txt"].md5
        for both in read_evidence(tiny).values()
        if "data/model.txt" in both.outs
    }.pop()
    found = tiny / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    good = found.read_bytes()
    overwrite(found, flipped(good))
    assert "up to date" in dvc(tiny, "status").stdout
    model.unlink()
    dvc(tiny, "checkout")
    done = json.loads(run_kit("run", "--json", cwd=tiny).stdout)
    assert [run["stage"] for run in done["ran"]] == ["join"]
    assert model.read_bytes() == found.read_bytes() == good


def test_damaged_cache_object_is_named_when_dvc_restores_it(tiny: Path) -> None:
    model = tiny / "data/model.txt"
    digest = read_evidence(tiny)["join"].outs["data/model.txt"].md5
    found = tiny / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    overwrite(found, flipped(found.read_bytes()))
    model.unlink()
    dvc(tiny, "checkout")
    done = run_kit("run", "--engine", "dvc", cwd=tiny, check=False)
    assert done.returncode == 8
    assert f"data/model.txt is damaged in the cache ({found})" in done.stderr
    assert "mlops-kit fsck --repair" in done.stderr


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace makes a single system call fail")
def test_failed_rename_in_the_cache_is_no_success(tiny: Path, tmp_path: Path) -> None:
    edit(tiny / "raw.csv", "four", "five")
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", str(tmp_path / "trace"), "-e", "trace=rename",
         "-e", "inject=rename:error=EIO:when=3", sys.executable, "-m", "mlops_kit", "run", "--engine", "dvc"],
        cwd=tiny, env=dvc_environment(), text=True, capture_output=True,
    )  # fmt: skip
    # The third rename of DVC moves an object into the cache; DVC itself ends with 0.
    assert done.returncode == 8, done.stdout + done.stderr
    assert "data/parts lacks" in done.stderr or "data/parts is not in the cache" in done.stderr
    assert git(tiny, "diff", "--name-only", "--", ".mlops") == ""


def test_objects_that_the_cache_lacks_are_named(tiny: Path) -> None:
    digest = read_evidence(tiny)["parts"].outs["data/parts"].md5
    place = read_places(tiny).cache
    members = place.members(digest) or {}
    found = place.find(members["deep/1.txt"])
    assert found is not None
    found.unlink()
    with pytest.raises(OutsideError, match=r"data/parts lacks deep/1\.txt in the cache"):
        confirm_run(tiny, ReproResult(0), whole=True, elsewhere=False)
    assert not confirm_run(tiny, ReproResult(0), whole=True, elsewhere=True)


def test_evidence_of_a_merge_conflict_is_no_evidence_and_is_written_anew(tiny: Path) -> None:
    path = tiny / ".mlops/evidence.json"
    text = path.read_text()
    path.write_text(f"<<<<<<< ours\n{text}=======\n{text}>>>>>>> theirs\n")
    assert read_evidence(tiny) == {}
    run_kit("run", cwd=tiny)
    assert path.read_text() == text
    assert not write_evidence(tiny, read_evidence(tiny))
    assert render_evidence(read_evidence(tiny)) == text


def test_ci_takes_nothing_wrong_from_a_remote_and_makes_it_again(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tiny = changed_project(tmp_path, tmp_path_factory)
    dvc(tiny, "push")
    (tiny / ".dvc/config").write_text(
        "[core]\n    remote = store\n['remote \"store\"']\n    url = ../store\n"
    )
    members = read_places(tiny).cache.members(read_evidence(tiny)["parts"].outs["data/parts"].md5) or {}
    digest = members["0.txt"]
    overwrite(tiny / "store/files/md5" / digest[:2] / digest[2:], b"poisoned")
    shutil.rmtree(tiny / ".dvc/cache")
    shutil.rmtree(tiny / ".dvc/tmp")
    shutil.rmtree(tiny / "data")
    edit(tiny / "join.py", '"bytes"', '"signs"')
    run_kit("generate", cwd=tiny)
    git(tiny, "commit", "-aqm", "another name")
    done = run_kit("ci", "run", "--out", str(tmp_path / "report"), cwd=tiny, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "poisoned" not in (tiny / "data/parts/0.txt").read_text()
    assert b"poisoned" not in read_places(tiny).cache.home(digest).read_bytes()
