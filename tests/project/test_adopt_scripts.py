"""Adopting repositories that have scripts or notebooks only: the stages are right, DVC takes them, and they run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_kit.project.adopt.plan import plan_adoption
from tests.project.adopting import SCRIPTS, adopt, dvc, make_repository, stages, status
from tests.support.world import edit, git, run_kit


def proposed(root: Path) -> dict[str, tuple[str, list[str], list[str]]]:
    """Return stage -> (cmd, deps with params, outputs) of the plan."""
    plan = plan_adoption(root)
    assert plan.understood is not None
    return {
        one.name: (one.cmd, [*one.deps, *one.params], [out.path for out in one.outputs])
        for one in plan.understood.proposals
    }


def notes(root: Path) -> str:
    return "\n".join(plan_adoption(root).notes)


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "work", SCRIPTS)


@pytest.mark.slow
def test_scripts_become_a_pipeline_that_runs_and_compares(scripts: Path) -> None:
    adopt(scripts)
    made = stages(scripts)
    assert list(made) == ["prepare", "train", "evaluate"]
    assert made["prepare"]["deps"] == ["prepare.py", "common/__init__.py", "common/paths.py", "data/raw.csv"]
    assert made["train"]["deps"] == [
        "train.py",
        "common/__init__.py",
        "common/paths.py",
        "common/tables.py",
        "data/clean.csv",
    ]
    assert made["evaluate"]["metrics"] == [{"metrics.json": {"cache": False}}]
    assert "prepare" in dvc(scripts, "stage", "list")
    dvc(scripts, "dag")
    dvc(scripts, "repro")
    git(scripts, "add", "-A")
    git(scripts, "commit", "-q", "-m", "adopted")
    edit(scripts / "evaluate.py", "0.5", "0.6")
    dvc(scripts, "repro")
    report = json.loads(run_kit("compare", "--json", cwd=scripts).stdout)
    assert {one["name"]: (one["old"], one["new"]) for one in report["metrics"]}["accuracy"] == (0.5, 0.6)


@pytest.mark.slow
def test_local_modules_are_never_packages_to_install(scripts: Path) -> None:
    (scripts / "train.py").write_text(
        "import sklearn, cv2, yaml, mystery\n" + (scripts / "train.py").read_text()
    )
    plan = plan_adoption(scripts)
    text = next(file.text for file in plan.files if file.path == "requirements.txt")
    assert text.splitlines()[1:] == [
        "opencv-python",
        "pyyaml",
        "scikit-learn",
        "# mystery: imported; which package it comes from is not known here",
    ]
    assert "`import mystery`" in "\n".join(plan.notes)


def test_environment_file_of_the_project_is_enough(scripts: Path) -> None:
    make_repository(scripts, {"environment.yml": "dependencies: [python=3.10, numpy]\n"})
    plan = plan_adoption(scripts)
    assert plan.understood is not None
    assert (plan.understood.environment.kind, plan.understood.environment.python) == ("conda", "3.10")
    assert "requirements.txt" not in [file.path for file in plan.files]


@pytest.mark.slow
def test_run_sees_what_the_source_does_not_say_and_leaves_the_tree_alone(tmp_path: Path) -> None:
    root = make_repository(
        tmp_path / "work",
        {
            "train.py": """
                import json, sys
                name = "".join(reversed("vsc.ni"))
                text = open(name).read()
                target = {"json": "scores"}["json"] + ".json"
                json.dump({"rows": len(text)}, open("made-" + target, "w"))
                import subprocess
                subprocess.run([sys.executable, "-c", "open('child.txt', 'w').write('x')"], check=True)
                """,
            "broken.py": "open('never.txt', 'w')\nraise SystemExit(3)\n",
            "in.csv": "1\n",
        },
    )
    plan = adopt(root, "--run")
    made = stages(root)
    assert made["train"]["deps"] == ["train.py", "in.csv"]
    assert made["train"]["outs"] == ["child.txt"]
    assert made["train"]["metrics"] == [{"made-scores.json": {"cache": False}}]
    assert "broken.py: ended with 3 when it was run" in str(plan["notes"])
    dvc(root, "repro", "train")


@pytest.mark.slow
def test_run_may_not_write_into_the_user_s_tree(tmp_path: Path) -> None:
    root = tmp_path / "work"
    make_repository(root, {"train.py": f"open({str(root / 'out.txt')!r}, 'w').write('x')\n"})
    plan = plan_adoption(root, run=lambda line: None)
    assert not (root / "out.txt").exists()
    assert "lies in the user's own work tree" in "\n".join(plan.notes)


@pytest.mark.slow
def test_notebooks_become_stages_in_their_own_folder(tmp_path: Path) -> None:
    cells = [
        "%matplotlib inline\nimport pandas as pd",
        "df = pd.read_csv('../data/in.csv')",
        "df.to_csv('../out/clean.csv')",
    ]
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [{"cell_type": "code", "source": cell, "metadata": {}, "outputs": []} for cell in cells],
    }
    root = make_repository(tmp_path / "work", {"nb/a b.ipynb": json.dumps(notebook), "data/in.csv": "x\n1\n"})
    plan = adopt(root)
    assert stages(root)["a-b"] == {
        "cmd": "jupyter nbconvert --to notebook --execute --stdout 'a b.ipynb' > /dev/null",
        "wdir": "nb",
        "deps": ["a b.ipynb", "../data/in.csv"],
        "outs": ["../out/clean.csv"],
    }
    assert "jupyter" in str(plan["notes"])
    assert "nbconvert" in (root / "requirements.txt").read_text()
    assert "a-b" in dvc(root, "stage", "list")


@pytest.mark.slow
def test_package_layout_runs_as_a_module(tmp_path: Path) -> None:
    root = make_repository(
        tmp_path / "work",
        {
            "src/churn/__init__.py": "",
            "src/churn/io.py": "def load(path):\n    return open(path).read()\n",
            "src/churn/train.py": "from .io import load\nopen('model.txt', 'w').write(load('data.csv'))\n",
            "data.csv": "1\n",
        },
    )
    adopt(root)
    assert stages(root)["train"]["cmd"] == "python -m src.churn.train"
    assert stages(root)["train"]["deps"] == [
        "src/churn/train.py",
        "src/churn/__init__.py",
        "src/churn/io.py",
        "data.csv",
    ]
    dvc(root, "repro")


@pytest.mark.slow
def test_hostile_names_are_quoted(tmp_path: Path) -> None:
    name = 'it\'s ${a} "ü"/-x ${HOME} $(id).py'
    text = "open('o\\'ut ${b} [1]#.txt', 'w').write(open('- in: *&!%@.csv').read())\n"
    root = make_repository(tmp_path / "work", {name: text, "- in: *&!%@.csv": "1"})
    adopt(root)
    dvc(root, "repro")
    assert (root / "o'ut ${b} [1]#.txt").read_text() == "1"
    assert dvc(root, "status").strip().endswith("up to date.")


def test_git_tracked_output_stays_in_git(tmp_path: Path) -> None:
    root = make_repository(
        tmp_path / "work", {"a.py": "open('table.csv', 'w')\nopen('new.csv', 'w')\n", "table.csv": "1\n"}
    )
    assert "- table.csv:\n          cache: false" in next(
        f.text for f in plan_adoption(root).files if f.path == "dvc.yaml"
    )


def test_data_that_only_this_machine_has_is_named(tmp_path: Path) -> None:
    root = make_repository(
        tmp_path / "work",
        {"a.py": "open('m.csv', 'w').write(open('big.csv').read())\n", ".gitignore": "big.csv\n"},
    )
    (root / "big.csv").write_text("1\n")
    assert "big.csv is neither in git nor in DVC, so only this machine has it: dvc add big.csv" in notes(root)


def test_script_that_does_not_parse_is_named_and_the_others_are_stages(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "work", {"bad.py": "print 'two'\n", "good.py": "open('x.txt', 'w')\n"})
    assert list(proposed(root)) == ["good"]
    assert "bad.py: not valid Python, line 1" in notes(root)


def test_scripts_in_a_circle_are_named_and_left_out(tmp_path: Path) -> None:
    root = make_repository(
        tmp_path / "work",
        {
            "a.py": "open('a.txt', 'w').write(open('b.txt').read())\n",
            "b.py": "open('b.txt', 'w').write(open('a.txt').read())\n",
            "c.py": "open('c.txt', 'w').write(open('b.txt').read())\n",
        },
    )
    assert list(proposed(root)) == ["c"]
    assert "a.py, b.py: each reads what another one of them writes" in notes(root)


def test_output_of_two_scripts_has_one_stage(tmp_path: Path) -> None:
    root = make_repository(
        tmp_path / "work", {"a.py": "open('x.txt', 'w')\n", "b.py": "open('x.txt', 'w')\n"}
    )
    assert list(proposed(root)) == ["a"]
    assert "b.py: writes x.txt, as a.py does" in notes(root)


def test_input_that_a_script_changes_is_never_an_output(tmp_path: Path) -> None:
    root = make_repository(
        tmp_path / "work",
        {"a.py": "t = open('d.csv').read()\nopen('d.csv', 'w').write(t)\nopen('o.txt', 'w')\n", "d.csv": "1"},
    )
    assert proposed(root)["a"] == ("python a.py", ["a.py"], ["o.txt"])
    assert "a.py:2: changes d.csv in place" in notes(root)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import sys\nopen(sys.argv[1], 'w')\n", "does not run without arguments (sys.argv)"),
        ("import flask\nopen('x', 'w')\n", "a server or an app (flask)"),
        ("import os\nos.chdir('/x')\nopen('x', 'w')\n", "changes its working folder"),
        ("open('train.py', 'w')\n", "writes sources (train.py)"),
        ("print(open('x.txt').read())\n", "writes no file that was seen"),
        ("open('/data/x.txt').read()\n", "reads /data/x.txt, outside of the repository"),
        ("import pandas as pd\npd.read_csv('https://h/x.csv')\n", "which is not a file of the repository"),
        ("import os\nopen(os.environ['API_TOKEN'])\n", "reads API_TOKEN from the environment"),
        ("open('a\\\\b.csv')\n", "has Windows separators"),
        ("open(input())\n", "the path is made at run time"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_named(tmp_path: Path, text: str, said: str) -> None:
    root = make_repository(tmp_path / "work", {"step.py": text})
    plan = plan_adoption(root)
    assert said in "\n".join(plan.notes)
    assert plan.nothing.startswith("no stage could be proposed")


def test_arguments_are_taken_from_the_makefile(tmp_path: Path) -> None:
    root = make_repository(
        tmp_path / "work",
        {
            "a.py": "import argparse\np = argparse.ArgumentParser()\np.add_argument('src')\np.add_argument('--out', required=True)\n"
            "a = p.parse_args()\nopen(a.out, 'w').write(open(a.src).read())\n",
            "Makefile": "all:\n\tpython a.py in.csv --out='o ut.csv'\n",
            "in.csv": "1",
        },
    )
    assert proposed(root) == {"a": ("python a.py in.csv '--out=o ut.csv'", ["a.py", "in.csv"], ["o ut.csv"])}
    assert "a.py: started as Makefile says" in notes(root)


def test_libraries_tests_and_vendored_files_are_no_stages(tmp_path: Path) -> None:
    code = "open('x.txt', 'w')\n"
    names = [
        "tests/test_a.py",
        "setup.py",
        "venv/lib/a.py",
        "node_modules/b.py",
        "docs/conf.py",
        "env2/pyvenv.cfg",
        "env2/a.py",
    ]
    root = make_repository(
        tmp_path / "work", dict.fromkeys(names, code) | {"library.py": "def f():\n    open('x.txt', 'w')\n"}
    )
    assert proposed(root) == {}


def test_untracked_scripts_count(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "work", {"README.md": "x"})
    make_repository(root, {"new.py": "open('x.txt', 'w')\n"}, commit=False)
    assert list(proposed(root)) == ["new"]
    assert status(root) == ["?? new.py"]


def test_generator_of_sources_is_never_run(tmp_path: Path) -> None:
    files = {
        "template.py": "open('params.yaml', 'w')\nopen('src/__init__.py', 'w')\n",
        "params.yaml": "a: 1\n",
        "src/x.py": "",
    }
    heard: list[str] = []
    plan = plan_adoption(make_repository(tmp_path / "work", files), run=heard.append)
    assert heard == []
    assert "template.py: writes sources (src/__init__.py)" in "\n".join(plan.notes)
