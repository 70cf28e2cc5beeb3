"""Writing dvc.lock: in place, at the end, and what others wrote meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_kit.artifacts.lock_file import LockFile

ENTRY = {"cmd": "echo 1", "outs": [{"path": "o", "hash": "md5", "md5": "b" * 32, "size": 2}]}
BLOCK = (
    "    cmd: echo 1\n    outs:\n    - path: o\n      hash: md5\n      md5: " + "b" * 32 + "\n      size: 2\n"
)
HEAD = "schema: '2.0'\nstages:\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dvc.lock"


def test_new_file_has_the_entries_in_their_order(path: Path) -> None:
    LockFile(path).write({"b": ENTRY, "a": ENTRY})
    assert path.read_text() == f"{HEAD}  b:\n{BLOCK}  a:\n{BLOCK}"


def test_entry_keeps_its_place_when_it_changes(path: Path) -> None:
    lock = LockFile(path)
    lock.write({"b": ENTRY, "a": ENTRY})
    lock.write({"b": {**ENTRY, "cmd": "echo 2"}})
    assert path.read_text() == f"{HEAD}  b:\n{BLOCK.replace('echo 1', 'echo 2')}  a:\n{BLOCK}"


def test_what_others_wrote_meanwhile_stays(path: Path) -> None:
    lock = LockFile(path)
    lock.write({"b": ENTRY})
    path.write_text(f"{HEAD}  other:\n{BLOCK}")
    lock.write({"a": ENTRY})
    assert path.read_text() == f"{HEAD}  other:\n{BLOCK}  a:\n{BLOCK}"
    assert lock.entry("other") == ENTRY
    assert lock.entry("b") is None


def test_comments_of_a_hand_formatted_file_stay(path: Path) -> None:
    path.write_text(f"# mine\n{HEAD}  b:   # here\n{BLOCK}")
    LockFile(path).write({"a": ENTRY})
    assert path.read_text() == f"# mine\n{HEAD}  b:   # here\n{BLOCK}  a:\n{BLOCK}"


def test_file_is_swapped_and_leaves_nothing_beside_it(path: Path) -> None:
    LockFile(path).write({"b": ENTRY})
    before = path.stat().st_ino
    LockFile(path).write({"a": ENTRY})
    assert path.stat().st_ino != before
    assert [file.name for file in path.parent.iterdir()] == ["dvc.lock"]
