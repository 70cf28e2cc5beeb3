"""Real sweeps: a score that is no test metric, work trees that share the cache, and going on after being stopped."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.errors import RefusedError, UsageError
from mlops_kit.project.sweep.record import FOLDER, Trial, add_trial, read_trials
from mlops_kit.project.sweep.score import choose_score
from tests.support.shapes import write
from tests.support.tiny import dvc
from tests.support.world import edit, git, run_kit

FILES = {
    "mlops.yaml": """\
version: 1
project: {name: tiny}
task: {kind: classification, target: y, key: [id]}
steps:
  split: {cmd: python split.py, deps: [split.py, raw.csv], outs: [data/train.csv, data/test.csv]}
  train: {cmd: python train.py, deps: [train.py, data/train.csv], params: [train], outs: [data/model.txt], metrics: [valid.json]}
  evaluate: {cmd: python evaluate.py, deps: [evaluate.py, data/test.csv, data/model.txt], params: [evaluate], metrics: [score.json]}
  judge: {cmd: python evaluate.py, deps: [score.json], metrics: [verdict.json]}
""",
    "split.py": """\
from pathlib import Path
Path("data").mkdir(exist_ok=True)
rows = Path("raw.csv").read_text().splitlines()
Path("data/train.csv").write_text("\\n".join(rows[:3]))
Path("data/test.csv").write_text("\\n".join(rows[3:]))
""",
    "train.py": """\
import json, os, sys, time, yaml
from pathlib import Path
p = yaml.safe_load(Path("params.yaml").read_text())["train"]
if p["a"] > 90: sys.exit("a is too much")
gate = os.environ.get("SWEEP_GATE")
if gate and p["a"] == 3:
    Path(gate).touch()
    time.sleep(600)
Path("data/model.txt").write_text(str(p))
Path("valid.json").write_text(json.dumps({"validation_loss": (p["a"] - 3) ** 2 + p["b"], "rows": 3}))
""",
    "evaluate.py": """\
