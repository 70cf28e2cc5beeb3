"""Only what is asked for, only what is whole, nothing overwritten: pull from folders and HTTP, with links, in parts, cut off."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_kit.artifacts.evidence import read_evidence
from mlops_kit.artifacts.places import object_name
from mlops_kit.project.pull import PullOptions, PullReport, pull_project
from tests.support.http_store import http_store
from tests.support.tiny import dvc, flipped, objects, overwrite, tiny_project
from tests.support.world import run_kit

pytestmark = pytest.mark.slow


@pytest.fixture
def tiny(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh clone: without data, its remote a folder."""
    return without_data(tiny_project(tmp_path, tmp_path_factory))


def without_data(root: Path) -> Path:
    for folder in (".dvc/cache", ".dvc/tmp", "data"):
        shutil.rmtree(root / folder)
    (root / "extra.bin").unlink()
    return root


def pull(root: Path, *targets: str, **options: Any) -> PullReport:
    return pull_project(root, PullOptions(targets, **options))


def test_everything_comes_once_and_dvc_calls_it_clean(tiny: Path) -> None:
    done = pull(tiny)
    assert (done.asked, done.objects, done.missing) == (3, 7, ())
    assert done.placed == ("data/model.txt", "data/parts", "extra.bin")
    assert done.bytes == sum(path.stat().st_size for path in objects(tiny / "store"))
    assert pull(tiny).objects == 0
    assert "up to date" in dvc(tiny, "status").stdout


def test_only_what_is_asked_for_comes(tiny: Path) -> None:
    assert (pull(tiny, "join").placed, len(objects(tiny / ".dvc/cache"))) == (("data/model.txt",), 1)
    assert pull(tiny, "extra.bin.dvc").placed == ("extra.bin",)
    assert pull(tiny, "data/parts/deep").objects == 3  # the listing and two files
    assert sorted(path.name for path in (tiny / "data/parts").rglob("*.txt")) == ["1.txt", "3.txt"]
    assert pull(tiny, "data", checkout=False).objects == 2
    assert not (tiny / "data/parts/0.txt").exists()


def test_name_that_nothing_has_is_told_before_anything_is_fetched(tiny: Path) -> None:
    done = run_kit("pull", "data/nothing", cwd=tiny, check=False)
    assert (done.returncode, (tiny / ".dvc/cache").exists()) == (2, False)
    assert "`data/nothing` is no stage, .dvc file or output" in done.stderr
    assert run_kit("pull", "data/parts/9.txt", cwd=tiny, check=False).returncode == 2


def test_edited_output_is_kept_unless_forced(tiny: Path) -> None:
    pull(tiny)
    (tiny / "data/parts/0.txt").write_text("mine")
    (tiny / "data/parts/new.txt").write_text("mine too")
    done = run_kit("pull", cwd=tiny, check=False)
    assert (done.returncode, (tiny / "data/parts/0.txt").read_text()) == (7, "mine")
    assert "data/parts/0.txt, data/parts/new.txt would be overwritten" in done.stderr
    assert pull(tiny, force=True).placed == ("data/parts",)
    assert "up to date" in dvc(tiny, "status").stdout


def test_what_the_work_tree_has_is_not_fetched_again(tiny: Path) -> None:
    pull(tiny)
    shutil.rmtree(tiny / ".dvc/cache")
    shutil.rmtree(tiny / "store")
    done = pull(tiny, "join", "extra.bin")
    assert (done.objects, done.missing, len(objects(tiny / ".dvc/cache"))) == (0, (), 2)


def test_damaged_object_of_the_remote_is_not_taken(tiny: Path) -> None:
    digest = read_evidence(tiny)["join"].outs["data/model.txt"].md5
    poisoned = tiny / "store" / object_name(digest)
    overwrite(poisoned, flipped(poisoned.read_bytes()))
    done = run_kit("pull", cwd=tiny, check=False)
    assert (done.returncode, (tiny / "data/model.txt").exists()) == (4, False)
    assert (
        f"✗ data/model.txt is whole on no remote that was asked\n  {digest} of the remote store is damaged"
        in done.stdout
    )
    assert (tiny / "extra.bin").exists()
    assert digest not in {path.parent.name + path.name for path in objects(tiny / ".dvc/cache")}


