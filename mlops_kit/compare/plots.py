"""Plots of both sides as one: the same lines, bars or matrix cells, few enough points to draw."""

from __future__ import annotations

import base64
import math
import posixpath
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mlops_kit.artifacts.plots import PlotFile, Record, read_records
from mlops_kit.compare.model import Media, PairState, PicturePair, PlotCell, PlotKind, PlotPair, PlotSeries
from mlops_kit.errors import BadDataError

MAX_POINTS = 200
MAX_PLOTS = 40
MAX_SERIES = 8
MAX_BARS = 60
MAX_CLASSES = 20
MAX_PICTURE = 400_000
MAX_PICTURES = 4_000_000
DIGITS = 6
_LINE: PlotKind = "line"
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Plots:
    """What there is to draw."""

    plots: tuple[PlotPair, ...]
    pictures: tuple[PicturePair, ...]
    notes: tuple[str, ...]
    """What is not drawn, and why."""


@dataclass(frozen=True)
class _Drawn:
    """One plot of one side: lines by label, or cells by row and column."""

    kind: PlotKind
    labels: tuple[str, str]
    lines: Mapping[str, Points]
    cells: Mapping[tuple[str, str], float]


def pair_plots(old: Sequence[PlotFile], new: Sequence[PlotFile]) -> Plots:
    """Return the plots and images of both sides, by name; a file that cannot be drawn is named in a note.

    Lines keep at most 200 points, evenly chosen, with six significant digits; what is the same on both sides is there once.
    """
    notes: list[str] = []
    pairs = [_pair_one(name, _named(old, name), _named(new, name), notes) for name in _names(old, new)]
    plots = [plot for found in pairs for plot in found]
    if len(plots) > MAX_PLOTS:
        notes.append(f"{len(plots) - MAX_PLOTS} of {len(plots)} plots are left out")
        plots = [p for p in plots if p.state != "same"][:MAX_PLOTS]
    return Plots(tuple(plots), tuple(_pictures(old, new, notes)), tuple(notes))


def thin(points: Sequence[tuple[float, float]], most: int) -> tuple[tuple[float, float], ...]:
    """Return at most `most` (two or more) of the points, evenly chosen, always with the first and the last."""
    if len(points) <= most:
        return tuple(points)
    step = (len(points) - 1) / (most - 1)
    return tuple(points[round(index * step)] for index in range(most))


def resample(points: Sequence[tuple[float, float]], xs: Sequence[float]) -> tuple[float, ...]:
    """Return y at each of `xs` by linear interpolation; several points at one x count as their mean, and ends are held."""
    by_x: dict[float, list[float]] = {}
    for x, y in points:
        by_x.setdefault(x, []).append(y)
    known = [(x, math.fsum(ys) / len(ys)) for x, ys in sorted(by_x.items())]
    made = []
    for x in xs:
        right = next((index for index, (at, _) in enumerate(known) if at >= x), len(known) - 1)
        (x1, y1), (x2, y2) = known[max(0, right - 1)], known[right]
        share = min(1.0, max(0.0, (x - x1) / (x2 - x1))) if x2 > x1 else 1.0
        made.append(y1 + (y2 - y1) * share)
    return tuple(made)


def _names(old: Iterable[PlotFile], new: Iterable[PlotFile]) -> list[str]:
    return sorted({plot.name for plot in (*old, *new) if not plot.is_image})


def _named(plots: Iterable[PlotFile], name: str) -> list[PlotFile]:
    return [plot for plot in plots if plot.name == name and not plot.is_image]


def _pair_one(
    name: str, old: Sequence[PlotFile], new: Sequence[PlotFile], notes: list[str]
) -> list[PlotPair]:
    if _are_same(old, new):
        drawn = _draw(name, new, "head", notes)
        return [_made(title, one, one) for title, one in drawn.items()]
    before, after = _draw(name, old, "base", notes), _draw(name, new, "head", notes)
    return [_made(title, before.get(title), after.get(title)) for title in sorted({*before, *after})]


