"""A stage takes the perturbed values inside its fixed environment, and its process sees another clock and another order of files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.outside.resources import templates_root
from mlops_kit.steps.environment import stage_environment
from mlops_kit.steps.perturbation import VARIABLE, variables_of

AXES = {"threads": "2", "hashseed": "4242", "zone": "Asia/Tokyo", "locale": "C", "noise": "on"}
PROGRAM = """\
import datetime, json, os, pathlib, pickle, sys, time
print(json.dumps({
    "now": datetime.datetime.now().year, "utc": datetime.datetime.now(datetime.timezone.utc).year, "today": datetime.date.today().year,
    "time": time.gmtime(time.time()).tm_year, "local": time.localtime().tm_year, "text": int(time.strftime("%Y")), "ctime": int(time.ctime()[-4:]),
    "same": type(datetime.datetime.now()) is datetime.datetime and pickle.loads(pickle.dumps(datetime.datetime.now())).year,
    "list": os.listdir(sys.argv[1]), "scan": [e.name for e in os.scandir(sys.argv[1])], "glob": [p.name for p in pathlib.Path(sys.argv[1]).iterdir()],
}))
"""


def run_python(axes: dict[str, str], folder: Path, site: Path) -> dict[str, object]:
    environment = {**os.environ, VARIABLE: json.dumps(axes), "PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    value: dict[str, object] = json.loads(done.stdout)
    return value


def test_stage_takes_the_perturbed_values_inside() -> None:
    base = {"PATH": "/bin", **variables_of(AXES)}
    made = stage_environment(base, threads=1)
    assert (made["OMP_NUM_THREADS"], made["PYTHONHASHSEED"], made["TZ"]) == ("2", "4242", "Asia/Tokyo")
    assert (made["LC_ALL"], made["PYTHONUTF8"], made["TERM"]) == ("C", "0", "vt100")
    assert made["MLOPS_KIT_STAGE"] == "1"


def test_without_perturbation_nothing_changes() -> None:
    assert stage_environment({"TERM": "x", "TZ": "Asia/Tokyo"})["TZ"] == "UTC"
    assert variables_of({}) == {}


def test_every_clock_of_python_is_ahead_and_files_come_in_another_order(tmp_path: Path) -> None:
    folder, site = tmp_path / "many", tmp_path / "site"
    folder.mkdir()
    site.mkdir()
    for name in "badc":
        (folder / name).touch()
    for name in ("sitecustomize.py", "pins.py"):
        (site / name).write_bytes((templates_root() / "perturb" / name).read_bytes())
    year = run_python({"threads": "1"}, folder, site)["now"]
    made = run_python({"clock": "+398d", "files": "reversed"}, folder, site)
    assert isinstance(year, int)
    for name in ("now", "utc", "today", "time", "local", "text", "ctime", "same"):
        assert made[name] in (year + 1, year + 2), name
    for name in ("list", "scan", "glob"):
        assert made[name] == ["d", "c", "b", "a"]


@pytest.mark.parametrize("with_variable", [True, False])
def test_process_that_is_kept_from_the_perturbation_leaves_a_mark(
    tmp_path: Path, with_variable: bool
) -> None:
    (tmp_path / "sitecustomize.py").write_bytes(
        (templates_root() / "perturb" / "sitecustomize.py").read_bytes()
    )
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    extra = {VARIABLE: json.dumps({"zone": "UTC"})} if with_variable else {}
    subprocess.run(
        [sys.executable, "-c", ""], env={**environment, **extra, "PYTHONPATH": str(tmp_path)}, check=True
    )
    assert (tmp_path / "masked").exists() is not with_variable


def test_sitecustomize_of_the_environment_still_runs(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        folder.mkdir()
    for name in ("sitecustomize.py", "pins.py"):
        (ours / name).write_bytes((templates_root() / "perturb" / name).read_bytes())
    (theirs / "sitecustomize.py").write_text("import os; os.environ['THEIRS'] = 'ran'\n")
    path = os.pathsep.join([str(ours), str(theirs)])
    environment = {**os.environ, VARIABLE: json.dumps({"zone": "UTC"}), "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.environ['THEIRS'])"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "ran\n"
