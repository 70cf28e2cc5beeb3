"""Planning an update: every file decided, the result generated in a copy beside, and what will run again because of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlops_kit import __version__
from mlops_kit.errors import SpecError, UsageError
from mlops_kit.outside import git
from mlops_kit.project.answers import render_answers
from mlops_kit.project.desired import desired_files
from mlops_kit.project.eject import built_in_text, contract_of, flip_uses
from mlops_kit.project.record import (
    EjectedStep,
    Record,
    digest,
    read_base,
    read_exact,
    record_changes,
    rendered_hash,
)
from mlops_kit.project.scaffold import renamed_files
from mlops_kit.project.update.files import PROPOSAL, Choice, Decision, decide_file, look_at
from mlops_kit.project.update.model import FileChange, Outcome, UpdatePlan
from mlops_kit.project.update.origin import Origin
from mlops_kit.project.update.stale import Snapshot, stale_stages
from mlops_kit.project.write import FileState, edited_error, inspect_files
from mlops_kit.spec.load import load_lifecycle
from mlops_kit.spec.names import LIFECYCLE
from mlops_kit.spec.yamlfile import parse_yaml
from mlops_kit.steps.catalog import CATALOG

LOCKS = {
    "uv.lock": "uv lock",
    "poetry.lock": "poetry lock",
    "pdm.lock": "pdm lock",
    "pylock.toml": "lock again",
}
LARGE = 20 * 1024 * 1024


@dataclass
class _Draft:
    """What was decided so far."""

    decisions: dict[str, Decision] = field(default_factory=dict)
    ejected: dict[str, EjectedStep] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def conflicts(self) -> bool:
        return any(decision.pending for decision in self.decisions.values())


def plan_update(root: Path, origin: Origin, *, keep: frozenset[str], take: frozenset[str]) -> UpdatePlan:
    """Return what an update of the project at `root` does; nothing is written there.

    `origin` is what is known of the template that made it, `keep` and `take` are files that were decided by hand. Raises UsageError
    for a choice about a file that the template does not make, StaleError when a generated file was edited by hand, SpecError when the
    result cannot be generated.
    """
    record = origin.record
    assert record.answers is not None
    theirs = render_answers(record.answers)
    known = {*theirs, *record.files}
    if unknown := sorted((keep | take) - known):
        raise UsageError(
            f"{unknown[0]} is no file that the template makes", fix=f"one of: {', '.join(sorted(known))}"
        )
    choice = Choice(keep, take, record.mlops_kit, __version__)
    draft = _Draft(notes=list(origin.notes))
    uses = _uses(root, record)
    _decide_texts(root, origin, theirs, uses, choice, draft)
    _decide_steps(root, origin, uses, choice, draft)
    after = _record_after(record, theirs, draft)
    bases = _bases(origin, draft)
    writes = {**_writes(draft), **_record_writes(root, after, bases)}
    return _finish(
        root,
        UpdatePlan(record.mlops_kit, __version__, _said(draft), (), (), (), (), after, bases, writes),
        draft,
    )


def _decide_texts(
    root: Path,
    origin: Origin,
    theirs: Mapping[str, str],
    uses: Mapping[str, str],
    choice: Choice,
    draft: _Draft,
) -> None:
    """Decide on the files that the template makes from the answers."""
    record = origin.record
    steps = {step.file for step in record.ejected.values()}
    renamed = {
        old: new
        for old, new in renamed_files().items()
        if old in record.files and new in theirs and new not in record.files
    }
    before = {new: old for old, new in renamed.items()}
    for path in sorted({*theirs, *record.files} - steps - {*renamed}):
        base = _base(root, origin, before.get(path, path))
        now = look_at(root, path, base, theirs.get(path), record.conflicts.get(path))
        if path == LIFECYCLE:
            now = replace(now, base=_flipped(base, record, uses), theirs=_flipped(now.theirs, record, uses))
        old = before.get(path)
        if old is not None and now.yours is None and (root / old).is_file():
            now = replace(now, yours=read_exact(root / old))
            draft.moved[path] = old
        decision = (
            _moved(decide_file(now, choice), path, old, now.yours)
            if path in draft.moved
            else decide_file(now, choice)
        )
        # What is remembered of mlops.yaml is the template's own text: an ejected step is a change of yours.
        known = theirs.get(path) if decision.base == now.theirs else base
        draft.decisions[path] = replace(decision, base=known if decision.base is not None else None)


def _moved(decision: Decision, path: str, old: str | None, yours: str | None) -> Decision:
    """Return the decision on a file that the template has under another name now: whatever becomes of it, it moves."""
    change = decision.change or FileChange(path, Outcome.UPDATED)
    detail = "; ".join(part for part in (f"was {old}", change.detail) if part)
    text = decision.text if decision.text is not None else yours
    return replace(decision, change=replace(change, detail=detail), text=text)


def _decide_steps(root: Path, origin: Origin, uses: Mapping[str, str], choice: Choice, draft: _Draft) -> None:
    """Decide on the step files that were copied from built-in steps: the built-in step as it is now is the template of them."""
    for stage, step in origin.record.ejected.items():
        if uses.get(stage) != step.file or not (root / step.file).is_file():
            draft.decisions[step.file] = Decision(None)
            draft.notes.append(
                f"{stage} does not use {step.file} any more: what was recorded of it is dropped"
            )
            continue
        base = _base(root, origin, step.file)
        if step.uses not in CATALOG:
            draft.decisions[step.file] = Decision(base)
            draft.ejected[stage] = step
            draft.notes.append(
                f"the built-in step {step.uses} does not exist any more; {step.file} is yours as it is"
            )
            continue
        now = look_at(root, step.file, base, built_in_text(step.uses), origin.record.conflicts.get(step.file))
        decision = decide_file(now, choice)
        contract = contract_of(step.uses)
        if decision.change is not None and contract != step.contract:
            detail = "; ".join(
                part
                for part in (decision.change.detail, f"{step.uses}: contract {step.contract} -> {contract}")
                if part
            )
            decision = replace(decision, change=replace(decision.change, detail=detail))
        draft.decisions[step.file] = decision
        merged = decision.pending is None
        draft.ejected[stage] = EjectedStep(step.file, step.uses, contract, __version__) if merged else step


def _base(root: Path, origin: Origin, path: str) -> str | None:
    return origin.bases[path] if path in origin.bases else read_base(root, origin.record, path)


def _uses(root: Path, record: Record) -> dict[str, str]:
    """Return stage -> what it uses, as mlops.yaml says; where this version cannot read it, as it was recorded."""
    try:
        lifecycle = load_lifecycle(read_exact(root / LIFECYCLE))
    except SpecError:
        return {stage: step.file for stage, step in record.ejected.items()}
    return {stage: step.uses for stage, step in lifecycle.steps.items() if step.uses}


def _flipped(text: str | None, record: Record, uses: Mapping[str, str]) -> str | None:
    """Return mlops.yaml of the template with those steps ejected that the project has ejected."""
    if text is None:
        return None
    steps = (parse_yaml(text, where=LIFECYCLE) or {}).get("steps") or {}
    for stage, step in record.ejected.items():
        built_in = (steps.get(stage) or {}).get("uses")
        if isinstance(built_in, str) and uses.get(stage) == step.file:
            text = flip_uses(text, stage, built_in, step.file)
    return text


def _said(draft: _Draft) -> tuple[FileChange, ...]:
    return tuple(
        decision.change for _, decision in sorted(draft.decisions.items()) if decision.change is not None
    )


def _record_after(record: Record, theirs: Mapping[str, str], draft: _Draft) -> Record:
    files = {
        path: digest(decision.base) for path, decision in draft.decisions.items() if decision.base is not None
    }
    pending = {
        path: decision.pending for path, decision in draft.decisions.items() if decision.pending is not None
    }
    return replace(
        record,
        mlops_kit=__version__,
        rendered=rendered_hash(theirs),
        files=dict(sorted(files.items())),
        ejected=dict(sorted(draft.ejected.items())),
        conflicts=pending,
    )


def _bases(origin: Origin, draft: _Draft) -> dict[str, str | None]:
    bases: dict[str, str | None] = {path: decision.base for path, decision in draft.decisions.items()}
    return {**dict.fromkeys(path for path in origin.record.files if path not in bases), **bases}


def _record_writes(root: Path, record: Record, bases: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the changes of the record that are not on disk already."""
    changes = {**record_changes(record, bases)}
    return {path: text for path, text in changes.items() if text != _text(root / path)}


