"""A project of the previous version comes to this one: nothing of its people's is lost, what contradicts waits for them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mlops_kit.errors import MlopsKitError, RefusedError
from mlops_kit.project.answers import render_answers
from mlops_kit.project.record import RECORD, base_path, read_record
from mlops_kit.project.together import write_all
from mlops_kit.project.update.apply import update_project
from mlops_kit.project.update.model import Outcome, UpdatePlan
from mlops_kit.spec.load import read_kpis, read_lifecycle, read_params, read_schema
from mlops_kit.steps.catalog import CATALOG, module_file
from tests.support.previous import PREVIOUS, arrived, edit_ten_places, lost, make_previous_project
from tests.support.world import edit, git, run_kit


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_previous_project(tmp_path_factory.mktemp("previous"))


@pytest.fixture
def project(previous: Path, tmp_path: Path) -> Path:
    shutil.copytree(previous, tmp_path / "churn")
    return tmp_path / "churn"


def commit(project: Path, message: str = "Mine") -> None:
    git(project, "add", "-A")
    git(project, "commit", "-q", "--allow-empty", "-m", message)


def outcomes(plan: UpdatePlan) -> dict[str, str]:
    return {file.path: file.outcome.value for file in plan.files}


def tree(project: Path) -> dict[str, bytes]:
    names = git(project, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    return {name: (project / name).read_bytes() for name in names if (project / name).is_file()}


def test_nothing_of_ten_edits_is_lost_and_the_template_s_changes_arrive(project: Path) -> None:
    edit_ten_places(project)
    commit(project)
    before = tree(project)
    done = run_kit("update", cwd=project)
    assert lost(project) == []
    assert len(arrived(project)) == 8
    assert "evaluate: contract 1 -> 2 (mlops-kit 0.0.9 ->" in done.stdout
    assert "count" in read_lifecycle(project).steps
    assert read_kpis(project).kpis[0].min == 0.5
    assert read_schema(project).columns["plan"].values == ("basic", "plus", "pro")
    assert "up to date" in run_kit("generate", "--check", cwd=project).stdout
    assert before["dvc.yaml"] != tree(project)["dvc.yaml"]
    commit(project, "Update")
    git(project, "revert", "--no-edit", "HEAD")
    assert tree(project) == before, "git undoes an update"


def test_an_update_of_an_untouched_project_equals_a_fresh_one_and_twice_is_once(project: Path) -> None:
    plan = update_project(project)
    assert set(outcomes(plan).values()) == {"updated"}
    record = read_record(project)
    assert record is not None
    assert record.answers is not None
    fresh = render_answers(record.answers)
    fresh["mlops.yaml"] = fresh["mlops.yaml"].replace("train.boosting", "steps/train.py")
    assert {path: (project / path).read_text() for path in fresh} == fresh
    assert (project / "steps/train.py").read_bytes() == module_file(CATALOG["train.boosting"]).read_bytes()
    commit(project)
    assert update_project(project).writes == {}
    assert git(project, "status", "--porcelain") == ""


def test_a_project_made_and_updated_by_this_version_has_nothing_to_do(tmp_path: Path) -> None:
    run_kit("init", "fresh", "--yes", cwd=tmp_path)
    assert "nothing to do" in run_kit("update", cwd=tmp_path / "fresh").stdout
    assert git(tmp_path / "fresh", "status", "--porcelain") == ""


def test_dry_run_says_the_same_and_changes_nothing(project: Path) -> None:
    edit_ten_places(project)
    commit(project)
    before = tree(project)
    said = json.loads(run_kit("update", "--dry-run", "--json", cwd=project).stdout)
    assert tree(project) == before
    done = json.loads(run_kit("update", "--json", cwd=project).stdout)
    assert {**said, "written": True} == done
    assert {file["path"]: file["outcome"] for file in done["files"]}["README.md"] == "merged"
    assert {stage["stage"] for stage in done["stages"]} == {
        "clean",
        "count",
        "evaluate",
        "retrain",
        "split",
        "train",
    }


def contradict(project: Path) -> None:
    edit(project / "labels/guidelines.md", "Version 0.", "Version 7, ours.")
    edit(project / "params.yaml", "min_rows: 50", "min_rows: 10")
    commit(project)


def test_a_conflict_leaves_the_file_alone_is_reported_by_line_and_the_rest_goes_on(project: Path) -> None:
    contradict(project)
    done = run_kit("update", cwd=project, check=False)
    assert done.returncode == 7
    assert "labels/guidelines.md   conflict" in done.stdout
    assert "line 3 of yours" in done.stdout
    assert "Version 7, ours." in (project / "labels/guidelines.md").read_text()
    assert "<<<<<<<" not in "".join(tree(project)[path].decode() for path in outcomes_of(project))
    proposal = (project / "labels/guidelines.md.update").read_text()
    assert all(
        text in proposal for text in ("<<<<<<< yours", "Version 7", "||||||| the template was", "Version 1.")
    )
    assert "labels/guidelines.md.update" not in git(project, "status", "--porcelain")
    assert "mlops-kit doctor" in (project / "README.md").read_text(), "other files are updated"
    assert "retrain" in read_lifecycle(project).steps


def outcomes_of(project: Path) -> list[str]:
    record = read_record(project)
    assert record is not None
    return [path for path in record.files if (project / path).exists()]


def test_conflicts_are_solved_in_the_proposal_or_in_the_file_and_the_next_update_is_done(
    project: Path,
) -> None:
    contradict(project)
    assert len(update_project(project).conflicts) == 2
    assert len(update_project(project).conflicts) == 2, "still waiting, and the same"
    proposal = project / "labels/guidelines.md.update"
    proposal.write_text("# What a label means\n\nVersion 8.\n")
    edit(project / "params.yaml", "min_rows: 10", "min_rows: 90")
    waiting = update_project(project).conflicts
    assert [(file.path, "delete params.yaml.update" in file.detail) for file in waiting] == [
        ("params.yaml", True)
    ]
    assert "Version 8." in (project / "labels/guidelines.md").read_text()
    assert not proposal.exists()
    (project / "params.yaml.update").unlink()
    assert outcomes(update_project(project)) == {"params.yaml": "solved"}
    assert read_params(project)["evaluate"]["min_rows"] == 90
    commit(project)
    assert update_project(project).writes == {}


@pytest.mark.parametrize(("option", "rows"), [("keep", 10), ("take", 100)])
def test_a_conflict_is_solved_by_saying_whose_is_right(project: Path, option: str, rows: int) -> None:
    edit(project / "params.yaml", "min_rows: 50", "min_rows: 10")
    commit(project)
    choice: Any = {option: ["params.yaml"]}
    assert update_project(project, **choice).conflicts == ()
    assert read_params(project)["evaluate"]["min_rows"] == rows
    commit(project)
    assert update_project(project).writes == {}


def test_an_open_conflict_survives_a_commit_and_a_fresh_shallow_clone(project: Path, tmp_path: Path) -> None:
    contradict(project)
    update_project(project)
    commit(project)
    subprocess.run(
        ["git", "clone", "-q", "--depth=1", f"file://{project}", str(tmp_path / "clone")], check=True
    )
    again = update_project(tmp_path / "clone")
    assert [file.path for file in again.conflicts] == ["labels/guidelines.md", "params.yaml"]
    assert (tmp_path / "clone/params.yaml.update").exists()
    assert "unfinished" in run_kit("doctor", cwd=tmp_path / "clone", check=False).stdout


def test_a_dirty_work_tree_is_refused_and_nothing_is_written(project: Path) -> None:
    edit(project / "README.md", "# churn", "# Churn")
    before = tree(project)
    done = run_kit("update", cwd=project, check=False)
    assert (done.returncode, tree(project)) == (7, before)
    assert "uncommitted changes: README.md" in done.stderr
    assert "git stash" in done.stderr


def test_a_generated_file_edited_by_hand_is_refused_and_nothing_is_written(project: Path) -> None:
    edit(project / "dvc.yaml", "stages:", "stages: # mine")
    commit(project)
    before = tree(project)
    assert run_kit("update", cwd=project, check=False).returncode == 6
    assert tree(project) == before


def test_a_foreign_file_where_a_proposal_would_go_is_not_overwritten(project: Path) -> None:
    contradict(project)
    (project / "params.yaml.update").write_text("mine\n")
    with pytest.raises(RefusedError, match=r"params.yaml.update exists"):
        update_project(project)
    assert (project / "params.yaml.update").read_text() == "mine\n"
    assert git(project, "diff", "--stat") == ""


def test_crlf_files_stay_crlf(project: Path) -> None:
    (project / ".gitattributes").write_text("* -text\n")
    path = project / "labels/guidelines.md"
    edit_lines = path.read_text().replace("- A row without", "- Mine.\n- A row without").replace("\n", "\r\n")
    path.write_bytes(edit_lines.encode())
    commit(project)
    assert outcomes(update_project(project))["labels/guidelines.md"] == "merged"
    text = path.read_bytes()
    assert text.count(b"\n") == text.count(b"\r\n") > 5
    assert b"- Mine." in text
    assert b"Version 1." in text


def test_all_files_are_written_or_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "c").write_text("goes")
    (tmp_path / "z").mkdir()
    (tmp_path / "z/inside").write_text("in the way")
    with pytest.raises(OSError, match="z"):
        write_all(tmp_path, {"a": "new", "b/b": "new", "c": None, "z": "a folder is here"})
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == {
        "a",
        "c",
        "z/inside",
    }
    assert (tmp_path / "a").read_text() == "old"


def test_an_interrupt_in_the_middle_leaves_everything_as_it_was(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlops_kit.project import together

    put, calls = together._put, []

    def interrupted(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 7:
            raise KeyboardInterrupt
        put(source, target)

    monkeypatch.setattr(together, "_put", interrupted)
    before = tree(project)
    with pytest.raises(KeyboardInterrupt):
        update_project(project)
    assert tree(project) == before
    assert git(project, "status", "--porcelain", "--ignored") == ""
    assert len(update_project(project).files) == 9


def test_a_proposal_that_git_does_not_ignore_is_said(project: Path) -> None:
    (project / ".gitignore").unlink()
    contradict(project)
    notes = update_project(project).notes
    assert any("add *.update to .gitignore" in note and "params.yaml.update" in note for note in notes)


def forget(project: Path) -> None:
    """Make the project one of before the record existed."""
    shutil.rmtree(project / ".mlops/base")
    (project / RECORD).unlink()
    git(project, "add", "-A")
    git(project, "commit", "-q", "--amend", "-m", "New project churn")


def test_a_project_without_a_record_is_rebuilt_from_its_first_commit(project: Path) -> None:
    forget(project)
    edit_ten_places(project)
    commit(project)
    plan = update_project(project)
    assert any('"New project churn"' in note for note in plan.notes)
    assert any("steps/train.py is taken as ejected from train.boosting" in note for note in plan.notes)
    assert plan.old == PREVIOUS
    assert (lost(project), len(arrived(project)), plan.conflicts) == ([], 8, ())
    commit(project)
    assert update_project(project).writes == {}


def test_a_project_whose_beginning_is_unknown_is_not_guessed_at(project: Path, tmp_path: Path) -> None:
    forget(project)
    edit_ten_places(project)
    commit(project)
    subprocess.run(
        ["git", "clone", "-q", "--depth=1", f"file://{project}", str(tmp_path / "shallow")], check=True
    )
    with pytest.raises(RefusedError) as shallow:
        update_project(tmp_path / "shallow")
    assert "unshallow" in shallow.value.fix
    git(project, "branch", "before", "HEAD~1")
    git(project, "checkout", "-q", "--orphan", "squashed")
    commit(project, "Everything")
    with pytest.raises(RefusedError) as unknown:
        update_project(project)
    assert "--from REV" in unknown.value.fix
    assert lost(project) == []
    update_project(project, rev="before")
    assert (lost(project), len(arrived(project))) == ([], 8)


@pytest.mark.parametrize("path", [base_path("README.md"), RECORD])
def test_a_damaged_record_is_refused_with_its_mend(project: Path, path: str) -> None:
    (project / path).write_text("version: one\n")
    commit(project)
    with pytest.raises(MlopsKitError) as refused:
        update_project(project)
    assert "README.md" in refused.value.message or RECORD in refused.value.message


def test_a_record_that_points_outside_is_refused(project: Path) -> None:
    edit(project / RECORD, "  README.md:", "  ../README.md:")
    commit(project)
    with pytest.raises(MlopsKitError, match="leaves the project"):
        update_project(project)


def test_files_that_the_template_renamed_or_dropped_follow(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlops_kit.project import scaffold
    from mlops_kit.project.update import plan

    names = {**scaffold.TEXTS, "guidelines.md": "labels/README.md"}
    del names["dvcignore"]
    monkeypatch.setattr(scaffold, "TEXTS", names)
    monkeypatch.setattr(plan, "renamed_files", lambda: {"labels/guidelines.md": "labels/README.md"})
    edit(project / "labels/guidelines.md", "- A row without", "- Mine.\n- A row without")
    commit(project)
    done = update_project(project)
    assert (outcomes(done)[".dvcignore"], outcomes(done)["labels/README.md"]) == (
        Outcome.REMOVED,
        Outcome.MERGED,
    )
    assert not (project / ".dvcignore").exists()
    assert not (project / "labels/guidelines.md").exists()
    assert "- Mine." in (project / "labels/README.md").read_text()
    assert "Version 1." in (project / "labels/README.md").read_text()
    commit(project)
    assert update_project(project).writes == {}


def test_a_dropped_file_with_changes_stays(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlops_kit.project import scaffold

    monkeypatch.setattr(scaffold, "TEXTS", {k: v for k, v in scaffold.TEXTS.items() if k != "dvcignore"})
    edit(project / ".dvcignore", ".venv/", ".venv/\nmine/")
    commit(project)
    assert outcomes(update_project(project))[".dvcignore"] == Outcome.KEPT
    assert "mine/" in (project / ".dvcignore").read_text()


def test_an_older_mlops_kit_does_not_take_a_newer_template_back(project: Path) -> None:
    edit(project / RECORD, f"\nmlops_kit: {PREVIOUS}", "\nmlops_kit: 999.10.1")
    commit(project)
    with pytest.raises(RefusedError, match=r"template of mlops-kit 999.10.1"):
        update_project(project)
    edit(project / RECORD, "answers:\n", "answers:\n  colour: blue\n")
    commit(project)
    with pytest.raises(RefusedError, match=r"template of mlops-kit 999.10.1"):
        update_project(project)


def test_a_link_is_left_alone_and_a_deleted_file_comes_back_on_demand(project: Path) -> None:
    (project / "README.md").rename(project / "docs.md")
    (project / "README.md").symlink_to("docs.md")
    (project / "tests/test_project.py").unlink()
    commit(project)
    plan = update_project(project, take=["tests/test_project.py"])
    assert "a symbolic link" in {file.path: file.detail for file in plan.files}["README.md"]
    assert (project / "README.md").is_symlink()
    assert "mlops-kit doctor" not in (project / "docs.md").read_text()
    assert "read_kpis" in (project / "tests/test_project.py").read_text()


def test_a_conflict_that_keeps_the_pipeline_from_being_generated_is_said_and_ends_with_it(
    project: Path,
) -> None:
    """The new step wants a section of params.yaml, and params.yaml waits for a person."""
    edit(project / "params.yaml", "retrain:\n", "later:\n")
    edit(project / "params.yaml", "min_rows: 50", "min_rows: 10")
    commit(project)
    plan = update_project(project)
    assert [file.path for file in plan.conflicts] == ["params.yaml"]
    assert any(
        "not rebuilt before the conflicts are solved" in note and "retrain" in note for note in plan.notes
    )
    edit(project / "params.yaml", "later:\n", "retrain:\n")
    (project / "params.yaml.update").unlink()
    solved = update_project(project)
    assert (solved.conflicts, set(solved.generated) >= {"dvc.yaml"}) == ((), True)


def test_a_project_that_cannot_be_generated_afterwards_is_left_as_it_was(project: Path) -> None:
    edit(project / "steps/train.py", "task: Task, params", "tusk: Task, params")
    commit(project)
    before = tree(project)
    done = run_kit("update", cwd=project, check=False)
    assert (done.returncode, tree(project)) == (2, before)
    assert "tusk" in done.stderr


def test_a_project_in_a_folder_of_a_larger_repository_is_updated_alone(project: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    shutil.rmtree(project / ".git")
    shutil.copytree(project, outer / "ml/churn")
    (outer / "other.txt").write_text("one\n")
    git(outer, "init", "-q", "-b", "main")
    commit(outer)
    (outer / "other.txt").write_text("two\n")
    update_project(outer / "ml/churn")
    assert len(arrived(outer / "ml/churn")) == 8
    changed = git(outer, "status", "--porcelain").splitlines()
    assert [line.split()[-1] for line in changed if "ml/churn" not in line] == ["other.txt"]
    edit(outer / "ml/churn/README.md", "# churn", "# Churn")
    with pytest.raises(RefusedError, match=r"uncommitted changes: .*README\.md"):
        update_project(outer / "ml/churn")


def test_a_lock_file_of_yours_is_named_and_not_touched(project: Path) -> None:
    (project / "uv.lock").write_text("version = 1\n")
    commit(project)
    assert any(
        "uv.lock is yours and was not touched: uv lock" in note for note in update_project(project).notes
    )
    assert (project / "uv.lock").read_text() == "version = 1\n"


@pytest.mark.parametrize("edited", [False, True])
def test_a_step_ejected_before_records_is_taken_up_only_when_its_text_is_known(
    project: Path, edited: bool
) -> None:
    forget(project)
    source = module_file(CATALOG["split.time"]).read_text()
    (project / "steps/split.py").write_text(source + ("# mine\n" if edited else ""))
    edit(project / "mlops.yaml", "uses: split.time", "uses: steps/split.py")
    commit(project)
    plan = update_project(project)
    assert ("split" in plan.record.ejected) is not edited
    said = "yours as it is" if edited else "taken as ejected from split.time"
    assert any("steps/split.py" in note and said in note for note in plan.notes)
    assert (project / "steps/split.py").read_text().endswith("# mine\n") is edited
    assert read_lifecycle(project).steps["split"].uses == "steps/split.py"
