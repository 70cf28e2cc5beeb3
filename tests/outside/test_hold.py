"""No orphans: real processes, really killed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mlops_kit.errors import RefusedError
from mlops_kit.outside.dvc import dvc_environment
from mlops_kit.outside.hold import LOCKS, hold_stage
from mlops_kit.outside.tree import descendants
from tests.support.shapes import start, write

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ends of processes are awaited with pidfd")

LIFECYCLE = "version: 1\nproject: {name: p}\ntask: {kind: classification, target: y, key: [id]}\nsteps:\n"
# Tells its own process and that of a child, then waits for ever; `held` is what a step does first.
SLOW = """\
import os, subprocess, sys
from pathlib import Path
{held}
child = subprocess.Popen(["sleep", "1000"])
Path("out.txt").write_text("half")
with open("told", "w") as told:
    told.write(f"{{os.getpid()}} {{child.pid}}")
child.wait()
"""
HELD = "from mlops_kit.outside.hold import hold_stage; hold_stage(Path.cwd(), 'slow')"
TWICE = HELD + "\nif len(sys.argv) < 2: os.execve(sys.executable, [*sys.orig_argv, 'again'], os.environ)"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    roots: list[Path] = []

    def build(held: str) -> Path:
        root = start(tmp_path / "project")
        write(
            root,
            {
                "slow.py": SLOW.format(held=held),
                "dvc.yaml": "stages:\n  slow:\n    cmd: python slow.py\n    deps: [slow.py]\n    outs: [out.txt]\n",
                ".gitignore": "told\n",
            },
        )
        os.mkfifo(root / "told")
        roots.append(root)
        return root

    before = set(descendants(os.getpid()))
    # Tests that a shell runs in the background ignore SIGINT, and what they start would inherit that.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield build
    signal.signal(signal.SIGINT, handler)
    for pid in set(descendants(os.getpid())) - before:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def started(root: Path, *command: str) -> tuple[subprocess.Popen[bytes], list[int]]:
    """Start a program of the project and return it with the processes of its stage, which is at work then."""
    process = subprocess.Popen(
        [sys.executable, *command], cwd=root, env=dvc_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return process, [int(pid) for pid in (root / "told").read_text().split()]


def ended(pids: list[int]) -> bool:
    """Return whether all processes end within half a minute; no process of this number is an end too."""
    for pid in pids:
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            try:
                if not select.select([descriptor], [], [], 30)[0]:
                    return False
            finally:
                os.close(descriptor)
    return True


@pytest.mark.slow
@pytest.mark.parametrize("held", [HELD, TWICE], ids=["once", "again after execve"])
def test_stage_ends_with_the_dvc_that_was_killed(project: Callable[[str], Path], held: str) -> None:
    root = project(held)
    dvc, stage = started(root, "-m", "dvc", "repro")
    dvc.kill()
    dvc.wait()
    assert ended(stage)
    hold_stage(root, "slow", patience=0)  # and is free again
    lock = root / LOCKS / "slow.lock"
    assert lock.read_text() == f"{os.getpid()}\n"


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_nothing_outlives_mlops_kit_run(project: Callable[[str], Path], how: signal.Signals) -> None:
    root = project("")
    write(
        root,
        {
            "mlops.yaml": LIFECYCLE + "  slow: {cmd: python slow.py, deps: [slow.py], outs: [out.txt]}\n",
            "params.yaml": "{}\n",
            "kpis.yaml": "kpis: []\n",
            "schema.yaml": "columns: {}\n",
        },
    )
    (root / "dvc.yaml").unlink()
    run, stage = started(root, "-m", "mlops_kit", "run")
    all_of_it = [*descendants(run.pid), *stage]
    run.send_signal(how)
    code = run.wait(timeout=60)
    # In order, with the code that a shell gives a program that a signal has ended; after SIGKILL the warden is what is left.
    assert code == (-how if how is signal.SIGKILL else 128 + how)
    assert ended(all_of_it)


def test_second_run_of_a_stage_is_refused_and_names_the_first(project: Callable[[str], Path]) -> None:
    root = project(HELD)
    first, stage = started(root, "slow.py")
    with pytest.raises(RefusedError, match=f"process {stage[0]}, {stage[1]}") as refused:
        hold_stage(root, "slow", patience=0)
    assert f"kill {stage[0]}" in refused.value.fix
    first.kill()
    first.wait()
    with pytest.raises(RefusedError, match=rf"process {stage[1]}\)"):  # its child still writes
        hold_stage(root, "slow", patience=0)
    os.kill(stage[1], signal.SIGKILL)
    assert ended(stage)
    hold_stage(root, "slow", patience=0)


def test_stages_of_any_name_are_held_apart_and_outside_of_dvc_nothing_is(tmp_path: Path) -> None:
    hold_stage(tmp_path, "train")
    assert not (tmp_path / ".dvc").exists()
    (tmp_path / ".dvc").mkdir()
    for stage in ("train@a/b", "train@a b", "ü"):
        hold_stage(tmp_path, stage, patience=0)
    assert len(list((tmp_path / LOCKS).iterdir())) == 3