def _text(path: Path) -> str | None:
    return read_exact(path).replace("\r\n", "\n") if path.is_file() else None


def _writes(draft: _Draft) -> dict[str, str | None]:
    writes: dict[str, str | None] = {}
    for path, decision in draft.decisions.items():
        if decision.remove:
            writes[path] = None
        elif decision.text is not None:
            writes[path] = decision.text
            if path in draft.moved:
                writes[draft.moved[path]] = None
        if decision.solved:
            writes[f"{path}{PROPOSAL}"] = None
        elif decision.proposal is not None:
            writes[f"{path}{PROPOSAL}"] = decision.proposal
    return writes


def _finish(root: Path, plan: UpdatePlan, draft: _Draft) -> UpdatePlan:
    """Return the plan with the generated files and what runs again, as they are in a copy of the project with the merged files."""
    notes = [*draft.notes, *_lock_notes(root, plan)]
    before = Snapshot.of(root)
    with tempfile.TemporaryDirectory(prefix="mlops-kit-update-") as name:
        copy = Path(name).resolve() / root.name
        _copy(root, copy, plan.writes)
        try:
            desired = desired_files(copy)
        except SpecError as error:
            if not draft.conflicts:
                raise
            notes.append(
                f"dvc.yaml and its like are not rebuilt before the conflicts are solved: {error.message}"
            )
            return replace(plan, notes=tuple(notes))
        found = inspect_files(root, desired)
        if edited := [file.path for file in found if file.state is FileState.EDITED]:
            raise edited_error(edited)
        generated = {file.path: desired[file.path] for file in found if file.state is not FileState.CURRENT}
        _copy(root, copy, generated)
        stages, following = stale_stages(before, Snapshot.of(copy), kits=(plan.old, plan.new))
    return replace(
        plan,
        generated=tuple(generated),
        stages=stages,
        following=following,
        notes=tuple(notes),
        writes={**plan.writes, **generated},
    )


def _lock_notes(root: Path, plan: UpdatePlan) -> list[str]:
    if plan.writes.get("pyproject.toml") is None:
        return []
    return [
        f"pyproject.toml changed; {name} is yours and was not touched: {mend}"
        for name, mend in LOCKS.items()
        if (root / name).exists()
    ]


def _copy(root: Path, copy: Path, writes: Mapping[str, str | None]) -> None:
    """Bring `copy` to the state of `root` with `writes` on top; large files, which nothing is generated from, are left out."""
    if not copy.exists():
        for name in git.known_files(root):
            source = root / name
            if source.is_file() and not source.is_symlink() and source.stat().st_size <= LARGE:
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, copy / name)
    for path, text in writes.items():
        target = copy / path
        if text is None:
            target.unlink(missing_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode("utf-8", "surrogateescape"))
