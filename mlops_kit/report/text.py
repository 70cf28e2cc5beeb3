"""Words for people: what every rendering of a comparison says, once."""

from __future__ import annotations

import re

from mlops_kit.compare.model import (
    Comparison,
    DataChange,
    KpiResult,
    KpiStatus,
    LabelChange,
    MetricDiff,
    PicturePair,
    PlotPair,
    Verdict,
)
from mlops_kit.report.inert import html_text, markdown_text, number, signed, visible
from mlops_kit.report.sizes import duration_text, size_text
from mlops_kit.spec.kinds import JsonValue

__all__ = ["html_text", "markdown_text", "number", "signed", "visible"]  # and what is defined here

SIGNS = {
    Verdict.BETTER: "▲",
    Verdict.WORSE: "▼",
    Verdict.SAME: "=",
    Verdict.CANNOT_TELL: "?",
    Verdict.NO_ERROR_BAR: "·",
}
KPI_SIGNS = {KpiStatus.PASS: "✓", KpiStatus.FAIL: "✗", KpiStatus.SKIP: "–"}
_SHA = re.compile(r"\b([0-9a-f]{9})[0-9a-f]{31}\b")


def percent(share: float) -> str:
    """Return a level such as 0.95 or 0.995 in per cent, with the digits that it has."""
    return f"{100 * share:.4g}%"


def interval(diff: MetricDiff) -> str:
    """Return the interval of a difference, empty where there is none."""
    return "" if diff.low is None or diff.high is None else f"{signed(diff.low)} to {signed(diff.high)}"


def value_text(value: JsonValue, *, absent: bool = False) -> str:
    """Return a parameter's value as text."""
    return (
        "absent"
        if absent
        else "empty"
        if value is None
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )


def side_name(comparison: Comparison, which: str) -> str:
    """Return what the base or the head is, in words."""
    side = comparison.base if which == "base" else comparison.head
    if side is None:
        return "nothing"
    label = _SHA.sub(r"\1", side.label)
    return f"{label} ({side.sha[:9]})" if side.sha and not side.sha.startswith(label) else label


def status_of(comparison: Comparison) -> str:
    """Return the verdict line's one word: failed, unreadable, breach, worse, mixed, better, changed, unjudged, unchanged or first.

    The headline decides. But no change is better, or without a clear difference, while another metric is worse: that is mixed.
    """
    if comparison.failure:
        return "failed"
    if comparison.unreadable:
        return "unreadable"
    if comparison.breached:
        return "breach"
    if comparison.base is None:
        return "first"
    headline = comparison.headline
    if headline is not None and headline.verdict is Verdict.WORSE:
        return "worse"
    if any(diff.verdict is Verdict.WORSE for diff in comparison.metrics):
        return "mixed"
    if headline is not None and headline.verdict is Verdict.BETTER:
        return "better"
    if headline is not None and headline.change and headline.verdict is Verdict.NO_ERROR_BAR:
        return "unjudged"
    differ = any(diff.change or (diff.old is None) != (diff.new is None) for diff in comparison.metrics)
    return "changed" if differ else "unchanged"


TITLES = {
    "failed": "The pipeline failed",
    "unreadable": "Could not be compared",
    "breach": "A KPI is breached",
    "worse": "Worse",
    "mixed": "Mixed: some metrics are worse",
    "better": "Better",
    "changed": "No clear difference",
    "unjudged": "Changed, without an error bar",
    "unchanged": "No metric changed",
    "first": "First result",
}


_KPI_ORDER = (KpiStatus.FAIL, KpiStatus.SKIP, KpiStatus.PASS)
_VERDICT_ORDER = (Verdict.WORSE, Verdict.BETTER, Verdict.CANNOT_TELL, Verdict.SAME, Verdict.NO_ERROR_BAR)


