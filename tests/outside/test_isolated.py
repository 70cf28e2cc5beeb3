"""Commands under limits: what the system can refuse is refused, and no process outlives us."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from mlops_kit.errors import OutsideError
from mlops_kit.outside.isolated import Limits, Processes
from mlops_kit.outside.machine import can_set, describe_interpreter, describe_machine

pytestmark = pytest.mark.skipif(os.name == "nt", reason="limits are for POSIX")


FREE = Limits()


def run(command: str, folder: Path, limits: Limits = FREE, **env: str) -> tuple[int, str]:
    log = folder / "log"
    code = Processes().run(command, cwd=folder, env={**os.environ, **env}, limits=limits, log=log)
    return code, log.read_text()


def test_both_streams_and_the_exit_code_come_back(tmp_path: Path) -> None:
    assert run("echo out; echo err >&2; exit 3", tmp_path) == (3, "out\nerr\n")


def test_shell_is_the_one_that_is_set(tmp_path: Path) -> None:
    assert run("echo $0", tmp_path, SHELL="/bin/sh") == (0, "/bin/sh\n")


def test_umask_reaches_the_command(tmp_path: Path) -> None:
    assert run("umask", tmp_path, Limits(umask=0o077)) == (0, "0077\n")


def test_one_processor_is_all_that_is_seen(tmp_path: Path) -> None:
    if not can_set(Limits(cpus=1)):
        pytest.skip("this system does not let a process choose")
    command = f'"{sys.executable}" -c "import os; print(len(os.sched_getaffinity(0)))"'
    assert run(command, tmp_path, Limits(cpus=1)) == (0, "1\n")


def test_network_is_denied_to_children_too(tmp_path: Path) -> None:
    if not can_set(Limits(network=False)):
        pytest.skip("no Landlock here")
    program = "import socket; s = socket.create_server(('127.0.0.1', 0))"
    code, out = run(f'sh -c "\\"{sys.executable}\\" -c \\"{program}\\""', tmp_path, Limits(network=False))
    assert code != 0
    assert "PermissionError" in out


def test_background_process_does_not_outlive_its_command(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "held")
    ended = threading.Thread(target=(tmp_path / "held").read_text)  # ends when nobody holds the other end
    ended.start()
    assert run("exec 3> held; sleep 600 & true", tmp_path)[0] == 0
    ended.join(timeout=30)
    assert not ended.is_alive()


def test_stop_ends_what_runs_and_lets_nothing_start(tmp_path: Path) -> None:
    processes = Processes()
    os.mkfifo(tmp_path / "ready")
    codes: list[int] = []

    def work() -> None:
        command = "echo > ready; sleep 600"
        codes.append(
            processes.run(command, cwd=tmp_path, env=os.environ, limits=Limits(), log=tmp_path / "log")
        )

    thread = threading.Thread(target=work)
    thread.start()
    (tmp_path / "ready").read_text()
    processes.stop()
    thread.join(timeout=30)
    assert codes == [-9]
    with pytest.raises(OutsideError):
        processes.run("true", cwd=tmp_path, env=os.environ, limits=Limits(), log=tmp_path / "log")


def test_machine_and_interpreter_are_described() -> None:
    assert set(describe_machine()) == {"system", "processor", "libc"}
    facts = describe_interpreter(Path(sys.executable))
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
