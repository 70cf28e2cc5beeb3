"""Generated files: stamped, rebuilt, and never overwritten when somebody edited them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_kit.errors import StaleError
from mlops_kit.project.write import FileState, check_files, inspect_files, is_untouched, stamp, write_files

BODY = "stages:\n  a:\n    cmd: x\n"
JSON_BODY = '{\n  "type": "object"\n}\n'


def desired(body: str = BODY) -> dict[str, str]:
    return {"dvc.yaml": stamp("dvc.yaml", body), ".mlops/s.json": stamp(".mlops/s.json", JSON_BODY)}


@pytest.mark.parametrize(("path", "body"), [("dvc.yaml", BODY), ("x.json", JSON_BODY)])
def test_stamped_text_is_untouched_until_it_is_edited(path: str, body: str) -> None:
    text = stamp(path, body)
    assert is_untouched(text)
    assert not is_untouched(
        text.replace("a", "b", 1) if path == "dvc.yaml" else text.replace("object", "array")
    )
    assert not is_untouched(body)


def test_stamped_json_is_still_json() -> None:
    import json

    assert json.loads(stamp("x.json", JSON_BODY))["type"] == "object"


def test_missing_and_stale_files_are_written_and_then_current(tmp_path: Path) -> None:
    assert {f.state for f in write_files(tmp_path, desired())} == {FileState.MISSING}
    assert {f.state for f in write_files(tmp_path, desired())} == {FileState.CURRENT}
    changed = desired(BODY + "  b:\n    cmd: y\n")
    assert [f.path for f in inspect_files(tmp_path, changed) if f.state is FileState.STALE] == ["dvc.yaml"]
    with pytest.raises(StaleError, match=r"dvc.yaml \(stale\)"):
        check_files(tmp_path, changed)


def test_hand_edit_is_noticed_and_nothing_is_written(tmp_path: Path) -> None:
    write_files(tmp_path, desired())
    mine = (tmp_path / "dvc.yaml").read_text() + "# mine\n"
    (tmp_path / "dvc.yaml").write_text(mine)
    (tmp_path / ".mlops/s.json").unlink()
    with pytest.raises(StaleError, match="edited by hand: dvc.yaml"):
        write_files(tmp_path, desired())
    assert (tmp_path / "dvc.yaml").read_text() == mine
    assert not (tmp_path / ".mlops/s.json").exists()


def test_overwrite_keeps_every_version_of_yours(tmp_path: Path) -> None:
    for text in ("first\n", "second\n"):
        (tmp_path / "dvc.yaml").write_text(text)
        write_files(tmp_path, desired(), overwrite=True)
    assert (tmp_path / "dvc.yaml.orig").read_text() == "first\n"
    assert (tmp_path / "dvc.yaml.orig2").read_text() == "second\n"
    check_files(tmp_path, desired())


def test_windows_line_ends_are_no_edit(tmp_path: Path) -> None:
    write_files(tmp_path, desired())
    path = tmp_path / "dvc.yaml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    check_files(tmp_path, desired())
