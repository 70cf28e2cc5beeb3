"""`mlops-kit data diff` in a DVC repository that mlops-kit did not make."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.data.diff.sides import DiffRequest
from mlops_kit.outside.dvc import dvc_environment
from mlops_kit.project.datadiff import diff_data
from mlops_kit.report.data_diff import dumps, render
from tests.support.tables import comma, parquet
from tests.support.world import git, run_kit

pytestmark = pytest.mark.slow

USERS = [("user_id", "age", "mail"), *((f"u{i}", 20 + i % 50, f"m{i}@example.org") for i in range(40))]


def dvc(root: Path, *args: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *args, "-q"], cwd=root, check=True, env=dvc_environment())


def month(root: Path, name: str, first: int, shift: float = 0.0) -> None:
    rows = [{"id": first + i, "x": i + shift, "name": "n", "flag": True} for i in range(50)]
    parquet(root / "data" / "raw" / f"{name}.parquet", rows)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with two commits, a table that is one file and a table of partitions, and a remote."""
    root = tmp_path_factory.mktemp("foreign") / "repo"
    root.mkdir()
    git(root, "init", "-qb", "main")
    git(root, "config", "user.name", "a")
    git(root, "config", "user.email", "a@localhost")
    dvc(root, "init")
    (root / "schema.yaml").write_text("columns:\n  mail: {type: string, pii: true}\n")
    comma(root / "users.csv", USERS)
    month(root, "2013-01", 0)
    month(root, "2013-02", 100)
    dvc(root, "add", "users.csv", "data/raw")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    comma(
        root / "users.csv",
        [*USERS[:5], ("u4", 99, "secret@example.org"), *USERS[6:], ("u99", 1, "n@example.org")],
    )
    month(root, "2013-03", 200)
    dvc(root, "add", "users.csv", "data/raw")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "two")
    return root


@pytest.fixture
def foreign(template: Path, tmp_path: Path) -> Path:
    shutil.copytree(template, tmp_path / "repo")
    return tmp_path / "repo"


def test_data_diff_of_two_commits_tells_rows_columns_and_partitions(foreign: Path) -> None:
    done = run_kit("data", "diff", "HEAD~1", "HEAD", cwd=foreign)
    assert "users.csv: 1 row added, 1 row changed" in done.stdout
    assert "`24` -> `99` at user_id=`u4`" in done.stdout
    assert "data/raw: 50 rows added (2013-03), none changed" in done.stdout
    assert "2 the same, not read" in done.stdout
    assert "example.org" not in done.stdout


def test_data_diff_reads_only_partitions_that_differ(foreign: Path) -> None:
    listing = next(out for out in (foreign / "data/raw.dvc").read_text().split() if out.endswith(".dir"))
    cache = foreign / ".dvc/cache/files/md5"
    entries = json.loads((cache / listing[:2] / listing[2:]).read_text())
    for entry in entries[:2]:
        (cache / entry["md5"][:2] / entry["md5"][2:]).unlink()
    found = diff_data(foreign, "HEAD~1", "HEAD")
    assert not found.unreadable
    raw = next(table for table in found.tables if table.path == "data/raw")
    assert (raw.added, raw.same_files, raw.unchanged) == (50, 2, None)


def test_data_diff_of_the_work_tree_sees_edits_that_nobody_added(foreign: Path) -> None:
    assert not diff_data(foreign, "HEAD").tables
    comma(foreign / "users.csv", USERS[:-1])
    table = diff_data(foreign).tables[0]
    assert (table.path, table.removed, table.changed, table.key) == ("users.csv", 2, 1, ("user_id",))


def test_content_that_is_nowhere_is_an_error_with_its_own_exit_code(foreign: Path) -> None:
    shutil.rmtree(foreign / ".dvc/cache")
    done = run_kit("data", "diff", "HEAD~1", "HEAD", "--json", cwd=foreign, check=False)
    assert done.returncode == 4
    value = json.loads(done.stdout)
    assert {item["what"] for item in value["unreadable"]} == {"data/raw", "users.csv"}
    assert not value["tables"]


def test_damaged_content_is_not_compared(foreign: Path) -> None:
    for file in (foreign / ".dvc/cache/files/md5").rglob("*"):
        if file.is_file() and b"u99" in file.read_bytes():
            file.chmod(0o644)
            file.write_bytes(file.read_bytes().replace(b"u99", b"u98"))
    found = diff_data(foreign, "HEAD~1", "HEAD")
    assert ["damaged" in item.reason for item in found.unreadable] == [True]
    assert "damaged" in render(found)


def test_only_what_differs_is_asked_for_by_path_key_and_rows(foreign: Path) -> None:
    done = run_kit(
        "data", "diff", "HEAD~1", "HEAD", "--path", "users.csv", "--key", "user_id,age", "--rows", "r.parquet", "--json", cwd=foreign
    )  # fmt: skip
    table = json.loads(done.stdout)["tables"][0]
    assert (table["key"], table["added"], table["removed"], table["changed"]) == (["user_id", "age"], 2, 1, 0)
    import pyarrow.parquet as pq

    assert pq.read_schema(foreign / "r.parquet").names == ["change", "user_id", "age"]


def test_wrong_use_is_told_with_what_would_be_right(foreign: Path) -> None:
    done = run_kit("data", "diff", "HEAD~1", "HEAD", "--rows", "r.parquet", cwd=foreign, check=False)
    assert (done.returncode, "add --path" in done.stderr) == (2, True)
    done = run_kit("data", "diff", "--path", "nothing", cwd=foreign, check=False)
    assert (done.returncode, "users.csv" in done.stderr) == (2, True)


def test_contract_that_cannot_be_read_hides_all_values(foreign: Path) -> None:
    (foreign / "schema.yaml").write_text("columns: {mail: {pii: true\n")
    found = diff_data(foreign, "HEAD~1")
    assert "u4" not in dumps(found)
    assert "no values are shown" in render(found)
    assert found.tables


def test_table_that_only_git_has_is_compared_when_asked_for(foreign: Path) -> None:
    comma(foreign / "few.csv", [("id", "x"), (1, 2)])
    git(foreign, "add", "few.csv")
    git(foreign, "commit", "-qm", "few")
    comma(foreign / "few.csv", [("id", "x"), (1, 3)])
    table = diff_data(foreign, "HEAD", None, _path("few.csv")).tables[0]
    assert (table.changed, table.added) == (1, 0)


def _path(name: str) -> DiffRequest:

    return DiffRequest(paths=(name,))
