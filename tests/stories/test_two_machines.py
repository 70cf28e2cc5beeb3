"""What one machine has computed, no other computes again: two clones, one remote, and the run cache between them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_kit.artifacts.places import Place, object_name
from mlops_kit.artifacts.remote_runs import local_entries
from mlops_kit.artifacts.remote_store import RemoteStore
from mlops_kit.project.pull import PullOptions, pull_project
from mlops_kit.project.push import PushOptions, PushReport, PushWatch, push_project
from tests.support.http_store import http_store
from tests.support.places import put_folder
from tests.support.shapes import write
from tests.support.tiny import dvc, objects
from tests.support.world import edit, git, run_kit

pytestmark = pytest.mark.slow

STAGES = """\
stages:
  grow:
    cmd: python -c "import pathlib; pathlib.Path('big.bin').write_bytes(b'x' * 100000)"
    outs: [big.bin]
    deps: [seed.txt]
  train:
    cmd: python train.py
    wdir: model
    deps: [train.py, ../big.bin]
    params: [../params.yaml: [rate]]
    outs: [parts]
    metrics: [score.json: {cache: false}]
  secret:
    cmd: cp seed.txt local.txt
    deps: [seed.txt]
    outs: [local.txt: {push: false}]
  twice:
    cmd: cp model/score.json kept.json
    deps: [model/score.json]
    outs: [kept.json: {remote: backup}]
"""
TRAIN = """\
from pathlib import Path
rate = next(line for line in Path("../params.yaml").read_text().splitlines() if line.startswith("rate")).split()[1]
Path("parts").mkdir(exist_ok=True)
for number in range(3):
    Path(f"parts/{number}.txt").write_text(f"{rate} {number}")
Path("score.json").write_text('{"rate": %s}' % rate)
"""
FILES = {
    "dvc.yaml": STAGES,
    "model/train.py": TRAIN,
    "params.yaml": "rate: 1\n",
    "seed.txt": "1\n",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
}


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return machine A's project: run with rate 1 and committed, run with rate 2, and set back to 1."""
    root = tmp_path_factory.mktemp("first") / "a"
    root.mkdir()
    environment = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@a",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@a",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        git(root, "init", "-q", "-b", "main")
        write(root, FILES)
        (root / ".dvc/config").write_text("['remote \"backup\"']\n    url = ../../backup\n")
        dvc(root, "repro")
        git(root, "add", "-A")
        git(root, "commit", "-qm", "rate 1")
        edit(root / "params.yaml", "1", "2")
        dvc(root, "repro")
        git(root, "checkout", "-q", "--", ".")
        dvc(root, "checkout")
    return root


@pytest.fixture(params=["folder", "http"])
def machine(request: pytest.FixtureRequest, origin: Path, tmp_path: Path) -> Iterator[Path]:
    """Return machine A with two remotes, the default one a folder or behind HTTP."""
    shutil.copytree(origin, tmp_path / "a")
    backup = f"['remote \"backup\"']\n    url = {(tmp_path / 'backup').as_posix()}\n"
    if request.param == "folder":
        default = f"    url = {(tmp_path / 'store').as_posix()}\n"
        configure(tmp_path / "a", default, backup)
        yield tmp_path / "a"
        return
    with http_store(tmp_path / "store") as url:
        configure(tmp_path / "a", f"    url = {url}\n    method = PUT\n", backup)
        yield tmp_path / "a"


def configure(root: Path, default: str, backup: str) -> None:
    (root / ".dvc/config").write_text(f"[core]\n    remote = store\n['remote \"store\"']\n{default}{backup}")
    git(root, "commit", "-aqm", "remotes")


def push(root: Path) -> PushReport:
    return push_project(root, PushOptions(git=False))


def digests(place: Path) -> set[str]:
    return {path.parent.name + path.name for path in objects(place)}


def test_what_one_machine_computed_another_does_not(machine: Path, tmp_path: Path) -> None:
    done = push(machine)
    assert done.runs == 5  # all but the one with an output that is not to be pushed
    other = tmp_path / "b"
    git(tmp_path, "clone", "-q", str(machine), str(other))
    edit(other / "params.yaml", "1", "2")
    with RemoteStore(other) as store:
        for entry in local_entries(machine / ".dvc/cache"):
            if "local.txt" not in entry.outs:
                assert store.fetch_entries(entry.key) == 1
                assert store.fetch(list(entry.outs.values())) == set(entry.outs.values())
    pull_project(
        other, PullOptions(["big.bin"])
    )  # `dvc repro --pull` fails on what a `wdir` stage reads outside of its folder
    said = dvc(other, "repro", "train", "twice", "grow").stdout
    assert "Running stage" not in said
    assert said.count("is cached - skipping run") == 2
    assert json.loads((other / "model/score.json").read_text()) == {"rate": 2}
    assert json.loads((other / "kept.json").read_text()) == {"rate": 2}


def test_fresh_clone_runs_nothing_that_another_machine_ran(machine: Path, tmp_path: Path) -> None:
    push(machine)
    other = tmp_path / "b"
    git(tmp_path, "clone", "-q", str(machine), str(other))
    assert "nothing had to run, 0 from cache, 4 unchanged" in run_kit("run", "--pull", cwd=other).stdout
    assert not (other / ".dvc/cache/files").exists()  # nothing has changed, and nothing was moved
    edit(other / "params.yaml", "1", "2")
    done = run_kit("run", "--pull", cwd=other).stdout
    assert "nothing had to run, 2 from cache, 2 unchanged" in done
    assert json.loads((other / "model/score.json").read_text()) == {"rate": 2}
    assert sorted(path.read_text() for path in (other / "model/parts").iterdir()) == ["2 0", "2 1", "2 2"]
    assert not (other / "local.txt").exists()
    assert not (other / "big.bin").exists()  # what nobody had to read did not come


