"""Text for people: numbers with the same digits in every rendering, and names and values of strangers as inert text."""

from __future__ import annotations

import html
import re
import unicodedata

from mlops_kit.compare.model import Comparison, KpiStatus, MetricDiff, Verdict
from mlops_kit.spec.model import JsonValue

SIGNS = {
    Verdict.BETTER: "▲",
    Verdict.WORSE: "▼",
    Verdict.SAME: "=",
    Verdict.CANNOT_TELL: "?",
    Verdict.NO_ERROR_BAR: "·",
}
KPI_SIGNS = {KpiStatus.PASS: "✓", KpiStatus.FAIL: "✗", KpiStatus.SKIP: "–"}
LONGEST = 160
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~@&:$=^-])")


def visible(text: str, *, longest: int = LONGEST) -> str:
    """Return `text` on one line with control, format and direction characters made visible, cut at `longest` characters."""
    shown = "".join(_escape_character(character) for character in text[: longest + 1])
    return shown if len(text) <= longest else shown[: longest - 1] + "…"


def _escape_character(character: str) -> str:
    if character in "\n\r\t\v\f\u2028\u2029":
        return " "
    if unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs", "Cn"):
        return f"\\u{ord(character):04x}"
    return character


def markdown_text(text: str, *, longest: int = LONGEST) -> str:
    """Return untrusted `text` for Markdown: no markup, mention, reference, link or HTML comes to life."""
    shown = visible(text, longest=longest)
    shown = _MARKDOWN.sub(lambda found: f"&#{ord(found[1])};", shown)
    # A bare address becomes a link by itself; a zero-width joiner would hide, so the dot is written as a character reference.
    shown = re.sub(r"(?i)\b(www)\.", r"\1&#46;", shown)
    return re.sub(r"^(\d+)\.(?=\s|$)", r"\1&#46;", shown)  # would begin a numbered list


def html_text(text: str, *, longest: int = 4 * LONGEST) -> str:
    """Return untrusted `text` for HTML, in elements and in quoted attributes."""
    return html.escape(visible(text, longest=longest), quote=True)


def number(value: float | None) -> str:
    """Return a metric's value; large whole numbers with thousands separators, others with five significant digits."""
    if value is None:
        return "–"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.5g}" if abs(value) < 1e5 else f"{value:,.0f}"


def signed(value: float | None) -> str:
    """Return a difference with its sign and three significant digits."""
    if value is None:
        return "–"
    return "0" if value == 0 else f"{value:+.3g}"


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
    return (
        f"{side.label} ({side.sha[:9]})"
        if side.sha and not side.sha.startswith(side.label)
        else side.label[:40]
    )


def status_of(comparison: Comparison) -> str:
    """Return the one word of the verdict line: failed, unreadable, breach, worse, better, changed, unchanged or first."""
    if comparison.failure:
        return "failed"
    if comparison.unreadable:
        return "unreadable"
    if comparison.breached:
        return "breach"
    if comparison.base is None:
        return "first"
    headline = comparison.headline
    if headline is not None and headline.verdict in (Verdict.WORSE, Verdict.BETTER):
        return headline.verdict.value
    changed = any(diff.change for diff in comparison.metrics)
    return "changed" if changed else "unchanged"


TITLES = {
    "failed": "The pipeline failed",
    "unreadable": "Could not be compared",
    "breach": "A KPI is breached",
    "worse": "Worse",
    "better": "Better",
    "changed": "No clear difference",
    "unchanged": "No metric changed",
    "first": "First result",
}


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
        names = ", ".join(item.what for item in comparison.unreadable[:3])
        return title, f"{len(comparison.unreadable)} thing(s) could not be read: {names}"
    return title, "; ".join(part for part in (_headline_words(headline), _kpi_words(comparison)) if part)


def _headline_words(diff: MetricDiff | None) -> str:
    if diff is None:
        return "no metrics"
    words = f"{diff.name} {number(diff.old)} → {number(diff.new)} ({signed(diff.change)}"
    if diff.low is not None:
        words += f", interval {interval(diff)}) on {diff.rows:,} shared test rows"
    else:
        words += ")"
    return words if diff.old is not None else f"{diff.name} {number(diff.new)}"


def _kpi_words(comparison: Comparison) -> str:
    if not comparison.kpis:
        return "no KPIs"
    broken = comparison.breached
    if broken:
        return "breached: " + ", ".join(f"{kpi.name} {kpi.promise}" for kpi in broken[:3])
    kept = sum(kpi.status is KpiStatus.PASS for kpi in comparison.kpis)
    skipped = len(comparison.kpis) - kept
    return f"{kept} KPIs hold" + (f", {skipped} skipped" if skipped else "")
