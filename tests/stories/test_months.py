"""Half a year is there, then three months arrive one by one: each commit is a version of the data with a diff that people can read.

The tests build on each other: one worker runs them in their order.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from mlops_kit.artifacts.side import read_side
from mlops_kit.compare.data_section import describe_data
from mlops_kit.compare.section import DataSection
from tests.stories.test_safe_repro import dvc
from tests.support.months import arrive, flights, months_project
from tests.support.world import git, run_kit

pytestmark = pytest.mark.slow
MANIFEST = "data/raw.manifest.jsonl"


@dataclass
class Story:
    """A project, and what its data folder held at each commit."""

    project: Path
    versions: dict[str, dict[str, str]] = field(default_factory=dict)

    def commit(self, message: str) -> str:
        run_kit("run", cwd=self.project)
        git(self.project, "add", "-A")
        git(self.project, "commit", "-qm", message)
        sha = git(self.project, "rev-parse", "HEAD")
        self.versions[sha] = data_of(self.project)
        return sha


def data_of(project: Path) -> dict[str, str]:
    """Return path -> hash of every file of the data."""
    return {
        path.relative_to(project).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((project / "data").rglob("*.parquet"))
    }


def rows(month: int) -> int:
    return flights()[month].count("\n") - 1


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    made = Story(months_project(tmp_path_factory.mktemp("months") / "project"))
    run_kit("generate", cwd=made.project)
    arrive(made.project, *range(1, 7))
    run_kit("acquire", cwd=made.project)
    made.commit("The first half of the year")
    for month in (7, 8, 9):
        arrive(made.project, month)
        run_kit("acquire", cwd=made.project)
        made.commit(f"Month {month}")
    return made


def section(story: Story, base: str, head: str | None, **options: object) -> DataSection | None:
    sides = (read_side(story.project, base), read_side(story.project, head))
    return describe_data(story.project, *sides, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("month", "back"), [(7, 2), (8, 1), (9, 0)])
def test_each_commit_says_which_month_came(story: Story, month: int, back: int) -> None:
    said = run_kit("compare", f"HEAD~{back + 1}", f"HEAD~{back}", cwd=story.project).stdout
    assert f"data/raw: 1 partition added (2013-{month:02}, {rows(month):,} rows)" in said
    made = section(story, f"HEAD~{back + 1}", f"HEAD~{back}")
    assert made is not None
    clean = next(table for table in made.tables if table.path == "data/clean.parquet")
    assert (clean.removed, clean.changed, clean.key) == (0, 0, ("time_hour", "carrier", "flight", "origin"))
    assert rows(month) - 3 <= clean.added <= rows(month)
    assert clean.time is not None
    assert clean.time[1].startswith(f"2013-{month:02}-01")


def test_lines_of_earlier_partitions_never_change(story: Story) -> None:
    texts = [git(story.project, "show", f"HEAD~{back}:{MANIFEST}") for back in (3, 2, 1, 0)]
    assert [text.count("\n") + 1 for text in texts] == [6, 7, 8, 9]
    assert all(new.startswith(old) for old, new in pairwise(texts))


def test_older_commit_and_checkout_give_back_the_exact_older_data(story: Story) -> None:
    for sha, wanted in story.versions.items():
        git(story.project, "checkout", "-q", sha)
        dvc(story.project, "checkout")
        assert data_of(story.project) == wanted
    git(story.project, "checkout", "-q", "main")
    assert len({json.dumps(one) for one in story.versions.values()}) == 4


@pytest.mark.parametrize("form", ["--md", "--html", "--json"])
def test_no_value_about_a_person_is_in_any_rendering(story: Story, form: str) -> None:
    said = run_kit("compare", "HEAD~2", "HEAD", form, "--data", "full", cwd=story.project).stdout
    tails = {row["tailnum"] for month in (8, 9) for row in csv.DictReader(io.StringIO(flights()[month]))}
    assert "2013-08" in said.replace("&#45;", "-")
    assert ("tailnum" in said) is (form == "--json")
    assert [tail for tail in tails if len(tail) > 3 and tail in said] == []


def test_nothing_and_a_summary_can_be_asked_for(story: Story) -> None:
    assert section(story, "HEAD~1", "HEAD", level="none") is None
    brief = section(story, "HEAD~1", "HEAD", level="summary")
    assert brief is not None
    assert (len(brief.partitions), brief.tables) == (1, ())


def test_what_is_beyond_the_budget_is_named_with_the_command(story: Story) -> None:
    made = section(story, "HEAD~1", "HEAD", budget=1)
    assert made is not None
    assert made.tables == ()
    assert "mlops-kit data diff --path data/clean.parquet" in made.left_out[0]


def test_same_data_says_nothing(story: Story) -> None:
    assert section(story, "HEAD", "HEAD") is None


def test_corrected_month_is_a_new_version_with_the_changed_cells(story: Story) -> None:
    path = story.project / "inbox" / "2013-09.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    name = lines[0].split(",").index("distance")
    cells = lines[1].split(",")
    cells[name] = "77"
    path.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n", encoding="utf-8", newline="\n")
    assert run_kit("acquire", cwd=story.project, check=False).returncode == 7
    run_kit("acquire", "--accept-rewrite", "2013-09", cwd=story.project)
    story.commit("September, corrected")
    made = section(story, "HEAD~1", "HEAD")
    assert made is not None
    assert [(one.partition, one.state) for one in made.partitions] == [("2013-09", "rewritten")]
    clean = next(table for table in made.tables if table.path == "data/clean.parquet")
    assert (clean.added, clean.removed, clean.changed) == (0, 0, 1)
    [column] = [column for column in clean.columns if column.changed]
    assert (column.column, column.examples[0].new) == ("distance", "77")


def test_first_arrival_is_told_before_anything_is_committed(tmp_path: Path) -> None:
    project = months_project(tmp_path / "project")
    run_kit("generate", cwd=project)
    git(project, "add", "-A")
    git(project, "commit", "-qm", "Generated")
    arrive(project, 1)
    run_kit("acquire", cwd=project)
    said = run_kit("compare", cwd=project, check=False).stdout  # exit code 4: no stage has run yet
    assert f"data: data/raw: 1 partition added (2013-01, {rows(1):,} rows)" in said
