"""The KPI contract, judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_kit.compare.metrics import guess_direction
from mlops_kit.compare.model import KpiResult, KpiStatus, MetricDiff
from mlops_kit.errors import UsageError
from mlops_kit.spec.kinds import Direction

if TYPE_CHECKING:
    from mlops_kit.spec.model import Kpi, Kpis

# 0.80 - 0.79 is more than 0.01 in binary floating point; a promise is not broken by that.
DUST = 1e-12


@dataclass(frozen=True)
class SliceValue:
    """Metrics of one slice of the test rows."""

    column: str
    value: str
    rows: int
    metrics: Mapping[str, float]


def judge_kpis(
    kpis: Kpis,
    metrics: Mapping[str, float],
    *,
    slices: Sequence[Mapping[str, Any]] = (),
    diffs: Sequence[MetricDiff] | None = None,
    production: Sequence[MetricDiff] | None = None,
) -> tuple[KpiResult, ...]:
    """Return the result of every promise of `kpis`.

    `metrics` are the values by name; `slices` are mappings with `column`, `value`, `rows` and `metrics`; `diffs` are the differences
    against the base and `production` those against the model in production, None where there is none (promises about such a change are
    skipped then, with the reason). Raises UsageError for a promise about a metric that does not exist, with the nearest name.
    """
    parts = [SliceValue(str(s["column"]), str(s["value"]), int(s["rows"]), s["metrics"]) for s in slices]
    others = {
        "base": {diff.name: diff for diff in diffs} if diffs is not None else None,
        "production": {diff.name: diff for diff in production} if production is not None else None,
    }
    return tuple(
        result for kpi in kpis.kpis for result in _judge(kpis, kpi, metrics, parts, others[kpi.against])
    )


def direction_of(kpis: Kpis | None, name: str) -> Direction | None:
    """Return which way is better for metric `name`: as kpis.yaml says, else by its name."""
    declared = kpis.metrics.get(name) if kpis else None
    return declared.direction if declared else guess_direction(name)


def _judge(
    kpis: Kpis,
    kpi: Kpi,
    metrics: Mapping[str, float],
    slices: Sequence[SliceValue],
    diffs: Mapping[str, MetricDiff] | None,
) -> Iterable[KpiResult]:
    if kpi.slice is not None:
        yield from _judge_slices(kpi, slices)
        return
    if kpi.metric not in metrics:
        from difflib import get_close_matches

        close = get_close_matches(kpi.metric, metrics, n=1)
        hint = f"did you mean `{close[0]}`?" if close else f"known: {', '.join(sorted(metrics)) or 'none'}"
        raise UsageError(f"kpis.yaml: there is no metric `{kpi.metric}`", fix=hint)
    if kpi.min is not None or kpi.max is not None or kpi.max_worsening is None:
        yield _bounds(kpi, kpi.metric, metrics[kpi.metric])
    if kpi.max_worsening is not None:
        yield _worsening(kpi, kpi.max_worsening, direction_of(kpis, kpi.metric), metrics[kpi.metric], diffs)


def _judge_slices(kpi: Kpi, slices: Sequence[SliceValue]) -> Iterable[KpiResult]:
    column, _, value = (kpi.slice or "").partition("=")
    chosen = [part for part in slices if part.column == column and value in ("", part.value)]
    if not chosen:
        name = f"{kpi.metric} [{kpi.slice}]"
        yield KpiResult(
            name, _promise(kpi), None, KpiStatus.SKIP, "no test rows in this slice", kpi.owner, kpi.on_breach
        )
    for part in chosen:
        name = f"{kpi.metric} [{part.column}={part.value}]"
        if part.rows < kpi.min_rows or kpi.metric not in part.metrics:
            reason = (
                f"only {part.rows} test rows, fewer than min_rows {kpi.min_rows}"
                if part.rows < kpi.min_rows
                else "not defined on these rows"
            )
            yield KpiResult(name, _promise(kpi), None, KpiStatus.SKIP, reason, kpi.owner, kpi.on_breach)
        else:
            yield _bounds(kpi, name, part.metrics[kpi.metric])


def _promise(kpi: Kpi) -> str:
    bounds = [
        f">= {kpi.min:g}" if kpi.min is not None else "",
        f"<= {kpi.max:g}" if kpi.max is not None else "",
    ]
    return " and ".join(bound for bound in bounds if bound)


def _bounds(kpi: Kpi, name: str, value: float) -> KpiResult:
    if kpi.min is None and kpi.max is None:
        return KpiResult(name, "is reported", value, KpiStatus.PASS, "", kpi.owner, kpi.on_breach)
    low = kpi.min is not None and value < kpi.min
    high = kpi.max is not None and value > kpi.max
    reason = "below the minimum" if low else "above the maximum" if high else ""
    return KpiResult(
        name,
        _promise(kpi),
        value,
        KpiStatus.FAIL if low or high else KpiStatus.PASS,
        reason,
        kpi.owner,
        kpi.on_breach,
    )


def _worsening(
    kpi: Kpi,
    allowed: float,
    direction: Direction | None,
    value: float,
    diffs: Mapping[str, MetricDiff] | None,
) -> KpiResult:
    """Judge a promise about the change against the base.

    Breached when the value worsens by more than allowed and noise does not explain it: where there is an interval it must exclude
    zero. A gate that fails on noise is switched off; one that lets a measured breach pass because the test set is small says so.
    """
    promise = f"worsens by at most {allowed:g}" + (
        " against production" if kpi.against == "production" else ""
    )
    diff = diffs.get(kpi.metric) if diffs is not None else None
    if diff is None or diff.old is None or diff.new is None or direction is None:
        missing = (
            "no base to compare with" if kpi.against == "base" else "no model in production to compare with"
        )
        if diffs is not None:
            missing = f"the {kpi.against} does not have this metric"
        reason = (
            missing if direction is not None else "which way is better is not known; say it under `metrics:`"
        )
        return KpiResult(kpi.metric, promise, value, KpiStatus.SKIP, reason, kpi.owner, kpi.on_breach)
    worsening = (diff.old - diff.new) * (1 if direction == "higher" else -1)
    noisy = diff.low is not None and diff.high is not None and diff.low <= 0 <= diff.high
    if worsening <= allowed + DUST * max(abs(diff.old), abs(diff.new)):
        return KpiResult(kpi.metric, promise, value, KpiStatus.PASS, "", kpi.owner, kpi.on_breach)
    if noisy:
        reason = f"worsens by {worsening:.4g}, which noise on the shared test rows explains"
        return KpiResult(kpi.metric, promise, value, KpiStatus.PASS, reason, kpi.owner, kpi.on_breach)
    return KpiResult(
        kpi.metric, promise, value, KpiStatus.FAIL, f"worsens by {worsening:.4g}", kpi.owner, kpi.on_breach
    )
