"""What a reader must know of a plan because the code does not say it: a sentence each, with the place and what mends it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from mlops_kit.generate.plan import Plan, Stage
from mlops_kit.steps.imports import named_paths


def plan_notes(plan: Plan, root: Path) -> tuple[str, ...]:
    """Return the notes on a plan, in the order of its stages, each once.

    They name imports and code that are made at run time, modules that nobody provides, files that the code names and the stage does
    not declare, and packages on which lock and environment disagree.
    """
    written = {output.path for stage in plan.stages for output in stage.outputs}
    found = [note for stage in plan.stages for note in stage_notes(stage, root, written)]
    used = {name for stage in plan.stages for name in stage.packages}
    found += plan.packages.disagreements(used)
    found += [
        f"{name} does not decide versions, because git does not have it: git add {name}"
        for name in plan.packages.passed_over
    ]
    found += [
        f"{name} is installed as a link to a folder: its version does not say what its code is"
        for name in sorted(used)
        if plan.packages.installation.is_linked(name)
    ]
    return tuple(dict.fromkeys(found))


def stage_notes(stage: Stage, root: Path, written: Iterable[str] = ()) -> Iterator[str]:
    """Yield the notes on one stage; `written` are the outputs of all stages."""
    if stage.code is None:
        return
    for note in stage.code.notes:
        yield (
            f"{note.where}: `{note.what}` may run code that is not known before; name its files under `deps:` of step "
            f"`{stage.name}` in mlops.yaml"
        )
    for module in stage.used.unknown if stage.used else ():
        if not (root / module).is_dir():
            yield f"step `{stage.name}` imports {module}, which is neither in the project nor installed"
    known = {*stage.deps, *written}
    for path, where in _files_in(stage.code.local, root).items():
        if path not in known and not any(path.startswith(f"{folder}/") for folder in known):
            yield f"{where}: names {path}; if step `{stage.name}` reads it, add it under `deps:` of the step in mlops.yaml"


def _files_in(sources: Iterable[str], root: Path) -> Mapping[str, str]:
    """Return project file that the sources name as a text -> where; Python files are followed by imports instead."""
    found: dict[str, str] = {}
    for source in sources:
        if not source.endswith(".py"):
            continue
        for path, line in named_paths((root / source).read_bytes()):
            if path not in found and not path.endswith(".py") and (root / path).is_file():
                found[path] = f"{source}:{line}"
    return found
