"""Repositories as people have them, to be adopted."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

from mlops_kit.outside.dvc import dvc_environment
from tests.support.world import git, run_kit


def make_repository(root: Path, files: dict[str, str], *, commit: bool = True) -> Path:
    """Write `files` (path -> text) into the git repository `root` and commit them."""
    if not (root / ".git").exists():
        subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8", newline="\n")
    if commit:
        git(root, "add", "-A")
        git(root, "commit", "-q", "-m", "as it was")
    return root


def dvc(root: Path, *args: str, check: bool = True) -> str:
    """Run DVC in a folder and return its output."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *args], cwd=root, env=dvc_environment(), capture_output=True, text=True
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def status(root: Path) -> list[str]:
    """Return what git says has changed, every untracked file by its name."""
    out = git(root, "-c", "core.quotePath=false", "status", "--porcelain", "-uall", "-z")
    return sorted(entry for entry in out.split("\0") if entry)


def adopt(root: Path, *flags: str) -> dict[str, object]:
    """Adopt `root` and return the plan; what it promises of every repository is checked here.

    Exactly the planned files are new, no file has changed, and a second run adds nothing.
    """
    before = status(root)
    dry = json.loads(run_kit("adopt", "--dry-run", "--json", *flags, cwd=root).stdout)
    assert status(root) == before
    plan: dict[str, object] = json.loads(run_kit("adopt", "--json", *flags, cwd=root).stdout)
    planned = [file["path"] for file in plan["files"] if file["state"] == "new"]  # type: ignore[attr-defined]
    assert plan["written"] == planned
    assert [file["path"] for file in dry["files"]] == [file["path"] for file in plan["files"]]  # type: ignore[attr-defined]
    after = status(root)
    assert sorted(set(after) - set(before)) == sorted(f"?? {path}" for path in planned)
    assert git(root, "diff") == ""
    again = json.loads(run_kit("adopt", "--json", cwd=root).stdout)
    assert again["written"] == []
    assert status(root) == after
    return plan


def stages(root: Path) -> dict[str, dict[str, object]]:
    """Return the stages of the dvc.yaml at `root`, as DVC's own YAML reader sees them."""
    import yaml

    value: dict[str, dict[str, object]] = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))[
        "stages"
    ]
    return value


PREPARE = """
    import argparse
    import csv
    from pathlib import Path
    from common.paths import RAW

    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default="data/clean.csv")
    args = parser.parse_args()

    if __name__ == "__main__":
        rows = list(csv.reader(open(RAW)))
        out = Path(args.out)
        out.parent.mkdir(exist_ok=True, parents=True)
        with out.open("w", newline="") as file:
            csv.writer(file).writerows(row for row in rows if row[1])
    """
TRAIN = """
    import os
    import pickle
    from common import paths
    from common.tables import read_rows

    def main(depth=3):
        rows = read_rows(os.path.join("data", "clean.csv"))
        model = {"mean": sum(float(row[1]) for row in rows) / len(rows), "depth": depth}
        os.makedirs(paths.MODELS, exist_ok=True)
        with open(f"{paths.MODELS}/model.pkl", "wb") as file:
            pickle.dump(model, file)

    if __name__ == "__main__":
        main()
    """
EVALUATE = """
    import json
    import pickle
    from pathlib import Path
    from common.tables import read_rows

    HERE = Path(__file__).resolve().parent

    model = pickle.load(open("models/model.pkl", "rb"))
    rows = read_rows(str(HERE / "data" / "clean.csv"))
    error = sum(abs(float(row[1]) - model["mean"]) for row in rows) / len(rows)
    Path("metrics.json").write_text(json.dumps({"mae": error, "accuracy": 0.5}))
    """
SCRIPTS = {
    "prepare.py": PREPARE,
    "train.py": TRAIN,
    "evaluate.py": EVALUATE,
    "common/__init__.py": "",
    "common/paths.py": 'RAW = "data/raw.csv"\nMODELS = "models"\n',
    "common/tables.py": """
        import csv

        def read_rows(path):
            with open(path, newline="") as file:
                return list(csv.reader(file))
        """,
    "data/raw.csv": "a,1\nb,\nc,4\n",
    "README.md": "# A project\n",
}
