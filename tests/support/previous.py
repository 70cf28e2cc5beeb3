"""The previous version of mlops-kit: this one with some texts as they were, installed beside and run as a program."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

from mlops_kit import __version__
from tests.support.world import ROOT, edit

PREVIOUS = "0.0.9"

# file, text of today, text of the previous version
CHANGES = (
    ("mlops_kit/__init__.py", "__version__ = \"", f"__version__ = \"{PREVIOUS}\"  # "),
    ("templates/common/README.md", "| check the project's health | `mlops-kit doctor` |\n", ""),
    ("templates/common/README.md", "A change, start to end:", "A change from start to end:"),
    ("templates/common/gitignore", "*.update\n", ""),
    ("templates/common/guidelines.md", "Version 1.", "Version 0."),
    ("templates/common/test_project.py", "    assert read_kpis(ROOT).kpis\n", ""),
    ("templates/common/pyproject.toml.in", 'dev = ["pytest"]', "dev = []"),
    ("templates/common/kind.yaml", "  retrain: {uses: retrain.policy}\n", ""),
    ("templates/common/kind.yaml", "evaluate: {min_rows: 100}", "evaluate: {min_rows: 50}"),
    ("mlops_kit/project/scaffold.py", '"max_quarantine": 0.05, "columns"', '"max_quarantine": 0.04, "columns"'),
    ("mlops_kit/steps/model/train_boosting.py", "Texts become category codes, numbers pass through", "Texts become codes, numbers pass"),
    ("mlops_kit/steps/model/train_boosting.py", "early_stopping=False,\n        random_state", "random_state"),
    ("mlops_kit/steps/model/evaluate_classification.py", "@step(contract=2)", "@step(contract=1)"),
)  # fmt: skip


COUNT = """\
from pathlib import Path

Path("reports").mkdir(exist_ok=True)
Path("reports/rows.txt").write_text("many")
"""


def install_previous(folder: Path) -> Path:
    """Put the previous version into `folder` and return it: with the folder on PYTHONPATH, it is the one that runs."""
    quiet = shutil.ignore_patterns("__pycache__", "node_modules")
    shutil.copytree(ROOT / "mlops_kit", folder / "mlops_kit", ignore=quiet)
    shutil.copytree(ROOT / "templates", folder / "templates", ignore=quiet)
    for path, today, before in CHANGES:
        edit(folder / path, today, before)
    metadata = folder / f"dvc_mlops_kit-{PREVIOUS}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: dvc-mlops-kit\nVersion: {PREVIOUS}\n")
    return folder


def run_previous(folder: Path, *args: str, cwd: Path) -> str:
    """Run the command line of the previous version in `folder`."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "120"}
    done = subprocess.run(
        [sys.executable, "-m", "mlops_kit", *args], cwd=cwd, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise AssertionError(
            f"mlops-kit {' '.join(args)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
    return done.stdout


def write_customers(path: Path, rows: int = 600) -> None:
    """Write a small data file to start a project from: who leaves, by age and plan."""
    rng = random.Random(1)
    lines = ["customer_id,when,age,plan,left"]
    for number in range(rows):
        age, plan = rng.randint(18, 80), rng.choice(["basic", "plus", "pro"])
        left = "yes" if rng.random() < age / 100 else "no"
        lines.append(f"c{number},2025-{number * 11 // rows + 1:02}-03T08:00:00Z,{age},{plan},{left}")
    path.write_text("\n".join(lines) + "\n")


def make_previous_project(folder: Path) -> Path:
    """Make the project `folder`/churn with the previous version, which goes to `folder`/previous; return the project."""
    install_previous(folder / "previous")
    write_customers(folder / "customers.csv")
    run_previous(
        folder / "previous",
        "init",
        "churn",
        "--yes",
        "--data",
        "customers.csv",
        "--target",
        "left",
        cwd=folder,
    )
    return folder / "churn"


def edit_ten_places(project: Path) -> None:
    """Edit a project of the previous version in ten places, as its people would."""
    edit(project / "README.md", "| you want to | type |", "Ask Ana in room 12.\n\n| you want to | type |")
    edit(
        project / "pyproject.toml", "\n]\n\n[dependency-groups]", '\n  "rich>=13",\n]\n\n[dependency-groups]'
    )
    edit(project / ".gitignore", "*.orig\n", "*.orig\n*.scratch\n")
    edit(
        project / "mlops.yaml",
        "  train:\n",
        "  # ours, by hand\n  count:\n    cmd: python -m count_rows\n    deps: [data/clean.parquet]\n    outs: [reports/rows.txt]\n  train:\n",
    )
    edit(project / "params.yaml", "max_iter: 60", "max_iter: 20 # quicker")
    edit(project / "kpis.yaml", "max_worsening: 0.01", "max_worsening: 0.02\n    min: 0.5")
    edit(
        project / "schema.yaml",
        "  plan:\n    type: string\n",
        "  plan:\n    type: string\n    values: [basic, plus, pro]\n",
    )
    edit(project / "labels/guidelines.md", "- A row without", "- Who pauses has not left.\n- A row without")
    edit(
        project / "steps/train.py",
        "    return Trained(_fit(",
        "    print(len(train), 'rows')\n    return Trained(_fit(",
    )
    (project / "tests/test_project.py").unlink()
    (project / "count_rows.py").write_text(COUNT)


def lost(project: Path) -> list[str]:
    """Return which of the ten edits are not there any more."""
    kept = {
        "README.md": "Ask Ana in room 12.",
        "pyproject.toml": '"rich>=13"',
        ".gitignore": "*.scratch",
        "mlops.yaml": "# ours, by hand\n  count:\n    cmd: python -m count_rows",
        "params.yaml": "max_iter: 20 # quicker",
        "kpis.yaml": "max_worsening: 0.02\n    min: 0.5",
        "schema.yaml": "values: [basic, plus, pro]",
        "labels/guidelines.md": "- Who pauses has not left.",
        "steps/train.py": "print(len(train), 'rows')",
    }
    gone = [path for path, text in kept.items() if text not in (project / path).read_text()]
    return gone + (["tests/test_project.py"] if (project / "tests/test_project.py").exists() else [])


def arrived(project: Path) -> list[str]:
    """Return which of the template's changes are there."""
    news = {
        "README.md": "mlops-kit doctor",
        "pyproject.toml": f"dvc-mlops-kit=={__version__}",
        ".gitignore": "*.update",
        "mlops.yaml": "retrain.policy",
        "params.yaml": "min_rows: 100",
        "labels/guidelines.md": "Version 1.",
        "steps/train.py": "early_stopping=False",
        "schema.yaml": "max_quarantine: 0.05",
    }
    return [path for path, text in news.items() if text in (project / path).read_text()]
