"""Images on their way out."""

from __future__ import annotations

from pathlib import Path

from mlops_kit.project.labelling.images import carried

PNG = b"\x89PNG\r\n\x1a\n"
DATA = "data:image/png;base64,iVBORw0KGgo="


def test_bytes_go_out_as_a_data_address_and_as_a_remark_in_csv(tmp_path: Path) -> None:
    assert carried(PNG, tmp_path, form="json", image=True) == DATA
    assert carried(PNG, tmp_path, form="csv", image=True) == "(8 bytes)"


def test_path_of_an_image_goes_to_label_studio_as_its_content_but_never_from_outside_of_the_project(
    tmp_path: Path,
) -> None:
    root = tmp_path / "p"
    root.mkdir()
    for folder in (root, tmp_path):
        (folder / "a.png").write_bytes(PNG)
    assert carried("a.png", root, form="label-studio", image=True) == DATA
    for path in ("../a.png", str(tmp_path / "a.png"), "missing.png", "."):
        assert carried(path, root, form="label-studio", image=True) == path
    assert carried("a.png", root, form="csv", image=True) == "a.png"
    assert carried("a.png", root, form="label-studio", image=False) == "a.png"