def test_second_remote_has_what_the_first_lacks(tiny: Path) -> None:
    digest = read_evidence(tiny)["join"].outs["data/model.txt"].md5
    (tiny / "backup" / object_name(digest)).parent.mkdir(parents=True)
    shutil.move(tiny / "store" / object_name(digest), tiny / "backup" / object_name(digest))
    with (tiny / ".dvc/config").open("a") as config:
        config.write("['remote \"backup\"']\n    url = ../backup\n")
    assert pull(tiny, "join", remote="store").missing == ("data/model.txt",)
    assert pull(tiny, "join").missing == ()


def test_output_that_is_never_pushed_is_named_and_no_fault(tiny: Path) -> None:
    text = (tiny / "dvc.yaml").read_text()
    (tiny / "dvc.yaml").write_text(
        text.replace("- data/model.txt", "- data/model.txt:\n          push: false")
    )
    digest = read_evidence(tiny)["join"].outs["data/model.txt"].md5
    (tiny / "store" / object_name(digest)).unlink()
    done = run_kit("pull", cwd=tiny)
    assert "data/model.txt is never pushed (push: false)" in done.stdout


@pytest.mark.parametrize("links", ["hardlink", "symlink"])
def test_links_are_what_the_cache_is_set_up_for(tiny: Path, links: str) -> None:
    with (tiny / ".dvc/config").open("a") as config:
        config.write(f"[cache]\n    type = {links}\n")
    pull(tiny, "join")
    model = tiny / "data/model.txt"
    assert model.is_symlink() if links == "symlink" else model.stat().st_nlink == 2


@pytest.fixture
def served(tiny: Path, tmp_path: Path) -> Iterator[Path]:
    """Put the remote behind HTTP."""
    shutil.move(tiny / "store", tmp_path / "served")
    with http_store(tmp_path / "served") as url:
        text = f"[core]\n    remote = web\n['remote \"web\"']\n    url = {url}\n    method = PUT\n"
        (tiny / ".dvc/config").write_text(text)
        yield tmp_path / "served"


def test_remote_behind_http_gives_the_same(tiny: Path, served: Path) -> None:
    digest = read_evidence(tiny)["join"].outs["data/model.txt"].md5
    poisoned = served / object_name(digest)
    whole = poisoned.read_bytes()
    overwrite(poisoned, flipped(whole))
    assert pull(tiny).missing == ("data/model.txt",)
    overwrite(poisoned, whole)
    done = pull(tiny)
    assert (done.objects, done.placed) == (1, ("data/model.txt",))
    assert "up to date" in dvc(tiny, "status").stdout


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace stops it at a chosen moment")
@pytest.mark.parametrize(("call", "nth"), [("rename", 1), ("unlink", 2), ("unlink", 4)])
def test_pull_that_was_killed_goes_on_where_it_was(tiny: Path, tmp_path: Path, call: str, nth: int) -> None:
    killed = subprocess.run(
        ["strace", "-f", "-qq", "-o", str(tmp_path / "trace"), "-e", f"trace={call}",
         "-e", f"inject={call}:signal=SIGKILL:when={nth}", sys.executable, "-m", "mlops_kit", "pull", "--no-checkout"],
        cwd=tiny, env={**os.environ, "COLUMNS": "120"}, capture_output=True,
    )  # fmt: skip
    assert killed.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
    came = len(objects(tiny / ".dvc/cache"))
    done = json.loads(run_kit("pull", "--json", cwd=tiny).stdout)
    assert (came + done["objects"], done["missing"]) == (7, [])
    assert not list((tiny / ".dvc/cache/mlops-kit/tmp").iterdir())
