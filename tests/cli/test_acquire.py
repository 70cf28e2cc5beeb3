from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.cli.edge import run_guarded
from tests.support.acquiring import acquiring_project, arrive
from tests.support.world import edit, run_kit


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return acquiring_project(tmp_path / "project")


def test_acquire_says_what_came_and_what_to_do_next(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_guarded(["acquire", "--repo", str(project)]) == 0
    said = capsys.readouterr()
    assert "✓ acquire: 2 new partitions, 6 rows; data/raw has 2 partitions, 6 rows" in said.out
    assert "new 2013-01: 3 rows, 995 B (inbox/2013-01.csv)" in said.out
    assert "acquire: 2/2 2013-02" in said.err


def test_rewriting_is_told_with_the_command_that_accepts_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_guarded(["acquire", "--repo", str(project)])
    arrive(project, 1, rows=4)
    assert run_guarded(["acquire", "--repo", str(project)]) == 7
    said = capsys.readouterr().out
    assert "mlops-kit acquire --accept-rewrite acquire:2013-01" in said
    assert run_guarded(["acquire", "--repo", str(project), "--accept-rewrite", "acquire:2013-01"]) == 0


def test_json_has_partitions_and_the_exit_code(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_guarded(["acquire", "--repo", str(project), "--json"])
    value = json.loads(capsys.readouterr().out)
    stage = value["stages"][0]
    assert value["exit_code"] == 0
    assert [line["partition"] for line in stage["added"]] == ["2013-01", "2013-02"]
    assert [offer["standing"] for offer in stage["fetch"]] == ["new", "new"]


def test_dry_run_lists_what_would_be_fetched(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_guarded(["acquire", "--repo", str(project), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "acquire: 2 to fetch, 184 B, 0 unchanged (inbox/*.csv)" in said
    assert "new 2013-02: inbox/2013-02.csv" in said


def test_project_that_acquires_nothing_is_told_what_would(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(project / "mlops.yaml", "acquire.files", "acquire.file")
    assert run_guarded(["acquire", "--repo", str(project)]) == 2
    assert "acquire.files" in capsys.readouterr().err


def test_call_without_news_loads_nothing_heavy(project: Path) -> None:
    run_guarded(["acquire", "--repo", str(project)])
    program = (
        "import sys\nfrom mlops_kit.cli.edge import run_guarded\n"
        f"assert run_guarded(['acquire', '--repo', {str(project)!r}]) == 0\n"
        "print([m for m in ('duckdb', 'pyarrow', 'pandas', 'numpy', 'dvc', 'typer', 'rich', 'ssl') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_ejected_step_acquires_as_the_built_in_one_did(project: Path) -> None:
    run_guarded(["acquire", "--repo", str(project)])
    before = (project / "data/raw.manifest.jsonl").read_text()
    run_guarded(["eject", "acquire", "--repo", str(project)])
    said = run_kit("acquire", cwd=project).stdout
    assert "nothing new" in said
    assert (project / "data/raw.manifest.jsonl").read_text() == before
    arrive(project, 3)
    assert "1 new partitions" in run_kit("acquire", cwd=project).stdout
