"""The DVC adapter, against the real DVC."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.outside.dvc import StageEvent, StageState, dvc_environment, materialize, reproduce

PIPELINE = """\
stages:
  one:
    cmd: python -c "open('a.txt', 'w').write(open('in.txt').read())"
    deps: [in.txt]
    outs: [a.txt]
  two:
    cmd: python -c "import sys; t = open('a.txt').read(); open('b.txt', 'w').write(t); sys.exit(5 if 'bad' in t else 0)"
    deps: [a.txt]
    outs: [b.txt]
"""


@pytest.fixture
def project(git_repo: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "dvc", "init", "-q"], cwd=git_repo, check=True, env=dvc_environment()
    )
    (git_repo / "dvc.yaml").write_text(PIPELINE)
    (git_repo / "in.txt").write_text("good")
    return git_repo


@pytest.mark.slow
def test_reproduce_reports_what_ran_what_was_cached_and_what_failed(project: Path) -> None:
    events: list[StageEvent] = []
    first = reproduce(project, on_event=events.append)
    assert first.code == 0
    assert [stage for stage, _ in first.ran] == ["one", "two"]
    assert [e.state for e in events] == [StageState.RUNNING, StageState.RAN] * 2
    assert reproduce(project).skipped == ("one", "two")

    (project / "in.txt").write_text("bad")
    failed = reproduce(project)
    assert (failed.code != 0, failed.failed, failed.stage_codes) == (True, "two", (5,))
    assert any("failed to reproduce" in line for line in failed.tail)

    (project / "in.txt").write_text("good")
    assert reproduce(project).cached == ("one", "two")


@pytest.mark.slow
def test_materialize_restores_from_the_cache_and_names_what_is_gone(project: Path) -> None:
    reproduce(project)
    (project / "a.txt").unlink()
    assert materialize(project, ["a.txt"]) == ()
    assert (project / "a.txt").read_text() == "good"
    (project / "a.txt").unlink()
    for blob in (project / ".dvc/cache/files/md5").glob("*/*"):
        blob.unlink()
    assert materialize(project, ["a.txt"]) == ("a.txt",)


def test_stages_see_this_interpreter_and_keep_byte_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    made = dvc_environment()
    assert "PYTHONDONTWRITEBYTECODE" not in made
    assert made["PATH"].startswith(str(Path(sys.executable).parent))
