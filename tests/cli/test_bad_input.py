"""Bad input: a clear message, its exit code, and nothing changed on disk."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_kit.cli.edge import run_guarded
from mlops_kit.errors import ExitCode
from tests.support.world import edit, git


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    assert run_guarded(["init", str(folder / "x"), "--yes"]) == 0
    return folder / "x"


@pytest.fixture
def project(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    subprocess.run(["cp", "-r", str(template), str(tmp_path / "x")], check=True)
    monkeypatch.chdir(tmp_path / "x")
    return tmp_path / "x"


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.parts and ".dvc/tmp/" not in path.as_posix()
    }


def says(capsys: pytest.CaptureFixture[str], code: ExitCode, *arguments: str) -> str:
    found = run_guarded(list(arguments))
    err = capsys.readouterr().err
    assert found == code, err
    assert err.startswith("error: ") or "Error" in err
    assert "Traceback" not in err
    return err


def test_not_a_git_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "not in a git repository" in says(capsys, ExitCode.USAGE, "compare")
    assert "mlops-kit init" in says(capsys, ExitCode.USAGE, "run")
    assert "no mlops.yaml" in says(capsys, ExitCode.USAGE, "generate")


def test_git_repository_without_a_pipeline(
    git_repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(git_repo)
    assert "no dvc.yaml" in says(capsys, ExitCode.USAGE, "compare")


def test_existing_folder_is_not_touched(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot(project)
    assert "exists and is not empty" in says(capsys, ExitCode.REFUSED, "init", str(project), "--yes")
    assert "lies in a git repository" in says(capsys, ExitCode.REFUSED, "init", "inner", "--yes")
    assert snapshot(project) == before


@pytest.mark.parametrize("name", ["-x", "a b", "a/b/c", "x" * 200])
def test_bad_name_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    says(capsys, ExitCode.USAGE, "init", "--yes", "--", name)
    assert list(tmp_path.iterdir()) == []


EDITS: list[tuple[str, str, str, str, list[str]]] = [
    ("mlops.yaml", "target: late", "target: [late", "mlops.yaml:", ["generate"]),
    ("mlops.yaml", "target: late", "target: late\n  targett: x", "unknown key `task.targett`", ["run"]),
    ("mlops.yaml", "kind: classification", "kind: ranking", "`classification` or `regression`", ["run"]),
    ("mlops.yaml", "uses: clean.rules", "uses: clean.rulez", "did you mean `clean.rules`", ["generate"]),
    ("mlops.yaml", "uses: steps/train.py", "uses: steps/absent.py", "does not exist", ["run"]),
    ("params.yaml", "clean:\n", "clean:\n  dedupe: true\nclean:\n", "stands here twice", ["run"]),
    ("params.yaml", "split:\n", "spilt:\n", "no section `split`", ["generate"]),
    ("kpis.yaml", "min: 0.65", "min: high", "must be a number", ["generate"]),
]


@pytest.mark.parametrize(
    ("file", "old", "new", "message", "command"),
    EDITS,
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_broken_project_file_is_named_and_nothing_changes(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    file: str,
    old: str,
    new: str,
    message: str,
    command: list[str],
) -> None:
    edit(project / file, old, new)
    before = snapshot(project)
    err = says(capsys, ExitCode.USAGE, *command)
    assert message in err
    assert "fix:" in err or "|" in err
    assert snapshot(project) == before


def test_malformed_yaml_shows_the_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(project / "mlops.yaml", "target: late", "target: 'late")
    err = says(capsys, ExitCode.USAGE, "run")
    assert "mlops.yaml:" in err
    assert " | " in err


def test_hand_edited_generated_file_is_refused_and_kept(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(project / "dvc.yaml", "stages:", "stages: # mine")
    before = snapshot(project)
    for command in (["generate"], ["generate", "--check"], ["run"]):
        assert "edited by hand: dvc.yaml" in says(capsys, ExitCode.STALE, *command)
    assert snapshot(project) == before


def test_stale_generated_file_fails_the_check_only(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(
        project / "steps/train.py",
        "def train(train: Table, *, task: Task",
        "def train(train: Table, clean: Arrow, *, task: Task",
    )
    edit(project / "steps/train.py", "    BadDataError,\n", "    Arrow,\n    BadDataError,\n")
    assert "dvc.yaml (stale)" in says(capsys, ExitCode.STALE, "generate", "--check")
    assert run_guarded(["generate"]) == 0
    assert run_guarded(["generate", "--check"]) == 0


def test_revision_that_does_not_exist(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "`nonsense` does not exist" in says(capsys, ExitCode.UNREADABLE, "compare", "nonsense")
    says(capsys, ExitCode.USAGE, "compare", "--", "--output=/tmp/x")


def test_unknown_stage_and_unknown_option(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no stage `trian`" in says(capsys, ExitCode.USAGE, "run", "trian")
    says(capsys, ExitCode.USAGE, "run", "--nonsense")
    says(capsys, ExitCode.USAGE, "compare", "--md", "--json")


def test_data_and_target_go_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "go together" in says(capsys, ExitCode.USAGE, "init", "x", "--target", "y")


DATA: list[tuple[str, bytes, ExitCode, str]] = [
    ("empty", b"", ExitCode.BAD_DATA, "the file is empty"),
    ("header only", b"id,y\n", ExitCode.BAD_DATA, "no rows"),
    ("not UTF-8", b"id,y\n1,\xff\xfe\n", ExitCode.BAD_DATA, "data.csv:2: not UTF-8"),
    ("duplicate columns", b"id,y,y\n1,0,1\n", ExitCode.BAD_DATA, "duplicate columns: y"),
    ("ragged", b"id,y\n1,0\n2\n3\n", ExitCode.BAD_DATA, "data.csv:3: ragged row; 2 of 3 lines are no rows"),
    ("no target", b"id,yy\n1,0\n2,1\n", ExitCode.USAGE, "did you mean yy"),
    ("no key", b"a,y\n1,0\n1,1\n", ExitCode.BAD_DATA, "no column names a row uniquely"),
    ("many classes", b"id,y\n1,a\n2,b\n3,c\n", ExitCode.USAGE, "3 values"),
    ("one class", b"id,y\n1,a\n2,a\n", ExitCode.BAD_DATA, "only the value a"),
]


@pytest.mark.parametrize(("name", "content", "code", "message"), DATA, ids=[row[0] for row in DATA])
def test_bad_data_file_is_described_and_nothing_is_made(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes,
    code: ExitCode,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_bytes(content)
    assert message in says(capsys, code, "init", "x", "--yes", "--data", "data.csv", "--target", "y")
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (
            lambda p: edit(p / "kpis.yaml", "metric: quarantine_share", "metric: quarantine_shar"),
            ExitCode.USAGE,
            "did you mean `quarantine_share`",
        ),
        (
            lambda p: (p / "data/source/flights.csv.gz").write_bytes(b"\x1f\x8b"),
            ExitCode.BAD_DATA,
            "cannot be decompressed",
        ),
        (
            lambda p: edit(p / "params.yaml", "column: arr_delay", "column: arrdelay"),
            ExitCode.BAD_DATA,
            "no column `arrdelay`",
        ),
        (
            lambda p: edit(p / "params.yaml", "max_iter: 60", "max_iters: 60"),
            ExitCode.USAGE,
            "did you mean `max_iter`",
        ),
    ],
    ids=["KPI on a metric that does not exist", "damaged source", "missing label column", "unknown param"],
)
def test_stage_that_cannot_work_ends_the_run_with_its_code(
    project: Path,
    capfd: pytest.CaptureFixture[str],
    change: Callable[[Path], None],
    code: ExitCode,
    message: str,
) -> None:
    edit(project / "params.yaml", "sample: 1.0", "sample: 0.2")
    change(project)
    found = run_guarded(["run"])
    out = " ".join(capfd.readouterr().out.split())
    assert found == code, out
    assert message in out


def test_interrupt_is_130(
    monkeypatch: pytest.MonkeyPatch, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mlops_kit.project.desired.desired_project", interrupted)
    assert run_guarded(["generate"]) == ExitCode.INTERRUPTED
    assert "interrupted; what was finished is kept" in capsys.readouterr().err


def test_unexpected_error_writes_a_log_with_versions(
    monkeypatch: pytest.MonkeyPatch, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("mlops_kit.project.desired.desired_project", broken)
    assert run_guarded(["generate"]) == ExitCode.UNEXPECTED
    log = Path(capsys.readouterr().err.strip().rpartition(" ")[2])
    assert "ZeroDivisionError: oops" in log.read_text()
    assert "scikit-learn" in log.read_text()
    log.unlink()


def test_predictions_whose_keys_do_not_match_are_said(tmp_path: Path) -> None:
    import numpy as np

    from mlops_kit.artifacts.predictions import PredictionTable
    from mlops_kit.compare.shared import share_rows

    def table(keys: list[str]) -> PredictionTable:
        ones = np.ones(len(keys))
        return PredictionTable(np.array(keys), ones, ones, {}, "classification", 0.5)

    shared = share_rows(table(["a", "b", "c"]), table(["b", "x"]))
    assert list(shared.old.key) == ["b"]
    assert "1 test rows are shared; the base has 3, the head 2" in shared.notes[0]


def test_dirty_tree_is_compared_and_git_is_left_alone(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "metrics").mkdir()
    before = git(project, "rev-parse", "HEAD")
    assert "metrics/cleaning.json" in run_and_read(capsys, ["compare"])
    assert git(project, "rev-parse", "HEAD") == before


def run_and_read(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    assert run_guarded(arguments) == ExitCode.UNREADABLE
    return capsys.readouterr().out


def test_ci_run_refuses_uncommitted_work_outside_of_ci(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(project / "params.yaml", "max_iter: 60", "max_iter: 61")
    before = snapshot(project)
    assert "uncommitted changes (params.yaml)" in says(
        capsys, ExitCode.REFUSED, "ci", "run", "--out", str(project.parent / "report")
    )
    assert snapshot(project) == before
