"""What counts as code: comments and layout do not, everything that runs or can be read at run time does."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_kit.artifacts.code import code_hash, file_code_hash

CODE = "def f(a, b=1):\n    '''Doc.'''\n    return a + b\n"


@pytest.mark.parametrize(
    "other",
    [
        "# note\n" + CODE, CODE + "\n\n", CODE.replace("a, b=1", "\n    a,  # first\n    b = 1,\n"), CODE.replace("a + b", "(a + b)"),
        CODE.replace("'''", '"'), CODE.replace("\n", "\r\n"), CODE.replace("a + b", "a + b  # type: ignore"),
    ],
)  # fmt: skip
def test_comments_and_layout_do_not_count(other: str) -> None:
    assert code_hash(other) == code_hash(CODE)


@pytest.mark.parametrize(("old", "new"), [("b=1", "b=1.0"), ("Doc", "Text"), ("a + b", "b + a"), ("def f", "async def f"), ("b=1", "b=True"), ("return a", "return not a")])  # fmt: skip
def test_everything_else_counts(old: str, new: str) -> None:
    assert old in CODE
    assert code_hash(CODE.replace(old, new)) != code_hash(CODE)


@pytest.mark.parametrize("content", [b"def (:\n", b"x = '\xff'\n", b"# coding: latin-1\nx = 1\n"])
def test_file_that_is_no_plain_python_has_no_code_hash(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.py").write_bytes(content)
    assert file_code_hash(tmp_path / "x.py") == ""


def test_other_and_missing_files_have_no_code_hash(tmp_path: Path) -> None:
    (tmp_path / "x.sh").write_text("x = 1\n")
    assert [file_code_hash(tmp_path / name) for name in ("x.sh", "absent.py")] == ["", ""]
