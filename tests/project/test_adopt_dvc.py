"""Adopting repositories that use DVC already: what is understood, what is added, and that nothing else changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.errors import RefusedError, UsageError
from mlops_kit.outside import git as outside_git
from mlops_kit.project.adopt.apply import apply_plan
from mlops_kit.project.adopt.contract import allowance, draft_kpis
from mlops_kit.project.adopt.model import MetricSeen
from mlops_kit.project.adopt.plan import plan_adoption
from mlops_kit.spec.load import load_kpis
from tests.project.adopting import adopt, dvc, make_repository, status
from tests.support.world import git, run_kit

PIPELINE = """
    stages:
      train:
        cmd: python train.py
        deps: [train.py]
        params: [depth]
        outs: [model.txt]
        metrics:
          - metrics.json: {cache: false}
    """
PLAIN = {
    "dvc.yaml": PIPELINE,
    "params.yaml": "depth: 3\n",
    "train.py": """
        import json
        depth = float(open("params.yaml").read().split()[1])
        open("model.txt", "w").write(str(depth))
        json.dump({"accuracy": 0.9, "test": {"rmse": 1 / depth}, "rows": 5}, open("metrics.json", "w"))
        """,
    "requirements.txt": "numpy\n",
}


def with_dvc(root: Path, files: dict[str, str], folder: str = "") -> Path:
    """Make a repository whose DVC root is `folder` and which has run its pipeline."""
    make_repository(root, files, commit=False)
    dvc(root / folder, "init", "-q", *(["--subdir"] if folder else []))
    dvc(root / folder, "repro", "-q", "-P")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "as it was")
    return root


def understood(plan: dict[str, object]) -> dict[str, object]:
    value = plan["understood"]
    assert isinstance(value, dict)
    return dict(value["pipeline"])


@pytest.mark.slow
def test_pipeline_with_metrics_in_git_gets_three_files(tmp_path: Path) -> None:
    root = with_dvc(tmp_path / "work", PLAIN)
    plan = adopt(root)
    assert plan["written"] == ["kpis.yaml", ".github/workflows/mlops-kit.yml", ".mlops/adopted.yaml"]
    seen = understood(plan)
    assert [(one["name"], one["value"], one["direction"]) for one in seen["metrics"]] == [  # type: ignore[attr-defined]
        ("accuracy", 0.9, "higher"),
        ("test.rmse", pytest.approx(1 / 3), "lower"),
        ("rows", 5.0, None),
    ]
    assert (seen["params"], [one["name"] for one in seen["stages"]]) == (["params.yaml"], ["train"])  # type: ignore[attr-defined]
    assert run_kit("compare", cwd=root).returncode == 0
    assert dvc(root, "status").strip().endswith("up to date.")


@pytest.mark.slow
def test_dvc_root_in_a_sub_folder_is_found_from_anywhere(tmp_path: Path) -> None:
    root = with_dvc(tmp_path / "work", {f"ml/{path}": text for path, text in PLAIN.items()}, "ml")
    (root / "ml/deep").mkdir()
    plan = json.loads(run_kit("adopt", "--dry-run", "--json", cwd=root / "ml/deep").stdout)
    assert plan["dvc_root"] == "ml"
    assert adopt(root)["written"] == [
        "ml/kpis.yaml",
        ".github/workflows/mlops-kit-ml.yml",
        "ml/.mlops/adopted.yaml",
    ]
    workflow = (root / ".github/workflows/mlops-kit-ml.yml").read_text()
    assert "mlops-kit ci run --repo ml --out report" in workflow
    assert 'path: "ml/.dvc/cache"' in workflow
    assert "--requirement ml/requirements.txt" in workflow


@pytest.mark.slow
def test_several_pipelines_and_foreach_are_listed(tmp_path: Path) -> None:
    each = "stages:\n  fit:\n    foreach: [a, b]\n    do:\n      cmd: echo ${item} > ${item}.txt\n      outs: ['${item}.txt']\n"
    root = with_dvc(tmp_path / "work", {**PLAIN, "more/dvc.yaml": each})
    seen = understood(adopt(root))
    assert seen["files"] == ["dvc.yaml", "more/dvc.yaml"]
    assert [(one["name"], one["templated"]) for one in seen["stages"]] == [  # type: ignore[attr-defined]
        ("train", ""),
        ("more/dvc.yaml:fit", "foreach"),
    ]


@pytest.mark.slow
def test_data_remotes_environment_and_cml_are_named(tmp_path: Path) -> None:
    cml = "on: push\njobs:\n  a:\n    runs-on: x\n    steps: [{uses: iterative/setup-cml@v2}]\n"
    poetry = '[tool.poetry]\nname = "x"\n[tool.poetry.dependencies]\npython = "^3.10"\n'
    files = {
        "train.py": "",
        "dvc.yaml": "stages: {}\n",
        "pyproject.toml": poetry,
        ".github/workflows/cml.yaml": cml,
        "d.csv": "1",
    }
    root = make_repository(tmp_path / "work", files, commit=False)
    dvc(root, "init", "-q")
    dvc(root, "remote", "add", "-d", "cloud", "s3://bucket/x")
    dvc(root, "add", "-q", "d.csv")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "x")
    plan = adopt(root)
    assert understood(plan)["data"] == ["d.csv"]
    assert "CML posts from .github/workflows/cml.yaml" in str(plan["notes"])
    workflow = (root / ".github/workflows/mlops-kit.yml").read_text()
    assert "--with dvc-s3" in workflow
    assert "# AWS_ACCESS_KEY_ID: ${{ secrets.AWS_ACCESS_KEY_ID }}" in workflow
    assert "uvx poetry --directory . install --no-root" in workflow
    assert "uv venv --python 3.10" in workflow


@pytest.mark.slow
def test_ci_run_works_without_mlops_yaml(tmp_path: Path) -> None:
    root = with_dvc(tmp_path / "work", PLAIN)
    adopt(root)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "adopted")
    git(root, "switch", "-q", "-c", "deeper")
    (root / "params.yaml").write_text("depth: 4\n")
    git(root, "commit", "-qam", "deeper")
    programs = tmp_path / "env/bin"
    programs.mkdir(parents=True)
    marker = tmp_path / "used"
    (programs / "python").write_text(f'#!/bin/sh\ntouch {marker}\nexec {sys.executable} "$@"\n')
    (programs / "python").chmod(0o755)
    environment = {**os.environ, "VIRTUAL_ENV": str(programs.parent)}
    done = subprocess.run(
        [sys.executable, "-m", "mlops_kit", "ci", "run", "--out", str(tmp_path / "report")],
        cwd=root, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report/report.json").read_text())
    assert {one["name"]: one["new"] for one in report["metrics"]}["test.rmse"] == 0.25
    assert marker.exists()  # stages run with the `python` of the project's environment, not with mlops-kit's


@pytest.mark.slow
def test_project_of_ours_is_left_alone(tmp_path: Path) -> None:
    run_kit("init", "x", "--yes", cwd=tmp_path)
    done = run_kit("adopt", cwd=tmp_path / "x")
    assert "this is an mlops-kit project already" in done.stdout
    assert status(tmp_path / "x") == []


def test_file_in_the_way_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "work", {**PLAIN, "kpis.yaml": "revenue: 5\n"})
    done = run_kit("adopt", cwd=root, check=False)
    assert done.returncode == 7
    assert "in the way, with other content: kpis.yaml" in done.stderr
    assert status(root) == []


def test_kpis_of_ours_are_kept(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "work", {**PLAIN, "kpis.yaml": "kpis: []\n"})
    assert "kpis.yaml" not in [file.path for file in plan_adoption(root).files]


def test_file_that_git_ignores_is_refused(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "work", {**PLAIN, ".gitignore": ".mlops/\n"})
    done = run_kit("adopt", cwd=root, check=False)
    assert (done.returncode, "git ignores .mlops/adopted.yaml" in done.stderr) == (7, True)


def test_empty_repository_and_no_repository_are_usage_errors(tmp_path: Path, git_repo: Path) -> None:
    with pytest.raises(UsageError, match="no dvc.yaml, no Python script, no notebook"):
        plan_adoption(git_repo)
    with pytest.raises(UsageError, match="not in a git repository") as caught:
        plan_adoption(tmp_path)
    assert "git init" in caught.value.fix


def test_gitlab_gets_no_github_workflow(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "work", {**PLAIN, ".gitlab-ci.yml": "a: {script: [x]}\n"})
    plan = plan_adoption(root)
    assert not any("workflows" in file.path for file in plan.files)
    assert "does not live on GitHub (gitlab)" in "\n".join(plan.notes)


def test_edits_are_shown_and_made_only_when_asked_for(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "work", {"a.py": "open('out [1].bin', 'w')\n", ".gitignore": "*.log"})
    shown = run_kit("adopt", "--dry-run", cwd=root).stdout
    assert "+/out \\[1\\].bin" in shown
    apply_plan(plan_adoption(root), edits=True)
    assert (root / ".gitignore").read_text() == "*.log\n/out \\[1\\].bin\n"
    (root / "out [1].bin").write_text("x")
    assert "?? out [1].bin" not in status(root)


@pytest.mark.parametrize("step", range(1, 9))
def test_interrupt_leaves_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    root = make_repository(tmp_path / "work", {"a.py": "open('o.bin', 'w')\n", ".gitignore": "x\n"})
    plan = plan_adoption(root)
    before = {
        path: path.read_bytes() for path in root.rglob("*") if path.is_file() and ".git" not in path.parts
    }
    left = step

    def link(*args: object, real=os.link, **kwargs: object) -> None:  # type: ignore[no-untyped-def]
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        real(*args, **kwargs)

    monkeypatch.setattr(os, "link", link)
    if step <= len(plan.new):
        with pytest.raises(KeyboardInterrupt):
            apply_plan(plan, edits=True)
        after = {
            path: path.read_bytes() for path in root.rglob("*") if path.is_file() and ".git" not in path.parts
        }
        assert after == before
        assert not (root / ".mlops").exists()
    else:
        apply_plan(plan, edits=True)
        assert (root / ".mlops/adopted.yaml").exists()


def test_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "work", PLAIN)
    plan = plan_adoption(root)
    (root / "kpis.yaml").write_text("mine\n")
    with pytest.raises(RefusedError, match="has appeared meanwhile"):
        apply_plan(plan)
    assert (root / "kpis.yaml").read_text() == "mine\n"
    assert status(root) == ["?? kpis.yaml"]


def test_large_repository_is_listed_by_git_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_repository(tmp_path / "work", PLAIN)
    for number in range(3000):
        path = root / f"images/{number % 50}/{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    git(root, "add", "-A")
    calls: list[str] = []
    real = outside_git.run_command
    monkeypatch.setattr(
        outside_git, "run_command", lambda args, **more: calls.append(args[1]) or real(args, **more)
    )  # type: ignore[func-returns-value]
    read: list[Path] = []
    monkeypatch.setattr(
        Path, "read_bytes", lambda self, inner=Path.read_bytes: read.append(self) or inner(self)
    )  # type: ignore[func-returns-value]
    plan_adoption(root)
    assert len(calls) < 40
    assert not any("images" in path.parts for path in read)


METRICS = [
    MetricSeen("auc", 0.91, "higher"),
    MetricSeen("a: b#c", 12.0, "lower"),
    MetricSeen("rows", 5, None),
]


@pytest.mark.parametrize("metrics", [[], METRICS, METRICS[:1], METRICS[2:]], ids=len)
def test_draft_of_the_contract_loads_as_it_is_and_with_its_promises(metrics: list[MetricSeen]) -> None:
    text = draft_kpis(metrics)
    assert load_kpis(text).kpis == ()
    known = [one for one in metrics if one.direction]
    assert {name: one.direction for name, one in load_kpis(text).metrics.items()} == {
        one.name: one.direction for one in known
    }
    start = text.find("# kpis:")
    if known:
        armed = text[:start] + "\n".join(
            line.removeprefix("# ") for line in text[start:].splitlines() if not line.startswith("# Now")
        )
        assert [(kpi.metric, kpi.max_worsening) for kpi in load_kpis(armed).kpis] == [
            (one.name, allowance(one.value)) for one in known
        ]


def test_environment_in_a_sub_folder_is_named_with_the_others(tmp_path: Path) -> None:
    root = make_repository(
        tmp_path / "work", {"a/requirements.txt": "x", "b/requirements.txt": "y", "dvc.yaml": "stages: {}\n"}
    )
    plan = plan_adoption(root)
    assert "the environment is taken from a/requirements.txt, not from b/requirements.txt" in plan.notes


def test_several_dvc_roots_are_a_question(tmp_path: Path) -> None:
    root = make_repository(
        tmp_path / "work", {"a/.dvc/config": "", "b/.dvc/config": "", "a/dvc.yaml": "stages: {}\n"}
    )
    with pytest.raises(UsageError, match="several DVC roots: a, b"):
        plan_adoption(root)
    assert plan_adoption(root / "a").survey.prefix == "a"
