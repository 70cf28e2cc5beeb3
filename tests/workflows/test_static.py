"""The generated workflows satisfy every linter, and a planted defect of each kind is found by one of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlops_kit.ci.providers.github import workflow_files
from mlops_kit.errors import SpecError, UsageError
from mlops_kit.project.adopt.model import Automation, Environment, Survey
from mlops_kit.project.adopt.workflow import render_workflow, workflow_path
from mlops_kit.spec.model import Ci, Lifecycle, Project, StepUse, Task

BIN = Path(sys.executable).parent
MLOPS = ".github/workflows/mlops.yml"
NIGHTLY = ".github/workflows/mlops-reproduce.yml"
ACQUIRE = ".github/workflows/mlops-acquire.yml"


def lifecycle(*steps: StepUse, **ci: Any) -> Lifecycle:
    project, task = Project("p", default_branch="release/2.0"), Task("classification", "y", ("id",))
    return Lifecycle(1, project, task, {f"acquire_{n}": step for n, step in enumerate(steps)}, ci=Ci(**ci))


def everything() -> dict[str, str]:
    """Return every workflow that there is."""
    fetching = StepUse(uses="acquire.http", environment=("API_TOKEN",))
    return workflow_files(lifecycle(fetching, reproduce="nightly", secrets=("AWS_SECRET_ACCESS_KEY",)))


def write(root: Path, files: dict[str, str]) -> Path:
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def run(root: Path, *command: str) -> tuple[int, str]:
    environment = {**os.environ, "PATH": os.pathsep.join([str(BIN), os.environ["PATH"]])}
    done = subprocess.run(
        [BIN / command[0], *command[1:]], cwd=root, env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def zizmor(root: Path) -> tuple[int, str]:
    return run(
        root, "zizmor", "--offline", "--persona", "auditor", "--strict-collection", "--no-progress", ".github"
    )


def actionlint(root: Path) -> tuple[int, str]:
    return run(root, "actionlint")


def schema(root: Path) -> tuple[int, str]:
    return run(
        root,
        "check-jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
        MLOPS,
        MLOPS.replace("mlops.yml", "mlops-fork.yml"),
        NIGHTLY,
        ACQUIRE,
    )


def dependabot(root: Path) -> tuple[int, str]:
    return run(root, "check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml")


def act(root: Path) -> tuple[int, str]:
    return run(
        root, "act", "--validate", "--strict", "-W", ".github/workflows", "-P", "ubuntu-24.04=-self-hosted"
    )


@pytest.mark.parametrize(
    "check", [zizmor, actionlint, schema, dependabot, act], ids=lambda check: check.__name__
)
def test_linter_finds_nothing(tmp_path: Path, check: Callable[[Path], tuple[int, str]]) -> None:
    root = write(tmp_path, everything())
    code, out = check(root)
    assert code == 0, out


def adopted(root: Path, folder: str = "", **environment: str) -> dict[str, str]:
    survey = Survey(root, folder, True, "main", (), frozenset(), ())
    automation = Automation("github", (), (), {"cloud": "s3://bucket"})
    text = render_workflow(survey, Environment(**environment), automation)  # type: ignore[arg-type]
    return {workflow_path(survey): text}


@pytest.mark.parametrize(
    "kind", ["", "uv", "poetry", "pyproject", "pipenv", "conda", "requirements", "setup"]
)
@pytest.mark.parametrize("check", [zizmor, actionlint, act], ids=lambda check: check.__name__)
def test_linter_finds_nothing_in_the_workflow_of_an_adopted_repository(
    tmp_path: Path, check: Callable[[Path], tuple[int, str]], kind: str
) -> None:
    environment = {"kind": kind, "file": 'it\'s/a "file"', "python": "3.10"} if kind else {}
    code, out = check(write(tmp_path, adopted(tmp_path, "ml x", **environment)))
    assert code == 0, out


def test_expression_in_a_path_gives_no_workflow(tmp_path: Path) -> None:
    assert set(adopted(tmp_path, "${{ github.token }}").values()) == {""}


DEFECTS = [
    (
        "template injection",
        zizmor,
        "ci run --out report",
        "ci run --out report ${{ github.event.pull_request.title }}",
    ),
    (
        "untrusted text in a script",
        actionlint,
        "ci run --out report",
        "ci run --out report ${{ github.event.pull_request.title }}",
    ),
    (
        "action by tag",
        zizmor,
        "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
        "actions/checkout@v7",
    ),
    ("no permissions on top", zizmor, "\npermissions: {}\n", "\n"),
    ("too many permissions", zizmor, "\npermissions: {}\n", "\npermissions: write-all\n"),
    ("token kept in the checkout", zizmor, "          persist-credentials: false\n", ""),
    ("dangerous trigger", zizmor, "  pull_request:\n", "  pull_request_target:\n"),
    ("needs a job that is not there", actionlint, "needs: reproduce", "needs: reproduced"),
    ("unknown key", schema, "    timeout-minutes: 60", "    timeout-minuts: 60"),
    ("shell mistake", actionlint, 'run: test "$RESULT" = success', "run: test $RESULT = success"),
    ("unknown runner", actionlint, "runs-on: ubuntu-24.04", "runs-on: ubuntu-42"),
    (
        "unknown context",
        actionlint,
        "github.event_name == 'pull_request' }}",
        "githup.event_name == 'pull_request' }}",
    ),
    ("key twice", actionlint, "    name: Comment\n", "    name: Comment\n    name: Twice\n"),
    ("not YAML for act", act, "jobs:\n", "jobs: [\n"),
]


@pytest.mark.parametrize(("name", "check", "old", "new"), DEFECTS, ids=[defect[0] for defect in DEFECTS])
def test_planted_defect_is_found(
    tmp_path: Path, name: str, check: Callable[[Path], tuple[int, str]], old: str, new: str
) -> None:
    files = workflow_files(lifecycle(reproduce="nightly"))
    assert old in files[MLOPS], name
    files[MLOPS] = files[MLOPS].replace(old, new)
    code, out = check(write(tmp_path, files))
    assert code != 0, out


@pytest.mark.parametrize("value", ["uv sync\nrm -rf /", "echo ${{ secrets.KEY }}", 'x"y', "@@python@@"])
def test_command_that_could_change_the_workflow_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match=r"ci\.install"):
        workflow_files(lifecycle(install=value))


def test_workflows_hold_one_command_line_of_ours_each() -> None:
    text = workflow_files(lifecycle(command="kit"))[MLOPS]
    assert [line.strip() for line in text.splitlines() if "kit ci" in line] == [
        "run: kit ci run --out report",
        'run: kit ci comment --report "$RUNNER_TEMP/report/report.json" --pr "$PR" --sha "$SHA"',
    ]
    assert "\npermissions: {}\n" in text
    assert 'branches: ["release/2.0"]' in text


def test_nightly_workflow_is_made_on_demand_and_calls_one_command() -> None:
    assert NIGHTLY not in workflow_files(lifecycle())
    text = workflow_files(lifecycle(reproduce="nightly", command="kit"))[NIGHTLY]
    assert [line.strip() for line in text.splitlines() if "kit " in line] == [
        "run: kit reproduce --perturb quick --require R4 --builder github --attest attestation.json"
    ]
    assert "\npermissions: {}\n" in text


def test_acquisition_is_scheduled_where_a_stage_fetches() -> None:
    fetching, committed = StepUse(uses="acquire.sql"), StepUse(uses="acquire.file")
    assert ACQUIRE in workflow_files(lifecycle(fetching))
    assert ACQUIRE not in workflow_files(lifecycle(committed))
    assert ACQUIRE not in workflow_files(lifecycle(fetching, acquire="none"))


@pytest.mark.parametrize(
    ("said", "cron"), [("hourly", "23 * * * *"), ("weekly", "23 4 * * 1"), ("5 6 1-7 * MON", "5 6 1-7 * MON")]
)
def test_schedule_is_a_word_or_a_cron_expression(said: str, cron: str) -> None:
    assert (
        f'- cron: "{cron}"' in workflow_files(lifecycle(StepUse(uses="acquire.http"), acquire=said))[ACQUIRE]
    )


@pytest.mark.parametrize(
    "said", ["often", "", '1 2 3 4 5"', "1 2 3 4", "* * * * *\non: push", "${{ x }} * * * *"]
)
def test_schedule_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(SpecError, match="ci.acquire"):
        workflow_files(lifecycle(StepUse(uses="acquire.http"), acquire=said))


def test_secrets_of_sources_reach_the_job_that_fetches_alone() -> None:
    text = everything()[ACQUIRE]
    assert text.count("secrets.API_TOKEN") == 1
    assert text.index("secrets.AWS_SECRET_ACCESS_KEY") < text.index("  propose:")


@pytest.mark.parametrize("name", ["A B", "x: y", "GITHUB_TOKEN", "${{ secrets.X }}", "1A", "A\nB"])
def test_name_that_is_no_secret_is_refused(name: str) -> None:
    with pytest.raises(SpecError):
        workflow_files(lifecycle(StepUse(uses="acquire.http", environment=(name,))))
