from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mlops_kit.outside.scratch import open_scratch

KILLED = """
import os, signal
from mlops_kit.outside.scratch import open_scratch
made = open_scratch("tried-")
(made.path / "large").write_bytes(b"x")
print(made.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_closed_scratch_is_gone_and_may_be_closed_again() -> None:
    made = open_scratch("tried-")
    (made.path / "large").write_bytes(b"x")
    made.close()
    made.close()
    assert not made.path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="an open file keeps its folder there")
def test_the_scratch_of_a_killed_process_goes_with_the_next_one() -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True)
    left = Path(ended.stdout.strip())
    assert (left / "large").exists()
    open_scratch("tried-").close()
    assert not left.exists()


def test_the_scratch_of_a_living_process_stays() -> None:
    made = open_scratch("tried-")
    open_scratch("tried-").close()
    assert made.path.is_dir()
    made.close()
