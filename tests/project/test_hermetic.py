"""`run --hermetic`, from the command line to the kernel and back, and from what was seen to declarations."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.outside.aside import failed_outputs
from mlops_kit.outside.dvc import dvc_environment
from tests.support.shapes import write
from tests.support.world import ROOT, git, run_kit

FILES = {
    "mlops.yaml": """\
version: 1
project: {name: tiny}
task: {kind: classification, target: y, key: [id]}
steps:
  count:
    uses: steps/count.py
    deps: [raw.csv]  # the rows
  copy: {cmd: cat raw.csv cfg/extra.txt > out/copy.txt, deps: [raw.csv], outs: [out/copy.txt]}
""",
    "steps/count.py": """\
from __future__ import annotations
import json
from pathlib import Path
from mlops_kit import Metrics, run, step
@step
def count() -> Metrics:
    factor = json.loads(Path("cfg/settings.json").read_text())
    return {"rows": len(Path("raw.csv").read_text().splitlines()) * factor}
if __name__ == "__main__":
    run(count)
""",
    "raw.csv": "a\nb\n",
    "cfg/settings.json": "3",
    "cfg/extra.txt": "extra\n",
    "out/.gitignore": "",
    "params.yaml": "{}\n",
    "kpis.yaml": "kpis: []\n",
    "schema.yaml": "columns: {}\n",
}


@pytest.fixture
def project(git_repo: Path) -> Path:
    write(git_repo, FILES)
    subprocess.run(
        [sys.executable, "-m", "dvc", "init", "-q"], cwd=git_repo, check=True, env=dvc_environment()
    )
    return git_repo


@pytest.mark.slow
def test_hidden_inputs_are_told_declared_and_then_accepted_by_a_hermetic_run(project: Path) -> None:
    report = json.loads(run_kit("run", "--json", cwd=project).stdout)
    names = {stage: [finding["name"] for finding in found] for stage, found in report["hidden"].items()}
    assert names == {"count": ["cfg/settings.json"], "copy": ["cfg/extra.txt"]}
    assert report["hidden"]["count"][0]["where"] == "steps/count.py:7"

    for stage in ("count", "copy"):
        refused = run_kit("run", "--hermetic", "--force", stage, cwd=project, check=False)
        assert refused.returncode == 6, refused.stdout
        assert "cfg/" in refused.stdout
    assert (project / "metrics/count.json").exists()  # the one of before
    assert not (failed_outputs(project, "count") / "metrics/count.json").exists()

    run_kit("run", cwd=project)
    shown = run_kit("generate", "--from-trace", cwd=project).stdout
    assert "+    deps: [raw.csv, cfg/settings.json]  # the rows" in shown
    assert "extra.txt]" not in (project / "mlops.yaml").read_text()
    run_kit("generate", "--from-trace", "--write", cwd=project)
    done = run_kit("run", "--hermetic", "--force", "--json", cwd=project)
    assert json.loads(done.stdout)["hidden"] == {}
    assert (project / "out/copy.txt").read_text() == "a\nb\nextra\n"


@pytest.mark.slow
def test_ci_confines_unless_mlops_yaml_says_otherwise(project: Path) -> None:
    run_kit("generate", cwd=project)
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "one")
    refused = run_kit("ci", "run", cwd=project, check=False)
    assert refused.returncode == 6, refused.stdout + refused.stderr
    assert "settings" in (project / "report/report.md").read_text()
    text = (project / "mlops.yaml").read_text().replace("steps:", "ci: {hermetic: false}\nsteps:")
    (project / "mlops.yaml").write_text(text)
    run_kit("generate", cwd=project)
    git(project, "commit", "-q", "--all", "--amend", "-m", "one")
    assert run_kit("ci", "run", cwd=project, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["generated", "reference"])
def test_our_own_projects_run_hermetically_without_a_finding(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "project"
    if kind == "generated":
        run_kit("init", str(root), "--yes", cwd=tmp_path)
    else:
        subprocess.run(["git", "clone", "-q", str(ROOT), str(root)], check=True)
    done = run_kit("run", "--hermetic", "--force", "--json", cwd=root)
    report = json.loads(done.stdout)
    assert report["hidden"] == {}
    assert len(report["ran"]) > 5
    if kind == "reference":
        assert git(root, "status", "--porcelain", "dvc.lock", "metrics", "reports") == "", "the same bytes"
