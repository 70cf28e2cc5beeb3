"""The score by which a sweep chooses: a metric that was not measured on test rows.

Whoever chooses the best of many models by the test set makes its metric an optimistic one: it is then the maximum of many noisy
numbers, and nothing is left to measure the chosen model with (Cawley & Talbot 2010, JMLR 11:2079-2107).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.declared import DeclaredPipelines, read_pipelines
from mlops_kit.artifacts.values import flatten, parse_values
from mlops_kit.compare.kpis import direction_of
from mlops_kit.errors import RefusedError, SpecError, UsageError
from mlops_kit.spec.load import KPIS, read_kpis
from mlops_kit.spec.model import Kpis

_TEST = frozenset({"test", "tests", "testing", "holdout", "heldout"})
_VALIDATION = frozenset({"validation", "valid", "val", "cv", "crossval", "dev"})
# Dependencies that are no data: a program called test.py shows nobody the test rows.
_NO_DATA = frozenset(
    {".py", ".ipynb", ".sh", ".r", ".jl", ".sql", ".yaml", ".yml", ".toml", ".cfg", ".ini", ".md"}
)
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class Score:
    """The metric by which a sweep chooses."""

    metric: str
    """Its name: the dotted key in the file."""
    file: str
    """The metric file."""
    stage: str
    """The stage that writes it, up to which trials run."""
    higher: bool
    """Whether a higher value is better."""
    files: tuple[str, ...] = ()
    """All metric files that trials write."""


def choose_score(root: Path, name: str = "") -> Score:
    """Return the metric `name`, or the one that says it is of validation, of the headline metric of kpis.yaml before others.

    Raises RefusedError for a metric of the test rows, UsageError when there is no such metric, none of validation, or no better side.
    """
    pipelines = read_pipelines(root)
    tainted = tainted_stages(pipelines)
    kpis = read_kpis(root) if (root / KPIS).exists() else None
    found = [*_metrics(root, pipelines)]
    if name:
        chosen = _named(name, found, tainted)
    else:
        chosen = _of_validation([item for item in found if item[2] not in tainted], kpis)
    metric, file, stage = chosen
    direction = direction_of(kpis, metric)
    if direction is None:
        raise UsageError(
            f"whether more or less of `{metric}` is better is not known",
            fix=f"say it in kpis.yaml: metrics: {{{metric}: {{direction: higher}}}}",
        )
    needed = pipelines.closure([stage])
    files = [path for _, path, writer in found if writer in needed and writer not in tainted]
    return Score(metric, file, stage, direction == "higher", tuple(dict.fromkeys(files)))


def tainted_stages(pipelines: DeclaredPipelines) -> Mapping[str, str]:
    """Return the stages that see test rows -> the dependency that shows them.

    A data file is taken for the test set when a word of its name says so (`data/test.parquet`, `holdout.csv`). Who reads it has
    seen the test rows, and so has who reads what such a stage wrote; the stage that makes the split has not.
    """
    tainted: dict[str, str] = {}
    for name, stage in pipelines.stages.items():  # in the order of execution
        seen = [path for path in stage.deps if _is_test(path)]
        seen += [path for writer, path in pipelines.inputs[name] if writer in tainted]
        if seen:
            tainted[name] = seen[0]
    return tainted


def _is_test(path: str) -> bool:
    stem, suffix = posixpath.splitext(posixpath.basename(path).lower())
    return suffix not in _NO_DATA and bool(_TEST & set(_WORD.findall(stem)))


def read_metrics(root: Path, file: str) -> dict[str, float]:
    """Return the numbers of a metric file by dotted name; empty when it is not there or cannot be understood."""
    try:
        values = flatten(parse_values(file, (root / file).read_bytes()))
        return {
            key: float(value)
            for key, value in values
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
    except (OSError, SpecError, OverflowError):
        return {}


_Found = tuple[str, str, str]


def _metrics(root: Path, pipelines: DeclaredPipelines) -> Iterator[_Found]:
    """Yield (metric, file, stage) of every metric that was written."""
    for name, stage in pipelines.stages.items():
        for out in stage.outs:
            if out.section == "metrics":
                yield from ((metric, out.path, name) for metric in read_metrics(root, out.path))


def _named(name: str, found: list[_Found], tainted: Mapping[str, str]) -> _Found:
    file, _, key = name.rpartition(":")
    fitting = [item for item in found if item[0] == key and file in ("", item[1])]
    honest = [item for item in fitting if item[2] not in tainted]
    if fitting and not honest:
        stage = fitting[0][2]
        raise RefusedError(
            f"`{key}` is measured on test rows: stage {stage} reads {tainted[stage]}; the best of many by it would only look better than it is",
            fix="choose by a score of the training rows: --metric validation_…, see docs/how-to/sweep.md",
        )
    if not fitting:
        known = ", ".join(sorted({metric for metric, _, stage in found if stage not in tainted})[:12])
        raise UsageError(
            f"no metric `{name}` was written", fix=f"one of: {known}" if known else "mlops-kit run"
        )
    if len(honest) > 1:
        raise UsageError(f"several files have `{key}`", fix=f"--metric {honest[0][1]}:{key}")
    return honest[0]


def _of_validation(honest: list[_Found], kpis: Kpis | None) -> _Found:
    fitting = [item for item in honest if _VALIDATION & set(_WORD.findall(item[0].lower()))]
    fitting += [
        item for item in honest if item not in fitting and _VALIDATION & set(_WORD.findall(item[1].lower()))
    ]
    promised = [kpi.metric for kpi in kpis.kpis] if kpis else []
    for wanted in promised:
        headline = [item for item in fitting if item[0].rpartition(".")[2].endswith(wanted)]
        if headline:
            return headline[0]
    usable = [item for item in fitting if direction_of(kpis, item[0])]
    if usable:
        return usable[0]
    raise UsageError(
        "there is nothing to choose by: no stage that sees no test rows has written a metric of validation",
        fix="let train write one (docs/how-to/sweep.md), run once, or name a metric: --metric NAME",
    )
