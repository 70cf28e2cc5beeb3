"""Decide whether to retrain, and say why.

Reads drift, labels and the KPI verdict and writes every rule with its value, its limit and whether it fires. Time is read from the
data, never from the clock, so that the decision can be made again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from mlops_kit import Document, Metrics, run, step


@dataclass(frozen=True)
class RetrainParams:
    """Section of params.yaml."""

    on_drift: bool = True
    """Whether drift asks for a retraining."""
    on_kpi_breach: bool = True
    """Whether a breached KPI asks for a retraining."""
    max_age_days: float = 60.0
    """Days of data time after the newest training row at which the model is too old."""
    max_drifted_columns: int = 0
    """Number of drifted columns that is still accepted."""


class Decided(NamedTuple):
    """What the step writes."""

    decision: Document


@step(contract=1)
def retrain(
    drift: Metrics, alerts: Document, labelling: Metrics, verdict: Document, *, params: RetrainParams
) -> Decided:
    """Check every rule of the retraining policy."""
    age = drift["live_end_day"] - drift["train_end_day"]
    breaches = sum(kpi["status"] == "fail" for kpi in verdict["kpis"])
    drifted = drift.get("columns_drifted", 0)
    checked = [
        _rule("drifted columns", drifted, params.max_drifted_columns, enabled=params.on_drift),
        _rule("breached KPIs", breaches, 0, enabled=params.on_kpi_breach),
        _rule("age of the training data in days", round(age, 3), params.max_age_days),
    ]
    reasons = [
        f"{rule['rule']}: {rule['value']:g}, limit {rule['limit']:g}" for rule in checked if rule["fires"]
    ]
    facts = {"monitor_status": alerts["status"], "labelled_rows": labelling["labelled"]}
    return Decided({"retrain": bool(reasons), "reasons": reasons, "checked": checked, "facts": facts})


def _rule(name: str, value: float, limit: float, *, enabled: bool = True) -> dict[str, Any]:
    return {
        "rule": name,
        "value": value,
        "limit": limit,
        "enabled": enabled,
        "fires": bool(enabled and value > limit),
    }


if __name__ == "__main__":
    run(retrain)
