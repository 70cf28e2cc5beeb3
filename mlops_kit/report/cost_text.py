"""What a change costs, in words."""

from __future__ import annotations

from mlops_kit.compare.model import Comparison
from mlops_kit.compare.spending import StageCost
from mlops_kit.report.sizes import duration_text, size_text

_NOISE_SHARE = 0.1
_NOISE_SECONDS = 0.5
COLUMNS = ("stage", "base", "this", "change", "memory, base", "memory, this")


def cost_words(comparison: Comparison) -> str:
    """Return what all stages cost on both sides, as plain text; empty when nothing is known or nothing differs."""
    cost = comparison.cost
    if cost is None:
        return ""
    words = f"{duration_text(cost.old_seconds)} → {duration_text(cost.new_seconds)}"
    words += f" ({change_text(cost.old_seconds, cost.new_seconds)})"
    if cost.old_peak or cost.new_peak:
        words += f", most memory {size_text(cost.old_peak)} → {size_text(cost.new_peak)}"
    if cost.unknown:
        words += f"; without {cost.unknown:,} of {cost.unknown + cost.stages:,} stages, whose cost is not known on both sides"
    if cost.machines > 1:
        words += f"; measured on {cost.machines:,} kinds of machines"
    return words


def change_text(old: float | None, new: float | None) -> str:
    """Return how a time differs: `+33 s`, `-1:20 min`, or `about the same` for what a busy machine explains."""
    if old is None or new is None:
        return "new" if old is None else "gone"
    if abs(new - old) < max(_NOISE_SECONDS, _NOISE_SHARE * old):
        return "about the same"
    return f"{'+' if new > old else '-'}{duration_text(abs(new - old))}"


def cost_cells(row: StageCost) -> tuple[str, ...]:
    """Return the cells of a stage, as plain text, its name first."""
    return (
        row.name,
        duration_text(row.old_seconds),
        duration_text(row.new_seconds),
        change_text(row.old_seconds, row.new_seconds),
        size_text(row.old_peak),
        size_text(row.new_peak),
    )
