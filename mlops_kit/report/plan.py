"""What a run would do, as lines for people, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from mlops_kit.compare.spending import PlannedStage, PlanState, PlanTotals
from mlops_kit.engines.estimate import Estimate
from mlops_kit.engines.forecast import Expected, Forecast, StageForecast
from mlops_kit.report.reasons import describe_cause
from mlops_kit.report.sizes import duration_text, size_text

_WORDS = {
    Expected.RUN: "would run",
    Expected.PERHAPS: "may run",
    Expected.CACHED: "comes from the cache",
    Expected.RECORD: "is recorded anew",
    Expected.MISSING: "is not here",
}
_LONGEST = 1_000
_MOST = 20


def plan_lines(forecast: Forecast, estimate: Estimate) -> list[str]:
    """Return a line for each stage that is not unchanged, and what it comes to."""
    lines = [
        f"{one.stage}: {_WORDS[one.expected]}{_time(one)}: {why_stage(one)}"
        for one in forecast.stages
        if one.expected is not Expected.UNCHANGED
    ]
    return [*lines, *([""] if lines else []), *plan_summary(forecast, estimate)]


def plan_summary(forecast: Forecast, estimate: Estimate) -> Iterator[str]:
    """Yield the sentences that sum a plan up."""
    counts = {state: len(forecast.of(state)) for state in Expected}
    yield ", ".join(
        text
        for state, text in (
            (Expected.RUN, f"{counts[Expected.RUN]} would run"),
            (Expected.PERHAPS, f"{counts[Expected.PERHAPS]} may run"),
            (Expected.CACHED, f"{counts[Expected.CACHED]} from the cache"),
            (Expected.RECORD, f"{counts[Expected.RECORD]} recorded anew"),
            (Expected.MISSING, f"{counts[Expected.MISSING]} not here"),
            (Expected.UNCHANGED, f"{counts[Expected.UNCHANGED]} unchanged"),
        )
        if counts[state] or state in (Expected.RUN, Expected.UNCHANGED)
    )
    if counts[Expected.RUN] or counts[Expected.PERHAPS]:
        yield _duration(estimate)
    sure, most = forecast.bytes_fetched(), forecast.bytes_fetched(perhaps=True)
    if most:
        up_to = f" to {size_text(most)}" if most > sure else ""
        yield f"from the remote: {size_text(sure)}{up_to}"
    if moved := forecast.bytes_checked_out():
        yield f"from the cache: {size_text(moved)}"
    if lost := lost_paths(forecast):
        yield f"nowhere to be found: {', '.join(lost[:5])}{f' and {len(lost) - 5} more' if len(lost) > 5 else ''}"
    if any(one.elsewhere for one in forecast.of(Expected.UNCHANGED)):
        yield "data of unchanged stages is not here, and not needed"
    if forecast.of(Expected.MISSING):
        yield "data that is not here: `mlops-kit plan --pull` and `mlops-kit run --pull` take it from the remote where it is needed"


def lost_paths(forecast: Forecast) -> tuple[str, ...]:
    """Return what is needed and nowhere to be found."""
    return tuple(sorted({path for one in forecast.stages for path in one.lost}))


def why_stage(one: StageForecast) -> str:
    """Return in words why something happens to a stage."""
    reasons = [describe_cause(cause, {}).text for cause in one.causes]
    if not one.causes:
        reasons += [f"{name} runs first and writes {path}" for name, path in one.upstream]
    if one.expected is Expected.CACHED:
        reasons.append(
            "as dvc.lock records it" if one.source == "lock" else "an earlier run was given the same"
        )
    return "; ".join(reasons) or "it is asked for"


def plan_value(forecast: Forecast, estimate: Estimate) -> dict[str, Any]:
    """Return a plan as plain values for JSON."""
    return {
        "stages": [
            {
                "stage": one.stage,
                "expected": one.expected.value,
                "reasons": [
                    {"kind": r.kind, "name": r.name, "text": r.text, "old": r.old, "new": r.new}
                    for r in (describe_cause(cause, {}) for cause in one.causes)
                ],
                "upstream": [{"stage": name, "path": path} for name, path in one.upstream],
                "source": one.source,
                "fetched": dict(one.fetched),
                "perhaps_fetched": dict(one.perhaps_fetched),
                "checked_out": dict(one.checked_out),
                "lost": list(one.lost),
                "elsewhere": one.elsewhere,
                "seconds": one.seconds,
                "only_comments": list(one.quiet),
                "unknown": list(one.unknown),
            }
            for one in forecast.stages
        ],
        "bytes_fetched": {"least": forecast.bytes_fetched(), "most": forecast.bytes_fetched(perhaps=True)},
        "bytes_checked_out": forecast.bytes_checked_out(),
        "seconds": {"least": round(estimate.least, 3), "most": round(estimate.most, 3)},
        "critical_path": list(estimate.way),
        "without_history": list(estimate.unknown),
        "jobs": estimate.jobs,
    }


def planned_stages(forecast: Forecast) -> tuple[PlannedStage, ...]:
    """Return what is expected of the stages with which something happens, for a report."""
    return tuple(
        PlannedStage(one.stage, cast("PlanState", one.expected.value), why_stage(one)[:_LONGEST], one.seconds)
        for one in forecast.stages
        if one.expected is not Expected.UNCHANGED
    )


def plan_totals(forecast: Forecast, estimate: Estimate) -> PlanTotals:
    """Return what a plan comes to, for a report."""
    return PlanTotals(
        len(forecast.of(Expected.UNCHANGED)),
        estimate.least,
        estimate.most,
        forecast.bytes_fetched(),
        forecast.bytes_fetched(perhaps=True),
        len(estimate.unknown),
        lost_paths(forecast)[:_MOST],
    )


def _time(one: StageForecast) -> str:
    running = one.expected in (Expected.RUN, Expected.PERHAPS)
    return f" ({duration_text(one.seconds)})" if running and one.seconds is not None else ""


def _duration(estimate: Estimate) -> str:
    count = len(estimate.unknown)
    if not estimate.most:
        return "no time is known: these stages have not run here before"
    least, most = duration_text(estimate.least), duration_text(estimate.most)
    span = most if least == most else f"{least} to {most}"
    way = f"; longest chain {' -> '.join(estimate.way)}" if len(estimate.way) > 1 else ""
    guess = f"; {count} of them {'has' if count == 1 else 'have'} not run here before" if count else ""
    return f"about {span} with {estimate.jobs} side by side{way}{guess}"
