"""Thirty-five ways to depend on something undeclared: what each set of mechanisms finds, and what a confined stage gets of them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_kit.outside.landlock import landlock_version
from tests.steps.watch import hidden

LINUX = sys.platform == "linux"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("probes")
    (root / "steps").mkdir()
    (root / "steps" / "__init__.py").touch()
    shutil.copy(hidden.__file__, root / "steps" / "hidden.py")
    subprocess.run([sys.executable, "-m", "steps.hidden", "prepare"], cwd=root, check=True)
    return root


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def watch(project: Path, port: int, **variables: str) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Return what each probe gave, and the findings by name."""
    (project / "cfg" / "written.txt").unlink(missing_ok=True)
    trace = project / "trace.jsonl"
    trace.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "steps.hidden", "run", str(port)],
        cwd=project,
        env={**os.environ, **variables, "MLOPS_KIT_TRACE": str(trace)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(trace.read_text())
    return json.loads(done.stdout), {finding["name"]: finding for finding in record["findings"]}


def found_probes(findings: dict[str, dict[str, str]], port: int) -> set[str]:
    names = {name: f"cfg/{file}" for name, (file, _, _) in hidden.FILES.items()}
    names |= {name: target for name, (target, _) in hidden.OTHERS.items()}
    names["tcp"] = f"127.0.0.1:{port}"
    assert len(names) == 35
    return {probe for probe, name in names.items() if name in findings}


@pytest.mark.skipif(not LINUX, reason="inotify is Linux's")
def test_all_but_one_probe_are_found_on_linux_with_lines(project: Path, port: int) -> None:
    outcome, findings = watch(project, port, MLOPS_KIT_WATCH="warn")
    assert set(outcome.values()) == {"done"}, outcome
    found = found_probes(findings, port)
    assert len(found) >= 34, set(outcome) - found
    assert len(findings) <= 35, "and nothing else is"
    source = (project / "steps" / "hidden.py").read_text().splitlines()
    for name, code in (
        ("cfg/open.txt", "open(path)"),
        ("cfg/cat.txt", '"cat"'),
        ("HIDDEN_SWITCH", "environ"),
    ):
        file, _, line = findings[name]["where"].partition(":")
        assert file == "steps/hidden.py"
        assert code in source[int(line) - 1]


def test_portable_mechanisms_find_most_probes(project: Path, port: int) -> None:
    _, findings = watch(
        project, port, MLOPS_KIT_WATCH="warn", MLOPS_KIT_WATCH_MECHANISMS="portable", HIDDEN_SWITCH="on"
    )
    assert len(found_probes(findings, port)) >= 25
    assert len(findings) <= 35


@pytest.mark.skipif(landlock_version() < 4, reason="needs a kernel with Landlock for files and TCP")
def test_a_confined_stage_gets_nothing_undeclared(project: Path, port: int) -> None:
    outcome, findings = watch(project, port, MLOPS_KIT_WATCH="refuse")
    got = {probe for probe, result in outcome.items() if result == "done"}
    assert got == {"stat", "absent file", "os.environ"}, "what the kernel does not refuse is found instead"
    assert got <= found_probes(findings, port)
    assert "does not declare" in outcome["end"]
    assert not (project / "cfg" / "written.txt").exists()
    assert "Permission denied" in outcome["duckdb"]
