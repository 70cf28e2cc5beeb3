"""What is known of the template that made a project: its record, or, for projects that are older than records, their first commit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlops_kit.errors import RefusedError, SpecError
from mlops_kit.outside import git
from mlops_kit.outside.gitobjects import BlobReader
from mlops_kit.project.answers import Answers, plan_of, render_answers
from mlops_kit.project.eject import built_in_text
from mlops_kit.project.record import RECORD, EjectedStep, Record, digest, read_record, require_not_newer
from mlops_kit.project.scaffold import this_python
from mlops_kit.spec.load import load_lifecycle, load_schema
from mlops_kit.spec.model import Lifecycle
from mlops_kit.spec.names import LIFECYCLE, PARAMS, SCHEMA
from mlops_kit.spec.yamlfile import parse_yaml
from mlops_kit.steps.catalog import CATALOG

SUBJECT = "New project "
_PIN = re.compile(r"^\s*\"dvc-mlops-kit==([^\"]+)\"", re.MULTILINE)


@dataclass(frozen=True)
class Origin:
    """What is known of the template that made a project."""

    record: Record
    """Its answers and what was made from them; `answers` is never None."""
    bases: Mapping[str, str] = field(default_factory=dict)
    """Texts as they were made that do not lie in .mlops/base/ yet."""
    notes: tuple[str, ...] = ()
    """What was taken from where."""


def find_origin(root: Path, rev: str | None = None) -> Origin:
    """Return what is known of the template that made the project at `root`.

    A project without a record was made by `init` in one commit, which holds every text as it was made: `rev` names it, or it is the
    first commit if that says so. Raises RefusedError, with what to do, when it cannot be known.
    """
    record = read_record(root)
    if record is not None and record.answers is not None:
        if rev is not None:
            raise RefusedError(f"{RECORD} says what this project was made from", fix="leave --from out")
        require_not_newer(vars(record))
        return Origin(record)
    sha, subject = _first_commit(root, rev)
    with BlobReader(root) as blobs:
        texts = _Texts(blobs, sha)
        origin = _rebuild(root, texts)
    notes = (
        f'the project has no {RECORD}: its texts as they were made are taken from commit {sha[:12]} "{subject}"',
        *origin.notes,
    )
    known = record or Record()
    ejected = {**origin.record.ejected, **known.ejected}
    files = {**origin.record.files, **known.files}
    return Origin(replace(origin.record, ejected=ejected, files=files), origin.bases, notes)


def _first_commit(root: Path, rev: str | None) -> tuple[str, str]:
    if rev is not None:
        sha = git.resolve(root, rev)
        return sha, git.subject(root, sha)
    found = [(sha, message) for sha, message in git.root_commits(root) if message.startswith(SUBJECT)]
    if len(found) == 1:
        return found[0]
    if git.is_shallow(root):
        raise RefusedError(
            f"the project has no {RECORD}, and this clone is too shallow to hold the commit that made it",
            fix="git fetch --unshallow, then `mlops-kit update` again",
        )
    raise RefusedError(
        f"the project has no {RECORD}, and no first commit says `{SUBJECT}NAME`: what its files were made from is not known",
        fix="name the commit in which they are as `mlops-kit init` made them: mlops-kit update --from REV",
    )


@dataclass(frozen=True)
class _Texts:
    """The files of one commit."""

    blobs: BlobReader
    sha: str

    def get(self, path: str) -> str | None:
        """Return a text, None if the commit does not have it."""
        content = self.blobs.read(self.sha, [path]).get(path)
        return None if content is None else content.decode("utf-8", "surrogateescape").replace("\r\n", "\n")

    def need(self, path: str) -> str:
        """Return a text that every project has. Raises RefusedError when the commit does not have it."""
        text = self.get(path)
        if text is None:
            raise RefusedError(
                f"commit {self.sha[:12]} has no {path}: it is not what `mlops-kit init` made",
                fix="name that commit: mlops-kit update --from REV",
            )
        return text


def _rebuild(root: Path, texts: _Texts) -> Origin:
    try:
        lifecycle = load_lifecycle(texts.need(LIFECYCLE))
        answers = _answers(lifecycle, texts)
    except (SpecError, KeyError, TypeError) as error:
        raise RefusedError(
            f"the answers that the project was made from cannot be read off commit {texts.sha[:12]}: {error}",
            fix="name the commit that `mlops-kit init` made: mlops-kit update --from REV",
        ) from None
    bases = {path: text for path in render_answers(answers) if (text := texts.get(path)) is not None}
    ejected, sources, notes = _ejected(root, lifecycle, answers, texts)
    bases |= sources
    kit = _PIN.search(bases.get("pyproject.toml", ""))
    files = {path: digest(text) for path, text in bases.items()}
    version = kit[1] if kit else "of unknown version"
    ejected = {stage: replace(step, mlops_kit=step.mlops_kit or version) for stage, step in ejected.items()}
    return Origin(Record(1, version, "", answers, files, ejected), bases, tuple(notes))


def _answers(lifecycle: Lifecycle, texts: _Texts) -> Answers:
    params: dict[str, Any] = parse_yaml(texts.need(PARAMS), where=PARAMS)
    schema = load_schema(texts.need(SCHEMA))
    data = str(params["acquire"]["source"]).removeprefix("data/source/")
    python = lifecycle.ci.python or this_python()
    example = Answers(lifecycle.project.name, "flights", python, lifecycle.project.owner)
    if plan_of(example).data.name == data and lifecycle.task.target == "late":
        return example
    return Answers(
        lifecycle.project.name,
        "tabular",
        python,
        lifecycle.project.owner,
        data=data,
        target=next(name for name, column in schema.columns.items() if column.role == "label_source"),
        task=lifecycle.task.kind,
        key=lifecycle.task.key,
        time=lifecycle.task.time,
        label=params["label"],
        slices=tuple(params["evaluate"].get("slices") or ()),
        columns=schema.columns,
    )


def _ejected(
    root: Path, made: Lifecycle, answers: Answers, texts: _Texts
) -> tuple[dict[str, EjectedStep], dict[str, str], list[str]]:
    """Return what is known of step files that were copied from built-in steps: stage -> origin, file -> its text, and remarks."""
    steps: dict[str, EjectedStep] = {}
    sources: dict[str, str] = {}
    notes: list[str] = []
    template = plan_of(answers).steps
    for stage, use in load_lifecycle((root / LIFECYCLE).read_text(encoding="utf-8")).steps.items():
        file = f"steps/{stage}.py"
        first = made.steps[stage].uses if stage in made.steps else None
        if use.uses != file or first is None:
            continue
        built_in = str(template.get(stage, {}).get("uses")) if first == file else first
        if built_in not in CATALOG:
            continue
        text = texts.get(file)
        if (
            text is None
            and (root / file).is_file()
            and (root / file).read_text(encoding="utf-8") == built_in_text(built_in)
        ):
            text = built_in_text(built_in)
        if text is None:
            notes.append(
                f"{file} was ejected from {built_in} later, and nothing says from which text: it is yours as it is"
            )
            continue
        steps[stage] = EjectedStep(file, built_in, contract_in(text), "")
        sources[file] = text
        notes.append(f"{file} is taken as ejected from {built_in}")
    return steps, sources, notes


def contract_in(text: str) -> int:
    """Return the contract version that the source of a step names, 1 if it names none."""
    found = re.search(r"^@step\([^)]*\bcontract=(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 1
