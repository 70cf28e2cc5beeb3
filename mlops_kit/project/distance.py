"""How far the project's own step files are from the built-in steps that they were copied from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff
from pathlib import Path

from mlops_kit.errors import UsageError
from mlops_kit.project.eject import built_in_text, contract_of
from mlops_kit.project.record import EjectedStep, Record, read_base, read_exact, read_record
from mlops_kit.spec.load import read_lifecycle
from mlops_kit.steps.catalog import CATALOG


@dataclass(frozen=True)
class LineChange:
    """What changed between two texts."""

    added: int
    """Lines that only the second has."""
    removed: int
    """Lines that only the first has."""
    diff: str = ""
    """Unified diff; empty when they are the same."""


@dataclass(frozen=True)
class StepDistance:
    """One ejected step: what you changed, and what changed upstream since."""

    stage: str
    """The stage."""
    file: str
    """Its step file."""
    uses: str
    """The built-in step that it was copied from."""
    contract: int
    """Contract version of the text that it was copied from, or that it was last updated to."""
    contract_now: int | None
    """Contract version of the built-in step of this installation; None when there is no such step any more."""
    mlops_kit: str
    """Version of mlops-kit that the text is from."""
    yours: LineChange
    """From the built-in step as it was to your file."""
    upstream: LineChange
    """From the built-in step as it was to what it is now."""
    distance: int
    """Lines in which your file and the built-in step of now differ: added and removed together."""
    missing: bool = False
    """Whether the file is not there."""


def step_distances(root: Path, stage: str | None = None) -> tuple[StepDistance, ...]:
    """Return the distance of each ejected step of the project at `root`, or that of `stage` alone.

    Raises UsageError for a stage that does not exist or was not ejected, RefusedError when the recorded text is gone.
    """
    lifecycle = read_lifecycle(root)
    record = read_record(root) or Record()
    used = {
        name: step for name, step in record.ejected.items() if _uses(lifecycle.steps.get(name)) == step.file
    }
    if stage is None:
        return tuple(_distance(root, record, name, step) for name, step in sorted(used.items()))
    if stage not in lifecycle.steps:
        raise UsageError(f"no stage `{stage}` in mlops.yaml", fix=f"one of: {', '.join(lifecycle.steps)}")
    if stage not in used:
        raise _not_ejected(stage, _uses(lifecycle.steps[stage]), used)
    return (_distance(root, record, stage, used[stage]),)


def _not_ejected(stage: str, uses: str, used: dict[str, EjectedStep]) -> UsageError:
    if uses in CATALOG:
        others = f"; ejected are: {', '.join(sorted(used))}" if used else ""
        return UsageError(
            f"stage `{stage}` uses the built-in step {uses}: there is nothing to compare{others}",
            fix=f"mlops-kit eject {stage} makes it yours",
        )
    return UsageError(
        f"nothing is recorded of a built-in step that {uses or f'the command of `{stage}`'} comes from",
        fix="if it was ejected before this was recorded: mlops-kit update",
    )


def _uses(use: object) -> str:
    return getattr(use, "uses", None) or ""


def _distance(root: Path, record: Record, stage: str, step: EjectedStep) -> StepDistance:
    base = read_base(root, record, step.file) or ""
    path = root / step.file
    yours = read_exact(path).replace("\r\n", "\n") if path.is_file() else ""
    now = built_in_text(step.uses) if step.uses in CATALOG else base
    was = f"{step.uses} (mlops-kit {step.mlops_kit})"
    away = compare_lines(now, yours, "", "")
    return StepDistance(
        stage,
        step.file,
        step.uses,
        step.contract,
        contract_of(step.uses) if step.uses in CATALOG else None,
        step.mlops_kit,
        compare_lines(base, yours, was, step.file),
        compare_lines(base, now, was, f"{step.uses} (now)"),
        away.added + away.removed,
        not path.is_file(),
    )


def compare_lines(old: str, new: str, old_name: str, new_name: str) -> LineChange:
    """Return what changed from the text `old` to the text `new`; the names stand at the top of the diff."""
    before, after = old.splitlines(), new.splitlines()
    codes = [
        code
        for code in SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
        if code[0] != "equal"
    ]
    added, removed = sum(j2 - j1 for *_, j1, j2 in codes), sum(i2 - i1 for _, i1, i2, *_ in codes)
    return LineChange(added, removed, _diff(before, after, old_name, new_name) if codes else "")


def _diff(before: Sequence[str], after: Sequence[str], old_name: str, new_name: str) -> str:
    return "\n".join(unified_diff(before, after, old_name, new_name, lineterm="")) + "\n"
