"""Which files are read, and what the command says: for our own projects and for any DVC repository."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_kit.errors import ExitCode, SpecError, UsageError
from mlops_kit.project.doctor import Health, _lint
from mlops_kit.project.lint import lint_project
from tests.support.world import git, run_kit

UNSEEDED = "import numpy as np\n\n\ndef f():\n    return np.random.rand(3)\n"


@pytest.fixture
def repository(git_repo: Path) -> Path:
    """Return a DVC repository of somebody else: a script that imports a helper, run in a folder of its own."""
    for name, text in {
        ".dvc/config": "",
        "work/dvc.yaml": "stages:\n  one:\n    wdir: ../src\n    cmd: python train.py ${x}\n  two:\n    cmd: python -m src.score\n"
        "  three:\n    cmd: sh x.sh\n    deps: [../src/dep.py]\n",
        "work/params.yaml": "x: 1\n",
        "src/train.py": "from src.helper import f\n",
        "src/helper.py": UNSEEDED,
        "src/score.py": "x = hash('a')\n",
        "src/dep.py": "import uuid\nuuid.uuid4()\n",
        "src/unused.py": UNSEEDED,
    }.items():
        path = git_repo / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(git_repo, "add", "-A")
    return git_repo


def test_scripts_of_foreign_stages_and_their_modules_are_read(repository: Path) -> None:
    made = lint_project(repository)
    assert made.files == ("src/dep.py", "src/helper.py", "src/score.py", "src/train.py")
    assert [(f.path, f.line, f.rule) for f in made.findings] == [
        ("src/dep.py", 2, "uuid"),
        ("src/helper.py", 5, "numpy-random"),
        ("src/score.py", 1, "hash-seed"),
    ]
    assert made.exit_code == ExitCode.REFUSED


def test_named_files_and_folders_are_read_instead(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    assert lint_project(repository, [Path("src/unused.py"), Path("src")]).files[-1] == "src/unused.py"
    with pytest.raises(UsageError, match="nowhere"):
        lint_project(repository, [Path("nowhere")])


def test_doctor_warns_with_the_number_and_the_first_place(repository: Path) -> None:
    status, detail, fix = _lint(repository)
    assert (status, fix) == (Health.WARN, "mlops-kit lint")
    assert detail.startswith("3 places")
    assert "src/dep.py:2" in detail


def test_file_that_is_no_python_is_named_with_its_line(repository: Path) -> None:
    (repository / "src/train.py").write_text("a = 1\ndef f(:\n")
    with pytest.raises(SpecError, match=r"src/train\.py:2"):
        lint_project(repository)


def test_repository_without_any_script_says_what_to_name(git_repo: Path) -> None:
    (git_repo / ".dvc").mkdir()
    with pytest.raises(UsageError) as caught:
        lint_project(git_repo)
    assert caught.value.fix == "name files or folders: mlops-kit lint src"


def test_command_prints_places_and_ends_with_seven(repository: Path) -> None:
    done = run_kit("lint", cwd=repository, check=False)
    assert done.returncode == 7
    assert "src/helper.py:5:12: numpy-random: np.random.rand(3)" in done.stdout
    assert "stable: rng = numpy.random.default_rng(params.seed)" in done.stdout
    assert done.stdout.endswith("3 places where outputs can differ in 4 files\n")
    (repository / "src/helper.py").write_text("# fine\n")
    found = json.loads(run_kit("lint", "--json", cwd=repository, check=False).stdout)
    assert [f["rule"] for f in found["findings"]] == ["uuid", "hash-seed"]
    clean = run_kit("lint", "src/helper.py", cwd=repository)
    assert clean.stdout == "nothing that makes outputs differ in 1 file\n"


def test_new_project_has_nothing_to_find(tmp_path: Path) -> None:
    run_kit("init", "x", "--yes", cwd=tmp_path)
    made = lint_project(tmp_path / "x")
    assert made.findings == ()
    assert made.exit_code == ExitCode.OK


def test_list_names_every_rule() -> None:
    rules = json.loads(run_kit("lint", "--list", "--json", cwd=Path.cwd()).stdout)
    assert {"unseeded", "set-order", "file-order"} <= {rule["rule"] for rule in rules}
    assert all(rule["why"] and rule["fix"] for rule in rules)
