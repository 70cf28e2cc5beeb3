"""Every shape of a DVC repository: the right numbers, the same that DVC reads, or exit 4 with the reason."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.compare.model import Comparison
from mlops_kit.compare.verdict import exit_code
from mlops_kit.errors import ExitCode
from mlops_kit.outside import git
from mlops_kit.outside.dvc import dvc_environment
from mlops_kit.project.compare import compare_commits
from tests.support.shapes import SHAPES, Shape
from tests.support.world import run_kit


def found_numbers(made: Comparison) -> dict[str, tuple[float | None, float | None]]:
    return {diff.name: (diff.old, diff.new) for diff in made.metrics}


@pytest.mark.parametrize("name", SHAPES)
def test_shape_gives_the_right_numbers_or_the_reason(name: str, tmp_path: Path) -> None:
    shape = SHAPES[name]
    place = shape.build(tmp_path / "repo")
    made = compare_commits(place, shape.base, "HEAD")
    assert found_numbers(made) == dict(shape.metrics)
    assert {change.name: (change.old, change.new) for change in made.params} == dict(shape.params)
    assert [item.what for item in made.unreadable] == list(shape.lost)
    assert all(item.reason and item.fix for item in made.unreadable)
    assert exit_code(made) is (ExitCode.UNREADABLE if shape.lost else ExitCode.OK)
    said = [item.reason for item in made.unreadable] + list(made.notes)
    assert any(shape.says in text for text in said) or not shape.says
    if shape.dvc_reads:
        assert sorted(map(str, flat(dvc_diff(place, shape)))) == sorted(map(str, made_pairs(made)))


def dvc_diff(place: Path, shape: Shape) -> dict[str, dict[str, dict[str, float]]]:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "metrics", "diff", "--json", "--all", shape.base, "HEAD"],
        cwd=place, env=dvc_environment(), capture_output=True, check=True,
    )  # fmt: skip
    answer: dict[str, dict[str, dict[str, float]]] = json.loads(done.stdout)
    return answer


def flat(answer: dict[str, dict[str, dict[str, float]]]) -> list[tuple[float, float]]:
    """Return (old, new) of every number that DVC reports."""
    return [(float(v["old"]), float(v["new"])) for file in answer.values() for v in file.values()]


def made_pairs(made: Comparison) -> list[tuple[float | None, float | None]]:
    return [(diff.old, diff.new) for diff in made.metrics]


def status(place: Path) -> list[str]:
    done = subprocess.run(
        ["git", "status", "--porcelain", "-z", "--untracked-files=all"],
        cwd=place,
        capture_output=True,
        check=True,
    )
    return sorted(line for line in done.stdout.decode().split("\0") if line)


@pytest.mark.parametrize("name", SHAPES)
def test_adopt_adds_the_files_of_its_plan_and_touches_nothing(name: str, tmp_path: Path) -> None:
    place = SHAPES[name].build(tmp_path / "repo")
    before = status(place)
    plan = json.loads(run_kit("adopt", "--dry-run", "--json", cwd=place).stdout)
    assert status(place) == before
    run_kit("adopt", cwd=place)
    top = git.top_level(place)
    planned = sorted(
        f"?? {(Path(plan['root']) / file['path']).relative_to(top).as_posix()}" for file in plan["files"]
    )
    assert planned
    assert status(place) == sorted([*before, *planned])
    run_kit("adopt", cwd=place)
    assert status(place) == sorted([*before, *planned])
