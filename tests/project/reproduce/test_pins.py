"""What is held still is the same in two processes, and what is not held still is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.outside.resources import templates_root

ASKS = {
    "clock": "import time, datetime, os; print(time.time(), datetime.datetime.now(), datetime.date.today(), os.stat('.').st_mtime, time.perf_counter())",
    "randomness": "import os, random, secrets, tempfile, uuid; print(os.urandom(4), random.random(), random.Random().random(), secrets.token_hex(4), uuid.uuid4(), next(tempfile._RandomNameSequence()))",
    "pid": "import os; print(os.getpid(), os.getppid())",
    "order": (
        "import threading, time\nseen = []\n"
        "threads = [threading.Thread(target=lambda n=n: (time.sleep(0.002), seen.append(n))) for n in range(24)]\n"
        "for one in threads: one.start()\n"
        "for one in threads: one.join()\n"
        "print(seen)"
    ),
}  # fmt: skip


def ask(folder: Path, pin: str, code: str) -> str:
    environment = {
        **os.environ,
        "PYTHONPATH": str(templates_root() / "perturb"),
        "MLOPS_KIT_PERTURB": json.dumps({"pin": pin}),
        "MLOPS_KIT_TRACE": str(folder / "trace.jsonl"),
        "DVC_ROOT": str(folder),
    }
    script = folder / "script.py"
    script.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("pin", ASKS)
def test_pinned_source_of_chance_is_the_same_in_two_processes(tmp_path: Path, pin: str) -> None:
    assert ask(tmp_path, pin, ASKS[pin]) == ask(tmp_path, pin, ASKS[pin])


@pytest.mark.parametrize("pin", [pin for pin in ASKS if pin != "order"])
def test_other_pins_leave_it_alone(tmp_path: Path, pin: str) -> None:
    assert ask(tmp_path, "files", ASKS[pin]) != ask(tmp_path, "files", ASKS[pin])


def test_line_that_asks_for_chance_is_noted(tmp_path: Path) -> None:
    ask(tmp_path, "randomness", "import uuid\n\nuuid.uuid4()\n")
    (line,) = (tmp_path / "trace.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["findings"] == [{"kind": "randomness", "name": "", "where": "script.py:3"}]


def test_numpy_draws_the_same_under_the_pin(tmp_path: Path) -> None:
    code = "import numpy as np; print(np.random.rand(), np.random.default_rng().random())"
    assert ask(tmp_path, "randomness", code) == ask(tmp_path, "randomness", code)
