"""Old outputs survive whatever happens to the stage that was to replace them."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.outside import aside as module
from mlops_kit.outside.aside import FAILED, PLACE, Aside, announce_programs, failed_outputs, recover
from tests.support.shapes import write


def shown(root: Path) -> dict[str, str]:
    """Return the files outside of `.dvc` with their content."""
    files = (path for path in root.rglob("*") if path.is_file() and ".dvc" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_text() for path in files}


def test_outputs_are_gone_for_the_command_and_back_after_its_failure(tmp_path: Path) -> None:
    write(tmp_path, {"out/a.txt": "old", "out/deep/b.txt": "old", "score.json": "1"})
    before, aside = shown(tmp_path), Aside(tmp_path)
    aside.put("train", ["out", "score.json", "new.txt"])
    assert shown(tmp_path) == {}
    write(tmp_path, {"out/a.txt": "half", "new.txt": "half"})
    aside.bring_back("train")
    assert shown(tmp_path) == before
    partial = failed_outputs(tmp_path, "train")
    assert (partial / "out/a.txt").read_text() == (partial / "new.txt").read_text() == "half"


def test_old_outputs_are_forgotten_after_success(tmp_path: Path) -> None:
    write(tmp_path, {"out.txt": "old"})
    aside = Aside(tmp_path)
    aside.put("train", ["out.txt"])
    write(tmp_path, {"out.txt": "new"})
    aside.drop("train")
    assert recover(tmp_path) == ()
    assert shown(tmp_path) == {"out.txt": "new"}
    assert list((tmp_path / PLACE).iterdir()) == []


def test_recovery_brings_back_every_stage_that_did_not_come_to_its_end(tmp_path: Path) -> None:
    write(tmp_path, {"a": "old", "b": "old"})
    for stage, path in (("über/dvc.yaml:train@1", "a"), ("x" * 300, "b")):
        Aside(tmp_path).put(stage, [path])
    write(tmp_path, {"a": "half"})
    assert set(recover(tmp_path)) == {"über/dvc.yaml:train@1", "x" * 300}
    assert shown(tmp_path) == {"a": "old", "b": "old"}
    assert recover(tmp_path) == ()


def test_new_attempt_after_a_crash_keeps_the_old_outputs_not_the_half_ones(tmp_path: Path) -> None:
    write(tmp_path, {"out.txt": "old"})
    Aside(tmp_path).put("train", ["out.txt"])
    write(tmp_path, {"out.txt": "half"})
    Aside(tmp_path).put("train", ["out.txt"])
    Aside(tmp_path).bring_back("train")
    assert shown(tmp_path) == {"out.txt": "old"}


def test_links_into_the_cache_are_moved_and_the_object_keeps_its_mode(tmp_path: Path) -> None:
    write(tmp_path, {".dvc/cache/object": "kept"})
    target = tmp_path / ".dvc/cache/object"
    target.chmod(0o444)
    (tmp_path / "soft").symlink_to(target)
    (tmp_path / "dead").symlink_to("nowhere")
    os.link(target, tmp_path / "hard")
    aside = Aside(tmp_path)
    aside.put("train", ["soft", "dead", "hard"])
    assert not os.path.lexists(tmp_path / "dead")
    aside.bring_back("train")
    assert (tmp_path / "soft").is_symlink()
    assert os.readlink(tmp_path / "dead") == "nowhere"
    aside.put("train", ["soft", "dead", "hard"])
    aside.drop("train")
    assert target.stat().st_mode & 0o777 == 0o444


def test_output_on_another_file_system_is_kept_beside_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def across(self: Path, target: Path) -> Path:
        if (PLACE.as_posix() in target.as_posix()) and self.name == "out.txt":
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(self, target)

    monkeypatch.setattr(module.Path, "rename", across)
    write(tmp_path, {"out.txt": "old"})
    aside = Aside(tmp_path)
    aside.put("train", ["out.txt"])
    write(tmp_path, {"out.txt": "half"})
    aside.bring_back("train")
    assert shown(tmp_path) == {"out.txt": "old"}
    aside.put("train", ["out.txt"])
    aside.drop("train")
    assert shown(tmp_path) == {}


def test_nothing_has_moved_when_one_output_cannot_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def refusing(self: Path, target: Path) -> Path:
        if self.name == "second":
            raise OSError(errno.EACCES, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(module.Path, "rename", refusing)
    write(tmp_path, {"first": "old", "second": "old"})
    with pytest.raises(OSError, match="denied"):
        Aside(tmp_path).put("train", ["first", "second"])
    assert shown(tmp_path) == {"first": "old", "second": "old"}


def test_what_a_damaged_list_leaves_unknown_is_kept(tmp_path: Path) -> None:
    write(tmp_path, {"out.txt": "old"})
    Aside(tmp_path).put("train", ["out.txt"])
    (tmp_path / PLACE / "train/list.json").write_text("{")
    assert recover(tmp_path) == ()
    assert [path.read_text() for path in (tmp_path / PLACE).glob("*.unreadable/0")] == ["old"]


class Stopped(BaseException):
    """The process ends here."""


PATHS = ("out", "score.json", "fresh.txt")
OLD = {"out/a.txt": "old", "out/b.txt": "old", "score.json": "old"}
NEW = {"out/a.txt": "new", "score.json": "new", "fresh.txt": "new"}


@settings(deadline=None)  # hundreds of files, on machines of any speed
@given(point=st.integers(0, 40), succeeds=st.booleans())
def test_stop_at_any_point_leaves_the_old_outputs_or_the_new_ones(
    tmp_path_factory: pytest.TempPathFactory, point: int, succeeds: bool
) -> None:
    root = tmp_path_factory.mktemp("stop")
    write(root, OLD)
    with pytest.MonkeyPatch.context() as patch:
        _stop_at(patch, point)
        try:
            Aside(root).put("train", PATHS)
            write(root, NEW)
            if succeeds:
                Aside(root).drop("train")
            else:
                Aside(root).bring_back("train")
        except Stopped:
            pass
    recover(root)
    assert shown(root) in ([OLD, NEW] if succeeds else [OLD])
    assert not list((root / PLACE).glob("*"))


def _stop_at(patch: pytest.MonkeyPatch, point: int) -> None:
    """End the process, as far as the code can tell, before its call number `point` that changes the disk."""
    left = [point]

    def stopping(real):  # type: ignore[no-untyped-def]
        def call(*args, **kwargs):  # type: ignore[no-untyped-def]
            left[0] -= 1
            if left[0] < 0:
                raise Stopped
            return real(*args, **kwargs)

        return call

    patch.setattr(module.Path, "rename", stopping(Path.rename))
    patch.setattr(module.Path, "unlink", stopping(Path.unlink))
    patch.setattr(module, "_write_list", stopping(module._write_list))
    patch.setattr(module, "_remove", stopping(module._remove))


def test_partial_outputs_of_the_last_failure_alone_are_kept(tmp_path: Path) -> None:
    aside = Aside(tmp_path)
    for text, path in (("one", "a"), ("two", "b")):
        aside.put("train", [path])
        write(tmp_path, {path: text})
        aside.bring_back("train")
    assert [path.name for path in (tmp_path / FAILED / "train").iterdir()] == ["b"]


def test_folders_of_outputs_exist_whichever_stage_is_first(tmp_path: Path) -> None:
    Aside(tmp_path).put("train", ["deep/in/out.txt"])
    assert (tmp_path / "deep/in").is_dir()


def test_partial_outputs_do_not_stay_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1000, 990, 10))
    Aside(tmp_path).put("train", ["out.txt"])
    write(tmp_path, {"out.txt": "half"})
    Aside(tmp_path).bring_back("train")
    assert not failed_outputs(tmp_path, "train").exists()


@pytest.mark.skipif(os.name == "nt", reason="nothing runs warm there")
def test_recovery_waits_until_nothing_can_write_any_more(tmp_path: Path) -> None:
    write(tmp_path, {".dvc/config": "", "out.txt": "old"})
    Aside(tmp_path).put("train", ["out.txt"])
    (told,) = announce_programs(tmp_path / "deep")
    # As a program below a warm process, which writes before it is gone.
    late = "import os, sys, time; time.sleep(0.3); open(sys.argv[1], 'w').write('late'); os._exit(0)"
    with subprocess.Popen([sys.executable, "-c", late, str(tmp_path / "out.txt")], pass_fds=[told]):
        os.close(told)
        assert recover(tmp_path) == ("train",)
    assert (tmp_path / "out.txt").read_text() == "old"
