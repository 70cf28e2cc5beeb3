"""Plots of both sides as one: lines, bars, matrices, pictures, and what cannot be drawn."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.artifacts.plots import PlotFile
from mlops_kit.compare.model import PlotCell, PlotPair
from mlops_kit.compare.plots import pair_plots, resample, thin

PNG = b"\x89PNG\r\n\x1a\n"


def table(*rows: tuple[Any, ...], path: str = "plots/roc.csv", **options: Any) -> PlotFile:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return PlotFile(options.pop("name", path), path, content=out.getvalue().encode(), **options)


def only(old: list[PlotFile], new: list[PlotFile]) -> PlotPair:
    found = pair_plots(old, new)
    assert found.notes == ()
    (pair,) = found.plots
    return pair


def test_both_sides_are_lines_of_one_plot() -> None:
    old, new = table(("x", "y"), (0, 1), (1, 2), x="x", y=("y",)), table(("x", "y"), (0, 1), (1, 3), x="x", y=("y",))  # fmt: skip
    pair = only([old], [new])
    assert (pair.kind, pair.state, pair.x_label, pair.y_label) == ("line", "changed", "x", "y")
    assert [(line.side, line.points) for line in pair.series] == [
        ("base", ((0, 1), (1, 2))), ("head", ((0, 1), (1, 3))),
    ]  # fmt: skip


def test_the_same_on_both_sides_is_drawn_once() -> None:
    one = table(("x", "y"), (0, 1), (1, 2))
    pair = only([one], [replace(one, content=one.load() + b"\n")])
    assert pair.state == "same"
    assert [line.side for line in pair.series] == ["head"]


@pytest.mark.parametrize(("old", "new", "state"), [(True, False, "removed"), (False, True, "added")])
def test_a_plot_of_one_side_says_so(*, old: bool, new: bool, state: str) -> None:
    one = [table(("x", "y"), (0, 1))]
    assert only(one if old else [], one if new else []).state == state


def test_without_columns_the_last_one_is_drawn_by_position() -> None:
    pair = only([], [table(("step", "loss"), ("a", 0.5), ("b", "x"), ("c", 0.25))])
    assert (pair.x_label, pair.y_label) == ("position", "loss")
    assert pair.series[0].points == ((0, 0.5), (2, 0.25))


def test_files_and_columns_of_one_name_are_lines_with_labels() -> None:
    rows = (("x", "a", "b"), (0, 1, 2))
    files = [
        table(*rows, path=f"out/{part}.csv", name="ROC", x="x", y=("a", "b")) for part in ("train", "test")
    ]
    assert [line.label for line in only([], files).series] == ["train a", "train b", "test a", "test b"]


def test_a_series_column_makes_lines() -> None:
    rows = (("x", "y", "series"), (0, 1, "p"), (0, 2, "q"))
    assert [line.label for line in only([], [table(*rows, x="x", y=("y",))]).series] == ["p", "q"]


def test_confusion_counts_pairs_of_classes() -> None:
    options = {"x": "actual", "y": ("predicted",), "template": "confusion"}
    old = table(("actual", "predicted"), ("a", "a"), ("b", "a"), ("b", "a"), **options)
    new = table(("actual", "predicted"), ("a", "a"), ("b", "b"), **options)
    pair = only([old], [new])
    assert (pair.kind, pair.x_label, pair.y_label) == ("matrix", "actual", "predicted")
    assert set(pair.cells) == {
        PlotCell("a", "a", 1, 1), PlotCell("a", "b", 2, 0), PlotCell("b", "a", 0, 0), PlotCell("b", "b", 0, 1),
    }  # fmt: skip


def test_bars_take_their_names_from_the_column_with_texts() -> None:
    rows = (("importance", "name"), (0.5, "depth"), (0.25, "age"))
    pair = only([], [table(*rows, x="importance", y=("name",), template="bar_horizontal")])
    assert pair.cells == (PlotCell("depth", "", None, 0.5), PlotCell("age", "", None, 0.25))


@pytest.mark.parametrize(
    "file",
    [
        PlotFile("a.csv", "a.csv", fix="dvc pull a.csv"),
        PlotFile("a.csv", "a.csv", content=b""),
        PlotFile("a.csv", "a.csv", content=b"x,y\n1,nan\n2,inf\n3,\n"),
        PlotFile("a.csv", "a.csv", y=("z",), content=b"x,y\n1,2\n"),
        PlotFile("a.csv", "a.csv", y=("y",), template="confusion", content=b"x,y\n1,2\n"),
        PlotFile("a.gif", "a.gif", content=b"GIF89a"),
        PlotFile("a.png", "a.png", content=b"<script>"),
    ],
)
def test_what_cannot_be_drawn_is_named(file: PlotFile) -> None:
    found = pair_plots([], [file])
    assert (found.plots, found.pictures) == ((), ())
    assert file.path in found.notes[0]
    assert file.fix in found.notes[0]


def test_pictures_are_carried_once_when_they_are_the_same() -> None:
    one, two = (PlotFile("a.png", "a.png", content=PNG + tail) for tail in (b"1", b"2"))
    (same,), (changed,) = pair_plots([one], [one]).pictures, pair_plots([one], [two]).pictures
    assert (same.state, same.old, bool(same.new)) == ("same", "", True)
    assert (changed.state, changed.media) == ("changed", "image/png")
    assert changed.old != changed.new


def test_a_large_picture_is_named_and_not_carried() -> None:
    found = pair_plots([], [PlotFile("a.svg", "a.svg", content=b"<svg>" + b" " * 500_000)])
    assert (found.pictures[0].new, "too large" in found.notes[0]) == ("", True)


points = st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=50)


@given(points, st.integers(2, 20))
def test_thin_keeps_the_ends_and_the_order(line: list[tuple[float, float]], most: int) -> None:
    kept = thin(line, most)
    assert len(kept) == min(most, len(line))
    assert (kept[0], kept[-1]) == (line[0], line[-1])


@given(points, st.lists(st.floats(-1e6, 1e6), max_size=5))
def test_resample_stays_within_the_points(line: list[tuple[float, float]], xs: list[float]) -> None:
    low, high = min(y for _, y in line), max(y for _, y in line)
    assert all(low - 1e-3 <= y <= high + 1e-3 for y in resample(line, xs))


def test_resample_goes_straight_between_points() -> None:
    assert resample([(1, 10), (0, 0), (0, 2)], [-1, 0, 0.5, 1, 9]) == (1, 1, 5.5, 10, 10)
