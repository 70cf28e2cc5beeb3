"""How well annotators agree on both sides, by the same figure that the label stage writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_kit.labels.diff.model import AgreementDiff

if TYPE_CHECKING:
    from mlops_kit.artifacts.duck import Duck
    from mlops_kit.labels.agreement.interval import Estimate
    from mlops_kit.spec.labels import LabelTask


def diff_agreement(duck: Duck, votes: Sequence[str], task: LabelTask) -> tuple[AgreementDiff, ...]:
    """Return Krippendorff's alpha of the tables of votes of both sides, with its intervals; nothing where neither has two votes on an item."""
    old, new = (_alpha(duck, table, task) for table in votes)
    if old is None and new is None:
        return ()
    return (
        AgreementDiff(
            "krippendorff_alpha",
            old.value if old else None,
            new.value if new else None,
            old_interval=_interval(old),
            new_interval=_interval(new),
        ),
    )


def _alpha(duck: Duck, votes: str, task: LabelTask) -> Estimate | None:
    from mlops_kit.labels.agreement.quality import alpha_of_votes

    return alpha_of_votes(duck, votes, task)


def _interval(found: Estimate | None) -> tuple[float, float] | None:
    return None if found is None or found.low is None or found.high is None else (found.low, found.high)
