"""Programs below a warden: told when they end, ended when we end, and old outputs back after that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_kit.errors import OutsideError
from mlops_kit.outside.aside import Aside
from mlops_kit.outside.run_lock import hold_run
from mlops_kit.outside.tree import descendants
from mlops_kit.outside.warded import Warded
from tests.outside.test_hold import ended
from tests.support.shapes import write

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ends of processes are awaited with pidfd")

# Starts one child as usual and one that has left its session and its parent, and tells all three.
LEAVES = (
    "import subprocess as s; print(s.Popen(['sleep', '1000'], start_new_session=True, stdout=s.DEVNULL).pid)"
)
FAMILY = f"""\
import os, subprocess, sys, time
usual = subprocess.Popen(["sleep", "1000"])
left = subprocess.run([sys.executable, "-c", {LEAVES!r}], stdout=subprocess.PIPE, text=True)
print(os.getpid(), usual.pid, left.stdout.strip(), flush=True)
time.sleep(1000)
"""
RUNNING = f"""\
import os, sys
from pathlib import Path
from mlops_kit.outside.aside import Aside
from mlops_kit.outside.run_lock import hold_run
from mlops_kit.outside.warded import Warded
root = Path(sys.argv[1])
with hold_run(root) as lock, Warded(root, lock.descriptor) as warded:
    Aside(root).put("train", ["out.txt"])
    (root / "out.txt").write_text("half")
    warded.start([sys.executable, "-c", {FAMILY!r}], cwd=root, env=os.environ, output=1)
    warded.ended(wait=True)
"""


@pytest.fixture
def warded(tmp_path: Path) -> Iterator[Warded]:
    with Warded(tmp_path) as found:
        yield found


def start(warded: Warded, folder: Path, program: str, **variables: str) -> tuple[int, int]:
    """Start a Python program and return its process id and the descriptor of what it prints."""
    reading, writing = os.pipe()
    pid = warded.start(
        [sys.executable, "-c", program], cwd=folder, env={**os.environ, **variables}, output=writing
    )
    os.close(writing)
    return pid, reading


def text_of(descriptor: int) -> str:
    with os.fdopen(descriptor) as file:
        return file.read()


def test_program_gets_its_folder_and_variables_and_its_code_comes_back(
    warded: Warded, tmp_path: Path
) -> None:
    program = (
        "import os, sys; print(os.getcwd(), os.environ['WORD'], os.getsid(0) == os.getpid()); sys.exit(3)"
    )
    pid, output = start(warded, tmp_path, program, WORD="ä b")
    assert text_of(output) == f"{tmp_path} ä b True\n"
    (told,) = warded.ended(wait=True)
    assert (told.pid, told.code) == (pid, 3)
    assert told.peak_bytes > 1_000_000
    assert warded.ended(wait=True) == []


def test_program_has_no_file_open_but_its_three_and_every_signal_as_usual(
    warded: Warded, tmp_path: Path
) -> None:
    program = "import os, signal as s; print(sorted(map(int, os.listdir('/proc/self/fd')))[:-1], [s.getsignal(n) == s.SIG_DFL for n in (s.SIGTERM, s.SIGHUP, s.SIGCHLD)])"
    _, output = start(warded, tmp_path, program)
    assert text_of(output) == "[0, 1, 2] [True, True, True]\n"


def test_program_that_does_not_exist_is_named(warded: Warded, tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match="no-such-program"):
        warded.start(["no-such-program"], cwd=tmp_path, env={}, output=1)
    assert start(warded, tmp_path, "")[0] > 0


def test_ended_program_takes_its_family_along(warded: Warded, tmp_path: Path) -> None:
    pid, output = start(warded, tmp_path, FAMILY)
    with os.fdopen(output) as file:
        family = [int(word) for word in file.readline().split()]
        warded.end(pid)
        (told,) = warded.ended(wait=True)
        assert told.code == -signal.SIGTERM
        assert ended(family[:2])
        warded.close()
        assert ended(family)


def test_program_that_does_not_heed_is_killed(warded: Warded, tmp_path: Path) -> None:
    program = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    pid, output = start(warded, tmp_path, program)
    with os.fdopen(output) as file:
        file.readline()
        warded.end(pid)
        assert [told.code for told in warded.ended(wait=True)] == [-signal.SIGKILL]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_run_leaves_no_process_and_the_old_outputs(tmp_path: Path, number: int) -> None:
    write(tmp_path, {"out.txt": "old"})
    with subprocess.Popen(
        [sys.executable, "-c", RUNNING, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        assert run.stdout is not None
        family = [int(word) for word in run.stdout.readline().split()]
        run.send_signal(number)
    with hold_run(tmp_path):  # it is free when the warden is done
        assert (tmp_path / "out.txt").read_text() == "old"
        assert ended(family)


def test_killed_warden_takes_nothing_with_it_that_is_not_ended_by_us(warded: Warded, tmp_path: Path) -> None:
    pid, output = start(warded, tmp_path, FAMILY)
    with os.fdopen(output) as file:
        family = [int(word) for word in file.readline().split()]
        os.kill(warded._warden.pid, signal.SIGKILL)
        assert [told.pid for told in warded.ended(wait=True)] == [pid]
        assert ended(family[:2])
    for left in set(descendants(os.getpid())) & set(family):
        os.kill(left, signal.SIGKILL)


def test_hundred_programs_at_once_are_all_told(warded: Warded, tmp_path: Path) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    wanted = {
        warded.start(["/bin/sh", "-c", f"exit {n % 7}"], cwd=tmp_path, env={}, output=null): n % 7
        for n in range(100)
    }
    found: dict[int, int] = {}
    while len(found) < len(wanted):
        found |= {told.pid: told.code for told in warded.ended(wait=True)}
    os.close(null)
    assert found == wanted


def test_finished_stage_is_not_brought_back(tmp_path: Path) -> None:
    write(tmp_path, {"out.txt": "old"})
    with Warded(tmp_path):
        Aside(tmp_path).put("train", ["out.txt"])
        write(tmp_path, {"out.txt": "new"})
        Aside(tmp_path).drop("train")
    assert (tmp_path / "out.txt").read_text() == "new"
