"""Plain `dvc repro` is safe, and an edit of comments alone runs nothing: real runs of a project with one stage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.outside.dvc import dvc_environment
from tests.support.recorded import write_project
from tests.support.world import edit, git, run_kit

FILES = {
    "mlops.yaml": "version: 1\nproject: {name: p}\ntask: {kind: regression, target: y, key: [id]}\nsteps:\n  fit: {uses: steps/fit.py}\n",
    "params.yaml": "fit: {}\n",
    "steps/fit.py": "from mlops_kit import Metrics, run, step\nfrom steps import helper\n@step\ndef fit() -> Metrics:\n    return {'x': helper.X}\nif __name__ == '__main__':\n    run(fit)\n",
    "steps/helper.py": "X = 1\n",
    "steps/other.py": "Y = 2\n",
    ".gitignore": "__pycache__/\n",
}


def dvc(root: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dvc", *args],
        cwd=root,
        env={**os.environ, **dvc_environment()},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_comments_run_nothing_and_unrecorded_code_is_refused_by_plain_dvc(tmp_path: Path) -> None:
    root = tmp_path / "p"
    write_project(root, FILES)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "start")
    run_kit("run", cwd=root)
    edit(root / "steps/helper.py", "X = 1", "X = (1)  # one")
    report = json.loads(run_kit("run", "--json", cwd=root).stdout)
    assert (report["ran"], report["only_comments"]) == ([], {"steps/helper.py": ["fit"]})
    assert json.loads(dvc(root, "status", "--json").stdout) == {}

    edit(root / "steps/helper.py", "X = (1)", "from steps.other import Y\nX = Y")
    refused = dvc(root, "repro")
    assert refused.returncode != 0
    assert "dvc.yaml misses steps/other.py" in refused.stdout + refused.stderr
    assert "exited with 6" in refused.stderr
    run_kit("run", cwd=root)
    assert json.loads((root / "metrics/fit.json").read_text()) == {"x": 2}
    assert json.loads(dvc(root, "status", "--json").stdout) == {}
