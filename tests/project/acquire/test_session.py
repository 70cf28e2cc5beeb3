from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mlops_kit.data.manifest import PartitionLine, read_manifest
from mlops_kit.errors import BadDataError, ExitCode, OutsideError, RefusedError, UsageError
from mlops_kit.project.acquire.model import AcquireOptions, AcquireReport
from mlops_kit.project.acquire.session import acquire_project
from tests.support.acquiring import acquiring_project, arrive


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return acquiring_project(tmp_path / "project")


def acquire(project: Path, **options: object) -> AcquireReport:
    return acquire_project(project, AcquireOptions(**options))  # type: ignore[arg-type]


def lines(project: Path) -> dict[str, PartitionLine]:
    return {line.partition: line for line in read_manifest(project / "data/raw.manifest.jsonl")}


def files(project: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((project / "data/raw").iterdir())}


def test_acquire_takes_each_file_as_a_partition_and_records_it(project: Path) -> None:
    stage = acquire(project).stages[0]
    assert [line.partition for line in stage.added] == ["2013-01", "2013-02"]
    assert stage.recorded
    assert list(files(project)) == ["2013-01.parquet", "2013-02.parquet"]
    assert "nfiles: 2" in (project / "dvc.lock").read_text()
    assert lines(project)["2013-01"].source == "inbox/2013-01.csv"


def test_second_acquire_changes_nothing(project: Path) -> None:
    acquire(project)
    before = {
        path: path.read_bytes() for path in project.rglob("*") if path.is_file() and ".git/" not in str(path)
    }
    report = acquire(project)
    assert not report.stages[0].recorded
    assert report.exit_code is ExitCode.OK
    after = {
        path: path.read_bytes() for path in project.rglob("*") if path.is_file() and ".git/" not in str(path)
    }
    assert {p: c for p, c in after.items() if ".dvc/tmp" not in str(p)} == {
        p: c for p, c in before.items() if ".dvc/tmp" not in str(p)
    }


def test_acquire_fetches_only_what_is_new(project: Path) -> None:
    acquire(project)
    old = lines(project)
    arrive(project, 3)
    stage = acquire(project).stages[0]
    assert [planned.offer.name for planned in stage.plan.to_fetch] == ["2013-03"]
    assert {name: line for name, line in lines(project).items() if name in old} == old


def test_rewritten_file_is_refused_and_the_recorded_one_kept(project: Path) -> None:
    acquire(project)
    before = files(project), lines(project)
    arrive(project, 1, rows=5)
    report = acquire(project)
    assert report.exit_code is ExitCode.REFUSED
    assert [(old.rows, now.rows) for old, now in report.stages[0].rewritten] == [(3, 5)]
    assert (files(project), lines(project)) == before
    assert acquire(project).exit_code is ExitCode.REFUSED  # noticed again, until somebody decides


def test_accepted_rewrite_replaces_the_partition_and_names_the_old_one(project: Path) -> None:
    acquire(project)
    old = lines(project)["2013-01"]
    arrive(project, 1, rows=5)
    report = acquire(project, accept=frozenset({"acquire:2013-01"}))
    assert report.exit_code is ExitCode.OK
    assert lines(project)["2013-01"].replaces == old.sha256
    assert lines(project)["2013-01"].rows == 5
    assert not acquire(project).stages[0].recorded


def test_new_partitions_beside_a_rewritten_one_are_taken(project: Path) -> None:
    acquire(project)
    arrive(project, 1, rows=5)
    arrive(project, 3)
    assert [line.partition for line in acquire(project).stages[0].added] == ["2013-03"]


def test_file_in_other_bytes_with_the_same_rows_is_no_rewriting(project: Path) -> None:
    acquire(project)
    path = project / "inbox/2013-01.csv"
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    report = acquire(project)
    assert report.exit_code is ExitCode.OK
    assert not acquire(project).stages[0].plan.to_fetch


