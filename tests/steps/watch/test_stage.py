"""A watched stage of a project: warned, refused before anything is written, watched from its first import on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.outside.landlock import landlock_version
from mlops_kit.steps.sandbox import sandbox_command
from tests.support.shapes import write

FILES = {
    "mlops.yaml": """\
version: 1
project: {name: tiny}
task: {kind: classification, target: y, key: [id]}
steps:
  count:
    uses: steps/count.py
    deps: [raw.csv]
""",
    "dvc.yaml": """\
stages:
  count:
    cmd: python -m steps.count
    deps: [raw.csv, steps/__init__.py, steps/count.py, steps/settings.py]
    metrics: [metrics/count.json]
""",
    "steps/__init__.py": "",
    "steps/count.py": """\
from __future__ import annotations
import os
from pathlib import Path
from mlops_kit import Metrics, run, step
from steps.settings import FACTOR
@step
def count() -> Metrics:
    return {"rows": len(Path("raw.csv").read_text().splitlines()) * FACTOR}
if __name__ == "__main__":
    run(count)
""",
    "steps/settings.py": "FACTOR = 2\n",
    "raw.csv": "a\nb\n",
    "cfg/settings.json": "3",
    "cfg/table.csv": "a,b\n1,2\n",
    ".dvc/config": "",
    "params.yaml": "{}\n",
}
HIDDEN = "with open('cfg/settings.json') as file:\n    FACTOR = int(file.read())\n"
CONFINES = landlock_version() > 0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, FILES)
    return tmp_path


def run_stage(root: Path, mode: str = "warn", **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MLOPS_KIT_WATCH": mode, **variables}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run(
        [sys.executable, "-m", "steps.count"], cwd=root, env=environment, capture_output=True, text=True
    )


def kept_trace(root: Path, stage: str = "count") -> dict[str, object]:
    found: dict[str, object] = json.loads((root / ".dvc/tmp/mlops-kit/trace" / f"{stage}.json").read_text())
    return found


@pytest.mark.parametrize("mode", ["off", "warn", "refuse"])
def test_a_clean_stage_says_nothing(project: Path, mode: str) -> None:
    done = run_stage(project, mode)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((project / "metrics/count.json").read_text()) == {"rows": 4}
    assert mode == "off" or kept_trace(project)["findings"] == []


def test_a_file_read_during_an_import_is_told_with_its_line(project: Path) -> None:
    (project / "steps/settings.py").write_text(HIDDEN)
    done = run_stage(project, MLOPS_KIT_TRACE=str(project / "trace.jsonl"))
    assert done.returncode == 0
    assert "read cfg/settings.json (steps/settings.py:1)" in done.stderr
    assert "generate --from-trace" in done.stderr
    expected = [{"kind": "read", "name": "cfg/settings.json", "where": "steps/settings.py:1", "how": "read"}]
    assert kept_trace(project)["findings"] == expected
    assert json.loads((project / "trace.jsonl").read_text()) == kept_trace(project)


@pytest.mark.parametrize("mechanisms", ["best", "portable"])
def test_it_is_refused_before_anything_is_written(project: Path, mechanisms: str) -> None:
    (project / "steps/settings.py").write_text(HIDDEN)
    done = run_stage(project, "refuse", MLOPS_KIT_WATCH_MECHANISMS=mechanisms)
    assert done.returncode == 6
    assert "error: stage count: it uses what it does not declare:" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "metrics/count.json").exists()


SWALLOWED = """\
import os, pyarrow.csv
FACTOR = 2
try:
    {act}
except OSError:
    pass
"""


@pytest.mark.parametrize(
    "act", ["open('cfg/settings.json').close()", "os.path.exists('cfg/absent')", "os.environ.get('BONUS')"]
)
def test_what_the_code_swallows_is_refused_all_the_same(project: Path, act: str) -> None:
    (project / "steps/settings.py").write_text(SWALLOWED.format(act=act))
    done = run_stage(project, "refuse")
    assert done.returncode == 6
    assert not (project / "metrics/count.json").exists()


@pytest.mark.skipif(not CONFINES, reason="needs Landlock")
def test_what_the_kernel_refused_below_python_is_named(project: Path) -> None:
    (project / "steps/settings.py").write_text(
        "import pyarrow.csv\nFACTOR = pyarrow.csv.read_csv('cfg/table.csv').num_rows\n"
    )
    done = run_stage(project, "refuse")
    assert done.returncode == 6
    assert "read cfg/table.csv" in done.stderr


def test_files_of_the_user_outside_of_the_project_are_found(project: Path) -> None:
    home = Path(os.environ["HOME"])
    (home / "secret.txt").write_text("1")
    (project / "steps/settings.py").write_text(
        f"import os\nFACTOR = int(open({str(home / 'secret.txt')!r}).read())\n"
    )
    # pytest's folders lie in the folder for temporary files, which is nobody's input
    (project / "scratch").mkdir()
    done = run_stage(project, TMPDIR=str(project / "scratch"))
    assert f"read {home}/secret.txt (steps/settings.py:2)" in done.stderr


def test_declared_variables_reach_the_stage_and_are_no_finding(project: Path) -> None:
    (project / "steps/settings.py").write_text("import os\nFACTOR = int(os.environ['FACTOR'])\n")
    refused = run_stage(project, "refuse", FACTOR="5")
    assert refused.returncode != 0
    text = (project / "mlops.yaml").read_text()
    (project / "mlops.yaml").write_text(text + "    environment: [FACTOR]\n")
    assert run_stage(project, "refuse", FACTOR="5").stderr == ""
    assert json.loads((project / "metrics/count.json").read_text()) == {"rows": 10}


def test_a_folder_that_is_not_declared_may_not_be_listed(project: Path) -> None:
    (project / "steps/settings.py").write_text("import os\nFACTOR = len(os.listdir('cfg'))\n")
    assert "listed the folder cfg/ (steps/settings.py:2)" in run_stage(project).stderr
    assert run_stage(project, "refuse").returncode == 6


def test_any_program_can_be_run_confined(project: Path) -> None:
    good = sandbox_command("cat raw.csv > out/x.txt", project, ["raw.csv"], ["out/x.txt"], stage="plain")
    bad = sandbox_command(
        "cat raw.csv cfg/settings.json > out/y.txt", project, ["raw.csv"], ["out/y.txt"], stage="plain"
    )
    (project / "out").mkdir()
    done = subprocess.run(good, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (project / "out/x.txt").read_text() == "a\nb\n"
    refused = subprocess.run(bad, capture_output=True, text=True)
    assert refused.returncode == 6
    assert "cfg/settings.json" in refused.stderr
    assert "3" not in (project / "out/y.txt").read_text() or not CONFINES
    listed = subprocess.run(
        bad, capture_output=True, text=True, env={**os.environ, "MLOPS_KIT_WATCH": "warn"}
    )
    assert listed.returncode == 0
    assert "cfg/settings.json" in listed.stderr


def test_the_exit_code_of_a_confined_program_is_its_own(project: Path) -> None:
    done = subprocess.run(sandbox_command("exit 5", project, [], []), capture_output=True, text=True)
    assert done.returncode == 5
    assert "ran confined" in done.stderr
