"""Data before git, and nothing taken on trust: real remotes, folders and HTTP."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_kit.artifacts.evidence import read_evidence
from mlops_kit.artifacts.places import read_places
from mlops_kit.outside.dvc import dvc_environment
from tests.support.http_store import http_store
from tests.support.tiny import changed_project, dvc, flipped, objects, overwrite, tiny_project
from tests.support.world import git, run_kit

pytestmark = pytest.mark.slow


@pytest.fixture
def tiny(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_origin(tiny_project(tmp_path, tmp_path_factory))


@pytest.fixture
def remote(tiny: Path, tmp_path: Path) -> Iterator[Path]:
    """Give the project a remote behind HTTP instead; return the folder that is served."""
    with http_store(tmp_path / "served") as url:
        text = f"[core]\n    remote = web\n['remote \"web\"']\n    url = {url}\n    method = PUT\n"
        (tiny / ".dvc/config").write_text(text)
        yield tmp_path / "served"


def pushed(root: Path) -> str:
    """Return the commit that origin has; empty when it has none."""
    return git(root, "ls-remote", "origin", "refs/heads/main").partition("\t")[0]


def with_origin(root: Path) -> Path:
    origin = root.parent / "origin"
    subprocess.run(["git", "init", "-q", "--bare", str(origin)], check=True)
    git(root, "remote", "add", "origin", str(origin))
    return root


@pytest.fixture
def changed(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_origin(changed_project(tmp_path, tmp_path_factory))


def test_data_is_uploaded_and_verified_before_git_is_pushed(changed: Path) -> None:
    refused = run_kit("push", "--check", cwd=changed, check=False)
    assert (refused.returncode, pushed(changed)) == (7, "")
    assert "3 objects that dvc.lock names are not on the remote: data/model.txt, data/parts" in refused.stderr
    done = json.loads(run_kit("push", "--json", cwd=changed).stdout)
    assert done == {
        "objects": 7,
        "uploaded": ["data/model.txt", "data/parts", "data/parts/deep/3.txt"],
        "replaced": [],
        "runs": 4,
        "bytes": done["bytes"],
        "branch": "main -> origin/main",
    }
    assert 3 * 300 < done["bytes"] < 10_000
    assert pushed(changed) == git(changed, "rev-parse", "HEAD")
    assert "7 objects are on the remote" in run_kit("push", "--check", cwd=changed).stdout


def test_object_that_left_the_remote_is_uploaded_again_though_dvc_calls_all_up_to_date(tiny: Path) -> None:
    md5 = read_places(tiny).cache.members(read_evidence(tiny)["parts"].outs["data/parts"].md5) or {}
    gone = tiny / "store/files/md5" / md5["0.txt"][:2] / md5["0.txt"][2:]
    whole = gone.read_bytes()
    gone.unlink()
    assert "up to date" in dvc(tiny, "push").stdout
    assert json.loads(run_kit("push", "--json", cwd=tiny).stdout)["uploaded"] == ["data/parts/0.txt"]
    assert gone.read_bytes() == whole
    assert pushed(tiny)


def test_damaged_object_in_the_cache_stops_the_push(changed: Path) -> None:
    before = objects(changed / "store")
    digest = read_evidence(changed)["join"].outs["data/model.txt"].md5
    path = changed / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    overwrite(path, flipped(path.read_bytes()), keep_time=True)
    done = run_kit("push", cwd=changed, check=False)
    assert (done.returncode, pushed(changed), objects(changed / "store")) == (7, "", before)
    assert "data/model.txt is damaged in the cache" in done.stderr
    assert "mlops-kit fsck --repair" in done.stderr


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace makes a single system call fail")
def test_data_that_dvc_add_failed_to_copy_is_not_pushed_as_if_it_were(tiny: Path, tmp_path: Path) -> None:
    (tiny / "more").mkdir()
    for number in range(6):
        (tiny / f"more/{number}.bin").write_bytes(bytes([number]) * 5000)
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", str(tmp_path / "trace"), "-e", "trace=rename",
         "-e", "inject=rename:error=ENOSPC:when=3", sys.executable, "-m", "dvc", "add", "more"],
        cwd=tiny, env=dvc_environment(), text=True, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr  # the lie
    assert (tiny / "more.dvc").exists()
    git(tiny, "add", "-A")
    git(tiny, "commit", "-qm", "more")
    shutil.rmtree(tiny / "more")
    refused = run_kit("push", cwd=tiny, check=False)
    assert (refused.returncode, pushed(tiny)) == (7, "")
    assert "neither in the cache nor on the remote" in refused.stderr


def test_git_hook_with_the_check_keeps_git_from_going_first(changed: Path) -> None:
    hook = changed / ".git/hooks/pre-push"
    hook.write_text(f"#!/bin/sh\nexec {sys.executable} -m mlops_kit push --check\n")
    hook.chmod(0o755)
    with pytest.raises(AssertionError, match="not on the remote"):
        git(changed, "push", "-q", "origin", "main")
    assert pushed(changed) == ""
    run_kit("push", cwd=changed)
    assert pushed(changed) == git(changed, "rev-parse", "HEAD")


def test_rejected_git_push_is_told_after_the_data_is_safe(tiny: Path, tmp_path: Path) -> None:
    git(tiny, "push", "-q", "origin", "main")
    other = tmp_path / "other"
    git(tiny, "clone", "-q", str(tmp_path / "origin"), str(other), "-b", "main")
    git(other, "commit", "-q", "--allow-empty", "-m", "theirs")
    git(other, "push", "-q")
    git(tiny, "commit", "-q", "--allow-empty", "-m", "ours")
    done = run_kit("push", cwd=tiny, check=False)
    assert done.returncode == 8
    assert "the data is on the remote, git was not pushed" in done.stderr
    assert "7 objects" in run_kit("push", "--check", cwd=tiny).stdout


def test_without_a_remote_nothing_is_pushed(tiny: Path) -> None:
    (tiny / ".dvc/config").write_text("")
    done = run_kit("push", cwd=tiny, check=False)
    assert (done.returncode, pushed(tiny)) == (7, "")
    assert "dvc remote add --default NAME URL" in done.stderr


def test_remote_behind_http_is_filled_checked_and_mended(tiny: Path, remote: Path) -> None:
    run_kit("push", cwd=tiny)
    assert len(objects(remote)) == 8  # with score.json, which git keeps and the run cache names
    md5 = read_places(tiny).cache.members(read_evidence(tiny)["parts"].outs["data/parts"].md5) or {}
    gone, wrong = (remote / "files/md5" / md5[name][:2] / md5[name][2:] for name in ("0.txt", "deep/1.txt"))
    whole = {path: path.read_bytes() for path in objects(remote)}
    gone.unlink()
    overwrite(wrong, flipped(wrong.read_bytes()))
    assert "✓ data: 1 uploaded, 7 objects" in run_kit("push", "--no-git", cwd=tiny).stdout
    found = json.loads(run_kit("fsck", "--remote", "--json", cwd=tiny, check=False).stdout)
    assert [(f["kind"], f["place"], f["path"]) for f in found["left"]] == [
        ("damaged", "web", "data/parts/deep/1.txt")
    ]
    mended = json.loads(run_kit("fsck", "--remote", "--repair", "--json", cwd=tiny).stdout)
    assert {path: path.read_bytes() for path in objects(remote)} == whole
    assert (tiny / mended["quarantined"][0]).read_bytes() == flipped(whole[wrong])


def test_wrong_bytes_from_a_remote_without_verify_are_made_again(tiny: Path, remote: Path) -> None:
    run_kit("push", "--no-git", cwd=tiny)
    digest = read_evidence(tiny)["join"].outs["data/model.txt"].md5
    poisoned = remote / "files/md5" / digest[:2] / digest[2:]
    overwrite(poisoned, flipped(poisoned.read_bytes()))
    shutil.rmtree(tiny / ".dvc/cache")
    shutil.rmtree(tiny / ".dvc/tmp")
    shutil.rmtree(tiny / "data")
    assert dvc(tiny, "pull").returncode == 0  # the lie
    done = run_kit("run", cwd=tiny)  # the stage runs, and the right object takes the place of the wrong one
    assert "ran        join" in done.stdout
