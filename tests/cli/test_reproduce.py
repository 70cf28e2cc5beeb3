"""`mlops-kit reproduce` as a command: exit codes, JSON, attestations, and an interrupt that leaves nothing."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.outside import git
from tests.support.shapes import start, write
from tests.support.world import run_kit

pytestmark = pytest.mark.slow


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def repository(root: Path, *, cmd: str = "echo hello > out.txt", out: str = "hello\n") -> Path:
    """Make a repository with one stage whose record says that it wrote `out`; no DVC runs."""
    start(root)
    lock = f"schema: '2.0'\nstages:\n  only:\n    cmd: {json.dumps(cmd)}\n    outs:\n    - path: out.txt\n      md5: {md5(out)}\n"
    write(
        root,
        {
            "dvc.yaml": f"stages:\n  only:\n    cmd: {json.dumps(cmd)}\n    outs: [out.txt]\n",
            "dvc.lock": lock,
        },
    )
    git.commit_all(root, "recorded")
    return root


def reproduce(root: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    return run_kit("reproduce", *flags, cwd=root, check=False)


@pytest.mark.parametrize(
    ("cmd", "flags", "code", "level"),
    [
        ("echo hello > out.txt", [], 0, "R3"),
        ("echo hello > out.txt", ["--require", "R4"], 5, "R3"),
        ("echo other > out.txt", [], 5, "R0"),
        ("echo other > out.txt", ["--require", "R0"], 0, "R0"),
        ("exit 7", [], 8, "NONE"),
        ("true", [], 5, "NONE"),
    ],
)
def test_exit_code_and_level(tmp_path: Path, cmd: str, flags: list[str], code: int, level: str) -> None:
    done = reproduce(repository(tmp_path / "r", cmd=cmd), "--json", *flags)
    found = json.loads(done.stdout)
    assert (done.returncode, found["exit_code"], found["level"]) == (code, code, level), done.stderr
    assert found["reached"] is (code == 0)


def test_environment_that_nothing_locks_is_said(tmp_path: Path) -> None:
    found = json.loads(reproduce(repository(tmp_path / "r"), "--json").stdout)
    assert found["environment"] == "current"
    assert any("nothing locks it" in note for note in found["notes"])


def test_terminal_names_what_differs_and_what_stopped_the_next_rung(tmp_path: Path) -> None:
    done = reproduce(repository(tmp_path / "r", cmd="echo other > out.txt"))
    assert "✗ only: out.txt different" in done.stdout
    assert (
        "only different or identical" in done.stdout
        or "only identical or different can be said" in done.stdout
    )
    assert "R0; R3 is required and NOT reached" in done.stdout


def test_attestation_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    texts = []
    for name in ("a.json", "b.json"):
        assert reproduce(root, "--attest", str(tmp_path / name), "--builder", "ci").returncode == 0
        texts.append((tmp_path / name).read_bytes())
    assert texts[0] == texts[1]
    assert json.loads(texts[0])["subject"] == [
        {"name": "out.txt", "digest": {"sha256": hashlib.sha256(b"hello\n").hexdigest()}}
    ]


def test_two_signed_attestations_confirm_each_other(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    signers = ""
    for name in ("ci", "laptop"):
        key = tmp_path / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        signers += f"{name} {key.with_suffix('.pub').read_text()}"
        flags = ["--attest", f"{key}.json", "--builder", name, "--sign", str(key)]
        assert reproduce(root, *flags).returncode == 0
    (tmp_path / "signers").write_text(signers)
    files = [str(tmp_path / "ci.json"), str(tmp_path / "laptop.json")]
    done = reproduce(root, "--confirm", *files, "--allowed-signers", str(tmp_path / "signers"), "--json")
    assert (done.returncode, json.loads(done.stdout)["level"]) == (0, "R5"), done.stderr
    assert reproduce(root, "--confirm", *files).returncode == 5


@pytest.mark.parametrize(
    "flags",
    [
        ["--require", "R9"],
        ["--perturb", "hard"],
        ["--environment", "mars"],
        ["--stages", "nothing"],
        ["--sample", "0"],
        ["--sample", "1", "--changed"],
        ["a", "b"],
        ["--sign", "no-such-key"],
        ["--attest", "no/such/folder/x.json"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_said_before_anything_runs(tmp_path: Path, flags: list[str]) -> None:
    done = reproduce(repository(tmp_path / "r", cmd="touch /tmp/never"), *flags)
    assert done.returncode == 2, done.stderr
    assert "fix:" in done.stderr


def test_revision_that_does_not_exist_is_unreadable(tmp_path: Path) -> None:
    assert reproduce(repository(tmp_path / "r"), "nothing").returncode == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_leaves_neither_folders_nor_processes(tmp_path: Path, number: signal.Signals) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    root = repository(tmp_path / "r", cmd=f"exec 3> {held}; echo runs >&3; sleep 600")
    (tmp_path / "tmp").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "mlops_kit", "reproduce"],
        cwd=root,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with held.open() as lines:
        assert lines.readline() == "runs\n"
        process.send_signal(number)
        assert lines.read() == "", "the stage is gone when nobody holds the other end"
    assert process.wait(timeout=60) == 130
    assert os.listdir(tmp_path / "tmp") == []
