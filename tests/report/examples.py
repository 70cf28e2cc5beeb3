"""Comparisons to render: a realistic one for each outcome, and one that has the same text in every place that takes text.

`python -m tests.report.examples` writes the golden files anew; look at what changed before you commit it.
"""

from __future__ import annotations

import io
import types
from collections.abc import Callable
from dataclasses import Field, fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from rich.console import Console

from mlops_kit.compare.model import (
    Comparison,
    KpiResult,
    KpiStatus,
    MetricDiff,
    PipelineNode,
    PlotCell,
    PlotPair,
    PlotSeries,
    SideInfo,
    SliceDiff,
    StageChange,
    Unreadable,
    ValueChange,
    Verdict,
)
from mlops_kit.report import html, json, markdown, terminal
from tests.report.arrivals import changed_files, section
from tests.report.relabelling import label_diff, label_table

GOLDEN = Path(__file__).parent.parent / "golden" / "report"


def terminal_text(value: Comparison, width: int = 80) -> str:
    """Return what a terminal without colours shows."""
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(terminal.render(value))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


RENDERERS: dict[str, Callable[[Comparison], str]] = {
    "md": markdown.render,
    "html": html.render,
    "json": json.dumps,
    "txt": terminal_text,
}


def metric(name: str = "roc_auc", **changes: Any) -> MetricDiff:
    """Return a metric that got better."""
    better = MetricDiff(
        name, 0.68561, 0.70482, "higher", Verdict.BETTER, 0.0139, 0.0245, 7069, "the interval excludes zero", 0.005
    )  # fmt: skip
    return replace(better, **changes)


def improved() -> Comparison:
    """Return a pull request that makes the model better."""
    return Comparison(
        project="flights",
        base=SideInfo("base", "5b319e17886b8e237a8367c8ddeee054eba057d5", "Add weather"),
        head=SideInfo("this pull request", "4ccf79ef7c1d0b0f6e6b2a9e1f3d5c7b9a8e6d40", "Deeper trees"),
        metrics=(
            metric("accuracy", old=0.7912, new=0.7931, verdict=Verdict.SAME, low=-0.0021, high=0.0058,
                   reason="the interval contains zero and is narrow"),
            metric("log_loss", old=0.5021, new=0.4907, direction="lower", low=-0.0162, high=-0.0069),
            metric("recall", old=0.4127, new=0.4301, verdict=Verdict.CANNOT_TELL, low=-0.0214, high=0.0556,
                   reason="too few test rows: about 26,200 would settle it", rows_needed=26_200),
            metric(),
            MetricDiff("cleaning:rows", 330_000, 333_224, None, Verdict.NO_ERROR_BAR, reason="only two numbers exist"),
            MetricDiff("packaging:bytes", 1_482_201, 1_482_201, None, Verdict.SAME, reason="identical"),
        ),
        slices=(SliceDiff("origin", "EWR", metric(old=0.6712, new=0.7103, low=0.0127, high=0.0655, rows=2514)),),
        kpis=(
            KpiResult("roc_auc", ">= 0.65", 0.70482, KpiStatus.PASS, owner="ops"),
            KpiResult("roc_auc", "worsens by at most 0.01", 0.70482, KpiStatus.PASS, owner="ops"),
            KpiResult("accuracy [origin=LGA]", ">= 0.7", None, KpiStatus.SKIP, "fewer than 100 rows", "ops"),
        ),
        kpi_changes=(),
        params=(
            ValueChange("params.yaml:train.max_depth", 4, 8, "changed"),
            ValueChange("params.yaml:train.l2", None, 0.5, "added"),
        ),
        stages=(
            StageChange("train", "rerun", ("train.max_depth", "train.l2", "scikit-learn 1.8.0 -> 1.9.1")),
            StageChange("evaluate", "rerun", ("models/model.skops",)),
        ),
        unreadable=(),
        notes=("6,912 test rows are shared; the base has 7,069, the head 7,069",),
        ran=(("train", 12.34), ("evaluate", 3.2)),
        pipeline=(
            PipelineNode("clean", (), "same"),
            PipelineNode("split", ("clean",), "same"),
            PipelineNode("train", ("split",), "rerun", ("train.max_depth", "train.l2", "scikit-learn 1.8.0 -> 1.9.1")),
            PipelineNode("evaluate", ("split", "train"), "rerun", ("models/model.skops",)),
        ),
        plots=(confusion(), curve("plots/roc.csv", 0.3), unchanged("plots/calibration.csv")),
    )  # fmt: skip


