"""Plots as dvc.yaml declares them, read from a work tree, from commits and from what DVC keeps."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import yaml

from mlops_kit.artifacts.plots import PlotFile, declared_plots, read_records
from mlops_kit.artifacts.side import read_side
from mlops_kit.errors import BadDataError
from tests.support.world import git

EVERY_FORM = """\
stages:
  train:
    cmd: x
    wdir: sub
    plots:
      - loss.csv: {x: epoch, y: loss, cache: false}
      - plain.json
  each:
    foreach: [a]
    do: {cmd: "${item}", plots: ["${item}.csv"]}
plots:
  - ROC:
      template: simple
      x: fpr
      y: {out/train.json: tpr, out/test.json: [tpr, other]}
      title: Curves
  - out\\win.csv: {x: {out\\win.csv: step}, header: false, template: bar_horizontal, x_label: X}
  - pictures
"""


def test_every_form_of_declaration_is_understood() -> None:
    found = list(declared_plots(yaml.safe_load(EVERY_FORM), "pkg"))
    assert found == [
        PlotFile("pkg/sub/loss.csv", "pkg/sub/loss.csv", "epoch", ("loss",)),
        PlotFile("pkg/sub/plain.json", "pkg/sub/plain.json"),
        PlotFile("Curves", "pkg/out/train.json", "fpr", ("tpr",), "simple"),
        PlotFile("Curves", "pkg/out/test.json", "fpr", ("tpr", "other"), "simple"),
        PlotFile(
            "pkg/out/win.csv", "pkg/out/win.csv", "step", (), "bar_horizontal", x_label="X", header=False
        ),
        PlotFile("pkg/pictures", "pkg/pictures"),
    ]


@pytest.mark.parametrize("value", [None, [], "x", {"plots": 7}, {"stages": {"a": None}}, {"plots": [[1]]}])
def test_a_pipeline_file_without_plots_declares_none(value: object) -> None:
    assert list(declared_plots(value, "")) == []


@pytest.mark.parametrize(
    ("path", "content", "records"),
    [
        ("a.csv", b"\xef\xbb\xbfx,y\r\n1,2\r\n\r\n3,4\r\n", [{"x": "1", "y": "2"}, {"x": "3", "y": "4"}]),
        ("a.tsv", b"step\tloss\n0\t.5\n", [{"step": "0", "loss": ".5"}]),
        ("a.json", b'{"roc": {"points": [{"x": 1}]}}', [{"x": 1}]),
        ("a.yaml", b"- {x: 1}\n- {x: 2}\n", [{"x": 1}, {"x": 2}]),
    ],
)
def test_records_are_read_by_the_ending(path: str, content: bytes, records: object) -> None:
    assert read_records(path, content) == records


def test_a_table_without_a_header_names_columns_by_their_position() -> None:
    assert read_records("a.csv", b"1,2\n3,4\n", header=False) == [
        {"0": "1", "1": "2"}, {"0": "3", "1": "4"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "content"),
    [("a.json", b"{"), ("a.json", b'{"x": 1}'), ("a.csv", b"\xff\xfe\x00"), ("a.bin", b"x"), ("a.yaml", b"[a"),
     ("a.json", b"[" * 100_000)],
)  # fmt: skip
def test_a_file_without_records_is_refused(path: str, content: bytes) -> None:
    with pytest.raises(BadDataError):
        read_records(path, content)


def keep(root: Path, content: bytes, ending: str = "") -> str:
    """Put an object into DVC's cache and return its hash."""
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest() + ending
    path = root / ".dvc" / "cache" / "files" / "md5" / digest[:2] / digest[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return digest


def test_plots_come_from_git_and_from_the_cache_and_what_is_missing_names_its_mend(git_repo: Path) -> None:
    (git_repo / "plots").mkdir()
    (git_repo / "plots" / "a.csv").write_text("x,y\n1,2\n")
    part = keep(git_repo, b"x,y\n5,6\n")
    folder = keep(git_repo, json.dumps([{"md5": part, "relpath": "b.csv"}]).encode(), ".dir")
    outs = [{"path": "kept.csv", "md5": keep(git_repo, b"x,y\n3,4\n")}, {"path": "folder", "md5": folder},
            {"path": "pushed.csv", "md5": "0" * 32}]  # fmt: skip
    plots = ["plots", "kept.csv", "folder", "pushed.csv", "never.csv", "../outside.csv"]
    (git_repo / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"s": {"cmd": "x", "plots": plots}}}))
    (git_repo / "dvc.lock").write_text(
        yaml.safe_dump({"schema": "2.0", "stages": {"s": {"cmd": "x", "outs": outs}}})
    )
    git(git_repo, "add", ".")
    git(git_repo, "commit", "-qm", "x")
    for rev in ("HEAD", None):
        found = {plot.path: plot for plot in read_side(git_repo, rev).plots}
        assert found["plots/a.csv"].load() == b"x,y\n1,2\n"
        assert found["kept.csv"].load() == b"x,y\n3,4\n"
        assert found["folder/b.csv"].load() == b"x,y\n5,6\n"
        assert {path: plot.fix for path, plot in found.items() if plot.content is None} == {
            "pushed.csv": "dvc pull pushed.csv",
            "never.csv": "mlops-kit run",
            "../outside.csv": "name a file of this repository instead of ../outside.csv",
        }
