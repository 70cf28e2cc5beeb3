"""Corruption loops: every object of a project damaged in every way, found and mended."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_kit.artifacts.evidence import read_evidence
from mlops_kit.artifacts.examine import FaultKind
from mlops_kit.artifacts.places import Place
from mlops_kit.errors import ExitCode
from mlops_kit.project.fsck import FsckOptions, FsckReport, check_storage
from tests.support.collision import OTHER, TWIN
from tests.support.tiny import dvc, flipped, objects, overwrite, tiny_project
from tests.support.world import git, run_kit

pytestmark = pytest.mark.slow

CACHE = ".dvc/cache"
PLACES = {"cache": CACHE, "store": "store"}


@pytest.fixture
def tiny(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_project(tmp_path, tmp_path_factory)


def check(root: Path, *, repair: bool = False, everything: bool = False) -> FsckReport:
    return check_storage(root, FsckOptions(remote=True, repair=repair, everything=everything))


def named(root: Path) -> dict[Path, bytes]:
    """Return the objects that the lock names (DVC's cache has one more), by their paths in any place."""
    return {path.relative_to(root / "store"): path.read_bytes() for path in objects(root / "store")}


def remove(path: Path, _: bytes) -> None:
    path.unlink()


DAMAGES: dict[str, Callable[[Path, bytes], None]] = {
    "flip": lambda path, other: overwrite(path, flipped(path.read_bytes()), keep_time=True),
    "truncate": lambda path, other: overwrite(path, path.read_bytes()[:-1]),
    "empty": lambda path, other: overwrite(path, b""),
    "swap": overwrite,
    "delete": remove,
}


def test_whole_project_is_whole(tiny: Path) -> None:
    report = check(tiny)
    assert (report.exit_code, report.left, report.absent, report.remotes) == (0, (), (), ("store",))
    assert report.files == 2 * len(objects(tiny / "store")) + 10


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("place", PLACES)
def test_every_object_that_is_damaged_in_one_place_is_found_and_mended(
    tiny: Path, place: str, how: str
) -> None:
    folder = tiny / PLACES[place]
    whole = {folder / path: content for path, content in named(tiny).items()}
    assert len(whole) == 7
    victims = sorted(whole)
    for victim, neighbour in zip(victims, [*victims[1:], victims[0]], strict=True):
        DAMAGES[how](victim, whole[neighbour])
        found = check(tiny)
        digest = victim.parent.name + victim.name
        if how == "delete" and place == "cache":  # a remote has it, which is no fault, and is said
            assert (found.exit_code, len(found.absent)) == (0, 1)
            victim.write_bytes(whole[victim])
            continue
        assert found.exit_code is ExitCode.UNREADABLE
        assert digest in {finding.digest for finding in found.left if finding.place == place}
        mended = check(tiny, repair=True)
        assert (mended.exit_code, mended.left) == (0, ()), (victim, mended)
        assert {path: path.read_bytes() for path in whole} == whole
        assert len(mended.quarantined) == (0 if how == "delete" else 1)


def test_everything_damaged_at_once_comes_back_from_the_work_tree(tiny: Path) -> None:
    whole = {
        tiny / place / path: content for place in PLACES.values() for path, content in named(tiny).items()
    }
    for path in whole:
        overwrite(path, flipped(path.read_bytes()))
    assert len(check(tiny).left) >= 14
    mended = check(tiny, repair=True)
    assert (mended.left, mended.complaints) == ((), ())
    assert {path: path.read_bytes() for path in whole} == whole
    kept = [tiny / path for path in mended.quarantined]
    assert sorted(path.read_bytes() for path in kept) == sorted(
        flipped(content) for content in whole.values()
    )


def test_what_is_gone_everywhere_is_computed_again_by_its_stages(tiny: Path) -> None:
    whole = named(tiny)
    extra = next(
        path for path in objects(tiny / CACHE) if path.read_bytes() == (tiny / "extra.bin").read_bytes()
    )
    for place in PLACES.values():
        for path in objects(tiny / place):
            if path.name != extra.name:
                path.unlink()
    shutil.rmtree(tiny / "data")
    assert (
        len(check(tiny).left) == 4
    )  # two outputs in two places; what the folder holds is not known without its listing
    mended = check(tiny, repair=True)
    assert (mended.left, mended.complaints) == ((), ())
    assert "stage `join` ran again and gave exactly what dvc.lock records" in mended.mended
    for place in PLACES.values():
        assert {path: (tiny / place / path).read_bytes() for path in whole} == whole
    assert git(tiny, "status", "--porcelain") == ""
    assert git(tiny, "worktree", "list").count("\n") == 0


def test_stage_that_gives_something_else_now_does_not_get_the_recorded_name(tiny: Path) -> None:
    text = (tiny / "join.py").read_text()
    (tiny / "join.py").write_text("import os\n" + text.replace('"".join(texts)', "os.urandom(9).hex()"))
    run_kit("run", cwd=tiny)
    shutil.rmtree(tiny / "store")
    lost = read_evidence(tiny)["join"].outs["data/model.txt"].md5
    (tiny / CACHE / "files/md5" / lost[:2] / lost[2:]).unlink()
    (tiny / "data/model.txt").unlink()
    lock = (tiny / "dvc.lock").read_bytes()
    report = check_storage(tiny, FsckOptions(repair=True))
    assert report.exit_code is ExitCode.UNREADABLE
    assert any("stage `join` gives something else now: data/model.txt" in line for line in report.complaints)
    assert (tiny / "dvc.lock").read_bytes() == lock


def test_damaged_output_in_the_work_tree_is_replaced_and_the_other_kept(tiny: Path) -> None:
    member = tiny / "data/parts/deep/1.txt"
    whole = member.read_bytes()
    (tiny / "data/parts/mine.txt").write_text("a note of mine")
    overwrite(member, flipped(whole), keep_time=True)
    mended = check(tiny, repair=True)
    assert [(f.kind, f.path) for f in mended.found] == [(FaultKind.CHANGED, "data/parts/deep/1.txt")]
    assert (mended.left, member.read_bytes()) == ((), whole)
    assert (tiny / mended.quarantined[0]).read_bytes() == flipped(whole)
    assert (tiny / "data/parts/mine.txt").exists()


def test_output_that_no_cache_has_is_missed_in_the_work_tree(tiny: Path) -> None:
    (tiny / "score.json").unlink()
    report = check(tiny, repair=True)
    assert report.exit_code == ExitCode.UNREADABLE
    assert [(item.kind, item.path, item.stage) for item in report.left] == [
        (FaultKind.MISSING, "score.json", "join")
    ]
    assert "mlops-kit run makes score.json again" in run_kit("fsck", "--repair", cwd=tiny, check=False).stdout


def test_edited_data_of_a_person_is_named_and_left_alone(tiny: Path) -> None:
    (tiny / "extra.bin").write_bytes(b"edited")
    done = run_kit("fsck", "--repair", cwd=tiny, check=False)
    assert done.returncode == 4
    assert "extra.bin is not what dvc.lock records" in done.stdout
    assert "dvc add extra.bin accepts what is there" in done.stdout
    assert (tiny / "extra.bin").read_bytes() == b"edited"


def test_md5_twin_is_found_wherever_it_lies_and_replaced(tiny: Path) -> None:
    (tiny / "extra.bin").write_bytes(TWIN)
    dvc(tiny, "add", "extra.bin")
    run_kit("run", cwd=tiny)
    dvc(tiny, "push")
    name = "files/md5/79/054025255fb1a26e4bc422aef54eb4"
    for path in (tiny / "extra.bin", tiny / CACHE / name):
        overwrite(path, OTHER)
        found = check(tiny)
        assert {finding.kind for finding in found.left} == {FaultKind.TWIN}
    overwrite(tiny / "extra.bin", TWIN)
    overwrite(tiny / "store" / name, OTHER)
    mended = check(tiny, repair=True)
    assert (len(mended.found), mended.left) == (2, ())
    assert (tiny / CACHE / name).read_bytes() == (tiny / "store" / name).read_bytes() == TWIN


def test_folder_whose_files_left_the_remote_is_filled_though_dvc_calls_it_in_sync(tiny: Path) -> None:
    digest = read_evidence(tiny)["parts"].outs["data/parts"].md5
    listed = Place("store", tiny / "store").members(digest) or {}
    members = [tiny / "store/files/md5" / md5[:2] / md5[2:] for md5 in list(listed.values())[:2]]
    for path in members:
        path.unlink()
    assert "in sync" in dvc(tiny, "status", "--cloud").stdout
    assert "up to date" in dvc(tiny, "push").stdout
    done = json.loads(run_kit("fsck", "--remote", "--json", cwd=tiny, check=False).stdout)
    assert (done["exit_code"], {f["kind"] for f in done["left"]}) == (4, {"missing"})
    run_kit("fsck", "--remote", "--repair", cwd=tiny)
    assert all(path.exists() for path in members)


def test_object_that_nothing_names_is_checked_on_demand(tiny: Path) -> None:
    stray = tiny / CACHE / "files/md5/00" / ("0" * 30)
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"not this")
    assert check(tiny).exit_code == 0
    assert [finding.digest for finding in check(tiny, everything=True).left] == ["0" * 32]
    assert check(tiny, repair=True, everything=True).left == ()
    assert not stray.exists()


def test_clone_without_its_data_is_no_damage(tiny: Path) -> None:
    shutil.rmtree(tiny / CACHE)
    shutil.rmtree(tiny / "data")
    (tiny / "extra.bin").unlink()
    done = run_kit("fsck", "--remote", cwd=tiny)
    assert "objects are on a remote alone" in done.stdout
