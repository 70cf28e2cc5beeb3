"""Validate the model against the KPI contract.

Reads the metrics of evaluation, cleaning and labelling and the slices, and writes a verdict for every promise of kpis.yaml that
needs no other commit; promises about a change against the base, and about metrics of other files (`leakage:same_key`), are judged by
`mlops-kit compare`. A breach is a result, not a failure of the stage. A promise about a metric that does not exist ends with exit code 2.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import NamedTuple

from mlops_kit import Document, Kpis, Metrics, judge_kpis, run, step


class Validated(NamedTuple):
    """What the step writes."""

    verdict: Document


@step(contract=2)
def validate(
    evaluation: Metrics, cleaning: Metrics, labelling: Metrics, slices: Document, *, kpis: Kpis
) -> Validated:
    """Judge every promise of kpis.yaml."""
    groups = {"evaluation": evaluation, "cleaning": cleaning, "labelling": labelling}
    metrics = {f"{group}:{name}": value for group, values in groups.items() for name, value in values.items()}
    for values in groups.values():
        metrics.update(values)
    elsewhere = [kpi for kpi in kpis.kpis if ":" in kpi.metric and kpi.metric.partition(":")[0] not in groups]
    here = replace(kpis, kpis=tuple(kpi for kpi in kpis.kpis if kpi not in elsewhere))
    results = judge_kpis(here, metrics, slices=slices["rows"])
    failed = any(result.status == "fail" for result in results)
    return Validated(
        {
            "status": "fail" if failed else "pass",
            "kpis": [asdict(result) for result in results],
            "judged_by_compare": sorted({kpi.metric for kpi in elsewhere}),
        }
    )


if __name__ == "__main__":
    run(validate)
