"""Images of items are handed out only when they are images, and of this project."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_kit.project.labelling.serve.images import find_image, media_type

PNG = b"\x89PNG\r\n\x1a\n rest"


def test_bytes_and_paths_of_images_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    assert find_image(tmp_path, PNG) == find_image(tmp_path, "a.png") == ("image/png", PNG)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        3,
        "none.png",
        "../out.png",
        "/etc/passwd",
        "link.png",
        "text.txt",
        ".git/a.png",
        "a\0b",
        b"<svg onload=x>",
        "x" * 5000,
    ],
)
def test_everything_else_is_not_handed_out(tmp_path: Path, value: object) -> None:
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    for place in (tmp_path / "out.png", root / ".git/a.png"):
        place.write_bytes(PNG)
    (root / "text.txt").write_text("no image")
    (root / "link.png").symlink_to(tmp_path / "out.png")
    assert find_image(root, value) is None


def test_kinds_are_known_by_their_first_bytes() -> None:
    assert media_type(b"RIFF\0\0\0\0WEBPVP8 ") == "image/webp"
    assert media_type(b"\xff\xd8\xff\xe0") == "image/jpeg"
    assert media_type(b"<html>") is None