def _are_same(old: Sequence[PlotFile], new: Sequence[PlotFile]) -> bool:
    """Return whether both sides have the same bytes to draw in the same way, so that one side is enough to read."""
    return list(old) == list(new) and all(file.content is not None for file in new)


def _draw(name: str, files: Sequence[PlotFile], side: str, notes: list[str]) -> dict[str, _Drawn]:
    """Return title -> plot; all lines of one name are one plot, each matrix is its own."""
    labels = _file_labels([file.path for file in files])
    lines: dict[str, Points] = {}
    drawn: dict[str, _Drawn] = {}
    words, kind = ("", ""), _LINE
    for file, label in zip(files, labels, strict=True):
        try:
            records = read_records(file.path, file.load(), header=file.header)
            made = _read(file, records)
        except BadDataError as error:
            fix = f" ({error.fix})" if error.fix else ""
            notes.append(f"plot {name} is not drawn for the {side}: {error.message}{fix}")
            continue
        if made.lines:
            lines.update({" ".join(p for p in (label, key) if p): pts for key, pts in made.lines.items()})
            words, kind = (words, kind) if any(words) else (made.labels, made.kind)
        else:
            drawn[f"{name} {label}".strip()] = made
    if len(lines) > MAX_SERIES:
        notes.append(f"plot {name} of the {side} has {len(lines)} lines; {MAX_SERIES} are drawn")
        lines = dict(list(lines.items())[:MAX_SERIES])
    return {**drawn, name: _Drawn(kind, words, lines, {})} if lines else drawn


def _file_labels(paths: Sequence[str]) -> list[str]:
    """Return a short name for each file of one plot; none when there is one file only."""
    if len(set(paths)) < 2:
        return [""] * len(paths)
    stems = [posixpath.splitext(posixpath.basename(path))[0] for path in paths]
    return stems if len(set(stems)) == len(set(paths)) else list(paths)


def _read(file: PlotFile, records: Sequence[Record]) -> _Drawn:
    columns = list(dict.fromkeys(key for record in records[:1000] for key in record))
    wanted = file.y or tuple(column for column in columns[-1:] if column != file.x)
    x = file.x if file.x in columns else ""
    labels = (file.x_label or x or "position", file.y_label or ", ".join(wanted))
    missing = [column for column in wanted if column not in columns]
    if missing or not wanted:
        raise BadDataError(f"{file.path} has no column {', '.join(missing) or 'to draw'}")
    if file.template.startswith("confusion"):
        if not x:
            raise BadDataError(f"{file.path} has no column {file.x or '`x`, which dvc.yaml does not name'}")
        return _Drawn("matrix", labels, {}, _count(file.path, records, x, wanted[0]))
    if file.template.startswith("bar"):
        return _Drawn("bar", labels, {}, _bars(file, records, x, wanted[0]))
    groups = "series" if "series" in columns and "series" not in (x, *wanted) else ""
    lines: dict[str, Points] = {}
    for index, record in enumerate(records):
        across = _number(record.get(x)) if x else float(index)
        for column in wanted:
            up = _number(record.get(column))
            if up is not None:
                key = " ".join(
                    p for p in (str(record.get(groups, "")), column if len(wanted) > 1 else "") if p
                )
                lines.setdefault(key, []).append((float(index) if across is None else across, up))
    if not lines:
        raise BadDataError(f"{file.path} has no numbers in {', '.join(wanted)}")
    return _Drawn("points" if file.template == "scatter" else "line", labels, lines, {})


def _bars(file: PlotFile, records: Sequence[Record], x: str, y: str) -> dict[tuple[str, str], float]:
    """Return the bars; DVC's bar templates put the values on x and the names on y."""
    names, values = (y, x) if x and _number(records[0].get(y)) is None else (x, y)
    found = {}
    for index, record in enumerate(records):
        value = _number(record.get(values))
        if value is not None:
            found[str(record.get(names, index)), ""] = _rounded(value)
    if not found:
        raise BadDataError(f"{file.path} has no numbers in {values}")
    largest = sorted(found, key=lambda key: -abs(found[key]))[:MAX_BARS]
    return {key: found[key] for key in found if key in set(largest)}


