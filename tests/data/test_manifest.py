from __future__ import annotations

from pathlib import Path

import pytest

from mlops_kit.data.manifest import PartitionLine, manifest_path, manifest_text, read_manifest
from mlops_kit.errors import BadDataError

LINE = PartitionLine(
    "2013-01", "in/2013-01.csv", 3, 100, "ab" * 32, "cd" * 16, "2026-01-31T12:00:00Z", "0.1.0"
)


def test_manifest_text_comes_back_whatever_the_order_of_lines(tmp_path: Path) -> None:
    later = PartitionLine(
        "2013-02", "in/2013-02.csv", 0, 90, "ef" * 32, "01" * 16, "2026-02-28T12:00:00Z", "0.1.0", rejected=2
    )
    path = tmp_path / "m.jsonl"
    path.write_text(manifest_text([later, LINE]), encoding="utf-8")
    assert read_manifest(path) == (LINE, later)


def test_read_manifest_with_a_conflict_marker_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(manifest_text([LINE]) + "<<<<<<< ours\n", encoding="utf-8")
    with pytest.raises(BadDataError, match=r"m\.jsonl:2"):
        read_manifest(path)


def test_manifest_path_stands_beside_the_folder() -> None:
    assert manifest_path(Path("data/raw")) == Path("data/raw.manifest.jsonl")
