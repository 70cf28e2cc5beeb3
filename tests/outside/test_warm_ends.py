"""Warm starts that end badly: whoever is killed, nothing is left over and the exit is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.outside.tree import ancestors
from mlops_kit.outside.warm import can_start_warm
from tests.outside.test_hold import ended
from tests.support.warm_lab import Lab, wait_for

pytestmark = pytest.mark.skipif(not can_start_warm(), reason="forks, pidfd and memfd of Linux")

SLEEPS = """
    import os, subprocess, time
    other = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    print(os.getpid(), other.pid, flush=True)
    time.sleep(1000)
"""
CLIENT = """
    import os, shutil, sys
    from pathlib import Path
    from tests.support.warm_lab import Lab
    lab = Lab(Path(sys.argv[1]), ["json"])
    child, read = lab.start("sleeps.py")
    print(lab.server.pid, os.read(read, 100).decode(), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    made = Lab(tmp_path, ["json"])
    made.write(sleeps=SLEEPS, client=CLIENT, quick="print(1)")
    return made


def test_killed_program_is_told_and_others_go_on(lab: Lab) -> None:
    child, read = lab.start("sleeps.py")
    pids = [int(word) for word in os.read(read, 100).split()]
    child.signal(signal.SIGKILL)
    assert wait_for(child).code == -signal.SIGKILL
    assert lab.warm("quick.py")[1:] == ("1\n", True)
    os.close(read)
    lab.server.close()
    assert ended(pids)


def test_signal_before_the_program_has_begun_withdraws_it(lab: Lab) -> None:
    child, read = lab.start("sleeps.py")
    child.signal(signal.SIGTERM)
    assert wait_for(child).code in {-signal.SIGTERM, -signal.SIGKILL}
    assert not child.pid or ended([child.pid])
    assert lab.warm("quick.py")[1:] == ("1\n", True)
    os.close(read)
    lab.server.close()


def test_killed_server_ends_its_programs_and_nothing_starts_warm_any_more(lab: Lab) -> None:
    child, read = lab.start("sleeps.py")
    pids = [int(word) for word in os.read(read, 100).split()]
    os.kill(ancestors(pids[0])[0], signal.SIGKILL)
    assert wait_for(child).code == -signal.SIGKILL
    assert ended(pids)
    write = os.open(os.devnull, os.O_WRONLY)
    again = lab.server.start(
        ["python", "quick.py"], cwd=lab.folder, environment=lab.environment, stdout=write
    )
    assert again is None or not wait_for(again).started
    for descriptor in (read, write):
        os.close(descriptor)
    lab.server.close()


def test_server_that_cannot_begin_starts_nothing(tmp_path: Path) -> None:
    lab = Lab(tmp_path, [], PYTHONHOME=str(tmp_path))
    child, read = lab.start("quick.py")
    result = wait_for(child)
    assert (result.started, os.read(read, 10)) == (False, b"")
    os.close(read)
    lab.server.close()


def test_killed_client_leaves_no_process(lab: Lab) -> None:
    command = [sys.executable, str(lab.folder / "client.py"), str(lab.folder)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    assert client.stdin is not None
    assert client.stdout is not None
    pids = [int(word) for word in client.stdout.readline().split()]
    client.kill()
    client.wait()
    client.stdin.close()
    client.stdout.close()
    assert len(pids) == 3
    assert ended(pids)
    lab.server.close()


def test_closed_server_ends_what_still_runs(lab: Lab) -> None:
    child, read = lab.start("sleeps.py")
    pids = [int(word) for word in os.read(read, 100).split()]
    lab.server.close()
    assert ended(pids)
    assert wait_for(child).code != 0
    os.close(read)
