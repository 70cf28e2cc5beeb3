"""How often each class of the target occurs on both sides."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_kit.artifacts.duck import Duck
from mlops_kit.data.diff.alignment import Pair
from mlops_kit.data.diff.model import ClassBalance, ValueShare
from mlops_kit.data.diff.shift import value_shares
from mlops_kit.data.diff.words import share_words

_CLASSES = 50
_TARGETS = ("target", "label", "class", "y")


def class_balance(
    duck: Duck, pairs: Sequence[Pair], old: str, new: str, *, target: str, hidden: frozenset[str]
) -> ClassBalance | None:
    """Return how often each class of the target occurs; None without a target, or with more values than classes have."""
    names = [target] if target else _TARGETS
    pair = next((pair for name in names for pair in pairs if pair.name == name), None)
    if pair is None or pair.name in hidden or pair.type in ("DOUBLE", "FLOAT"):
        return None
    classes = value_shares(duck, pair, old, new, most=_CLASSES)
    if not classes:
        return None
    return ClassBalance(pair.name, classes, _balance_words(classes))


def _balance_words(classes: Sequence[ValueShare]) -> str:
    totals = [sum(v.old for v in classes), sum(v.new for v in classes)]
    if not all(totals):
        return ""
    moved = [v for v in classes if v.value is not None and v.old * totals[1] != v.new * totals[0]]
    moved.sort(key=lambda v: (-abs(v.old / totals[0] - v.new / totals[1]), v.value or ""))
    return "; ".join(
        f"{v.value}: {share_words(v.new / totals[1])} of the rows instead of {share_words(v.old / totals[0])}"
        for v in moved[:2]
        if share_words(v.new / totals[1]) != share_words(v.old / totals[0])
    )
