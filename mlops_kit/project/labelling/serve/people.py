"""Who labels here: pseudonyms from the command line, the roster, or this clone."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from pathlib import Path

from mlops_kit.errors import RefusedError, UsageError
from mlops_kit.outside import git
from mlops_kit.spec.labels import Annotator, Labelling

SETTING = "mlops-kit.annotator"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def find_annotators(root: Path, labelling: Labelling, task: str, given: Sequence[str]) -> tuple[str, ...]:
    """Return the pseudonyms of those who label `task`.

    Those `given`; else the one that this clone is set to (`git config mlops-kit.annotator`), else the only person of the roster; with a
    roster without persons a new pseudonym, which the clone keeps. Raises UsageError for several persons and for a bad name, RefusedError for
    somebody who may not answer.
    """
    names = tuple(dict.fromkeys(given)) or (_find_one(root, labelling, task),)
    for name in names:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"`{name}` is no pseudonym",
                fix="take letters, digits, dots, dashes and underscores, and nobody's name",
            )
        _check(labelling, task, name)
    return names


def _check(labelling: Labelling, task: str, name: str) -> None:
    known = labelling.annotators.get(name)
    if known is None:
        if labelling.roster == "closed":
            raise RefusedError(
                f"`{name}` is not in the roster, which is closed",
                fix="add the pseudonym under `annotators:` in labels/labels.yaml",
            )
        return
    if not known.active:
        raise RefusedError(
            f"`{name}` is not active", fix=f"set annotators.{name}.active in labels/labels.yaml"
        )
    if known.source not in ("person", "vendor"):
        raise UsageError(f"`{name}` is a {known.source}, which does not use a page")
    if known.tasks and task not in known.tasks:
        raise RefusedError(
            f"`{name}` does not answer `{task}`",
            fix=f"add it to annotators.{name}.tasks in labels/labels.yaml",
        )


def _find_one(root: Path, labelling: Labelling, task: str) -> str:
    here = git.setting(root, SETTING)
    if here:
        return here
    persons = [name for name, one in labelling.annotators.items() if _may_answer(one, task)]
    if len(persons) > 1:
        raise UsageError(
            f"who labels? the roster has {', '.join(persons)}",
            fix=f"mlops-kit label serve {task} --annotator {persons[0]} (repeat it for several), or git config {SETTING} {persons[0]}",
        )
    if persons:
        return persons[0]
    made = f"p-{secrets.token_hex(3)}"
    git.set_here(root, SETTING, made)
    return made


def _may_answer(one: Annotator, task: str) -> bool:
    return one.source == "person" and one.active and (not one.tasks or task in one.tasks)
