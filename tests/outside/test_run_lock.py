"""One run at a time, and DVC and we out of each other's way. Real processes, real DVC where its own code decides."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlops_kit.errors import RefusedError
from mlops_kit.outside.aside import Aside
from mlops_kit.outside.file_lock import Holder
from mlops_kit.outside.run_lock import (
    CLAIMS,
    DVC_LOCK,
    Announced,
    forget_claims,
    hold_dvc,
    hold_run,
    run_holder,
)
from tests.support.shapes import write

DEAD = 2**22 + 1  # above the largest process id of Linux
HOLDING = """\
import sys
from pathlib import Path
from mlops_kit.outside.run_lock import hold_dvc, hold_run
with {hold}(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_elsewhere(root: Path, hold: str) -> Iterator[subprocess.Popen[str]]:
    """Hold a lock in another process while the block lasts."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING.format(hold=hold), str(root)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def test_second_run_is_told_who_has_the_lock(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path, "hold_run") as other:
        named = pytest.raises(RefusedError, match=f"is being run by process {other.pid}")
        with named as error, hold_run(tmp_path, patience=0):
            pass
        assert f"kill {other.pid}" in error.value.fix
        found = run_holder(tmp_path)
        assert found is not None
        assert found.pid == other.pid
    assert run_holder(tmp_path) is None


def test_waiting_run_goes_on_when_the_other_has_ended(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path, "hold_run") as other:
        told: list[Holder] = []

        def end(holder: Holder) -> None:
            told.append(holder)
            other.kill()

        with hold_run(tmp_path, on_wait=end):
            pass
    assert [holder.pid for holder in told] == [other.pid]


@pytest.mark.skipif(os.name == "nt", reason="descriptors are inherited another way")
def test_lock_of_a_killed_run_is_kept_by_the_process_that_inherited_it(tmp_path: Path) -> None:
    read, write = os.pipe()
    with hold_run(tmp_path) as lock:
        heir = subprocess.Popen([sys.executable, "-c", "input()"], stdin=read, pass_fds=[lock.descriptor])
        copy = os.dup(lock.descriptor)
    os.close(copy)
    assert run_holder(tmp_path) is None  # ended in order: free at once, whoever has inherited it
    os.close(write)
    heir.wait()
    os.close(read)


def test_dvc_is_refused_while_its_lock_is_ours_and_free_after(tmp_path: Path) -> None:
    lockfile = pytest.importorskip("zc.lockfile")
    with hold_dvc(tmp_path):
        with pytest.raises(lockfile.LockError):
            lockfile.LockFile(str(tmp_path / DVC_LOCK))
        assert (tmp_path / DVC_LOCK).read_text() == f" {os.getpid()}\n"
    lockfile.LockFile(str(tmp_path / DVC_LOCK)).close()


def test_we_are_refused_while_dvc_has_its_lock(tmp_path: Path) -> None:
    lockfile = pytest.importorskip("zc.lockfile")
    (tmp_path / DVC_LOCK).parent.mkdir(parents=True)
    taken = lockfile.LockFile(str(tmp_path / DVC_LOCK))
    with (
        pytest.raises(RefusedError, match=f"worked on by process {os.getpid()}"),
        hold_dvc(tmp_path, patience=0),
    ):
        pass
    taken.close()


def test_lock_of_hard_links_is_the_one_of_flufl(tmp_path: Path) -> None:
    flufl = pytest.importorskip("flufl.lock")
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    (tmp_path / ".dvc/config").write_text("[core]\n    hardlink_lock = true\n")
    other = flufl.Lock(str(tmp_path / DVC_LOCK))
    with hold_dvc(tmp_path), pytest.raises(flufl.TimeOutError):
        other.lock(timeout=0)
    other.lock(timeout=0)
    with pytest.raises(RefusedError), hold_dvc(tmp_path, patience=0):
        pass
    other.unlock()
    assert list((tmp_path / ".dvc/tmp").iterdir()) == []


def claims(root: Path) -> dict[str, dict[str, object]]:
    value: dict[str, dict[str, object]] = json.loads((root / CLAIMS).read_text())
    return value


def test_dvc_sees_what_running_stages_read_and_write(tmp_path: Path) -> None:
    from dvc.fs import localfs
    from dvc.lock import LockError
    from dvc.rwlock import rwlock

    announced = Announced(tmp_path, "mlops-kit run")
    assert announced.add("train", ["data"], ["model"]) is None

    def work(read: list[str], write: list[str]) -> None:
        paths = [[str(tmp_path / name) for name in names] for names in (read, write)]
        with rwlock(str(tmp_path / ".dvc/tmp"), localfs, "dvc repro", *paths, False):
            pass

    work(["data/part"], ["other"])
    for paths in ((["model"], []), ([], ["model/deep"]), ([], ["data"])):
        with pytest.raises(LockError, match="mlops-kit run"):
            work(*paths)
    announced.close()
    work(["model"], ["data"])
    assert not any(claims(tmp_path).values())


def test_claim_of_another_process_is_named_and_that_of_a_dead_one_dropped(tmp_path: Path) -> None:
    (tmp_path / CLAIMS).parent.mkdir(parents=True)
    living, dead = {"pid": os.getppid(), "cmd": "dvc repro"}, {"pid": DEAD, "cmd": "dvc repro"}
    value = {
        "write": {str(tmp_path / "a"): living, str(tmp_path / "b"): dead},
        "read": {str(tmp_path / "c"): [dead]},
    }
    (tmp_path / CLAIMS).write_text(json.dumps(value))
    announced = Announced(tmp_path)
    assert announced.add("one", ["a"], []) == Holder(os.getppid(), "dvc repro")
    assert announced.add("two", ["b"], ["c"]) is None
    announced.close()
    assert claims(tmp_path)["write"] == {str(tmp_path / "a"): living}


def test_path_that_two_stages_read_stays_claimed_until_both_are_done(tmp_path: Path) -> None:
    announced = Announced(tmp_path)
    announced.add("one", ["data"], ["x"])
    announced.add("two", ["data"], ["y"])
    announced.remove("one")
    assert list(claims(tmp_path)["read"]) == [str(tmp_path / "data")]
    forget_claims(tmp_path, os.getpid())
    assert claims(tmp_path) == {"write": {}, "read": {}}


def test_half_a_list_of_a_killed_dvc_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / CLAIMS).parent.mkdir(parents=True)
    (tmp_path / CLAIMS).write_text('{"write": {"/a')
    assert Announced(tmp_path).add("one", [], ["x"]) is None
    assert list(claims(tmp_path)["write"]) == [str(tmp_path / "x")]


def test_run_puts_right_what_a_power_loss_has_left(tmp_path: Path) -> None:
    write(tmp_path, {"out.txt": "old"})
    Aside(tmp_path).put("train", ["out.txt"])
    write(tmp_path, {"out.txt": "half", f".dvc/tmp/mlops-kit/tmp/{platform.node()}-{DEAD}-x": "half"})
    with hold_run(tmp_path):
        assert (tmp_path / "out.txt").read_text() == "old"
        assert not any((tmp_path / ".dvc/tmp/mlops-kit/tmp").iterdir())
