"""Agreement of the answers of a delivery."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_kit.labels.agreement.alpha import krippendorff_alpha
from mlops_kit.labels.agreement.interval import Estimate
from mlops_kit.labels.agreement.ratings import tally
from mlops_kit.labels.delivery.sameness import said
from mlops_kit.spec.kinds import JsonValue


def alpha(votes: Sequence[tuple[str, JsonValue]], *, numbers: bool = False) -> Estimate | None:
    """Return Krippendorff's alpha of votes (item, value), over items with two or more: nominal, or of intervals with `numbers`.

    None where no item has two votes, or all answers are the same, so that chance would agree always.
    """
    import numpy as np

    kept = [vote for vote in votes if not numbers or isinstance(vote[1], int | float)]
    texts = [said(value) for _, value in kept]
    categories = {text: at for at, text in enumerate(sorted(set(texts)))}
    names = {name: at for at, name in enumerate(sorted({name for name, _ in kept}))}
    items = np.array([names[name] for name, _ in kept], np.int64)
    values = np.array([categories[text] for text in texts], np.int64)
    counts = tally(items, values, len(categories))
    if not numbers:
        return krippendorff_alpha(counts)
    return krippendorff_alpha(counts, "interval", np.array([float(text) for text in categories]))
