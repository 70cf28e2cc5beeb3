"""Pipelines are brought up to date side by side: real shells, real dvc.lock, no DVC but where it is handed a stage."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.engines.callbacks import Callbacks
from mlops_kit.engines.options import PipelineOptions
from mlops_kit.engines.pipeline import reproduce_pipelines
from mlops_kit.errors import SpecError, UsageError
from mlops_kit.outside.aside import failed_outputs
from mlops_kit.outside.dvc import ReproResult
from mlops_kit.outside.tree import descendants
from tests.support.shapes import start, write

pytestmark = pytest.mark.skipif(os.name == "nt", reason="commands are for a POSIX shell")

# Two stages that each wait for what the other writes outside of the pipeline: neither ends unless both run at once.
MEET = """\
stages:
  a: {cmd: "touch seen-a; until [ -e seen-b ]; do sleep 0.02; done; echo a > a.txt", outs: [a.txt]}
  b: {cmd: "touch seen-b; until [ -e seen-a ]; do sleep 0.02; done; echo b > b.txt", outs: [b.txt]}
  both: {cmd: "cat a.txt b.txt > both.txt", deps: [a.txt, b.txt], outs: [both.txt]}
"""
CHAIN = """\
stages:
  one: {cmd: "cp in.txt one.txt", deps: [in.txt], outs: [one.txt]}
  two: {cmd: "wc -l < one.txt > two.txt; echo done", deps: [one.txt], outs: [two.txt]}
  last: {cmd: "cp two.txt last.txt", deps: [two.txt], outs: [last.txt]}
