"""New labels: a comparison with everything that the section on labels can say."""

from __future__ import annotations

from mlops_kit.compare.model import LabelChange
from mlops_kit.labels.diff.model import (
    AgreementDiff,
    AnnotatorDiff,
    BatchDiff,
    ClassDiff,
    GuidelineDiff,
    ItemDiff,
    LabelDiff,
    Move,
    RosterDiff,
    RuleDiff,
    TaskDiff,
)


def label_table() -> LabelChange:
    """Return how the table of labels differs."""
    return LabelChange("data/labels.parquet", 327_346, 327_551, 205, 0, 6)


def label_diff() -> LabelDiff:
    """Return the section."""
    return LabelDiff(
        tasks=(task(),),
        batches=batches(),
        guidelines=(
            GuidelineDiff(
                "labels/guidelines.md", "1", "2", ("answers before version 2 of late: past midnight",)
            ),
        ),
        roster=(
            RosterDiff("annotator", "ann-4", "added"),
            RosterDiff("annotator", "ann-2", "changed", ("trust: 1.0 → 0.5",)),
        ),
        left_out=("labels/events/huge is not here: dvc fetch labels/events/huge.parquet",),
    )


def task() -> TaskDiff:
    """Return what differs in the answers to one question."""
    return TaskDiff(
        "late",
        added=431,
        gold=12,
        adjudications=3,
        abstentions=7,
        superseding=4,
        basis="consensus",
        old_items=512,
        new_items=717,
        newly=205,
        changed=6,
        classes=(ClassDiff("on_time", 301, 398), ClassDiff("late", 211, 319)),
        moves=(Move("late", "on_time", 4), Move("on_time", "late", 2)),
        items=items(),
        annotators=(
            AnnotatorDiff("ann-1", "person", 500, 700, 200),
            AnnotatorDiff("ann-2", "person", 480, 600, 120),
            AnnotatorDiff("ann-4", "vendor", 0, 111, 111),
        ),
        rules=(RuleDiff("outside_task", False, 0, 2), RuleDiff("changed_vote", True, 3, 9)),
        agreement=(AgreementDiff("krippendorff_alpha", 0.6123, 0.7214, (0.541, 0.675), (0.667, 0.769)),),
    )


def items() -> tuple[ItemDiff, ...]:
    """Return the items that changed."""
    seen = (("sched_arr_time", "2359"), ("arr_time", "14"))
    return (
        ItemDiff(
            "2013-01-31T23:00:00Z|UA|1545",
            "changed",
            "late",
            "on_time",
            "adjudicated",
            ("ann-1",),
            "2026-11-21-ann-1",
            "arrived 15 minutes past midnight, <b>not</b> a day late",
            (2, 2),
            seen,
        ),
        ItemDiff(
            "2013-02-11T05:00:00Z|B6|725",
            "changed",
            "on_time",
            "late",
            "votes",
            ("ann-2", "ann-4"),
            "vendor-2",
            "",
            (1, 3),
        ),
        ItemDiff(
            "2013-02-12T05:00:00Z|B6|7",
            "changed",
            "late",
            "on_time",
            "other items",
            votes=(2, 2),
        ),
        ItemDiff(
            "2013-03-01T12:00:00Z|AA|9", "newly", None, "late", "votes", ("ann-4",), "vendor-2", votes=(0, 1)
        ),
    )


def batches() -> tuple[BatchDiff, ...]:
    """Return batches of all kinds."""
    first, last = "2026-11-21T09:30:00.000Z", "2026-11-21T11:02:11.000Z"
    return (
        BatchDiff("2026-11-21-ann-1", "added", 320, 0, 2, ("person",), ("1", "2"), first, last),
        BatchDiff(
            "vendor-2",
            "added",
            111,
            0,
            1,
            ("vendor",),
            ("2",),
            first,
            last,
            held=3,
            refused=1,
            verdict="accepted",
        ),
        BatchDiff("vendor-3", "rejected", verdict="rejected", reasons=("gold 0.55 is below 0.8",)),
    )