def test_file_that_has_gone_is_told_and_kept(project: Path) -> None:
    acquire(project)
    (project / "inbox/2013-01.csv").unlink()
    report = acquire(project)
    assert [line.partition for line in report.stages[0].gone] == ["2013-01"]
    assert "2013-01.parquet" in files(project)


def test_since_leaves_older_files_out(project: Path) -> None:
    arrive(project, 3)
    stage = acquire(project, since="2013-02").stages[0]
    assert [line.partition for line in stage.added] == ["2013-02", "2013-03"]


def test_dry_run_fetches_nothing(project: Path) -> None:
    report = acquire(project, dry_run=True)
    assert len(report.stages[0].plan.to_fetch) == 2
    assert not (project / "data").exists()
    assert not (project / "dvc.yaml").exists()


def test_files_of_one_name_are_refused(project: Path) -> None:
    arrive(project, 1, name="2013-01.CSV.csv")
    shutil.copy(project / "inbox/2013-01.csv", project / "inbox/2013-02.tsv")
    (project / "params.yaml").write_text("acquire: {paths: [inbox]}\n")
    with pytest.raises(BadDataError, match=r"inbox/2013-01|inbox/2013-02"):
        acquire(project)
    assert not (project / "data").exists()


def test_bad_file_leaves_nothing_visible_and_the_good_one_is_not_read_again(project: Path) -> None:
    bad = project / "inbox/2013-03.csv"
    bad.write_bytes(b"id,id\n1,2\n")
    with pytest.raises(BadDataError, match=r"2013-03"):
        acquire(project)
    assert not (project / "data").exists()
    arrive(project, 3)
    assert len(acquire(project).stages[0].added) == 3
    assert not (project / ".dvc/tmp/mlops-kit/acquire/acquire").exists()


def test_edited_data_folder_is_refused(project: Path) -> None:
    acquire(project)
    (project / "data/raw/mine.parquet").write_bytes(b"mine")
    with pytest.raises(RefusedError, match="mine"):
        acquire(project)
    assert (project / "data/raw/mine.parquet").read_bytes() == b"mine"


def test_lost_content_comes_back_by_refetch(project: Path) -> None:
    acquire(project)
    before = files(project), lines(project)
    shutil.rmtree(project / "data/raw")
    shutil.rmtree(project / ".dvc/cache")
    assert acquire(project).stages[0].absent == 2
    assert acquire(project, refetch=True).stages[0].brought_back == ("2013-01", "2013-02")
    assert (files(project), lines(project)) == before


def test_new_partition_is_recorded_where_the_older_ones_are_not(project: Path) -> None:
    acquire(project)
    arrive(project, 3)
    copy = project.parent / "copy"
    shutil.copytree(project, copy)
    shutil.rmtree(copy / "data/raw")
    shutil.rmtree(copy / ".dvc/cache")
    stage = acquire(copy).stages[0]
    acquire(project)
    assert stage.absent == 2
    assert not (copy / "data/raw").exists()
    locks = [(folder / "dvc.lock").read_text().split("outs:")[1] for folder in (project, copy)]
    assert locks[0] == locks[1]


def test_stage_that_fetches_nothing_is_named(project: Path) -> None:
    with pytest.raises(UsageError, match="count"):
        acquire(project, stages=("count",))


def test_by_month_parts_one_growing_file(project: Path) -> None:
    whole = project / "all.csv"
    parts = [arrive(project, month).read_text().split("\n", 1) for month in (1, 2, 3)]
    whole.write_text(parts[0][0] + "\n" + parts[0][1] + parts[1][1])
    (project / "params.yaml").write_text("acquire: {paths: [all.csv], by: month}\n")
    acquire(project)
    assert list(lines(project)) == ["2013-01", "2013-02"]
    with whole.open("a") as file:
        file.write(parts[2][1])
    stage = acquire(project).stages[0]
    assert [line.partition for line in stage.added] == ["2013-03"]
    assert not acquire(project).stages[0].plan.to_fetch


