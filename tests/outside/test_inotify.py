"""The kernel's events, from the real kernel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.outside.inotify import InotifyWatch, inotify_works

pytestmark = pytest.mark.skipif(not inotify_works(), reason="inotify is Linux's")


def seen(watch: InotifyWatch) -> set[tuple[str, bool, bool]]:
    return {(Path(event.path).name, event.folder, event.written) for event in watch.drain()}


def test_opens_and_writes_of_any_process_are_seen(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("x")
    watch = InotifyWatch({str(tmp_path): str(tmp_path)}, {})
    subprocess.run([sys.executable, "-c", f"open({str(tmp_path / 'old')!r}).read()"], check=True)
    (tmp_path / "new").write_text("y")
    (tmp_path / "folder").mkdir()
    assert seen(watch) == {
        ("old", False, False),
        ("new", False, True),
        ("new", False, False),
        ("folder", True, True),
    }
    assert seen(watch) == set()
    assert watch.incomplete == ""
    watch.close()


def test_a_file_behind_a_link_is_told_under_the_links_name(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "blob").write_text("x")
    (tmp_path / "link").symlink_to("store/blob")
    link = str(tmp_path / "link")
    watch = InotifyWatch({}, {link: link})
    (tmp_path / "store" / "blob").read_text()
    assert seen(watch) == {("link", False, False)}
    watch.close()


def test_a_folder_that_is_gone_is_no_error(tmp_path: Path) -> None:
    watch = InotifyWatch({str(tmp_path / "gone"): "gone"}, {})
    assert seen(watch) == set()
    watch.close()
    watch.close()
