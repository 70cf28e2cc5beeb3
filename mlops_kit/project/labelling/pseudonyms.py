"""Names that a delivery brings become pseudonyms, before anything is written that git gets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from mlops_kit.project.labelling.annotators import add_annotator, read_people
from mlops_kit.spec.labels import Annotator, EventSource, Labelling

_PSEUDONYM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def pseudonyms(
    root: Path, labelling: Labelling, names: Iterable[str], *, source: EventSource, write: bool = True
) -> dict[str, str]:
    """Return name -> pseudonym for the names that a delivery gives its annotators.

    A pseudonym of the roster stays; a name of labels/people.yaml becomes its pseudonym; any other name that could be a pseudonym stays. What
    cannot be one (an address, a name with blanks) is put into the roster under a new pseudonym, and into labels/people.yaml, which git
    never gets; without `write` its pseudonym is `new-<number>`. Raises RefusedError when git would take that file.
    """
    people = read_people(root)
    known = {name.casefold(): pseudonym for pseudonym, name in people.items()}
    made: dict[str, str] = {}
    for at, name in enumerate(sorted(set(names)), 1):
        if name in people or name in labelling.annotators:
            made[name] = name
        elif name.casefold() in known:
            made[name] = known[name.casefold()]
        elif _PSEUDONYM.fullmatch(name):
            made[name] = name
        elif write:
            made[name] = add_annotator(root, name, settings=Annotator(source=source)).pseudonym
        else:
            made[name] = f"new-{at}"
    return made
