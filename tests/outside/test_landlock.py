"""Confinement, in processes of its own: it cannot be taken back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import mlops_kit
from mlops_kit.outside.landlock import landlock_version

pytestmark = pytest.mark.skipif(
    landlock_version() < 4, reason="needs a kernel with Landlock for files and TCP"
)

PACKAGE = Path(mlops_kit.__file__).parent
SYSTEM = ["/usr", "/lib", "/lib64", "/etc", "/dev", sys.base_prefix, sys.prefix, str(PACKAGE)]
PROGRAM = f"""
import socket, subprocess, sys
from pathlib import Path
from mlops_kit.outside.landlock import Allowance, confine_process
root = Path(sys.argv[1])
confine_process(Allowance(read=[*map(Path, {SYSTEM}), root / "in.txt", root / "gone"], write=[root / "out"], network=sys.argv[2] == "network"))
def attempt(name, act):
    try:
        act()
        print(name, "done")
    except (OSError, subprocess.CalledProcessError) as error:
        print(name, getattr(error, "errno", "failed"))
attempt("read", (root / "in.txt").read_text)
attempt("hidden", (root / "hidden.txt").read_text)
attempt("write", lambda: (root / "out" / "x").write_text("x"))
attempt("move", lambda: (root / "out" / "x").rename(root / "out" / "y"))
attempt("elsewhere", lambda: (root / "new.txt").write_text("x"))
attempt("over", lambda: (root / "in.txt").write_text("x"))
attempt("child", lambda: subprocess.run(["cat", str(root / "hidden.txt")], check=True, capture_output=True))
attempt("listen", lambda: socket.create_server(("127.0.0.1", 0)).close())
"""


def confined(root: Path, mode: str = "") -> dict[str, str]:
    (root / "out").mkdir(exist_ok=True)
    (root / "in.txt").write_text("in")
    (root / "hidden.txt").write_text("hidden")
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(root), mode], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(line.split() for line in done.stdout.splitlines())


def test_only_what_is_allowed_is_left(tmp_path: Path) -> None:
    assert confined(tmp_path) == {
        "read": "done", "hidden": "13", "write": "done", "move": "done", "elsewhere": "13", "over": "13", "child": "failed",
        "listen": "13",
    }  # fmt: skip
    assert (tmp_path / "in.txt").read_text() == "in"
    assert (tmp_path / "out" / "y").exists()


def test_the_network_can_be_left_open(tmp_path: Path) -> None:
    assert confined(tmp_path, "network")["listen"] == "done"
