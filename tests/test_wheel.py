"""The built wheel, installed into a fresh environment away from the checkout, makes a project and runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.support.world import UV_CACHE, build_wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.mark.slow
def test_wheel_carries_the_templates_and_nothing_of_the_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "mlops_kit/templates/common/kind.yaml" in names
    assert "mlops_kit/templates/kinds/flights/data/flights.csv.gz" in names
    assert "mlops_kit/report/style.css" in names
    assert "mlops_kit/py.typed" in names
    assert not [name for name in names if name.startswith(("tests/", "scripts/"))]


@pytest.mark.slow
def test_installed_wheel_makes_a_project_and_runs_it(wheel: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "UV_OFFLINE": "1", "UV_CACHE_DIR": UV_CACHE, "UV_PYTHON_DOWNLOADS": "never"}
    environment.pop("PYTHONPATH", None)
    constraints = tmp_path / "constraints.txt"
    constraints.write_text(
        "".join(f"{d.name}=={d.version}\n" for d in distributions() if d.name.lower() != "dvc-mlops-kit")
    )
    uv = Path(sys.executable).with_name("uv")
    subprocess.run(
        [uv, "venv", "-q", "--python", sys.executable, tmp_path / "venv"], check=True, env=environment
    )
    install = [
        uv,
        "pip",
        "install",
        "-q",
        "--python",
        tmp_path / "venv/bin/python",
        "--constraint",
        constraints,
        wheel,
    ]
    subprocess.run(install, check=True, env=environment)
    kit = tmp_path / "venv/bin/mlops-kit"
    subprocess.run(
        [kit, "init", "x", "--yes"], cwd=tmp_path, check=True, capture_output=True, env=environment
    )
    done = subprocess.run(
        [kit, "run", "--json"], cwd=tmp_path / "x", capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["metrics"]["roc_auc"] > 0.65
