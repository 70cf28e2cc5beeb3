"""A repository that somebody else made: adopted, pushed, and its pull requests get the comment. Real git, DVC and workflow runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.support.forge import Forge
from tests.support.shapes import dvc, write
from tests.support.world import build_wheel, ci_environment, edit, git, run_kit

pytestmark = pytest.mark.slow
REPO = "acme/theirs"
FILES = {
    "train.py": """\
import json, pathlib, yaml

depth = yaml.safe_load(pathlib.Path("params.yaml").read_text())["depth"]
rows = pathlib.Path("rows.csv").read_text().splitlines()[1:]
pathlib.Path("model.txt").write_text(f"{depth} {len(rows)}")
pathlib.Path("metrics.json").write_text(json.dumps({"accuracy": 0.5 + depth / 100, "train_seconds": 1.5}))
""",
    "rows.csv": "a,b\n1,2\n3,4\n",
    "params.yaml": "depth: 4\n",
    "requirements.txt": "pyyaml\n",
    "dvc.yaml": """\
stages:
  train:
    cmd: python train.py
    deps: [train.py, rows.csv]
    params: [depth]
    outs: [model.txt]
    metrics:
      - metrics.json: {cache: false}
""",
}


@pytest.fixture(scope="module")
def adopted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Forge, Path]]:
    folder = tmp_path_factory.mktemp("adopted")
    build_wheel(folder / "wheels")
    pins = sorted(f"{d.name}=={d.version}" for d in distributions() if d.name.lower() != "dvc-mlops-kit")
    (folder / "pins.txt").write_text("\n".join(dict.fromkeys(pins)) + "\n")
    environment = ci_environment(folder / "wheels", folder / "environment")
    del environment["UV_PROJECT_ENVIRONMENT"]
    more = {
        "UV_CONSTRAINT": str(folder / "pins.txt"),
        "UV_TOOL_DIR": str(folder / "tools"),
        "UV_TOOL_BIN_DIR": str(folder / "bin"),
    }
    with Forge(folder / "forge", env={**environment, **more}) as forge:
        forge.create_repo(REPO)
        root = folder / "theirs"
        write(root, FILES)
        git(root, "init", "-q", "-b", "main")
        git(root, "config", "user.name", "alice")
        git(root, "config", "user.email", "alice@localhost")
        dvc(root, "init")
        dvc(root, "repro")
        git(root, "add", "-A")
        git(root, "commit", "-qm", "Their work")
        git(root, "remote", "add", "origin", forge.clone_url(REPO, "alice"))
        yield forge, root


def test_adopting_and_pushing_needs_no_edit_of_theirs(adopted: tuple[Forge, Path]) -> None:
    forge, root = adopted
    run_kit("adopt", cwd=root)
    assert git(root, "diff", "--stat") == ""
    workflow = root / ".github/workflows/mlops-kit.yml"
    edit(workflow, "--python 3.12", f"--python {sys.version_info[0]}.{sys.version_info[1]}")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "Adopt mlops-kit")
    git(root, "push", "-q", "origin", "main")
    forge.wait_idle()
    [run] = forge.runs("push")
    assert run.conclusion == "success", run.log[-6000:]


def test_pull_request_gets_one_comment_with_the_difference(adopted: tuple[Forge, Path]) -> None:
    forge, root = adopted
    git(root, "switch", "-qc", "deeper")
    write(root, {"params.yaml": "depth: 9\n"})
    git(root, "commit", "-qam", "Deeper")
    git(root, "push", "-q", "origin", "deeper")
    number = forge.open_pull_request(REPO, head="deeper", title="Deeper")
    forge.wait_idle()
    [comment] = forge.comments(number)
    assert "0.54 → 0.59" in comment.body, forge.runs(number=number)[-1].log[-6000:]
    assert "depth" in comment.body
    assert forge.state.violations == []


def test_a_promise_that_is_broken_makes_the_check_red(adopted: tuple[Forge, Path]) -> None:
    forge, root = adopted
    git(root, "switch", "-q", "main")
    write(root, {"kpis.yaml": "kpis: [{metric: accuracy, min: 0.5, max_worsening: 0.01}]\n"})
    git(root, "commit", "-qam", "Promise")
    git(root, "push", "-q", "origin", "main")
    forge.wait_idle()
    git(root, "switch", "-qc", "shallower")
    write(root, {"params.yaml": "depth: 1\n"})
    git(root, "commit", "-qam", "Shallower")
    git(root, "push", "-q", "origin", "shallower")
    number = forge.open_pull_request(REPO, head="shallower", title="Shallower")
    forge.wait_idle()
    [comment] = forge.comments(number)
    assert "KPI is breached" in comment.body
    assert forge.runs(number=number)[-1].conclusion == "failure"