def test_through_takes_one_month_more_at_a_time(project: Path) -> None:
    whole = project / "all.csv"
    parts = [arrive(project, month).read_text().split("\n", 1) for month in (1, 2, 3)]
    whole.write_text(parts[0][0] + "\n" + "".join(part[1] for part in parts))
    for month in ("2013-01", "2013-02", "2013-03"):
        (project / "params.yaml").write_text(
            f"acquire: {{paths: [all.csv], by: month, through: '{month}'}}\n"
        )
        assert [line.partition for line in acquire(project).stages[0].added] == [month]


def test_rewritten_month_of_a_growing_file_is_noticed_until_accepted(project: Path) -> None:
    whole = project / "all.csv"
    parts = [arrive(project, month).read_text().split("\n", 1) for month in (1, 2, 3)]
    whole.write_text(parts[0][0] + "\n" + parts[0][1] + parts[1][1])
    (project / "params.yaml").write_text("acquire: {paths: [all.csv], by: month}\n")
    acquire(project)
    whole.write_text(parts[0][0] + "\n" + parts[0][1] + parts[1][1] * 2 + parts[2][1])
    report = acquire(project)
    assert [line.partition for line in report.stages[0].added] == ["2013-03"]
    assert [old.partition for old, _ in report.stages[0].rewritten] == ["2013-02"]
    assert acquire(project).exit_code is ExitCode.REFUSED
    assert acquire(project, accept=frozenset({"2013-02"})).exit_code is ExitCode.OK
    assert not acquire(project).stages[0].plan.to_fetch


def test_closed_leaves_the_newest_month_of_a_growing_file(project: Path) -> None:
    (project / "params.yaml").write_text("acquire: {paths: [inbox/2013-01.csv], by: day, closed: true}\n")
    assert [line.partition for line in acquire(project).stages[0].added] == ["2013-01-01", "2013-01-02"]


def test_several_files_by_day_keep_their_names(project: Path) -> None:
    (project / "params.yaml").write_text("acquire: {paths: [inbox/*.csv], by: month}\n")
    acquire(project)
    assert list(lines(project)) == ["2013-01.2013-01", "2013-02.2013-02"]


