"""What is said of labels that differ, in plain words first and then as tables; the same for all renderings. Plain text: untrusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from mlops_kit.compare.model import LabelChange
from mlops_kit.labels.diff.model import (
    AgreementDiff,
    BatchDiff,
    GuidelineDiff,
    ItemDiff,
    LabelDiff,
    RosterDiff,
    RuleDiff,
    TaskDiff,
)
from mlops_kit.report.data_text import Block, key_words, value_words, without_empty
from mlops_kit.report.text import label_sentence

MOST_LINES = 12
MOST_NAMES = 3
WHY = {
    "gold": "known to be right",
    "adjudicated": "adjudicated",
    "votes": "new votes",
    "taken back": "taken back",
    "method": "another method",
    "settings": "labels.yaml counts other votes",
    "other items": "votes on other items",
}


def label_lines(found: LabelDiff | None, change: LabelChange | None = None) -> tuple[str, ...]:
    """Return what happened to labels, a line of plain words each; the first lines say most. `change` is that of the table of labels."""
    if found is None:
        return ()
    refused = [batch for batch in found.batches if batch.verdict == "rejected"]
    lines = [_batch_words(batch) for batch in refused]
    lines += [line for task in found.tasks for line in _task_lines(task)]
    lines += [_batch_words(batch) for batch in found.batches if _is_telling(batch) and batch not in refused]
    lines += [line for task in found.tasks for line in _further_lines(task)]
    lines += [_guideline_words(one) for one in found.guidelines]
    lines += [_roster_words(one) for one in found.roster]
    lines += [f"table of labels: {label_sentence(change)}"] if change else []
    if len(lines) > MOST_LINES:
        lines[MOST_LINES - 1 :] = [f"and {len(lines) - MOST_LINES + 1} more that changed"]
    return (*lines, *found.left_out[:MOST_LINES])


def _task_lines(task: TaskDiff) -> Iterator[str]:
    said = [part for part in (_events(task), _items(task)) if part]
    yield f"{task.task}: {'; '.join(said)}"
    if task.changed:
        whys = Counter(WHY[item.why] for item in task.items if item.kind == "changed")
        why = f" ({', '.join(f'{name} {count:,}' for name, count in whys.most_common())})"
        told = sum(whys.values())
        yield f"{task.task}: {_moves(task)}{why if told == task.changed else ''}"


def _further_lines(task: TaskDiff) -> Iterator[str]:
    for counts, words in ((False, "answers that do not count"), (True, "answers to know of")):
        told = [_rule_words(one) for one in task.rules if one.counts is counts]
        if told:
            yield f"{task.task}: {words}: {', '.join(told)}"
    for figure in task.agreement:
        if figure.old != figure.new:
            yield f"{task.task}: {_agreement(figure)}"
    shifted = _shift(task)
    if shifted:
        yield f"{task.task}: {shifted}"


def _rule_words(one: RuleDiff) -> str:
    return f"{one.rule.replace('_', ' ')} {one.old:,} → {one.new:,}"


def _is_telling(batch: BatchDiff) -> bool:
    """Return whether a batch is worth a line: what went out, was delivered, held, refused or rewritten."""
    return bool(batch.verdict or batch.removed or batch.held or batch.refused or batch.items or batch.reasons)


def _events(task: TaskDiff) -> str:
    if not (task.added or task.removed):
        return "the same answers"
    people = sum(1 for one in task.annotators if one.added)
    by = f" from {people:,} {'annotator' if people == 1 else 'annotators'}" if people else ""
    said = [f"{_count(task.added, 'new answer')}{by}"] if task.added else []
    parts = [
        (task.gold, "known to be right"),
        (task.adjudications, "adjudicated"),
        (task.superseding, "replace an earlier one"),
        (task.abstentions, "cannot tell"),
    ]
    inner = ", ".join(f"{count:,} {words}" for count, words in parts if count)
    said = [f"{said[0]} ({inner})"] if said and inner else said
    return "; ".join([*said, f"{task.removed:,} that were there are gone"] if task.removed else said)


def _items(task: TaskDiff) -> str:
    if task.basis is None:
        return ""
    parts = [
        f"{count:,} {words}"
        for count, words in (
            (task.newly, "newly labelled"),
            (task.changed, "changed"),
            (task.lost, "lost their label" if task.lost > 1 else "lost its label"),
        )
        if count
    ]
    moved = ", ".join(parts) or "no label changed"
    if task.old_items is None or task.new_items is None:
        return moved
    return f"{moved} ({task.old_items:,} → {task.new_items:,} items)"


def _moves(task: TaskDiff) -> str:
    shown = [
        f"{value_words(move.old)} → {value_words(move.new)} {move.items:,}"
        for move in task.moves[:MOST_NAMES]
    ]
    return f"labels changed: {', '.join(shown)}{', …' if len(task.moves) > MOST_NAMES else ''}"


def _shift(task: TaskDiff) -> str:
    """Return the class whose share moved most, where one did by a point."""
    if not (task.classes and task.old_items and task.new_items):
        return ""
    shares = [(one, one.old / task.old_items, one.new / task.new_items) for one in task.classes]
    most, old, new = max(shares, key=lambda share: abs(share[2] - share[1]))
    return (
        f"share of {value_words(most.value)} {100 * old:.1f} % → {100 * new:.1f} %"
        if abs(new - old) >= 0.01
        else ""
    )


def _agreement(figure: AgreementDiff) -> str:
    old, new = _figure(figure.old, figure.old_interval), _figure(figure.new, figure.new_interval)
    return f"agreement, {figure.name.replace('_', ' ')}: {old} → {new}"


def _figure(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return "not known"
    return f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})" if interval else f"{value:.3f}"


def _batch_words(batch: BatchDiff) -> str:
    out = f" with {_count(batch.items, 'item')}" if batch.items else ""
    said = [f"batch {batch.batch} {_state(batch)}{out}"]
    said += [f"{_count(batch.removed, 'event')} that were there are gone"] if batch.removed else []
    said += [f"{batch.held:,} held"] if batch.held else []
    said += [f"{batch.refused:,} refused"] if batch.refused else []
    why = f": {'; '.join(batch.reasons[:MOST_NAMES])}" if batch.reasons else ""
    return f"{', '.join(said)}{why}"


def _guideline_words(one: GuidelineDiff) -> str:
    same = f"other text under the same version{f' {one.new}' if one.new else ''}"
    said = same if one.old == one.new else f"version {one.old or 'none'} → {one.new or 'none'}"
    look = f"; to look at again: {'; '.join(one.review)}" if one.review else ""
    return f"{one.path}: {said}{look}"


def _roster_words(one: RosterDiff) -> str:
    name = one.name if one.kind != "roster" else ""
    said = " ".join(part for part in (one.kind, name, one.state) if part)
    return f"{said} ({', '.join(one.changes[:MOST_NAMES])})" if one.changes else said


def label_blocks(found: LabelDiff | None) -> tuple[Block, ...]:
    """Return the tables on labels; none without anything to say."""
    if found is None:
        return ()
    blocks: list[Block] = []
    for task in found.tasks:
        blocks += [_item_block(task), _class_block(task), _annotator_block(task)]
    blocks.append(_batch_block(found.batches))
    return tuple(block for block in blocks if block.rows)


def _item_block(task: TaskDiff) -> Block:
    total = task.newly + task.changed + task.lost
    rows = tuple(_item_row(item) for item in task.items)
    source = (
        "By the table of consensus."
        if task.basis == "consensus"
        else "By gold, adjudication, and most votes."
    )
    title = f"{task.task}: {_count(total, 'item')} with another label"
    words = f"{source} The first {len(rows):,} by name." if len(rows) < total else source
    columns = ("item", "label", "votes", "why", "what annotators see")
    return without_empty(Block(title, words, columns, "llrll", rows))


def _item_row(item: ItemDiff) -> tuple[str, ...]:
    old, new = item.votes
    labels = ("none" if label is None else value_words(label) for label in (item.old, item.new))
    return (
        item.item or "not shown",
        " → ".join(labels),
        f"{old:,} → {new:,}",
        _why(item),
        key_words(item.shown),
    )


def _why(item: ItemDiff) -> str:
    """Return what led to another label: `adjudicated by ann-1 in batch two: past midnight`."""
    by = f" by {', '.join(item.annotators)}" if item.annotators else ""
    where = f" in {item.batch}" if item.batch else ""
    return f"{WHY[item.why]}{by}{where}{f': {item.reason}' if item.reason else ''}"


def _class_block(task: TaskDiff) -> Block:
    rows = tuple(
        (
            value_words(one.value),
            f"{one.old:,}",
            _share(one.old, task.old_items),
            f"{one.new:,}",
            _share(one.new, task.new_items),
        )
        for one in task.classes
    )
    columns = ("label", "items, base", "share", "items, this", "share")
    return Block(f"{task.task}: labels", "", columns, "lrrrr", rows, minor=True)


def _annotator_block(task: TaskDiff) -> Block:
    """Return the mix of annotators: answers of each on both sides."""
    rows = tuple(
        (
            one.annotator,
            one.source,
            *("" if side is None else f"{side:,}" for side in (one.old, one.new)),
            f"{one.added:,}",
        )
        for one in task.annotators
    )
    columns = ("annotator", "source", "answers, base", "answers, this", "new")
    title = f"{task.task}: annotators whose answers differ: {len(rows):,}"
    return without_empty(Block(title, "", columns, "llrrr", rows))


def _batch_block(batches: Sequence[BatchDiff]) -> Block:
    rows = tuple(
        (
            batch.batch,
            _state(batch),
            f"{batch.added:,}",
            _people(batch),
            ", ".join(batch.guidelines),
            _span(batch.first, batch.last),
            _batch_notes(batch),
        )
        for batch in batches
    )
    columns = ("batch", "", "new", "by", "guidelines", "when", "to know")
    return without_empty(Block(f"Batches that differ: {len(rows):,}", "", columns, "llrllll", rows))


def _state(batch: BatchDiff) -> str:
    return "accepted in spite of its test" if batch.verdict == "forced" else batch.verdict or batch.state


def _people(batch: BatchDiff) -> str:
    return f"{batch.annotators:,} {'/'.join(batch.sources)}" if batch.annotators else ""


def _batch_notes(batch: BatchDiff) -> str:
    counts = ((batch.removed, "gone"), (batch.held, "held"), (batch.refused, "refused"))
    said = ", ".join(f"{count:,} {word}" for count, word in counts if count)
    return "; ".join(part for part in (said, *batch.reasons) if part)


def _span(first: str, last: str) -> str:
    """Return from when to when, by the minute."""
    one, other = (time[:16].replace("T", " ") for time in (first, last))
    if one == other:
        return one
    return f"{one} to {other[11:] if one[:10] == other[:10] else other}"


def _share(count: int, total: int | None) -> str:
    return f"{100 * count / total:.1f} %" if total else ""


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
