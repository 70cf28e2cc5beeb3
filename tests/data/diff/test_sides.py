"""Sides of a repository whose pipeline and lock are written by hand, with a cache that holds what the lock names."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from mlops_kit.data.diff.model import DataDiff
from mlops_kit.data.diff.sides import DiffRequest, diff_sides
from mlops_kit.report.data_diff import render
from tests.support.tables import comma
from tests.support.world import git

PIPELINE = """\
stages:
  acquire: {cmd: a, outs: [data/raw.csv]}
  clean: {cmd: c, deps: [data/raw.csv], outs: [data/clean.csv]}
  split: {cmd: s, deps: [data/clean.csv], outs: [data/a_train.csv], plots: [plots/curve.csv]}
  deploy: {cmd: d, deps: [data/a_train.csv], outs: [deploy: {cache: false}]}
"""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    (root / ".dvc").mkdir(parents=True)
    (root / ".dvc/config").write_text("")
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / ".gitignore").write_text("/data\n/plots\n")
    git(tmp_path, "init", "-qb", "main", "repo")
    git(root, "config", "user.name", "a")
    git(root, "config", "user.email", "a@localhost")
    for seats in (1, 5):
        commit(
            root,
            [
                ("id", "seats", "zip", "at"),
                *((i, seats * i, f"0{i}", f"2013-01-{i:02d}") for i in range(1, 29)),
            ],
        )
    return root


def commit(root: Path, rows: list[tuple[object, ...]]) -> None:
    """Write all outputs with these rows, put them into the cache, and record them."""
    stages = {
        "acquire": ["data/raw.csv"],
        "clean": ["data/clean.csv"],
        "split": ["data/a_train.csv", "plots/curve.csv"],
    }
    text = "schema: '2.0'\nstages:\n"
    before: list[str] = []
    for stage, outs in stages.items():
        text += f"  {stage}:\n    cmd: x\n" + listed("deps", before) + "    outs:\n"
        for out in outs:
            text += f"    - {{path: {out}, md5: {cached(root, comma(root / out, rows).read_bytes())}}}\n"
        before = [outs[0]]
    (root / "deploy").mkdir(exist_ok=True)
    (root / "deploy/run.sh").write_text(str(rows[1]))
    listing = json.dumps([{"md5": "0" * 32, "relpath": "run.sh"}]) + str(rows[1])
    digest = hashlib.md5(listing.encode(), usedforsecurity=False).hexdigest()
    text += f"  deploy:\n    cmd: d\n{listed('deps', before)}    outs:\n    - {{path: deploy, md5: {digest}.dir}}\n"
    (root / "dvc.lock").write_text(text)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "run")


def listed(key: str, paths: list[str]) -> str:
    return (
        f"    {key}:\n" + "".join(f"    - {{path: {path}, md5: {'0' * 32}}}\n" for path in paths)
        if paths
        else ""
    )


def cached(root: Path, content: bytes) -> str:
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    place = root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return digest


def compared(root: Path, **asked: object) -> DataDiff:
    return diff_sides(root, "HEAD~1", "HEAD", DiffRequest(**asked))  # type: ignore[arg-type]


def test_tables_stand_in_the_order_of_the_pipeline_and_derived_ones_get_a_line(repo: Path) -> None:
    found = compared(repo)
    assert [table.path for table in found.tables] == ["data/raw.csv", "data/clean.csv", "data/a_train.csv"]
    assert found.derived == ("data/a_train.csv",)
    assert "\n  data/a_train.csv: 28 rows changed\n" in render(found)
    assert render(found, everything=True).count("seats") > render(found).count("seats")


def test_folder_that_git_keeps_is_no_unreadable_side(repo: Path) -> None:
    found = compared(repo)
    assert found.unreadable == ()
    assert found.other == ("deploy: 1 further files differ (run.sh), no table",)


def test_plots_are_tables_only_when_they_are_asked_for(repo: Path) -> None:
    assert [table.path for table in compared(repo, paths=("plots/curve.csv",)).tables] == ["plots/curve.csv"]
    assert "plots/curve.csv" in [table.path for table in compared(repo, everything=True).tables]


def test_texts_that_are_all_numbers_or_times_shift_as_such_and_codes_do_not(repo: Path) -> None:
    columns = {column.column: column for column in compared(repo).tables[0].columns}
    assert columns["seats"].reason == "median 70 instead of 14"
    assert dict(columns["at"].old.quantiles if columns["at"].old else ())["max"] == "2013-01-28"
    assert columns["zip"].old is not None
    assert columns["zip"].old.quantiles == ()


def test_listing_that_is_nowhere_is_unreadable(repo: Path) -> None:
    git(repo, "rm", "-qr", "deploy")
    git(repo, "commit", "-qm", "away")
    found = diff_sides(repo, "HEAD~1", "HEAD~2", DiffRequest())
    assert not found.unreadable
    lock = (repo / "dvc.lock").read_text()
    (repo / "dvc.lock").write_text(re.sub(r"(path: deploy, md5: )\w{4}", r"\g<1>0000", lock))
    found = diff_sides(repo, "HEAD", None, DiffRequest())
    assert {(item.side, item.what) for item in found.unreadable} == {("base", "deploy"), ("head", "deploy")}
