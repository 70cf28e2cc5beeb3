"""Who may label: the roster of labels/labels.yaml under pseudonyms, and the names behind them, which git never gets."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from mlops_kit.errors import RefusedError, SpecError, UsageError
from mlops_kit.labels.places import PEOPLE
from mlops_kit.outside.git import is_ignored, is_repository
from mlops_kit.project.labelling.store import label_lock, write_whole
from mlops_kit.spec.kinds import JsonValue
from mlops_kit.spec.labels import Annotator, EventSource
from mlops_kit.spec.load import load_labelling, read_labelling
from mlops_kit.spec.names import LABELLING
from mlops_kit.spec.yaml_edit import add_entry, set_values

_PSEUDONYM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"  # none that looks like another


@dataclass(frozen=True)
class Listed:
    """One annotator of the roster."""

    pseudonym: str
    """How git knows the annotator."""
    entry: Annotator
    """What labels.yaml says."""
    named: bool
    """Whether labels/people.yaml here has the name. The name itself is never told."""


@dataclass(frozen=True)
class Added:
    """What adding an annotator did."""

    pseudonym: str
    """Under which the annotator labels."""
    changed: tuple[str, ...]
    """Files that were written, relative to the project; none when all was there."""


def add_annotator(
    root: Path, name: str, *, pseudonym: str | None = None, settings: Annotator | None = None
) -> Added:
    """Put a person into the roster under a pseudonym, and remember the name in labels/people.yaml.

    A name that is known keeps its pseudonym. Without `pseudonym` it is the kind of annotator and four random letters: made from the name it
    could be guessed, and numbered two branches would give one to two people. Annotators that are no persons have no name to remember.
    Raises RefusedError when the pseudonym is somebody else's, or when git would take the file with the names; UsageError for what can be
    no pseudonym.
    """
    entry = settings or Annotator()
    with label_lock(root):
        roster, people = read_labelling(root).annotators, read_people(root)
        known = next((one for one, said in people.items() if said.casefold() == name.casefold()), None)
        chosen = known or (name if name in roster else None) if pseudonym is None else pseudonym
        chosen = (
            chosen
            if chosen is not None
            else (name if entry.source in ("function", "model") else _fresh(entry.source, {*roster, *people}))
        )
        _check(root, chosen, name, known, people)
        personal = entry.source in ("person", "vendor") and name != chosen
        changed = []
        if chosen not in roster:  # first, so that a file that cannot be read leaves no name behind
            text = (root / LABELLING).read_text(encoding="utf-8")
            made = add_entry(text, f"annotators.{chosen}", _said(entry), where=LABELLING)
            load_labelling(made)
            write_whole(root / LABELLING, made.encode(), root)
            changed.append(LABELLING)
        if personal and chosen not in people:
            _remember(root, {**people, chosen: name})
            changed.append(PEOPLE)
    return Added(chosen, tuple(changed))


def retire_annotator(root: Path, pseudonym: str) -> bool:
    """Take no new answers of an annotator; those that were given stay. Returns whether anything changed. Raises UsageError for an unknown one."""
    with label_lock(root):
        roster = read_labelling(root).annotators
        if pseudonym not in roster:
            raise UsageError(
                f"no annotator `{pseudonym}` in {LABELLING}", fix=f"one of: {', '.join(roster) or 'none yet'}"
            )
        if not roster[pseudonym].active:
            return False
        text = (root / LABELLING).read_text(encoding="utf-8")
        made = set_values(text, {f"annotators.{pseudonym}.active": False}, where=LABELLING)
        load_labelling(made)
        write_whole(root / LABELLING, made.encode(), root)
    return True


def list_annotators(root: Path) -> list[Listed]:
    """Return the roster by pseudonym."""
    people = read_people(root)
    roster = read_labelling(root).annotators
    return [Listed(one, roster[one], one in people) for one in sorted(roster)]


def _check(root: Path, chosen: str, name: str, known: str | None, people: Mapping[str, str]) -> None:
    if not _PSEUDONYM.fullmatch(chosen):
        raise UsageError(
            f"`{chosen}` can be no pseudonym",
            fix="take letters, digits, dots, dashes and underscores, 64 at most",
        )
    if known not in (None, chosen):
        raise RefusedError(
            f"this person labels as `{known}` already", fix=f"mlops-kit label serve --annotator {known}"
        )
    if chosen in people and people[chosen].casefold() != name.casefold():
        raise RefusedError(f"`{chosen}` is somebody else's pseudonym", fix="choose another with --as")
    if is_repository(root) and not is_ignored(root, root / PEOPLE):
        raise RefusedError(
            f"git does not ignore {PEOPLE}, which would remember the name",
            fix=f"echo /people.yaml >> {PEOPLE.rpartition('/')[0]}/.gitignore",
        )


def read_people(root: Path) -> dict[str, str]:
    """Return pseudonym -> name of labels/people.yaml; empty without it. Raises SpecError when it is no such mapping."""
    import yaml

    if not (root / PEOPLE).exists():
        return {}
    try:
        value = yaml.safe_load((root / PEOPLE).read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError):
        value = None
    if not isinstance(value, Mapping):
        raise SpecError(
            "not a mapping of pseudonyms to names", where=PEOPLE, fix="one line each: `fox: Ann Example`"
        )
    return {str(pseudonym): str(name) for pseudonym, name in value.items()}


def _remember(root: Path, people: Mapping[str, str]) -> None:
    import yaml

    text = yaml.safe_dump(dict(sorted(people.items())), allow_unicode=True, default_flow_style=False)
    write_whole(root / PEOPLE, text.encode(), root)


def _fresh(source: EventSource, used: set[str]) -> str:
    while True:
        made = f"{source}-{''.join(secrets.choice(_LETTERS) for _ in range(4))}"
        if made not in used:
            return made


def _said(entry: Annotator) -> dict[str, JsonValue]:
    """Return what differs from the defaults, `source` always."""
    values = {
        one.name: getattr(entry, one.name)
        for one in fields(Annotator)
        if getattr(entry, one.name) != one.default
    }
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    return {"source": entry.source, **plain}
