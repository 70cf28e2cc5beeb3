"""What a revision had comes back, whichever way is left, byte for byte."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mlops_kit.errors import ExitCode, RefusedError, UnreadableSideError
from mlops_kit.project.restore import RestoreOptions, restore_revision
from tests.support.tiny import changed_project, dvc, objects, tiny_project
from tests.support.world import edit, git, run_kit

pytestmark = pytest.mark.slow

DATA = (
    "data/model.txt",
    "data/parts/0.txt",
    "data/parts/2.txt",
    "data/parts/deep/1.txt",
    "data/parts/deep/3.txt",
)


@pytest.fixture
def tiny(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the project one commit later: a row of the data has changed, the first commit's data is in cache and store."""
    (tmp_path / "first").mkdir()
    first = tiny_project(tmp_path / "first", tmp_path_factory)
    ignored = shutil.ignore_patterns(".dvc", ".git", "store", "first")
    shutil.copytree(first, tmp_path / "before", ignore=ignored)
    return changed_project(tmp_path, tmp_path_factory)


def before(root: Path) -> dict[str, bytes]:
    """Return path -> content of all that the first commit had."""
    return contents(root.parent / "before")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".dvc/" not in f"{path}"
    }


def ways(root: Path, **options: object) -> dict[str, str]:
    """Restore HEAD~1 and return path -> way of the data."""
    report = restore_revision(root, "HEAD~1", RestoreOptions(**options))  # type: ignore[arg-type]
    assert report.exit_code == 0, report.lost
    return {file.path: file.way for file in report.files if file.way != "git"}


def test_everything_comes_back_from_git_work_tree_and_cache_and_disturbs_nobody(tiny: Path) -> None:
    planned = ways(tiny, dry_run=True)
    assert not (tiny / "restored").exists()
    found = ways(tiny)
    assert found == planned
    assert (found["data/model.txt"], found["extra.bin"], found["data/parts/0.txt"]) == (
        "cache",
        "work tree",
        "work tree",
    )
    (folder,) = (path for path in (tiny / "restored").iterdir() if path.is_dir())
    assert contents(folder) == before(tiny)
    assert git(tiny, "status", "--porcelain") == ""
    assert "Data and pipelines are up to date" in dvc(tiny, "repro", "-P").stdout
    again = json.loads(run_kit("restore", "HEAD~1", "--json", cwd=tiny).stdout)
    assert all(file["present"] for file in again["files"])


def test_without_the_cache_a_remote_has_it(tiny: Path) -> None:
    shutil.rmtree(tiny / ".dvc/cache")
    assert ways(tiny, paths=["data"])["data/model.txt"] == "remote store"


def test_what_is_gone_everywhere_is_made_again_by_the_code_of_that_revision(
    tiny: Path, tmp_path: Path
) -> None:
    extra = (tiny / "extra.bin").read_bytes()
    for place in (tiny / ".dvc/cache", tiny / "store"):
        for path in objects(place):
            if path.read_bytes() != extra:
                path.unlink()
    (tiny / "join.py").write_text("raise SystemExit('not this one')\n")
    done = run_kit("restore", "HEAD~1", "--to", str(tmp_path / "out"), cwd=tiny)
    assert "data/model.txt: rerun of join" in done.stdout
    assert contents(tmp_path / "out") == before(tiny)


def test_result_that_is_not_the_recorded_one_gets_no_name(tiny: Path) -> None:
    edit(tiny / "join.py", '"".join(texts)', '"".join(texts) + __import__("os").urandom(4).hex()')
    run_kit("run", cwd=tiny)
    git(tiny, "commit", "-aqm", "drifting")
    shutil.rmtree(tiny / ".dvc/cache")
    (tiny / "data/model.txt").unlink()
    done = run_kit("restore", "HEAD", "data", cwd=tiny, check=False)
    assert done.returncode == ExitCode.UNREADABLE
    assert "✗ data/model.txt: stage `join` gives something else now: data/model.txt" in done.stdout
    (folder,) = (path for path in (tiny / "restored").iterdir() if path.is_dir())
    assert sorted(contents(folder)) == sorted(set(DATA) - {"data/model.txt"})


def test_in_place_nothing_is_overwritten_that_could_not_be_had_again(tiny: Path) -> None:
    (tiny / "raw.csv").write_text("mine\n")
    with pytest.raises(RefusedError, match=r"raw\.csv in .* would be overwritten"):
        restore_revision(tiny, "HEAD~1", RestoreOptions(("raw.csv",), to=tiny))
    (tiny / "data/model.txt").write_text("mine too")
    with pytest.raises(RefusedError, match=r"data/model\.txt"):
        restore_revision(tiny, "HEAD~1", RestoreOptions(("data",), to=tiny))
    assert (tiny / "data/parts/deep/3.txt").read_bytes() != before(tiny)["data/parts/deep/3.txt"]
    git(tiny, "checkout", "-q", "raw.csv")
    dvc(tiny, "checkout", "--force")
    ways(tiny, paths=["raw.csv", "data"], to=tiny)
    for path in ("raw.csv", *DATA):
        assert (tiny / path).read_bytes() == before(tiny)[path]


def test_path_or_revision_that_does_not_exist_is_named(tiny: Path) -> None:
    with pytest.raises(UnreadableSideError, match="nothing called nowhere"):
        restore_revision(tiny, "HEAD~1", RestoreOptions(("nowhere",)))
    assert run_kit("restore", "no-such", cwd=tiny, check=False).returncode == ExitCode.UNREADABLE
