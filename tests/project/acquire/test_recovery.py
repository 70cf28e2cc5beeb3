"""What a killed acquisition, a merge and a fresh clone leave, and how it becomes whole again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mlops_kit.artifacts.statcache import replace_text
from mlops_kit.data.partitions.writing import write_parts
from mlops_kit.errors import BadDataError
from mlops_kit.project.acquire import publish as publishing
from mlops_kit.project.acquire import session
from mlops_kit.project.acquire.model import AcquireOptions
from mlops_kit.project.acquire.session import acquire_project
from mlops_kit.project.doctor import examine
from mlops_kit.project.reproduce.sources import read_revision
from mlops_kit.project.why import explain_stages
from tests.support.acquiring import acquiring_project, arrive
from tests.support.tiny import dvc
from tests.support.world import git, run_kit


class Killed(BaseException):
    """Stands for the end of the process."""


def state(project: Path) -> dict[str, bytes]:
    wanted = [project / "dvc.lock", *sorted((project / "data").rglob("*"))]
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in wanted if path.is_file()}


@pytest.fixture
def twins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Return a project that has a new file, and its twin where that was acquired undisturbed."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    project = acquiring_project(tmp_path / "project")
    acquire_project(project, AcquireOptions())
    arrive(project, 3)
    shutil.copytree(project, tmp_path / "twin")
    acquire_project(tmp_path / "twin", AcquireOptions())
    return project, tmp_path / "twin"


def test_killed_while_writing_nothing_is_visible(
    twins: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, twin = twins
    before = state(project)

    def write(*args: object, **options: object) -> object:
        write_parts(*args, **options)  # type: ignore[arg-type]
        raise Killed

    monkeypatch.setattr(session, "write_parts", write)
    with pytest.raises(Killed):
        acquire_project(project, AcquireOptions())
    assert state(project) == before
    monkeypatch.undo()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    acquire_project(project, AcquireOptions())
    assert state(project) == state(twin)


@pytest.mark.parametrize("step", ["_write_manifest", "_complete", "_record"])
@pytest.mark.parametrize("done", [False, True])
def test_killed_while_publishing_the_next_acquire_is_as_undisturbed(
    twins: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, step: str, done: bool
) -> None:
    project, twin = twins
    real = getattr(publishing, step)

    def killed(*args: object, **options: object) -> object:
        if done:
            real(*args, **options)
        raise Killed

    monkeypatch.setattr(publishing, step, killed)
    with pytest.raises(Killed):
        acquire_project(project, AcquireOptions())
    monkeypatch.setattr(publishing, step, real)
    acquire_project(project, AcquireOptions())
    assert state(project) == state(twin)
    assert not (project / ".dvc/tmp/mlops-kit/acquire/acquire").exists()


@pytest.mark.slow
def test_run_completes_what_a_killed_acquire_has_decided(
    twins: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, twin = twins

    def killed(*args: object) -> object:
        raise Killed

    monkeypatch.setattr(publishing, "_complete", killed)
    with pytest.raises(Killed):
        acquire_project(project, AcquireOptions())
    (why, _) = explain_stages(project).stages
    assert "data/raw.manifest.jsonl" in why.line
    run_kit("run", cwd=project)
    assert {k: v for k, v in state(project).items() if k.startswith("data/raw/")} == {
        k: v for k, v in state(twin).items() if k.startswith("data/raw/")
    }
    monkeypatch.undo()
    assert not acquire_project(project, AcquireOptions()).stages[0].recorded


@pytest.mark.slow
def test_two_branches_that_both_acquired_merge_into_all_partitions(tmp_path: Path) -> None:
    project = acquiring_project(tmp_path / "project")
    acquire_project(project, AcquireOptions())
    run_kit("merge", "install", cwd=project)
    run_kit("run", cwd=project)
    git(project, "add", "-A")
    git(project, "commit", "-qm", "two months")
    for branch, months in (("left", (3, 4)), ("right", (4, 5))):
        git(project, "switch", "-qc", branch, "main")
        for month in months:
            arrive(project, month)
        acquire_project(project, AcquireOptions())
        run_kit("run", cwd=project)
        git(project, "commit", "-qam", branch)
        run_kit("push", "--no-git", cwd=project)
        shutil.rmtree(project / "inbox")
    git(project, "merge", "-q", "-m", "both", "left")
    shutil.rmtree(project / ".dvc/cache")
    run_kit("run", "--pull", cwd=project)
    assert len(list((project / "data/raw").iterdir())) == 5
    assert (project / "count.json").read_text() == '{"partitions": 5}'
    assert dvc(project, "status").stdout.count("up to date") == 1


@pytest.mark.slow
def test_fresh_clone_skips_the_stage_and_gets_data_by_pull(tmp_path: Path) -> None:
    project = acquiring_project(tmp_path / "project")
    acquire_project(project, AcquireOptions())
    run_kit("run", cwd=project)
    git(project, "add", "-A")
    git(project, "commit", "-qm", "acquired")
    run_kit("push", "--no-git", cwd=project)
    git(tmp_path, "clone", "-q", str(project), "clone")
    assert (
        "0 ran" in (said := run_kit("run", "--pull", cwd=tmp_path / "clone").stdout)
        or "nothing had to run" in said
    )
    run_kit("pull", cwd=tmp_path / "clone")
    assert state(tmp_path / "clone").keys() >= {"data/raw/2013-01.parquet"}


@pytest.mark.slow
def test_stage_before_the_first_acquire_names_the_command(tmp_path: Path) -> None:
    project = acquiring_project(tmp_path / "project")
    done = run_kit("run", cwd=project, check=False)
    assert done.returncode != 0
    assert "mlops-kit acquire acquire" in done.stdout + done.stderr


@pytest.mark.slow
def test_own_command_of_the_stage_reads_a_local_source_that_still_fits(tmp_path: Path) -> None:
    project = acquiring_project(tmp_path / "project")
    acquire_project(project, AcquireOptions())
    run_kit("run", cwd=project)
    before = state(project)
    shutil.rmtree(project / "data/raw")
    shutil.rmtree(project / ".dvc/cache")
    run_kit("run", "--hermetic", cwd=project)
    assert state(project) == before
    shutil.rmtree(project / "data/raw")
    shutil.rmtree(project / ".dvc/cache")
    arrive(project, 1, rows=9)
    done = run_kit("run", "acquire", cwd=project, check=False)
    assert done.returncode == 5
    assert "--refetch" in done.stdout + done.stderr


def test_manifest_with_two_lines_for_a_partition_is_refused(twins: tuple[Path, Path]) -> None:
    project, _ = twins
    path = project / "data/raw.manifest.jsonl"
    text = path.read_text()
    replace_text(
        path,
        text
        + text.splitlines()[0].replace('"rows":3', '"rows":4').replace('"sha256":"', '"sha256":"0')
        + "\n",
    )
    with pytest.raises(BadDataError, match="two lines for partition `2013-01`"):
        acquire_project(project, AcquireOptions())


def test_doctor_tells_a_manifest_that_is_not_what_is_recorded(twins: tuple[Path, Path]) -> None:
    project, twin = twins
    shutil.copy(twin / "data/raw.manifest.jsonl", project / "data/raw.manifest.jsonl")
    found = {result.id: result for result in examine(project)}["manifests"]
    assert "2013-03" in found.detail
    assert found.fix == "mlops-kit run acquire"
    assert {result.id: result for result in examine(twin)}["manifests"].detail == "3 partitions"


def test_reproduce_takes_acquired_data_as_given(tmp_path: Path) -> None:
    project = acquiring_project(tmp_path / "project")
    acquire_project(project, AcquireOptions())
    git(project, "add", "-A")
    git(project, "commit", "-qm", "acquired")
    revision = read_revision(project, git(project, "rev-parse", "HEAD"))
    assert [stage.name for stage in revision.stages] == ["count"]
    assert revision.tracked["data/raw"].endswith(".dir")
