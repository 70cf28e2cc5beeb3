"""Stopped anywhere, short of disk anywhere, all at once: nothing is lost, and the same command again goes on.

A sample; `make faults` hits at 300 points.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.support.crash.interleave import Interleavings
from tests.support.crash.points import FAULTS, FILES, spread
from tests.support.crash.projects import build, faults, look
from tests.support.crash.trials import COMMANDS, Trials, names
from tests.support.shapes import write

needs_strace = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("strace") is None, reason="faults are injected with strace"
)
LOG = """\
openat(AT_FDCWD, "/usr/lib/x.so", O_RDONLY|O_CLOEXEC) = 3
openat(AT_FDCWD, "/place/out", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3</place/out>
write(3</place/out>, "text", 4) = 4
write(1</dev/pts/0>, "said", 4) = 4
write(3</place/out>, "more", 4) = 4
rename("/place/out", "/place/done") = 0
clone(child_stack=NULL, flags=SIGCHLD) = 12
"""


def test_points_are_the_calls_that_change_something_with_their_count(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(LOG)
    points = spread(tmp_path / "log", [Path("/place")], 20)
    assert [(p.call, p.count) for p in points[:5]] == [
        ("openat", 2),
        ("write", 1),
        ("write", 3),
        ("rename", 1),
        ("clone", 1),
    ]
    assert {p.fault for p in points if p.call in FILES} == set(FAULTS)
    assert {p.fault for p in points if p.call == "clone"} <= set(FAULTS[:2])


@pytest.mark.slow
def test_what_is_lost_half_written_or_corrupt_is_seen(tmp_path: Path) -> None:
    root = build(tmp_path)
    before = look(tmp_path)
    (root / "score.json").unlink()
    write(root, {"data/model.txt": "half", "stray": ""})
    lock = (root / "dvc.lock").read_bytes()
    (root / "dvc.lock").write_bytes(lock[:100])
    broken = sorted((root / ".dvc/cache/files/md5").glob("*/*"))[0]
    broken.chmod(0o644)
    broken.write_text("other")
    found = [wrong.partition(": ")[0].split(" ends")[0] for wrong in faults(tmp_path, before, before)]
    assert sorted(found) == ["corrupt object", "dvc.lock", "half-written", "half-written", "lost"]


@pytest.mark.slow
@needs_strace
@pytest.mark.parametrize(
    ("command", "number"), [("run", 10), ("push", 7), ("pull", 7), ("acquire", 3), ("acquire-disk", 2)]
)
def test_command_that_is_hit_loses_nothing_and_goes_on(command: str, number: int, tmp_path: Path) -> None:
    trials = Trials(COMMANDS[command], tmp_path)
    assert names([trials.try_at(point) for point in trials.points(number)]) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the stages are shell scripts")
def test_two_runs_a_push_and_a_commit_at_once_lose_nothing(tmp_path: Path) -> None:
    interleavings = Interleavings(tmp_path)
    assert [wrong for seed in (100,) for wrong in interleavings.mix(seed)] == []