def ordered_kpis(comparison: Comparison) -> list[KpiResult]:
    """Return the promises, broken ones first, then those that could not be judged."""
    return sorted(comparison.kpis, key=lambda kpi: _KPI_ORDER.index(kpi.status))


def ordered_metrics(comparison: Comparison) -> tuple[list[MetricDiff], list[MetricDiff], list[MetricDiff]]:
    """Return the metrics with an interval (the headline first, then worse, better, cannot tell, same), those without one that
    differ or are on one side only, and those without one that are the same."""
    headline = comparison.headline
    judged = [diff for diff in comparison.metrics if diff.low is not None]
    judged.sort(key=lambda diff: (diff is not headline, _VERDICT_ORDER.index(diff.verdict)))
    others = [diff for diff in comparison.metrics if diff.low is None]
    differ = sorted((diff for diff in others if diff.change != 0), key=lambda diff: diff is not headline)
    return judged, differ, [diff for diff in others if diff.change == 0]


def contract_sentence(comparison: Comparison) -> str:
    """Return what an edit of the KPI contract needs, as plain text; empty without one."""
    if not comparison.kpi_changes:
        return ""
    owners = list(dict.fromkeys(change.owner for change in comparison.kpi_changes if change.owner))
    named = ", ".join(owners[:3]) + (f" and {len(owners) - 3} more" if len(owners) > 3 else "")
    return f"This change edits the KPI contract: it needs the owner's review ({named or 'kpis.yaml names no owner'})"


PAIR_WORDS = {
    "same": "the same on both sides",
    "changed": "changed",
    "added": "only on this side",
    "removed": "only on the base side",
}


def pipeline_words(comparison: Comparison) -> str:
    """Return how much of the pipeline differs and ran here; empty when neither."""
    total = f" of {len(comparison.pipeline):,}" if comparison.pipeline else ""
    said = [f"{len(comparison.stages):,}{total} stages differ"] if comparison.stages else []
    if comparison.ran:
        seconds = sum(seconds for _, seconds in comparison.ran)
        said.append(f"{len(comparison.ran):,} ran here in {seconds:,.0f} s")
    return ", ".join(said)


PLAN_WORDS = {
    "run": "would run",
    "perhaps": "may run",
    "cached": "from the cache",
    "record": "recorded anew",
    "missing": "not here",
}


def plan_words(comparison: Comparison) -> str:
    """Return what the plan before the run came to; empty without one."""
    totals = comparison.plan
    if totals is None:
        return ""
    states = [one.expected for one in comparison.planned]
    said = [f"{states.count(state):,} {word}" for state, word in PLAN_WORDS.items() if state in states]
    said.append(f"{totals.unchanged:,} unchanged")
    if totals.seconds_most:
        span = dict.fromkeys((duration_text(totals.seconds_least), duration_text(totals.seconds_most)))
        said.append(f"about {' to '.join(span)}")
    if totals.bytes_most:
        span = dict.fromkeys((size_text(totals.bytes_least), size_text(totals.bytes_most)))
        said.append(f"{' to '.join(span)} from the remote")
    return ", ".join(said)


def plan_outcome(comparison: Comparison, stage: str) -> str:
    """Return what became of a stage that was planned: its seconds here; empty when its commands did not run."""
    seconds = dict(comparison.ran).get(stage)
    return "" if seconds is None else f"{seconds:,.1f}"


def plot_words(comparison: Comparison) -> str:
    """Return how many plots and pictures differ; empty without any."""
    drawn: list[PlotPair | PicturePair] = [*comparison.plots, *comparison.pictures]
    changed = sum(one.state != "same" for one in drawn)
    return f"{changed:,} of {len(drawn):,} differ" if drawn else ""