def test_object_that_rotted_on_the_remote_makes_its_stage_run_again(machine: Path, tmp_path: Path) -> None:
    push(machine)
    wrong = tmp_path / "store" / object_name(hashlib.md5(b"2 0").hexdigest())
    wrong.chmod(0o644)
    wrong.write_text("7 0")
    other = tmp_path / "b"
    git(tmp_path, "clone", "-q", str(machine), str(other))
    edit(other / "params.yaml", "1", "2")
    assert "2 from cache" not in run_kit("run", "--pull", cwd=other).stdout
    assert (other / "model/parts/0.txt").read_text() == "2 0"


def test_outputs_go_where_they_are_said_to_go_and_nowhere_else(machine: Path, tmp_path: Path) -> None:
    push(machine)
    by_path = {
        path: digest for entry in local_entries(machine / ".dvc/cache") for path, digest in entry.outs.items()
    }
    assert by_path["kept.json"] in digests(tmp_path / "backup")
    assert by_path["big.bin"] in digests(tmp_path / "store")
    assert by_path["local.txt"] not in digests(tmp_path / "store") | digests(tmp_path / "backup")
    assert by_path["big.bin"] not in digests(tmp_path / "backup")


def test_second_push_moves_nothing_and_a_third_what_is_new(machine: Path) -> None:
    first, second = push(machine), push(machine)
    assert (first.bytes > 100_000, second.bytes, second.runs, second.uploaded) == (True, 0, 0, ())
    edit(machine / "params.yaml", "1", "3")
    dvc(machine, "repro")
    third = push(machine)
    assert (third.runs, 0 < third.bytes < 10_000) == (2, True)


def test_push_without_runs_leaves_the_run_cache_out(machine: Path, tmp_path: Path) -> None:
    assert push_project(machine, PushOptions(git=False, runs=False)).runs == 0
    assert not (tmp_path / "store/runs").exists()
    assert not (tmp_path / "store/mlops-kit/runs").exists()


def test_runs_of_other_projects_in_a_shared_cache_are_not_told(machine: Path, tmp_path: Path) -> None:
    push(machine)
    edit(machine / "dvc.yaml", "deps: [seed.txt]\n  train", "deps: [seed.txt, params.yaml]\n  train")
    shutil.rmtree(tmp_path / "store")
    (tmp_path / "store").mkdir()
    cached = Place("cache", machine / ".dvc/cache")
    assert push(machine).runs == 4
    assert all(cached.find(digest) for digest in digests(tmp_path / "store"))


def test_run_whose_outputs_are_damaged_here_does_not_go(machine: Path, tmp_path: Path) -> None:
    trial = next(
        e for e in local_entries(machine / ".dvc/cache") if "params" in e.text and "rate: 2" in e.text
    )
    wrong = machine / ".dvc/cache" / object_name(trial.outs["score.json"])
    wrong.chmod(0o644)
    wrong.write_text('{"rate": 7}')
    assert push(machine).runs == 3  # nor does that of `twice`, which has the same content
    assert trial.outs["score.json"] not in digests(tmp_path / "store")


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace stops it at a chosen moment")
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_push_that_was_killed_leaves_nothing_half_there_and_goes_on(
    origin: Path, tmp_path: Path, nth: int
) -> None:
    shutil.copytree(origin, tmp_path / "a")
    (tmp_path / "backup").mkdir()
    configure(tmp_path / "a", "    url = ../../store\n", "['remote \"backup\"']\n    url = ../../backup\n")
    killed = subprocess.run(
        ["strace", "-f", "-qq", "-o", str(tmp_path / "trace"), "-e", "trace=rename", "-e", f"inject=rename:signal=SIGKILL:when={nth}",
         sys.executable, "-m", "mlops_kit", "push", "--no-git"],
        cwd=tmp_path / "a", env={**os.environ, "COLUMNS": "120"}, capture_output=True,
    )  # fmt: skip
    assert killed.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
    before = digests(tmp_path / "store")
    for listing in [digest for digest in before if digest.endswith(".dir")]:
        members = Place("store", tmp_path / "store").members(listing) or {}
        assert set(members.values()) <= before
    push(tmp_path / "a")
    assert push(tmp_path / "a").bytes == 0
    assert not list((tmp_path / "store/mlops-kit/tmp").iterdir())


def test_thousand_small_files_go_and_come_side_by_side_and_are_counted(tmp_path: Path) -> None:
    root = tmp_path / "many"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    write(
        root,
        {".dvc/.gitignore": "/tmp\n/cache\n", ".dvc/config": "['remote \"store\"']\n    url = ../../store\n"},
    )
    folder = put_folder(root / ".dvc/cache", *(f"{number}".encode() for number in range(1000)))
    (root / "files.dvc").write_text(f"outs:\n- md5: {folder}\n  path: files\n")
    heard: list[int] = []
    totals: list[tuple[int, int]] = []
    watch = PushWatch(
        on_total=lambda files, size: totals.append((files, size)),
        on_file=lambda name, size: heard.append(size),
    )
    done = push_project(root, PushOptions(git=False), watch)
    assert (done.objects, len(heard), sum(heard), totals) == (1001, 1001, done.bytes, [(1001, done.bytes)])
    assert digests(tmp_path / "store") == digests(root / ".dvc/cache")
    shutil.rmtree(root / ".dvc/cache")
    done_again = pull_project(root, PullOptions())
    assert (done_again.objects, done_again.bytes, done_again.missing) == (1001, done.bytes, ())
    assert len(list((root / "files").iterdir())) == 1000