def _count(path: str, records: Sequence[Record], x: str, y: str) -> dict[tuple[str, str], float]:
    """Return how often each pair of classes occurs; row is y, column is x."""
    counts = Counter((str(record.get(y)), str(record.get(x))) for record in records)
    classes = {name for pair in counts for name in pair}
    if len(classes) > MAX_CLASSES:
        raise BadDataError(f"{path} has {len(classes)} classes, more than a matrix of {MAX_CLASSES} shows")
    return {
        (row, column): float(counts[row, column]) for row in sorted(classes) for column in sorted(classes)
    }


def _made(name: str, old: _Drawn | None, new: _Drawn | None) -> PlotPair:
    shown = new or old
    assert shown is not None
    state: PairState = "added" if old is None else "removed" if new is None else "changed"
    if old is not None and new is not None:
        old = old if old.kind == new.kind else _Drawn(new.kind, new.labels, {}, {})
        state = "same" if (old.lines, old.cells) == (new.lines, new.cells) else "changed"
    base = () if old is None or state == "same" else _series("base", old)
    head = () if new is None else _series("head", new)
    cells = [
        PlotCell(row, column, old.cells.get((row, column)) if old else None, new.cells.get((row, column)) if new else None)
        for row, column in dict.fromkeys([*(new.cells if new else ()), *(old.cells if old else ())])
    ]  # fmt: skip
    return PlotPair(name, *shown.labels, shown.kind, state, (*base, *head), tuple(cells))


def _series(side: Literal["base", "head"], drawn: _Drawn) -> tuple[PlotSeries, ...]:
    return tuple(
        PlotSeries(side, label, tuple((_rounded(x), _rounded(y)) for x, y in thin(points, MAX_POINTS)))
        for label, points in drawn.lines.items()
    )


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _number(value: object) -> float | None:
    """Return a finite number, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _pictures(old: Sequence[PlotFile], new: Sequence[PlotFile], notes: list[str]) -> list[PicturePair]:
    before = {plot.path: plot for plot in old if plot.is_image}
    after = {plot.path: plot for plot in new if plot.is_image}
    pairs: list[PicturePair] = []
    room = MAX_PICTURES
    for path in sorted({*before, *after})[:MAX_PLOTS]:
        left, right = _image(before.get(path), "base", notes), _image(after.get(path), "head", notes)
        media = _media(right or left or b"")
        if media is None:
            continue
        state: PairState = (
            "same" if left == right else "added" if not left else "removed" if not right else "changed"
        )
        shown = [b"" if state == "same" else left or b"", right or b""]
        size = sum(map(len, shown))
        if max(map(len, shown)) > MAX_PICTURE or size > room:
            notes.append(f"picture {path} is too large for a report ({size // 1000:,} kB)")
            shown, size = [b"", b""], 0
        room -= size
        was, now = (base64.b64encode(image).decode("ascii") for image in shown)
        pairs.append(PicturePair(path, media, state, was, now))
    return pairs


def _image(plot: PlotFile | None, side: str, notes: list[str]) -> bytes | None:
    if plot is None:
        return None
    try:
        content = plot.load()
    except BadDataError as error:
        notes.append(f"picture {plot.path} of the {side} is not shown: {error.message} ({error.fix})")
        return None
    if _media(content) is None:
        notes.append(f"picture {plot.path} of the {side} is not shown: it is no PNG, JPEG or SVG")
        return None
    return content


def _media(content: bytes) -> Media | None:
    """Return the media type that the bytes themselves show; a name's ending proves nothing."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    return "image/svg+xml" if b"<svg" in content[:2000] else None
