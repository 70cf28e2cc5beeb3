"""What plain commands are blamed for when they run side by side."""

from __future__ import annotations

from pathlib import Path

from mlops_kit.engines.watching import StageNews
from mlops_kit.outside.dvc import StageState
from mlops_kit.project.overlaps import Overlaps
from mlops_kit.steps.watch.findings import Finding, FindingKind
from tests.support.shapes import start, write

PIPELINE = "stages:\n  a: {cmd: x, outs: [a.txt]}\n  b: {cmd: y, deps: [in], outs: [b.txt]}\n"


def noted(*changes: tuple[str, StageState]) -> Overlaps:
    overlaps = Overlaps()
    for stage, state in changes:
        overlaps.change(StageNews(stage, state))
    return overlaps


def test_file_of_a_stage_that_ran_at_the_same_time_is_its_own_matter(tmp_path: Path) -> None:
    write(start(tmp_path), {"dvc.yaml": PIPELINE})
    seen, known = (Finding(FindingKind.READ, "b.txt", where) for where in ("", "a.py:1"))
    other = Finding(FindingKind.READ, "else.txt")
    at_once = noted(("a", StageState.RUNNING), ("b", StageState.RUNNING), ("a", StageState.RAN))
    assert at_once.own_findings(tmp_path, {"a": (seen, known, other)}) == {"a": (known, other)}
    assert at_once.own_findings(tmp_path, {"a": (seen,)}) == {}


def test_stages_one_after_another_keep_all_findings(tmp_path: Path) -> None:
    seen = Finding(FindingKind.READ, "b.txt")
    running, ran = StageState.RUNNING, StageState.RAN
    serial = noted(("b", running), ("b", ran), ("a", running), ("a", ran))
    assert serial.own_findings(tmp_path, {"a": (seen,)}) == {"a": (seen,)}
