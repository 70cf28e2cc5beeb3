"""Two sides into one comparison."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mlops_kit.artifacts.side import Side, Unreadable
from mlops_kit.compare.changes import compare_contract, compare_stages, compare_values, contract_notes
from mlops_kit.compare.cost import compare_costs
from mlops_kit.compare.data import compare_data, compare_labels
from mlops_kit.compare.differences import metric_diffs
from mlops_kit.compare.kpis import judge_kpis
from mlops_kit.compare.model import (
    Comparison,
    KpiResult,
    LabelChange,
    MetricDiff,
    PicturePair,
    PlotPair,
    ValueChange,
)
from mlops_kit.compare.noise import fold_noise
from mlops_kit.compare.pipeline import build_pipeline
from mlops_kit.compare.reuse import reuse_warning
from mlops_kit.compare.shared import share
from mlops_kit.compare.slices import slice_diffs, slice_values
from mlops_kit.errors import BadDataError


def compare_sides(
    base: Side | None, head: Side, *, project: str, production: Side | None = None, looks: int = 0
) -> Comparison:
    """Return everything that can be said about `head` against `base` (None when there is nothing to compare with).

    `production` is the side whose model is in production, for the promises against it; None when there is none. `looks` is how often the
    test set was measured on before. Raises UsageError for a promise about a metric that does not exist.
    """
    confidence = head.kpis.confidence if head.kpis else 0.95
    sharing = share(base, head)
    shared = sharing.shared
    unreadable = [*_lost(base, "base"), *_lost(head, "head"), *sharing.lost]
    folded = _fold(base, head)
    hidden = frozenset(change.name for change in folded)
    diffs = metric_diffs(base, head, sharing, confidence, hidden=hidden)
    against = _against_production(production, head, confidence, unreadable)
    kpis = _kpis(head, diffs if base else None, against, unreadable)
    kits = (base.kit if base else "", head.kit)
    stages = compare_stages(base.stages, head.stages, kits=kits) if base else ()
    plots, pictures, said = _plots(base, head)
    names = (tuple(base.stages) if base else (), tuple(head.stages))
    cost, costs = compare_costs(names, base.costs, head.costs) if base else (None, ())
    notes = [*(contract_notes(base.stages, head.stages, stages, kits=kits) if base else ())]
    notes += [*(base.notes if base else ()), *head.notes, *(shared.notes if shared else ())]
    notes += [
        said for said in (reuse_warning(looks, shared.rows) if shared else None, _folded_note(folded)) if said
    ]
    return Comparison(
        project=project,
        base=base.info if base else None,
        head=head.info,
        metrics=tuple(diffs),
        slices=slice_diffs(shared, head.kpis, confidence) if shared else (),
        kpis=kpis,
        kpi_changes=compare_contract(base.kpi_values, head.kpi_values) if base else (),
        params=_params(base, head, hidden),
        stages=stages,
        unreadable=tuple(unreadable),
        confidence=confidence,
        notes=tuple(dict.fromkeys((*notes, *said))),
        folded=folded,
        data=compare_data(base.data, head.data) if base else (),
        labels=_label_change(base, head) if base else None,
        pipeline=build_pipeline(base.stages, head.stages, stages) if base else (),
        plots=plots,
        pictures=pictures,
        cost=cost,
        costs=costs,
    )


def _plots(
    base: Side | None, head: Side
) -> tuple[tuple[PlotPair, ...], tuple[PicturePair, ...], tuple[str, ...]]:
    """Return the plots and pictures of both sides, and notes on those that cannot be drawn."""
    old = base.plots if base else ()
    if not old and not head.plots:
        return (), (), ()
    from mlops_kit.compare.plots import pair_plots

    drawn = pair_plots(old, head.plots)
    return drawn.plots, drawn.pictures, drawn.notes


def _lost(side: Side | None, name: str) -> list[Unreadable]:
    return [replace(item, side=name) for item in side.unreadable] if side else []


def _against_production(
    production: Side | None, head: Side, confidence: float, unreadable: list[Unreadable]
) -> list[MetricDiff] | None:
    """Return the differences between the model in production and the head, None when nothing is in production."""
    if production is None:
        return None
    sharing = share(production, head, base_name="production")
    unreadable.extend(
        item for item in (*_lost(production, "production"), *sharing.lost) if item not in unreadable
    )
    return metric_diffs(production, head, sharing, confidence)


def _kpis(
    head: Side, diffs: list[MetricDiff] | None, against: list[MetricDiff] | None, unreadable: list[Unreadable]
) -> tuple[KpiResult, ...]:
    """Return every promise, judged; none when something could not be read, which is added to `unreadable`."""
    if head.kpis is None or unreadable:
        return ()
    try:
        slices = slice_values(head)
    except BadDataError as error:
        unreadable.append(
            Unreadable("head", "predictions", error.message, error.fix or "mlops-kit run, or dvc repro")
        )
        return ()
    return judge_kpis(head.kpis, head.metrics, slices=slices, diffs=diffs, production=against)


def _params(base: Side | None, head: Side, hidden: Iterable[str]) -> tuple[ValueChange, ...]:
    changes = compare_values(base.params, head.params) if base else ()
    return tuple(change for change in changes if change.name not in hidden)


def _label_change(base: Side, head: Side) -> LabelChange | None:
    if len(head.label_key) < 2:
        return None
    files = [next((file for file in side.data.values() if file.is_labels), None) for side in (base, head)]
    return compare_labels(files[0], files[1], head.label_key[:-1], head.label_key[-1])


def _fold(base: Side | None, head: Side) -> tuple[ValueChange, ...]:
    """Return the metrics and parameters that differ by machine noise alone."""
    if base is None:
        return ()
    kpis = head.kpis
    promised = frozenset({kpi.metric for kpi in kpis.kpis} | set(kpis.metrics)) if kpis else frozenset()
    return tuple(
        change
        for old, new in ((base.metrics, head.metrics), (base.params, head.params))
        for names in [fold_noise(old, new, promised)]
        for change in compare_values(old, new)
        if change.name in names
    )


def _folded_note(folded: tuple[ValueChange, ...]) -> str:
    if not folded:
        return ""
    shown = ", ".join(change.name for change in folded[:5]) + (", …" if len(folded) > 5 else "")
    return f"folded as machine noise: {shown}"
