"""A new project: offline, at once, plain DVC, and byte-identical wherever it runs."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_kit.outside.dvc import dvc_environment
from mlops_kit.project.scaffold import plan_example, project_files
from mlops_kit.spec.load import load_labelling, read_kpis, read_lifecycle, read_params, read_schema
from tests.support.world import edit, git, run_kit


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    folder = tmp_path_factory.mktemp("new")
    start = time.monotonic()
    run_kit("init", "x", "--yes", cwd=folder)
    return folder / "x", time.monotonic() - start


def dvc(project: Path, *args: str) -> str:
    command = [sys.executable, "-m", "dvc", *args]
    return subprocess.run(
        command, cwd=project, env=dvc_environment(), check=True, capture_output=True, text=True
    ).stdout


def test_project_is_committed_whole_and_loads_back(made: tuple[Path, float]) -> None:
    project, _ = made
    assert git(project, "status", "--porcelain") == ""
    assert git(project, "log", "--format=%s") == "New project x"
    assert read_lifecycle(project).steps["train"].uses == "steps/train.py"
    assert set(read_params(project)) <= set(read_lifecycle(project).steps)
    assert read_kpis(project).kpis
    assert read_schema(project).columns["arr_delay"].role == "label_source"
    assert "verify = true" in (project / ".dvc/config").read_text()


def test_ejected_step_is_the_library_s_own_file(made: tuple[Path, float]) -> None:
    from mlops_kit.steps.catalog import CATALOG, module_file

    assert (made[0] / "steps/train.py").read_bytes() == module_file(CATALOG["train.boosting"]).read_bytes()


def test_eject_changes_one_line_and_refuses_a_second_time(made: tuple[Path, float], tmp_path: Path) -> None:
    subprocess.run(["cp", "-r", str(made[0]), str(tmp_path / "x")], check=True)
    run_kit("eject", "split", cwd=tmp_path / "x")
    changed = [
        line
        for line in git(tmp_path / "x", "diff", "-U0", "mlops.yaml").splitlines()
        if line.startswith(("+ ", "- "))
    ]
    assert [line.strip("+- ") for line in changed] == ["uses: split.time", "uses: steps/split.py"]
    assert run_kit("eject", "split", cwd=tmp_path / "x", check=False).returncode == 2


@pytest.mark.slow
def test_first_run_needs_no_edit_and_a_second_reruns_nothing(
    made: tuple[Path, float], tmp_path: Path
) -> None:
    subprocess.run(["cp", "-r", str(made[0]), str(tmp_path / "x")], check=True)
    project = tmp_path / "x"
    first = json.loads(run_kit("run", "--json", cwd=project).stdout)
    assert len(first["ran"]) == 12
    second = json.loads(run_kit("run", "--json", cwd=project).stdout)
    assert second["ran"] == []
    assert second["metrics"] == first["metrics"]
    assert dvc(project, "status").strip() == "Data and pipelines are up to date."
    assert json.loads(dvc(project, "metrics", "show", "--json"))[""]["data"]["metrics/evaluation.json"]
    git(project, "add", "-A")
    git(project, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "run")
    assert rung_of(project, "clean,split,train,deploy") == "R4"
    edit(project / "params.yaml", "max_iter: 60", "max_iter: 20")
    third = json.loads(run_kit("run", "--json", cwd=project).stdout)
    assert {stage["stage"] for stage in third["ran"]} == {
        "train",
        "evaluate",
        "validate",
        "package",
        "deploy",
        "monitor",
        "retrain",
    }
    assert "roc_auc" in dvc(project, "metrics", "diff")
    assert dvc(project, "repro", "--all-pipelines").count("didn't change") == 12, "plain DVC agrees"


def rung_of(project: Path, stages: str) -> str:
    """Return the rung that these stages of the last commit reach under perturbation; no output of theirs may differ in a bit."""
    flags = ["--environment", "current", "--perturb", "quick", "--require", "R4", "--json"]
    found = json.loads(run_kit("reproduce", "--stages", stages, *flags, cwd=project).stdout)
    assert found["stages"][0]["findings"] == [], "the stages use nothing that they do not declare"
    return str(found["level"])


def digest_all(project: Path) -> dict[str, str]:
    folders = ("data", "models", "metrics", "reports", "plots", "deploy")
    files = [
        path
        for folder in folders
        for path in (project / folder).rglob("*")
        if path.is_file() and "source" not in path.parts
    ]
    return {
        path.relative_to(project).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


@pytest.mark.slow
def test_outputs_are_byte_identical_under_another_seed_zone_locale_path_and_thread_count(
    made: tuple[Path, float], tmp_path: Path
) -> None:
    """Plain `dvc repro` in two worlds: the stage environment makes them one."""
    results = []
    worlds = (
        ("one", {"PYTHONHASHSEED": "1", "TZ": "UTC", "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}),
        (
            "zwei drei ü",
            {
                "PYTHONHASHSEED": "77",
                "TZ": "Pacific/Kiritimati",
                "OMP_NUM_THREADS": "2",
                "OPENBLAS_NUM_THREADS": "2",
                "LC_ALL": "C",
            },
        ),
    )
    for name, world in worlds:
        subprocess.run(["cp", "-r", str(made[0]), str(tmp_path / name)], check=True)
        edit(tmp_path / name / "params.yaml", "sample: 1.0", "sample: 0.3")
        environment = {**dvc_environment(), **world}
        subprocess.run(
            [sys.executable, "-m", "dvc", "repro", "-q"],
            cwd=tmp_path / name,
            env=environment,
            check=True,
            capture_output=True,
        )
        results.append(digest_all(tmp_path / name))
    assert len(results[0]) > 30
    assert [path for path in results[0] if results[0][path] != results[1].get(path)] == []
    locks = [(tmp_path / name / "dvc.lock").read_text() for name, _ in worlds]
    assert locks[0] == locks[1]


def write_table(path: Path, rows: int, *, regression: bool) -> None:
    rng = random.Random(1)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["customer_id", "when", "age", "plan", "outcome"])
        for number in range(rows):
            age, plan = rng.randint(18, 80), rng.choice(["basic", "plus", "pro"])
            value = (
                age * 3.5 + rng.gauss(0, 20) if regression else ("yes" if rng.random() < age / 100 else "no")
            )
            writer.writerow(
                [
                    f"c{number}",
                    f"2025-{number * 11 // rows + 1:02}-03T08:00:00Z",
                    age if number % 17 else "",
                    plan,
                    value,
                ]
            )


@pytest.mark.slow
@pytest.mark.parametrize("regression", [False, True], ids=["classification", "regression"])
def test_project_from_a_data_file_runs_at_once(tmp_path: Path, regression: bool) -> None:
    write_table(tmp_path / "customers.csv", 2500, regression=regression)
    out = run_kit(
        "init", "mine", "--yes", "--data", "customers.csv", "--target", "outcome", cwd=tmp_path
    ).stdout
    assert "key: `customer_id`" in out
    assert "time: `when`" in out
    assert f"task: {'regression' if regression else 'classification'}" in out
    report = json.loads(run_kit("run", "--json", cwd=tmp_path / "mine").stdout)
    assert (report["metrics"]["r2"] > 0.5) if regression else (report["metrics"]["roc_auc"] > 0.55)


def test_init_needs_no_network_and_is_quick(made: tuple[Path, float], tmp_path: Path) -> None:
    """Five seconds are promised for a quiet machine; the bound here is only against a runaway, and sockets are refused."""
    program = "import socket, sys\ndef no(*a): raise OSError('network')\nsocket.socket.connect = no\nfrom mlops_kit.cli import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", program, "init", "y", "--yes"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    assert "mlops-kit run" in done.stdout


def test_new_project_asks_people_about_rows_without_a_label() -> None:
    plan = plan_example()
    files = project_files("p", plan)
    task = load_labelling(files["labels/labels.yaml"]).tasks["late"]
    assert (task.type, task.classes, task.where) == ("class", ("1", "0"), '"arr_delay" IS NULL')
    assert "/people.yaml" in files["labels/.gitignore"].splitlines()
    assert "labels/events/README.md" in files


def test_target_with_an_odd_name_becomes_a_task_that_can_be() -> None:
    plan = plan_example()
    odd = replace(plan, task={**plan.task, "target": "zu spät?", "kind": "regression"})
    tasks = load_labelling(project_files("p", odd)["labels/labels.yaml"]).tasks
    assert {name: task.type for name, task in tasks.items()} == {"zu_sp_t_": "number"}
