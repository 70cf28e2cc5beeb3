"""What the metrics of a side are called, and the other spelling that a promise may use."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_kit.spec.model import Kpis


def unambiguous(found: Sequence[tuple[str, str, float]]) -> dict[str, float]:
    """Return metric name -> value; a name that several files have gets its file's name before it, or the path where that repeats too."""
    names = [key for _, key, _ in found]
    stems = [(posixpath.splitext(posixpath.basename(path))[0], key) for path, key, _ in found]
    made: dict[str, float] = {}
    for (path, key, number), stem in zip(found, stems, strict=True):
        if names.count(key) == 1:
            made[key] = number
        else:
            made[f"{stem[0] if stems.count(stem) == 1 else posixpath.splitext(path)[0]}:{key}"] = number
    return made


def spellings(found: Sequence[tuple[str, str, float]]) -> dict[str, str]:
    """Return `file:metric` -> `metric` for those of `found` (path, metric, value) that need no file before them."""
    names = [key for _, key, _ in found]
    return {
        f"{posixpath.splitext(posixpath.basename(path))[0]}:{key}": key
        for path, key, _ in found
        if names.count(key) == 1
    }


def bind_kpis(kpis: Kpis, spellings: Mapping[str, str]) -> Kpis:
    """Return `kpis` with the names that metrics go by here: `leakage:same_key` is `same_key` where only that file has it."""
    promises = tuple(replace(kpi, metric=spellings.get(kpi.metric, kpi.metric)) for kpi in kpis.kpis)
    return replace(kpis, kpis=promises, metrics={spellings.get(n, n): how for n, how in kpis.metrics.items()})
