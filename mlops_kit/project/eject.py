"""Ejecting: a built-in step becomes a file of the project, unchanged, and mlops.yaml uses the file. And back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mlops_kit import __version__
from mlops_kit.errors import RefusedError, UsageError
from mlops_kit.project.record import (
    EjectedStep,
    Record,
    digest,
    read_base,
    read_exact,
    read_record,
    record_changes,
    with_ejected,
    without_ejected,
)
from mlops_kit.project.together import write_all
from mlops_kit.project.write import free_name
from mlops_kit.spec.load import LIFECYCLE, load_lifecycle
from mlops_kit.spec.model import Lifecycle
from mlops_kit.spec.yamlfile import compose_yaml
from mlops_kit.steps.catalog import CATALOG, module_file
from mlops_kit.steps.contract import read_contract


@dataclass(frozen=True)
class Restored:
    """A step that is the built-in one again."""

    uses: str
    """The built-in step."""
    file: str
    """The file that the stage used, relative to the project."""
    kept: str
    """Where your version of it is now; empty when it was as it was made, or gone already."""


def eject_step(root: Path, stage: str) -> Path:
    """Copy the built-in step of `stage` to steps/<stage>.py and let mlops.yaml use it; return the new file.

    One line of mlops.yaml changes, and the copy is recorded in .mlops/, so that `diff`, `update` and the way back know where it
    comes from. Raises UsageError when the stage does not use a built-in step, RefusedError when the file exists.
    """
    text, lifecycle = _read(root, stage)
    uses = lifecycle.steps[stage].uses
    if uses not in CATALOG:
        raise UsageError(
            f"stage `{stage}` uses {uses or 'a command'}, which is yours already",
            fix=f"edit it; `mlops-kit diff {stage}` shows what you changed" if uses else "",
        )
    file = f"steps/{stage}.py"
    target = root / file
    if target.exists():
        raise RefusedError(
            f"{target} exists and is not overwritten",
            fix=f"move it away, or set `uses: {file}` yourself",
        )
    changed = flip_uses(text, stage, uses, file)
    source = built_in_text(uses)
    record = with_ejected(read_record(root) or Record(), stage, _origin(file, uses), source)
    write_all(root, {file: source, LIFECYCLE: changed, **record_changes(record, {file: source})})
    return target


def restore_step(root: Path, stage: str, *, keep: bool = False) -> Restored:
    """Let `stage` use the built-in step again that it was ejected from, and remove the file; the record goes as well.

    A file that was edited stays, and RefusedError is raised before anything is changed; with `keep` it is moved to
    <file>.orig instead. Raises UsageError when the stage was not ejected, RefusedError when nothing is recorded of it.
    """
    text, lifecycle = _read(root, stage)
    uses = lifecycle.steps[stage].uses
    if not uses or uses in CATALOG:
        what = f"the built-in step {uses} already" if uses else "a command, which was not ejected"
        raise UsageError(f"stage `{stage}` uses {what}")
    record = read_record(root)
    if record is None or stage not in record.ejected or record.ejected[stage].file != uses:
        raise RefusedError(
            f"nothing is recorded of where {uses} comes from",
            fix=f"set `uses:` of {stage} in mlops.yaml to the built-in step (mlops-kit help steps), then delete the file yourself",
        )
    step = record.ejected[stage]
    file = root / step.file
    base = read_base(root, record, step.file)
    edited = file.exists() and base is not None and digest(read_exact(file)) != digest(base)
    if edited and not keep:
        raise RefusedError(
            f"{step.file} has changes of yours, see `mlops-kit diff {stage}`; nothing was changed",
            fix=f"mlops-kit eject {stage} --undo --keep moves it to {free_name(file).name}",
        )
    changed = flip_uses(text, stage, step.file, step.uses)
    kept = free_name(file).relative_to(root).as_posix() if edited else ""
    writes = {
        step.file: None,
        LIFECYCLE: changed,
        **record_changes(without_ejected(record, stage), {step.file: None}),
    }
    write_all(root, {**({kept: read_exact(file)} if kept else {}), **writes})
    return Restored(step.uses, step.file, kept)


def built_in_text(uses: str) -> str:
    """Return the source of a built-in step."""
    return module_file(CATALOG[uses]).read_text(encoding="utf-8")


def contract_of(uses: str) -> int:
    """Return the contract version of a built-in step."""
    return read_contract(module_file(CATALOG[uses])).version


def flip_uses(text: str, stage: str, old: str, new: str) -> str:
    """Return mlops.yaml with `uses: old` of a stage as `uses: new`; nothing else changes."""
    line = compose_yaml(text, where=LIFECYCLE).lines[("steps", stage, "uses")] - 1
    lines = text.splitlines(keepends=True)
    lines[line] = re.sub(
        rf"(uses:\s*['\"]?){re.escape(old)}(?=['\"\s,}}#]|$)", rf"\g<1>{new}", lines[line], count=1
    )
    return "".join(lines)


def _origin(file: str, uses: str) -> EjectedStep:
    return EjectedStep(file, uses, contract_of(uses), __version__)


def _read(root: Path, stage: str) -> tuple[str, Lifecycle]:
    """Return the text of mlops.yaml and what it says, once it is known to have the stage."""
    if not (root / LIFECYCLE).exists():
        raise UsageError(
            f"no {LIFECYCLE} in {root}: this is not the folder of an mlops-kit project",
            fix="cd into the project, or make one: mlops-kit init NAME",
        )
    text = read_exact(root / LIFECYCLE)
    lifecycle = load_lifecycle(text)
    if stage not in lifecycle.steps:
        raise UsageError(f"no stage `{stage}` in mlops.yaml", fix=f"one of: {', '.join(lifecycle.steps)}")
    return text, lifecycle
