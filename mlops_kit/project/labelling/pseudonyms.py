"""Names that a delivery brings become pseudonyms, before anything is written that git gets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from mlops_kit.errors import RefusedError, SpecError
from mlops_kit.labels.places import PEOPLE
from mlops_kit.outside.git import is_ignored, is_repository
from mlops_kit.project.labelling.files import put_text
from mlops_kit.spec.labels import Labelling

_PSEUDONYM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def pseudonyms(
    root: Path, labelling: Labelling, names: Iterable[str], *, kind: str, remember: bool = True
) -> dict[str, str]:
    """Return name -> pseudonym for the names that a delivery gives its annotators.

    A pseudonym of the roster stays; a name of labels/people.yaml becomes its pseudonym; any other name that could be a pseudonym stays. What
    cannot be one (an address, a name with blanks) gets the next free pseudonym `<kind>-<number>`, and an entry in labels/people.yaml, which
    git never gets (with `remember`). Raises RefusedError when git would take that file.
    """
    people = read_people(root)
    known = {name.casefold(): pseudonym for pseudonym, name in people.items()}
    used = {*people, *labelling.annotators}
    made: dict[str, str] = {}
    fresh: dict[str, str] = {}
    for name in sorted(set(names)):
        if name in used:
            made[name] = name
        elif name.casefold() in known:
            made[name] = known[name.casefold()]
        elif _PSEUDONYM.fullmatch(name):
            made[name] = name
        else:
            pseudonym = next(
                each
                for each in (f"{kind}-{at}" for at in range(1, len(used) + len(fresh) + 2))
                if each not in used
            )
            used.add(pseudonym)
            made[name] = pseudonym
            fresh[pseudonym] = name
            known[name.casefold()] = pseudonym
    if fresh and remember:
        _remember(root, {**people, **fresh})
    return made


def read_people(root: Path) -> dict[str, str]:
    """Return pseudonym -> name of labels/people.yaml; empty without it. Raises SpecError when it is no such mapping."""
    import yaml

    path = root / PEOPLE
    if not path.exists():
        return {}
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError):
        value = None
    if not isinstance(value, Mapping):
        raise SpecError(
            "not a mapping of pseudonyms to names", where=PEOPLE, fix="one line each: `a1: Ann Example`"
        )
    return {str(pseudonym): str(name) for pseudonym, name in value.items()}


def _remember(root: Path, people: Mapping[str, str]) -> None:
    import yaml

    path = root / PEOPLE
    if is_repository(root) and not is_ignored(root, path):
        raise RefusedError(
            f"the delivery names its annotators, and git does not ignore {PEOPLE}, which would remember them",
            fix=f"echo /{PEOPLE} >> .gitignore, or give a pseudonym: --annotator NAME",
        )
    text = yaml.safe_dump(dict(sorted(people.items())), allow_unicode=True, default_flow_style=False)
    put_text(path, text, root)