def verdict_sentence(comparison: Comparison) -> tuple[str, str]:
    """Return the verdict line: its title and the sentence behind it, both plain text."""
    status = status_of(comparison)
    title = TITLES[status]
    headline = comparison.headline
    if status == "breach" and headline is not None and headline.verdict in (Verdict.WORSE, Verdict.BETTER):
        title = f"{TITLES[headline.verdict.value]}, and a KPI is breached"
    if status == "failed":
        return title, comparison.failure.splitlines()[0]
    if status == "unreadable":
        lost = len(comparison.unreadable)
        names = ", ".join(item.what for item in comparison.unreadable[:3]) + (", …" if lost > 3 else "")
        return title, f"{lost} {'thing' if lost == 1 else 'things'} could not be read: {names}"
    said = (
        _headline_words(headline),
        _other_words(comparison, Verdict.WORSE),
        _other_words(comparison, Verdict.BETTER),
        _lost_words(comparison),
        _kpi_words(comparison),
    )
    return title, "; ".join(part for part in said if part)


def _headline_words(diff: MetricDiff | None) -> str:
    if diff is None:
        return "no metrics"
    words = f"{diff.name} {number(diff.old)} → {number(diff.new)} ({signed(diff.change)}"
    if diff.low is not None:
        words += f", interval {interval(diff)}) on {diff.rows:,} shared test rows"
    else:
        words += ")"
    return words if diff.old is not None else f"{diff.name} {number(diff.new)}"


def _other_words(comparison: Comparison, verdict: Verdict) -> str:
    """Return which metrics but the headline are better or worse, and on how many slices that is so."""
    headline = comparison.headline
    names = [diff.name for diff in comparison.metrics if diff.verdict is verdict and diff is not headline]
    slices = sum(part.diff.verdict is verdict for part in comparison.slices)
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    where = f"on {slices} {'slice' if slices == 1 else 'slices'}" if slices else ""
    said = ", and ".join(part for part in (shown, where) if part)
    return f"{verdict.value}{': ' if shown else ' '}{said}" if said else ""


def _lost_words(comparison: Comparison) -> str:
    """Return which metrics the head no longer has: a metric that vanished must not pass for one that did not change."""
    lost = [diff.name for diff in comparison.metrics if diff.old is not None and diff.new is None]
    more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
    return "gone: " + ", ".join(lost[:3]) + more if lost else ""


def _kpi_words(comparison: Comparison) -> str:
    if not comparison.kpis:
        return "no KPIs"
    broken = comparison.breached
    if broken:
        more = f" and {len(broken) - 3} more" if len(broken) > 3 else ""
        return "breached: " + ", ".join(f"{kpi.name} {kpi.promise}" for kpi in broken[:3]) + more
    kept = sum(kpi.status is KpiStatus.PASS for kpi in comparison.kpis)
    skipped = len(comparison.kpis) - kept
    return ("1 KPI holds" if kept == 1 else f"{kept} KPIs hold") + (f", {skipped} skipped" if skipped else "")


def data_cells(change: DataChange) -> tuple[str, str, str]:
    """Return in words what differs in a data file: its content, on the base side and on the head side, and its columns."""
    old = (
        _content_words(change.old_rows, change.old_files, change.old_size)
        if change.kind != "added"
        else "absent"
    )
    new = (
        _content_words(change.new_rows, change.new_files, change.new_size)
        if change.kind != "removed"
        else "absent"
    )
    return old, new, "; ".join(change.columns)


def _content_words(rows: int | None, files: int | None, size: int | None) -> str:
    words = [
        f"{rows:,} rows" if rows is not None else "",
        f"{files:,} files" if files is not None else "",
        size_text(size) if size is not None else "",
    ]
    return ", ".join(word for word in words if word) or "other content"


def label_sentence(change: LabelChange) -> str:
    """Return how the labels differ."""
    parts = [
        f"{count:,} {word}"
        for count, word in ((change.added, "added"), (change.removed, "removed"), (change.changed, "changed"))
        if count
    ]
    moved = ", ".join(parts) or "the same labels in another form"
    return f"{moved}; {change.old_rows:,} → {change.new_rows:,} labels in {change.path}"
