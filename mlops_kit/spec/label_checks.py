"""What a task of labels/labels.yaml may say: classes, bounds and shares that fit its type."""

from __future__ import annotations

from mlops_kit.spec.column_checks import check_that
from mlops_kit.spec.labels import LabelTask
from mlops_kit.spec.yamlfile import YamlDocument

STRATEGIES = ("uncertain", "diverse", "disagreeing", "mislabelled", "slices", "drifted", "random", "review")
_WITH_CLASSES = ("class", "classes", "spans", "boxes")


def check_task(document: YamlDocument, name: str, task: LabelTask) -> None:
    """Raise SpecError, naming the line, for the first thing in `task` that cannot be."""
    here = ("tasks", name)
    needs = 2 if task.type == "class" else 1 if task.type in _WITH_CLASSES else 0
    check_that(document, (*here, "classes"), len(task.classes) >= needs, f"{needs} or more classes")
    check_that(document, (*here, "classes"), len(set(task.classes)) == len(task.classes), "different classes")
    unknown = [given for given in task.shortcuts if given not in task.classes]
    check_that(document, (*here, "shortcuts"), not unknown, "classes of this task, each with a key")
    keys = [key.casefold() for key in task.shortcuts.values()]
    fits = len(set(keys)) == len(keys) and all(len(key) == 1 for key in keys)
    check_that(document, (*here, "shortcuts"), fits, "different single characters")
    empty = task.min is not None and task.max is not None and task.min > task.max
    check_that(document, (*here, "min"), not empty, "at most `max`")
    check_that(
        document,
        (*here, "json_schema"),
        task.type != "json" or task.json_schema,
        "the file with the JSON Schema of the answers",
    )
    check_that(
        document,
        (*here, "text"),
        task.type != "spans" or task.text,
        "the column with the text that spans are marked in",
    )
    check_that(
        document,
        (*here, "image"),
        task.type != "boxes" or task.image,
        "the column with the image that boxes are drawn in",
    )
    check_that(document, (*here, "votes"), task.votes >= 1, "1 or more")
    _check_queue(document, here, task)
    _check_acceptance(document, here, task)


def _check_queue(document: YamlDocument, here: tuple[str, ...], task: LabelTask) -> None:
    place = (*here, "queue")
    for strategy, share in task.queue.shares.items():
        check_that(
            document, (*place, "shares", strategy), strategy in STRATEGIES, f"one of {', '.join(STRATEGIES)}"
        )
        check_that(document, (*place, "shares", strategy), share >= 0, "0 or more")
    shares = task.queue.shares.values()
    check_that(document, (*place, "shares"), not shares or sum(shares) > 0, "a share above 0")
    check_that(document, (*place, "gold"), 0 <= task.queue.gold <= 0.5, "between 0 and 0.5")


def _check_acceptance(document: YamlDocument, here: tuple[str, ...], task: LabelTask) -> None:
    bounds = task.acceptance
    for name in ("min_gold", "min_complete", "max_hasty"):
        value = getattr(bounds, name)
        check_that(document, (*here, "acceptance", name), value is None or 0 <= value <= 1, "between 0 and 1")
    alpha = bounds.min_agreement
    check_that(
        document,
        (*here, "acceptance", "min_agreement"),
        alpha is None or -1 <= alpha <= 1,
        "between -1 and 1",
    )
    seconds = bounds.min_seconds
    check_that(document, (*here, "acceptance", "min_seconds"), seconds is None or seconds >= 0, "0 or more")
    check_that(document, (*here, "acceptance", "tolerance"), bounds.tolerance >= 0, "0 or more")
