"""Which items of a project's task need another look, by its guidelines."""

from __future__ import annotations

from pathlib import Path

from mlops_kit.artifacts.duck import Duck
from mlops_kit.labels.guidelines import Guidelines, ReviewCount, mark_reviews, read_guidelines
from mlops_kit.labels.pool import items_query
from mlops_kit.project.labelling.items import item_source
from mlops_kit.spec.labels import LabelTask
from mlops_kit.spec.load import SCHEMA, read_lifecycle, read_schema

_OURS = ("item", "content")


def find_reviews(
    duck: Duck, votes: str, root: Path, task: LabelTask, guidelines: Guidelines | None = None
) -> tuple[ReviewCount, ...]:
    """Make the table `label_reviews` (`item`, `version`, `reason`) of the items of `task` that need another look, and count them by rule.

    `votes` is a view of counted votes in `duck`. Raises SpecError for front matter that cannot be used, BadDataError when a rule with `where` needs
    the task's table and it is not here.
    """
    guidelines = guidelines or read_guidelines(root, task.guidelines)
    if guidelines is None:
        return ()
    rows = _rows(root, task) if any(rule.where for rule in guidelines.review) else None
    return mark_reviews(duck, votes, guidelines, rows=rows)


def _rows(root: Path, task: LabelTask) -> str:
    """Return a query of the task's items with all columns of their table; one that is called `item` or `content` cannot be asked for."""
    table = item_source(root, task)
    columns = [name for name in table.schema() if name not in _OURS]
    schema = read_schema(root) if (root / SCHEMA).exists() else None
    return items_query(table, read_lifecycle(root).task.key, task, schema, columns=columns)
