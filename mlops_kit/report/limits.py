"""What a report may hold: limits that its reader enforces and its writer keeps, so that no report of our own is refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from mlops_kit.compare.plots import thin

MAX_BYTES = 1_000_000
MAX_ROWS = 2_000
MAX_TEXT = 4_000
MAX_DEPTH = 8
# Rows, length of texts and points of a line, tried in this order until the report is small enough.
STEPS = (
    (MAX_ROWS, MAX_TEXT, 200),
    (MAX_ROWS, MAX_TEXT, 40),
    (500, 1_000, 20),
    (200, 500, 12),
    (50, 300, 8),
    (10, 160, 2),
)
VALUES = frozenset({"old", "new"})  # of parameters: anything that YAML can say
LARGEST = 1 << 1023  # larger whole numbers do not fit a float


def shorten(tree: Mapping[str, Any], encode: Callable[[Mapping[str, Any]], str]) -> str:
    """Return `encode(tree)` for the report `tree`, cut to the limits if it is beyond them; a note names what was left out."""
    text = ""
    bare = {**tree, "pictures": [{**picture, "old": "", "new": ""} for picture in tree["pictures"]]}
    for rows, longest, points in STEPS:
        plots = [_cut_plot(plot, rows, points) for plot in bare["plots"]]
        cut = {name: _cut(bare[name], rows, longest, name) for name in bare if name != "plots"}
        if _longest(bare.get("data_section")) > rows:
            cut["notes"] = ["the section on data is shortened; all of it: mlops-kit compare", *cut["notes"]]
        if _longest(bare.get("label_diff")) > rows:
            cut["notes"] = [
                "the section on labels is shortened; all of it: mlops-kit label diff",
                *cut["notes"],
            ]
        text = encode(_cut_rows({**cut, "plots": _cut_texts(plots, longest)}, rows))
        if len(text.encode("utf-8", "surrogatepass")) <= MAX_BYTES:
            break
    return text


def _longest(value: Any) -> int:
    """Return the length of the longest list within `value`."""
    if isinstance(value, Mapping):
        return max((_longest(item) for item in value.values()), default=0)
    return max(len(value), *map(_longest, value), 0) if isinstance(value, list | tuple) else 0


def _cut_rows(tree: dict[str, Any], most: int) -> dict[str, Any]:
    long = {name: rows for name, rows in tree.items() if isinstance(rows, list) and len(rows) > most}
    if not long:
        return tree
    made = dict(tree)
    for name, rows in long.items():
        # A broken promise must not be among those left out.
        made[name] = (sorted(rows, key=lambda kpi: kpi["status"] != "fail") if name == "kpis" else rows)[
            :most
        ]
    left = ", ".join(f"{len(rows) - most:,} of {len(rows):,} {name}" for name, rows in sorted(long.items()))
    made["notes"] = [f"this report is shortened; left out: {left}", *made["notes"][: most - 1]]
    return made


def _cut(value: Any, rows: int, longest: int, name: str, depth: int = 0) -> Any:
    if isinstance(value, str):
        return _cut_text(value, longest)
    if isinstance(value, Mapping):
        return {
            key: _plain(item, longest)
            if key in VALUES and name in ("params", "kpi_changes")
            else _cut(item, rows, longest, name, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        inner = [_cut(item, rows, longest, name, depth + 1) for item in value]
        if depth == 0 or len(inner) <= rows:  # rows of the report itself are cut, and counted, by _cut_rows
            return inner
        if not isinstance(inner[0], str):  # a list of values has no room for a sentence
            return inner[:rows]
        return [*inner[: rows - 1], f"… and {len(inner) - rows + 1:,} more"]
    return value


def _cut_plot(plot: Mapping[str, Any], rows: int, points: int) -> dict[str, Any]:
    """Return a plot with fewer points and cells; what is left is points and cells still."""
    series = [{**line, "points": thin(line["points"], points)} for line in plot["series"][:rows]]
    return {**plot, "series": series, "cells": list(plot["cells"])[:rows]}


def _cut_texts(value: Any, longest: int) -> Any:
    if isinstance(value, str):
        return _cut_text(value, longest)
    if isinstance(value, Mapping):
        return {key: _cut_texts(item, longest) for key, item in value.items()}
    return [_cut_texts(item, longest) for item in value] if isinstance(value, list | tuple) else value


def _cut_text(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _plain(value: Any, longest: int) -> Any:
    """Return a parameter's value as JSON can say it; as text where it is too deep, too long, not finite or of another kind."""
    if isinstance(value, list | tuple | Mapping):
        text = str(value)
        if len(text) > longest or len(value) > MAX_ROWS or _depth(value) > MAX_DEPTH:
            return _cut_text(text, longest)
        if isinstance(value, Mapping):
            return {str(key): _plain(item, longest) for key, item in value.items()}
        return [_plain(item, longest) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < LARGEST else f"a whole number of {value.bit_length():,} bits"
    return value if isinstance(value, float) and math.isfinite(value) else _cut_text(str(value), longest)


def _depth(value: Any) -> int:
    if not isinstance(value, list | tuple | Mapping):
        return 0
    return 1 + max(
        (_depth(item) for item in (value.values() if isinstance(value, Mapping) else value)), default=0
    )