"""


def project(folder: Path, pipeline: str, **files: str) -> Path:
    root = start(folder)
    write(root, {"dvc.yaml": pipeline, **{name.replace("_", "."): text for name, text in files.items()}})
    return root


def run(root: Path, *targets: str, jobs: int = 4, force: bool = False) -> ReproResult:
    return reproduce_pipelines(root, PipelineOptions(targets, force, jobs=jobs), Callbacks())


def ran(result: ReproResult) -> list[str]:
    assert result.code == 0, result.tail
    return [name for name, _ in result.ran]


def test_independent_stages_run_at_the_same_time(tmp_path: Path) -> None:
    root = project(tmp_path, MEET)
    assert sorted(ran(run(root, jobs=2))) == ["a", "b", "both"]
    assert (root / "both.txt").read_text() == "a\nb\n"
    assert run(root).skipped == ("a", "b", "both")


def test_stage_whose_inputs_come_out_as_they_were_does_not_run(tmp_path: Path) -> None:
    root = project(tmp_path, CHAIN, in_txt="1\n")
    assert ran(run(root)) == ["one", "two", "last"]
    write(root, {"in.txt": "2\n"})
    result = run(root)
    assert (ran(result), result.skipped) == (["one", "two"], ("last",))
    write(root, {"in.txt": "1\n"})
    assert run(root).cached == ("one", "two")


def test_targets_run_what_they_need_and_force_runs_all_of_it(tmp_path: Path) -> None:
    root = project(tmp_path, CHAIN, in_txt="1\n")
    assert ran(run(root, "two")) == ["one", "two"]
    assert ran(run(root, "two", force=True)) == ["one", "two"]
    with pytest.raises(UsageError, match="no stage `three`"):
        run(root, "three")


def test_failure_ends_what_needs_it_keeps_the_old_output_and_tells_why(tmp_path: Path) -> None:
    root = project(tmp_path, CHAIN, in_txt="1\n")
    run(root)
    write(root, {"dvc.yaml": CHAIN.replace("echo done", "echo oops; exit 5")})
    result = run(root)
    assert (result.code, result.failed, result.stage_codes) == (255, "two", (5,))
    assert result.tail[0] == "oops"
    assert result.tail[-1].endswith("exited with 5")
    assert (root / "two.txt").read_text() == "1\n"
    assert (failed_outputs(root, "two") / "two.txt").read_text() == "1\n"


def test_nothing_behind_a_failure_in_the_order_begins(tmp_path: Path) -> None:
    later = "".join(f"  z{n}: {{cmd: touch z{n}.txt, outs: [z{n}.txt]}}\n" for n in range(9))
    root = project(tmp_path, "stages:\n  a: {cmd: exit 1, outs: [a.txt]}\n" + later)
    result = run(root, jobs=1)
    assert (result.failed, result.ran) == ("a", ())
    assert not list(root.glob("z*.txt"))


def test_output_that_was_not_written_is_a_failure(tmp_path: Path) -> None:
    root = project(tmp_path, "stages:\n  a: {cmd: echo hm, outs: [a.txt]}\n")
    result = run(root)
    assert (result.code, result.failed) == (255, "a")
    assert "a.txt does not exist" in result.tail[-1]


def test_missing_dependency_is_a_failure_before_anything_starts(tmp_path: Path) -> None:
    root = project(tmp_path, CHAIN)
    result = run(root)
    assert (result.failed, result.ran) == ("one", ())
    assert "in.txt" in result.tail[-1]


def test_command_gets_the_environment_and_the_folder_that_dvc_gives(tmp_path: Path) -> None:
    told = "stages:\n  a: {wdir: deep, cmd: ['echo $DVC_STAGE $DVC_ROOT > a.txt', 'pwd >> a.txt'], outs: [a.txt]}\n"
    root = project(tmp_path, told)
    (root / "deep").mkdir()
    assert ran(run(root)) == ["a"]
    assert (root / "deep/a.txt").read_text() == f"a {root}\n{root / 'deep'}\n"


def test_two_writers_of_one_path_are_refused(tmp_path: Path) -> None:
    root = project(tmp_path, "stages:\n  a: {cmd: x, outs: [o]}\n  b: {cmd: y, outs: [o]}\n")
    with pytest.raises(SpecError, match="both `a` and `b`"):
        run(root)


@pytest.mark.slow
def test_data_that_dvc_tracks_and_that_changed_is_handed_to_dvc(tmp_path: Path) -> None:
    root = project(tmp_path, CHAIN, in_txt="1\n")
    md5 = "b026324c6904b2a9cb4b88d6d61c81d1"  # of "1\n"
    write(root, {"in.txt.dvc": f"outs:\n- md5: {md5}\n  size: 2\n  hash: md5\n  path: in.txt\n"})
    write(root, {f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}": "1\n", ".gitignore": "/in.txt\n"})
    assert ran(run(root)) == ["one", "two", "last"]
    write(root, {"in.txt": "1\n2\n"})
    assert ran(run(root)) == ["one", "two", "last"]
    assert md5 not in (root / "in.txt.dvc").read_text()


RUNNER = """\
import sys
from pathlib import Path
from mlops_kit.engines.callbacks import Callbacks
from mlops_kit.engines.options import PipelineOptions
from mlops_kit.engines.pipeline import reproduce_pipelines
result = reproduce_pipelines(
    Path(sys.argv[1]), PipelineOptions(jobs=4), Callbacks(on_line=lambda line: print(line, flush=True))
)
print(result.code, "dvc" in sys.modules, "numpy" in sys.modules)
"""
LONG = """\
stages:
  quick: {cmd: "echo q > quick.txt", outs: [quick.txt]}
  slow: {cmd: "echo half > slow.txt; sleep 1000 & echo begun; wait", deps: [quick.txt, in.txt], outs: [slow.txt]}
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 128 + signal.SIGTERM), (9, -9)]
)
def test_signal_keeps_what_was_finished_and_leaves_no_orphan(tmp_path: Path, number: int, code: int) -> None:
    root = project(tmp_path, LONG, in_txt="1\n", slow_txt="old\n")
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process:
        while "begun" not in next(process.stdout):
            pass
        below = descendants(process.pid)
        process.send_signal(number)
        assert process.wait(timeout=60) == code
        process.stdout.read()  # until the last process that can write to it is gone
    _gone(below)
    assert (root / "slow.txt").read_text() == "old\n"
    assert "quick" in (root / "dvc.lock").read_text()
    assert run(root, "quick").skipped == ("quick",)


def _gone(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.waitid(os.P_PIDFD, os.pidfd_open(pid), os.WEXITED)
        except (ProcessLookupError, ChildProcessError):
            continue


def test_unchanged_pipeline_loads_neither_dvc_nor_numpy(tmp_path: Path) -> None:
    root = project(tmp_path, CHAIN, in_txt="1\n")
    run(root)
    done = subprocess.run([sys.executable, "-c", RUNNER, str(root)], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "0 False False", done.stderr


def test_events_name_reasons_and_costs(tmp_path: Path) -> None:
    from mlops_kit.project.run import RunOptions, run_project

    root = project(tmp_path, CHAIN, in_txt="1\n")
    report = run_project(root, RunOptions())
    assert report.exit_code == 0
    lines = (root / ".dvc/tmp/mlops-kit/history.jsonl").read_text().splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds == ["stage"] * 3 + ["run"]
    assert all(json.loads(line)["bytes_out"] for line in lines[:3])


def test_stage_that_runs_its_own_project_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        f'stages:\n  again: {{cmd: "{sys.executable} -m mlops_kit run", deps: [in.txt], outs: [o]}}\n',
        in_txt="1\n",
    )
    done = subprocess.run(
        [sys.executable, "-m", "mlops_kit", "run"], cwd=root, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 7  # the stage's own code
    assert "runs mlops-kit for its own project" in done.stdout
