"""`kpi check`: every promise judged on the results that are here, in any DVC repository."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from mlops_kit.errors import SpecError, UsageError
from mlops_kit.outside import git
from mlops_kit.project.compare import compare_commits
from mlops_kit.project.kpi import check_kpis
from mlops_kit.report import json as as_json
from mlops_kit.spec.load import load_kpis
from tests.support.shapes import numbers, two, write
from tests.support.world import run_kit

PIPELINE = "stages:\n  train:\n    cmd: x\n    metrics: [{m.json: {cache: false}}]\n"
CONTRACT = """\
kpis:
  - {metric: auc, min: 0.7, max_worsening: 0.02, owner: "@ml"}
  - {metric: auc, max_worsening: 0.01, against: production}
  - {metric: latency_ms, max: 20, on_breach: "Profile the model."}
  - {metric: bytes, max: 1000}
"""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return two(
        tmp_path / "repo",
        {"dvc.yaml": PIPELINE, "kpis.yaml": CONTRACT, "m.json": numbers(auc=0.8, latency_ms=10, bytes=900)},
        {"m.json": numbers(auc=0.79, latency_ms=12, bytes=900)},
    )


def statuses(repo: Path) -> list[tuple[str, str]]:
    return [(result.promise, result.status.value) for result in check_kpis(repo).results]


def test_without_a_model_in_production_that_promise_is_skipped_with_the_reason(repo: Path) -> None:
    made = check_kpis(repo)
    assert [result.status.value for result in made.results] == ["pass", "pass", "skip", "pass", "pass"]
    assert made.results[2].reason == "no model in production to compare with"
    assert made.exit_code == 0


def test_change_is_measured_against_the_model_in_production(repo: Path) -> None:
    subprocess.run(["git", "tag", "model#prod#1", "HEAD~1"], cwd=repo, check=True)
    assert ("worsens by at most 0.01 against production", "pass") in statuses(repo)
    write(repo, {"m.json": numbers(auc=0.785, latency_ms=12, bytes=900)})
    git.commit_all(repo, "worse by little each time")
    made = check_kpis(repo)
    assert [(r.promise, r.reason) for r in made.results if r.status.value == "fail"] == [
        ("worsens by at most 0.01 against production", "worsens by 0.015")
    ]
    assert made.exit_code == 3


@pytest.mark.parametrize(("tags", "skipped"), [(["prod#1"], False), (["m#prod#1", "m#prod!#2"], True), (["m#prod#x"], True), (["m#dev#1"], True)])  # fmt: skip
def test_tag_with_the_highest_number_counts(repo: Path, tags: list[str], skipped: bool) -> None:
    for tag in tags:
        subprocess.run(["git", "tag", tag, "HEAD~1"], cwd=repo, check=True)
    assert (check_kpis(repo).results[2].status.value == "skip") is skipped


def test_revision_in_production_may_be_named_in_the_contract(repo: Path) -> None:
    write(repo, {"kpis.yaml": CONTRACT + "production: HEAD~1\n"})
    assert statuses(repo)[2] == ("worsens by at most 0.01 against production", "pass")


def test_production_that_cannot_be_read_is_never_green(repo: Path) -> None:
    write(repo, {"kpis.yaml": CONTRACT + "production: gone\n"})
    done = run_kit("kpi", "check", cwd=repo, check=False)
    assert done.returncode == 4
    assert "`gone` does not exist" in done.stderr


def test_metric_that_production_lost_is_named_and_travels_to_the_comment(repo: Path) -> None:
    write(repo, {"m.json": "{broken"})
    broken = git.commit_all(repo, "broken")
    write(
        repo,
        {
            "m.json": numbers(auc=0.8, latency_ms=10, bytes=1),
            "kpis.yaml": CONTRACT + f"production: {broken}\n",
        },
    )
    git.commit_all(repo, "mended")
    made = compare_commits(repo, "HEAD~2", "HEAD")
    assert [(item.side, item.what) for item in made.unreadable] == [("production", "m.json")]
    assert made.kpis == ()
    assert as_json.loads(as_json.dumps(made)).unreadable == made.unreadable


def test_breach_is_printed_with_what_to_do_and_exit_3(repo: Path) -> None:
    write(repo, {"m.json": numbers(auc=0.79, latency_ms=30, bytes=900)})
    done = run_kit("kpi", "check", cwd=repo, check=False)
    assert done.returncode == 3
    assert "✗ latency_ms <= 20: 30 (above the maximum)\n    Profile the model." in done.stdout
    found = json.loads(run_kit("kpi", "check", "--json", cwd=repo, check=False).stdout)
    assert [result["name"] for result in found["results"] if result["status"] == "fail"] == ["latency_ms"]


def test_unreadable_metric_is_exit_4_and_nothing_is_judged(repo: Path) -> None:
    (repo / "m.json").unlink()
    done = run_kit("kpi", "check", cwd=repo, check=False)
    assert done.returncode == 4
    assert "not judged" in done.stdout


def test_no_contract_is_a_usage_error_with_an_example(repo: Path) -> None:
    (repo / "kpis.yaml").unlink()
    with pytest.raises(UsageError) as caught:
        check_kpis(repo)
    assert "kpis: [{metric: auc" in caught.value.fix


@pytest.mark.parametrize(
    ("kpi", "wanted"),
    [
        ("{metric: a, min: 2, max: 1}", "at most `max`"),
        ("{metric: a, min: 1, against: production}", "together with `max_worsening`"),
        ("{metric: a, max_worsening: 1, slice: b}", "left out of a promise with `slice`"),
        ("{metric: a, max_worsening: -1}", "0 or more"),
    ],
)
def test_promise_that_makes_no_sense_is_refused_with_its_line(kpi: str, wanted: str) -> None:
    with pytest.raises(SpecError, match=r"kpis\.yaml:2") as caught:
        load_kpis(f"kpis:\n  - {kpi}\n")
    assert wanted in caught.value.fix
