"""Label Studio's server: a batch goes there, and its annotations come back."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from mlops_kit.errors import OutsideError, UsageError
from mlops_kit.labels.delivery.model import Delivery, OutBatch
from mlops_kit.labels.delivery.studio_form import OURS, read_tasks, studio_config, studio_tasks
from mlops_kit.outside.label_studio import open_studio
from mlops_kit.spec.labels import LabelTask

_ADDRESS = re.compile(r"(\S+@\S+), \d+$")


@dataclass(frozen=True)
class Pushed:
    """What is on the server now."""

    project: int
    """Number of the project."""
    new: int
    """How many tasks were added."""


def push_batch(
    url: str, batch: OutBatch, columns: Sequence[str], task: LabelTask, instructions: str
) -> Pushed:
    """Make a project named like the batch on the server at `url`, unless it is there, and add the tasks that it lacks.

    So an export that was interrupted goes on. Raises OutsideError, naming the command that goes on, when the server fails.
    """
    studio = open_studio(url)
    try:
        found = studio.project(batch.batch)
        project = found or studio.create(
            batch.batch, studio_config(columns, task), instructions=instructions, answers=task.votes
        )
        number = int(project["id"])
        here = {item for each in studio.tasks(number) if (item := _item(each))} if found else set()
        missing = [
            each for each in studio_tasks(batch, columns, task) if each["data"][OURS]["item"] not in here
        ]
        studio.add(number, missing)
    except OutsideError as error:
        raise OutsideError(
            error.message,
            fix=f"{error.fix}; then go on: mlops-kit label export --to {url} --batch {batch.batch}",
        ) from None
    return Pushed(number, len(missing))


def pull_batch(url: str, batch: str, task: LabelTask, people: Mapping[str, str]) -> tuple[Delivery, str]:
    """Return the annotations of the project named like the batch, and the SHA-256 of what they say.

    A user whose address labels/people.yaml has (`people`: pseudonym -> name) is that pseudonym, any other `studio-<number>`: addresses stay
    on the server. Raises UsageError when there is no such project.
    """
    studio = open_studio(url)
    project = studio.project(batch)
    if project is None:
        raise UsageError(
            f"no project `{batch}` at {url}",
            fix=f"send it there: mlops-kit label export --to {url} --batch {batch}",
        )
    known = {name.casefold(): pseudonym for pseudonym, name in people.items()}
    addresses: dict[str, str] = {}
    delivery = read_tasks(_noting(studio.tasks(int(project["id"])), addresses), task)
    names = {who: known[address] for who, address in addresses.items() if address in known}
    answers = tuple(
        replace(each, annotator=names.get(str(each.annotator), each.annotator)) for each in delivery.answers
    )
    said = json.dumps(
        [
            asdict(each)
            for each in sorted(answers, key=lambda one: (one.item, str(one.annotator), str(one.time)))
        ]
    )
    return replace(delivery, answers=answers, batch=batch), hashlib.sha256(said.encode()).hexdigest()


def _noting(tasks: Iterable[Mapping[str, Any]], addresses: dict[str, str]) -> Iterator[Mapping[str, Any]]:
    """Yield the tasks, and note in `addresses` whose address Label Studio tells beside an annotation: `Ann Other ann@example.org, 2`."""
    for each in tasks:
        for one in each.get("annotations") or ():
            found = _ADDRESS.search(str(one.get("created_username") or ""))
            if found:
                addresses[f"studio-{one.get('completed_by')}"] = found[1].casefold()
        yield each


def _item(task: Mapping[str, object]) -> str | None:
    data = task.get("data")
    ours = data.get(OURS) if isinstance(data, dict) else None
    return str(ours["item"]) if isinstance(ours, dict) and "item" in ours else None
