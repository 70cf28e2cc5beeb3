"""`mlops-kit adopt` on the command line: what is printed, in which form, with which exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

from mlops_kit.cli.edge import run_guarded
from tests.project.adopting import make_repository, status

SCRIPT = {"train.py": "import json\njson.dump({'auc': 1}, open('metrics.json', 'w'))\n"}


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = run_guarded(["adopt", *arguments])
    return code, capsys.readouterr().out


def test_plan_is_printed_with_the_proposed_stages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_repository(tmp_path, SCRIPT)
    code, out = run(capsys, "--dry-run", "--repo", str(root))
    assert code == 0
    assert "proposed     train (train.py, from its source)" in out
    assert "+ dvc.yaml: the proposed stages" in out
    assert "cmd: python train.py" in out
    assert out.endswith("dry run: nothing was written\n")
    assert status(root) == []


def test_added_files_are_named_with_what_comes_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_repository(tmp_path, SCRIPT)
    code, out = run(capsys, "--repo", str(root))
    assert (code, "added 7 files" in out, "  dvc repro\n  mlops-kit compare" in out) == (0, True, True)
    code, out = run(capsys, "--repo", str(root))
    assert (code, "adopted already" in out) == (0, True)


def test_file_that_was_deleted_since_is_named_and_stays_deleted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_repository(tmp_path, SCRIPT)
    run(capsys, "--repo", str(root))
    (root / "kpis.yaml").unlink()
    assert "kpis.yaml was added then and is gone" in run(capsys, "--repo", str(root))[1]
    assert not (root / "kpis.yaml").exists()


def test_json_is_printed_when_a_file_is_in_the_way_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_repository(tmp_path, {**SCRIPT, "kpis.yaml": "x: 1\n"})
    for flags in (["--json"], ["--json", "--dry-run"]):
        code, out = run(capsys, *flags, "--repo", str(root))
        states = {file["path"]: file["state"] for file in json.loads(out)["files"]}
        assert (code, states["kpis.yaml"], json.loads(out)["written"]) == (7, "conflict", [])


def test_names_cannot_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_repository(
        tmp_path, {"dvc.yaml": 'stages: {"a\\u001b[31m": {cmd: x}}\n', "b\u202e.py": "open('\x1b[2J', 'w')\n"}
    )
    out = run(capsys, "--dry-run", "--repo", str(root))[1]
    assert "a?[31m" in out
    assert "\x1b" not in out
    assert "\u202e" not in out