def curve(name: str, bend: float) -> PlotPair:
    """Return a ROC-like curve that lies higher on the head."""
    xs = [round(index / 20, 2) for index in range(21)]
    lines = (PlotSeries("base", "", tuple((x, round(x ** (bend + 0.1), 4)) for x in xs)),
             PlotSeries("head", "", tuple((x, round(x**bend, 4)) for x in xs)))  # fmt: skip
    return PlotPair(name, "false positive rate", "true positive rate", "line", "changed", lines)


def unchanged(name: str) -> PlotPair:
    """Return a curve that is the same on both sides."""
    both = curve(name, 1.0)
    return replace(both, state="same", series=both.series[1:])


def confusion() -> PlotPair:
    """Return a confusion matrix."""
    counts = (("late", "late", 812.0, 845.0), ("late", "on time", 1156.0, 1123.0),
              ("on time", "late", 301.0, 319.0), ("on time", "on time", 4800.0, 4782.0))  # fmt: skip
    cells = tuple(PlotCell(*cell) for cell in counts)
    return PlotPair("Confusion", "predicted", "actual", "matrix", "changed", (), cells)


def worsened() -> Comparison:
    """Return a pull request that breaks a promise."""
    worse = metric(new=0.6412, verdict=Verdict.WORSE, low=-0.0512, high=-0.0371)
    broken = KpiResult(
        "roc_auc",
        ">= 0.65",
        0.6412,
        KpiStatus.FAIL,
        "0.6412 is below 0.65",
        "ops",
        "do not merge; ask #ml-ops",
    )
    edits = (
        ValueChange("roc_auc.min", 0.7, 0.65, "changed", "@acme/ops"),
        ValueChange("recall.min", 0.4, None, "removed", "@acme/ops"),
    )
    kpis = (*improved().kpis[1:], broken)
    return replace(improved(), metrics=(worse,), kpis=kpis, kpi_changes=edits, slices=())


def lost() -> Comparison:
    """Return a comparison whose base cannot be read."""
    gone = Unreadable(
        "base",
        "metrics/evaluation.json",
        "is neither in the cache nor on a remote",
        "dvc pull metrics/evaluation.json",
    )
    return replace(improved(), metrics=(), slices=(), kpis=(), unreadable=(gone,))


def first() -> Comparison:
    """Return the first result of a project."""
    alone = metric(
        old=None, low=None, high=None, verdict=Verdict.CANNOT_TELL, reason="nothing to compare with", rows=0
    )
    return replace(
        improved(), base=None, metrics=(alone,), slices=(), params=(), stages=(), pipeline=(), plots=()
    )


def arrived() -> Comparison:
    """Return a pull request that brings new data."""
    return replace(improved(), params=(), data=changed_files(), data_section=section())


def relabelled() -> Comparison:
    """Return a pull request that brings new labels."""
    return replace(improved(), params=(), labels=label_table(), label_diff=label_diff())


EXAMPLES = {
    "better": improved,
    "worse": worsened,
    "unreadable": lost,
    "first": first,
    "data": arrived,
    "labels": relabelled,
}


def filled(text: str, cls: Any = Comparison) -> Any:
    """Return a dataclass of the comparison with `text` in every field, at every depth, that takes text."""
    hints = get_type_hints(cls)
    return cls(**{item.name: _fill(text, hints[item.name], item) for item in fields(cls)})


def _fill(text: str, wanted: Any, item: Field[Any]) -> Any:
    origin = get_origin(wanted)
    if isinstance(wanted, type) and is_dataclass(wanted):
        return filled(text, wanted)
    if origin in (Union, types.UnionType):
        options = [option for option in get_args(wanted) if option is not type(None)]
        return text if len(options) > 1 else _fill(text, options[0], item)
    if origin is Literal:
        return get_args(wanted)[0]
    if origin is tuple:
        inner = get_args(wanted)
        kinds = inner[:1] if inner[-1] is Ellipsis else inner
        return tuple(_fill(text, kind, item) for kind in kinds)
    if isinstance(wanted, type) and issubclass(wanted, StrEnum):
        return next((member for member in wanted if member.value == "fail"), next(iter(wanted)))
    if wanted is str:
        return text
    # A value of the field's own, such as a level between 0 and 1, is kept.
    return item.default if isinstance(item.default, wanted) and item.default else wanted(1)


def main() -> None:
    """Write the golden files."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, example in EXAMPLES.items():
        for ending, render in RENDERERS.items():
            if ending in ("md", "txt"):
                (GOLDEN / f"{name}.{ending}").write_text(render(example()), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
