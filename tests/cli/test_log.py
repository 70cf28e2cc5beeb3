"""`mlops-kit log` as a user calls it: forms, files, exit codes, a closed pipe."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.cli.edge import run_guarded
from mlops_kit.errors import ExitCode
from tests.support.histories import import_history

KIT = (sys.executable, "-m", "mlops_kit", "log")


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    values = [json.dumps({"auc": number / 100, "loss": 1 - number / 100}) for number in range(60)]
    import_history(tmp_path / "r", [{"dvc.yaml": "metrics: [m.json]\n", "m.json": value} for value in values])
    monkeypatch.chdir(tmp_path / "r")
    return tmp_path / "r"


def out(capsys: pytest.CaptureFixture[str], *arguments: str, code: ExitCode = ExitCode.OK) -> str:
    assert run_guarded(["log", *arguments]) == code
    return capsys.readouterr().out


def test_table_is_the_default_and_spark_json_html_are_forms(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "0.59* +0.01" in out(capsys)
    assert "▁▁▂▂" in out(capsys, "--spark", "auc")
    assert len(json.loads(out(capsys, "--json", "-n", "7"))["commits"]) == 7
    assert out(capsys, "--html").startswith("<!doctype html>")


def test_output_takes_the_form_from_the_ending(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, start in (("a.txt", "main: 20"), ("a.json", "{"), ("a.html", "<!doctype")):
        assert out(capsys, "-o", name) == f"wrote {name}\n"
        assert (repo / name).read_text(encoding="utf-8").startswith(start)
    assert out(capsys, "--spark", "-o", "b.txt") == "wrote b.txt\n"
    assert "█" in (repo / "b.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments",
    [["--json", "--html"], ["--changes", "--every-commit"], ["-n", "-1"], ["-o", "x.png"], ["-o", "no/x.html"], ["--rev", "--all"],
     ["auk"], ["--tags", "--rev", "HEAD"]],
)  # fmt: skip
def test_wrong_use_is_said_and_writes_nothing(
    repo: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    before = sorted(path.name for path in repo.iterdir())
    assert run_guarded(["log", *arguments]) == ExitCode.USAGE
    assert capsys.readouterr().err
    assert sorted(path.name for path in repo.iterdir()) == before


def test_what_cannot_be_read_is_exit_4_in_every_form(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repo / "m.json").write_text("{broken")
    shown = out(capsys, code=ExitCode.UNREADABLE)
    assert shown.count("? m.json at 1 commit cannot be understood") == 1
    assert "fix: mend the file, then run again" in shown
    for form in ("--json", "--html", "--spark"):
        assert "m.json" in out(capsys, form, code=ExitCode.UNREADABLE)


def test_reader_that_goes_is_no_error(repo: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", '"$0" -m mlops_kit log -n 0 --every-commit | head -n 1', KIT[0]],
        cwd=repo,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.stdout.startswith("main: 60")


def test_old_code_page_gets_plain_signs(repo: Path) -> None:
    environment = {"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin", "HOME": str(repo.parent)}
    done = subprocess.run([*KIT, "--spark"], cwd=repo, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "1122" in done.stdout


def test_width_is_that_of_the_terminal(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    shown = out(capsys)
    assert "1 more: loss" in shown
    assert max(map(len, shown.splitlines()[2:22])) <= 50