from pathlib import Path
Path("score.json").write_text('{"test_loss": 1.5}')
Path("verdict.json").write_text('{"verdict_loss": 1.5}')
""",
    "raw.csv": "one,1\ntwo,2\nthree,3\nfour,4\n",
    "params.yaml": "# mine\ntrain: {a: 7, b: 0.5}  # keep\nevaluate: {c: 1}\n",
    "kpis.yaml": "kpis: []\n",
    "schema.yaml": "columns: {}\n",
    ".gitignore": "/data/\n",
    ".dvc/config": "",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sweep") / "my project"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    write(root, FILES)
    (root / "evaluate.py").write_text(FILES["evaluate.py"])
    run_kit("run", cwd=root)
    git(root, "add", "-A")
    git(root, "-c", "user.name=T", "-c", "user.email=t@localhost", "commit", "-qm", "ran")
    return root


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "my project"))


def test_the_score_is_of_validation_and_never_of_test_rows(project: Path) -> None:
    assert (choose_score(project).metric, choose_score(project).stage) == ("validation_loss", "train")
    assert choose_score(project).higher is False
    for metric in ("test_loss", "score.json:test_loss", "verdict_loss"):
        with pytest.raises(RefusedError, match=r"reads (data/test\.csv|score\.json)"):
            choose_score(project, metric)
    with pytest.raises(UsageError, match="whether more or less of `rows` is better"):
        choose_score(project, "rows")
    with pytest.raises(UsageError, match="no metric `gone`"):
        choose_score(project, "gone")


def test_without_a_score_of_validation_nothing_runs(project: Path) -> None:
    (project / "valid.json").write_text('{"rows": 3}')
    with pytest.raises(UsageError, match="there is nothing to choose by"):
        choose_score(project)


@pytest.mark.parametrize(("space", "code", "words"), [
    ("train.z=1,2", 2, "`train.z` is not in params.yaml"),
    ("evaluate.c=1,2", 2, "`evaluate.c` changes nothing: train"),
    ("train.a=1..2", 2, "a grid cannot try all of a range"),
])  # fmt: skip
def test_what_cannot_be_swept_is_said_before_anything_runs(
    project: Path, space: str, code: int, words: str
) -> None:
    done = run_kit("sweep", "run", space, cwd=project, check=False)
    assert (done.returncode, (project / FOLDER).exists()) == (code, False), done.stderr
    assert words in done.stderr


def test_changes_that_are_not_committed_are_refused(project: Path) -> None:
    edit(project / "params.yaml", "a: 7", "a: 8")
    done = run_kit("sweep", "run", "train.a=1", cwd=project, check=False)
    assert (done.returncode, "params.yaml" in done.stderr) == (7, True)


def test_a_half_written_trial_is_left_out(tmp_path: Path) -> None:
    for trial in (Trial(1, {"a": 1}, None, failed="train"), Trial(0, {}, 1.0), Trial(1, {"a": 1}, 2.0)):
        add_trial(tmp_path, trial)
    with (tmp_path / "trials.jsonl").open("a") as file:
        file.write('{"number": 2, "po')
    assert read_trials(tmp_path) == (Trial(0, {}, 1.0), Trial(1, {"a": 1}, 2.0))


@pytest.mark.slow
def test_a_sweep_finds_the_best_which_is_applied_from_the_cache(project: Path) -> None:
    done = json.loads(
        run_kit("sweep", "run", "-j", "2", "--json", "train.a=3,99", "train.b=0,1", cwd=project).stdout
    )
    trials = {trial["number"]: trial for trial in done["trials"]}
    assert [trials[number]["score"] for number in range(5)] == [16.5, 0.0, 1.0, None, None]
    assert (done["best"], trials[0]["ran"], trials[1]["ran"]) == (1, [], ["train"])
    assert trials[3]["tail"][-1] == "a is too much"
    assert git(project, "status", "--porcelain") == ""
    assert len(git(project, "worktree", "list").splitlines()) == 1
    rows = list(csv.DictReader(io.StringIO(run_kit("sweep", "show", "--csv", cwd=project).stdout)))
    assert rows[1] | {"seconds": ""} == {
        "trial": "1",
        "train.a": "3",
        "train.b": "0",
        "rows": "3.0",
        "validation_loss": "0.0",
        "seconds": "",
        "failed": "",
    }
    assert run_kit("sweep", "branch", "2", cwd=project).stdout.strip() == f"sweep/{done['sweep']}-2"
    assert "a: 3, b: 1}  # keep" in git(project, "show", f"sweep/{done['sweep']}-2:params.yaml")
    run_kit("sweep", "apply", cwd=project)
    assert (project / "params.yaml").read_text() == FILES["params.yaml"].replace("a: 7, b: 0.5", "a: 3, b: 0")
    report = json.loads(run_kit("run", "--json", cwd=project).stdout)
    assert ("train" in report["cached"], report["metrics"]["validation_loss"]) == (True, 0.0)
    assert "up to date" in dvc(project, "status").stdout


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_sweep_goes_on_where_it_was(project: Path, tmp_path: Path, sign: signal.Signals) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    edit(
        project / "train.py",
        "Path(gate).touch()",
        "file = open(gate, 'w'); file.write('working'); file.flush()",
    )
    git(project, "commit", "-qam", "gate")
    command = [sys.executable, "-m", "mlops_kit", "sweep", "run", "--search", "grid", "train.a=1,3"]
    sweep = subprocess.Popen(
        command, cwd=project, env={**os.environ, "SWEEP_GATE": str(gate)}, stderr=subprocess.PIPE
    )
    with gate.open() as pipe:
        assert pipe.read(7) == "working"  # trial 2 is in the middle of its stage
        sweep.send_signal(sign)
        assert pipe.read() == ""  # and ends here: whoever holds the other end is gone
    assert sweep.wait() == (130 if sign == signal.SIGINT else -sign)
    assert sweep.stderr is not None
    sweep.stderr.close()
    assert [
        trial["number"]
        for trial in json.loads(run_kit("sweep", "show", "--json", cwd=project).stdout)["trials"]
    ] == [0, 1]
    done = run_kit("sweep", "run", "--search", "grid", "train.a=1,3", cwd=project)
    assert done.stderr.startswith("trial 2  0.5  ")
    assert len(git(project, "worktree", "list").splitlines()) == 1
