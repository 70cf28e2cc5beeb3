"""Many batches: what was delivered, held or rewritten is told before what was only added, and the rest is counted."""

from __future__ import annotations

from mlops_kit.labels.diff.deliveries import MOST_BATCHES, add_deliveries, cut_batches
from mlops_kit.labels.diff.model import BatchDiff


def test_rejected_batch_is_told_among_many() -> None:
    many = [BatchDiff(f"b{n:03}", "added", 1) for n in range(MOST_BATCHES)]
    kept, said = cut_batches([*many, BatchDiff("z", "rejected", verdict="rejected")])
    assert (len(kept), kept[-1].batch, said) == (MOST_BATCHES, "z", ["1 more batch differs"])


def test_files_beside_the_events_are_no_batch_of_their_own_folder() -> None:
    refused = {"labels/refused/a.jsonl": '{"rule": "outside_task"}\nnot json\n', "labels/other/x.json": "{}"}
    (batch,) = add_deliveries([BatchDiff("a", "added", 3)], {}, refused)
    assert (batch.added, batch.refused) == (3, 2)
    assert batch.reasons == ("refused, not readable: 1", "refused, outside task: 1")
