"""What a project remembers of the template that made it: `.mlops/template.yaml`, and the texts as they were made in `.mlops/base/`.

The texts lie in the project, not in git's history alone, because a merge needs them in a shallow clone and without network too. Their
names end in .txt and hold no leading dot, so that no tool takes a base for the file itself: git would obey a second .gitignore, DVC takes a
second .dvc for a repository, linters would read a second train.py.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from mlops_kit import __version__
from mlops_kit.errors import RefusedError, SpecError
from mlops_kit.project.answers import Answers, plain_answers
from mlops_kit.project.together import write_all
from mlops_kit.spec.build import build
from mlops_kit.spec.yamlfile import compose_yaml, dump_yaml

RECORD = ".mlops/template.yaml"
BASE = ".mlops/base"
_HEAD = """\
# What this project was made from. `mlops-kit update` merges three ways: the texts as they were made (.mlops/base/), as the
# installed mlops-kit makes them now, and as you have them. Written by init, eject and update: commit it, do not edit it.
"""


@dataclass(frozen=True)
class EjectedStep:
    """Where a step file of the project comes from."""

    file: str
    """The file, relative to the project."""
    uses: str
    """The built-in step that it was copied from."""
    contract: int
    """Contract version of the built-in step whose text is the base."""
    mlops_kit: str
    """Version of mlops-kit that the base is from."""


@dataclass(frozen=True)
class OpenConflict:
    """A merge that waits for a person."""

    yours: str
    """SHA-256 of the file when it was found."""
    theirs: str
    """SHA-256 of what the template wants."""
    proposal: str
    """SHA-256 of the proposal that was written beside the file."""


@dataclass(frozen=True)
class Record:
    """What .mlops/template.yaml holds."""

    version: int = 1
    """Version of this file's layout."""
    mlops_kit: str = ""
    """Version of mlops-kit whose template the project has."""
    rendered: str = ""
    """SHA-256 over everything that the template made from the answers; another one means another template."""
    answers: Answers | None = None
    """What the project was made from; None where only ejected steps are recorded."""
    files: Mapping[str, str] = field(default_factory=dict)
    """File that people own -> SHA-256 of its text as it was made; ejected steps among them."""
    ejected: Mapping[str, EjectedStep] = field(default_factory=dict)
    """Stage -> where its step file comes from."""
    conflicts: Mapping[str, OpenConflict] = field(default_factory=dict)
    """File -> the merge that waits; empty when the last update is finished."""


def new_record(answers: Answers, files: Mapping[str, str]) -> Record:
    """Return the record of a project that was just made: `files` is path -> text."""
    hashes = {path: digest(text) for path, text in sorted(files.items())}
    return Record(1, __version__, rendered_hash(files), answers, hashes)


def rendered_hash(files: Mapping[str, str]) -> str:
    """Return one SHA-256 over the texts of `files` and their paths."""
    return digest("".join(f"{path}\0{digest(text)}\n" for path, text in sorted(files.items())))


def digest(text: str) -> str:
    """Return the SHA-256 of a text, whatever its line ends are."""
    return hashlib.sha256(text.replace("\r\n", "\n").encode("utf-8", "surrogateescape")).hexdigest()


def read_record(root: Path) -> Record | None:
    """Return what the project at `root` remembers, None if it does not. Raises SpecError when the record cannot be used."""
    path = root / RECORD
    if not path.exists():
        return None
    document = compose_yaml(path.read_text(encoding="utf-8"), where=RECORD)
    try:
        record = build(Record, document)
    except SpecError:
        require_not_newer(document.value)
        raise
    for name in (*record.files, *record.conflicts, *(step.file for step in record.ejected.values())):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
            raise SpecError(
                f"`{name}` leaves the project", where=RECORD, fix=f"git checkout HEAD -- {RECORD}"
            )
    return record


def require_not_newer(values: Any) -> None:
    """Raise RefusedError when a record was written by a newer mlops-kit than the installed one; `values` is its plain content."""
    version = str(values.get("mlops_kit", "")) if isinstance(values, dict) else ""
    if _order(version) > _order(__version__):
        raise RefusedError(
            f"the project has the template of mlops-kit {version}, and installed is {__version__}",
            fix=f'pip install --upgrade "dvc-mlops-kit>={version}"',
        )


def _order(version: str) -> tuple[int, ...]:
    """Return what orders versions by their release numbers: 0.10.1 is behind 0.9."""
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"[^0-9.]", version)[0]))


def record_text(record: Record) -> str:
    """Return the text of .mlops/template.yaml."""
    values: dict[str, Any] = {"version": record.version}
    if record.answers is not None:
        values |= {"mlops_kit": record.mlops_kit, "rendered": record.rendered}
        values["answers"] = plain_answers(record.answers)
    values["files"] = dict(sorted(record.files.items()))
    values["ejected"] = {name: vars(step) for name, step in sorted(record.ejected.items())}
    values["conflicts"] = {path: vars(item) for path, item in sorted(record.conflicts.items())}
    return _HEAD + dump_yaml({name: value for name, value in values.items() if value != {}})


def base_path(path: str) -> str:
    """Return where the text of `path` as it was made is kept."""
    parts = (f"dot_{part[1:]}" if part.startswith(".") else part for part in path.split("/"))
    return f"{BASE}/{'/'.join(parts)}.txt"


def read_base(root: Path, record: Record, path: str) -> str | None:
    """Return the text of `path` as it was made, None when none is recorded.

    Raises RefusedError when what lies there is not what was recorded.
    """
    if path not in record.files:
        return None
    try:
        text = read_exact(root / base_path(path)).replace("\r\n", "\n")
    except FileNotFoundError:
        text = ""
    if digest(text) != record.files[path]:
        raise RefusedError(
            f"{base_path(path)} is missing or was edited, and without it nothing can be merged into {path}",
            fix=f"git checkout HEAD -- {base_path(path)}, or from an older commit: git log -- {base_path(path)}",
        )
    return text


def write_record(root: Path, record: Record, bases: Mapping[str, str | None]) -> None:
    """Write the record and those texts as they were made that are new (path -> text) or dropped (path -> None)."""
    write_all(root, record_changes(record, bases))


def record_changes(record: Record, bases: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return path -> text of what is written for a record; None is a file that goes. A record of nothing is no file."""
    kept = record.answers is not None or bool(record.files) or bool(record.ejected)
    changes = {base_path(path): text for path, text in sorted(bases.items())}
    return {**changes, RECORD: record_text(record) if kept else None}


def with_ejected(record: Record, stage: str, step: EjectedStep, text: str) -> Record:
    """Return the record with one more ejected step whose text is `text`."""
    files = {**record.files, step.file: digest(text)}
    return replace(record, files=files, ejected={**record.ejected, stage: step})


def without_ejected(record: Record, stage: str) -> Record:
    """Return the record without an ejected step."""
    file = record.ejected[stage].file
    return replace(
        record,
        files={path: value for path, value in record.files.items() if path != file},
        ejected={name: step for name, step in record.ejected.items() if name != stage},
        conflicts={path: item for path, item in record.conflicts.items() if path != file},
    )


def read_exact(path: Path) -> str:
    """Return a text with its own line ends; bytes that are not UTF-8 survive writing it again."""
    return path.read_bytes().decode("utf-8", "surrogateescape")
