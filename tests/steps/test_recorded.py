"""The check at a stage's start: environment and code are those that dvc.yaml was generated for."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_kit.errors import StaleError
from mlops_kit.project.desired import desired_files
from mlops_kit.project.write import write_files
from mlops_kit.spec.load import read_lifecycle, read_params
from mlops_kit.steps.contract import read_contract
from mlops_kit.steps.recorded import check_code, check_environment

LIFECYCLE = "version: 1\nproject: {name: p}\ntask: {kind: regression, target: y, key: [id]}\nsteps:\n  fit: {uses: steps/fit.py}\n"
FIT = "from mlops_kit import Arrow, Metrics, run, step\nfrom steps import helper\nimport numpy\n@step\ndef fit(*, params) -> Metrics: ...\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "steps").mkdir()
    (tmp_path / "mlops.yaml").write_text(LIFECYCLE)
    (tmp_path / "params.yaml").write_text("fit: {}\n")
    (tmp_path / "steps/fit.py").write_text(FIT)
    (tmp_path / "steps/helper.py").write_text("")
    (tmp_path / "steps/other.py").write_text("")
    write_files(tmp_path, desired_files(tmp_path))
    return tmp_path


def check(root: Path) -> None:
    read_contract.cache_clear()
    check_environment(root, "fit")
    use = read_lifecycle(root).steps["fit"]
    check_code(root, "fit", use, read_contract(root / "steps/fit.py"), read_params(root).get("fit"))


def change(root: Path, path: str, old: str, new: str) -> None:
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new, 1))


def test_what_was_generated_may_run(root: Path) -> None:
    check(root)


@pytest.mark.parametrize(
    ("path", "old", "new", "message"),
    [
        ("steps/helper.py", "", "from steps import other\n", "dvc.yaml misses steps/other.py"),
        ("steps/helper.py", "", "import pandas\n", "no version is recorded for what it imports: pandas"),
        ("steps/fit.py", "fit(*", "fit(rows: Arrow, *", "dvc.yaml misses data/rows.parquet"),
        ("steps/fit.py", "-> Metrics", "-> Arrow", "dvc.yaml misses data/fit.parquet"),
        (".mlops/provenance.yaml", "numpy: ", "numpy: '0' # ", r"numpy .* \(recorded 0\)"),
        (".mlops/provenance.yaml", "python: '3", "python: '2", "recorded is 2"),
    ],
)
def test_what_was_not_recorded_is_refused(root: Path, path: str, old: str, new: str, message: str) -> None:
    change(root, path, old, new)
    with pytest.raises(StaleError, match=message) as caught:
        check(root)
    assert "mlops-kit generate" in caught.value.fix


def test_module_that_was_tried_in_vain_and_is_there_now_is_refused(root: Path) -> None:
    change(root, "steps/helper.py", "", "try:\n    import notyet\nexcept ImportError:\n    pass\n")
    write_files(root, desired_files(root))
    check(root)
    change(root, ".mlops/provenance.yaml", "- notyet\n", "- zipfile\n")
    with pytest.raises(StaleError):
        check(root)


def test_lock_names_the_command_that_mends(root: Path) -> None:
    (root / "requirements.lock").write_text("numpy==0.1\n")
    write_files(root, desired_files(root))
    with pytest.raises(StaleError, match=r"recorded 0\.1") as caught:
        check(root)
    assert "uv pip install -r requirements.lock" in caught.value.fix