def test_file_that_changes_between_look_and_fetch_is_not_taken(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlops_kit.data.partitions.local import LocalFiles

    look = LocalFiles.look

    def disturbed(self: LocalFiles, state: object) -> object:
        found = look(self, state)  # type: ignore[arg-type]
        arrive(project, 1, rows=9)
        return found

    monkeypatch.setattr(LocalFiles, "look", disturbed)
    with pytest.raises(OutsideError, match="still being written"):
        acquire(project)
    assert not (project / "data").exists()


def test_row_bounds_and_freshness_of_the_contract_are_judged(project: Path) -> None:
    (project / "mlops.yaml").write_text(
        (project / "mlops.yaml").read_text().replace("  count:", "  clean: {uses: clean.rules}\n  count:")
    )
    (project / "params.yaml").write_text((project / "params.yaml").read_text() + "clean: {}\n")
    (project / "schema.yaml").write_text(
        "columns: {id: {type: integer, role: key}, at: {type: timestamp}}\n"
        "rows: {min: 7}\nfreshness: {column: at, max_age_days: 2}\n"
    )
    report = acquire(project)
    assert report.exit_code is ExitCode.BAD_DATA
    assert "6 rows" in report.stages[0].problems[0]
    assert "days old by `at`" in report.stages[0].problems[1]
    assert len(files(project)) == 2


def test_manifest_of_equal_acquisitions_is_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    first, second = acquiring_project(tmp_path / "a", months=3), acquiring_project(tmp_path / "b", months=1)
    acquire(first)
    acquire(second)
    for month in (2, 3):
        arrive(second, month)
    acquire(second)
    assert (first / "dvc.lock").read_bytes() == (second / "dvc.lock").read_bytes()
    assert files(first) == files(second)
    manifest = (first / "data/raw.manifest.jsonl").read_text()
    assert manifest == (second / "data/raw.manifest.jsonl").read_text()
    assert json.loads(manifest.splitlines()[0])["fetched_at"] == "2026-01-01T00:00:00Z"


def test_columns_that_change_are_told(project: Path) -> None:
    acquire(project)
    path = arrive(project, 3)
    path.write_text(path.read_text().replace("id,at,y", "id,at,label"))
    assert acquire(project).stages[0].notes == (
        "2013-03: `label` is new, `y` is missing (compared with 2013-02)",
    )


def test_freshness_of_a_column_that_did_not_come_is_noted_and_no_breach(project: Path) -> None:
    (project / "mlops.yaml").write_text(
        (project / "mlops.yaml").read_text().replace("  count:", "  clean: {uses: clean.rules}\n  count:")
    )
    (project / "params.yaml").write_text((project / "params.yaml").read_text() + "clean: {}\n")
    (project / "schema.yaml").write_text(
        "columns: {id: {type: integer, role: key}, seen: {type: timestamp}}\nfreshness: {column: seen, max_age_days: 2}\n"
    )
    report = acquire(project)
    assert report.exit_code is ExitCode.OK
    assert report.stages[0].notes == ("freshness is not judged: data/raw as it came has no times in `seen`",)


def test_name_that_no_partition_has_is_not_accepted(project: Path) -> None:
    acquire(project)
    with pytest.raises(UsageError) as caught:
        acquire(project, accept=frozenset({"acquire:2013-1"}))
    assert "acquire:2013-01" in caught.value.fix


@pytest.mark.parametrize("links", ["symlink", "hardlink"])
def test_partitions_are_links_where_dvc_is_told_to_link(project: Path, links: str) -> None:
    config = project / ".dvc/config"
    config.write_text(config.read_text() + f"[cache]\n    type = {links}\n")
    acquire(project)
    arrive(project, 3)
    acquire(project)
    arrive(project, 1, rows=4)
    acquire(project, accept=frozenset({"2013-01"}))
    here = list((project / "data/raw").iterdir())
    assert len(here) == 3
    assert all(path.is_symlink() or path.stat().st_nlink == 2 for path in here)
    assert not acquire(project).stages[0].recorded


def test_identity_of_what_was_really_fetched_is_recorded(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from mlops_kit.data.partitions.local import LocalFiles

    fetch = LocalFiles.fetch
    monkeypatch.setattr(LocalFiles, "fetch", lambda *args: replace(fetch(*args), origin="etag:new"))
    acquire(project)
    assert {line.origin for line in lines(project).values()} == {"etag:new"}


def test_acquire_of_an_empty_inbox_is_no_success(tmp_path: Path) -> None:
    project = acquiring_project(tmp_path / "project", months=0)
    with pytest.raises(OutsideError, match=r"nothing at inbox/\*\.csv"):
        acquire(project)
    with pytest.raises(OutsideError, match="nothing was acquired before"):
        acquire(project, dry_run=True)


@pytest.mark.parametrize(
    ("rule", "mended"), [("/data/*", "/data/*"), ("/data/", "/data/*"), ("data/", "/data/*")]
)
def test_acquire_refuses_a_manifest_that_git_ignores(project: Path, rule: str, mended: str) -> None:
    (project / ".gitignore").write_text(f"/inbox/\n{rule}\n", encoding="utf-8")
    with pytest.raises(RefusedError, match=r"git ignores data/raw\.manifest\.jsonl") as caught:
        acquire(project)
    assert "!/data/raw.manifest.jsonl" in caught.value.fix
    assert not (project / "data/raw").exists()
    (project / ".gitignore").write_text(f"/inbox/\n{mended}\n!/data/raw.manifest.jsonl\n", encoding="utf-8")
    assert acquire(project).stages[0].added
