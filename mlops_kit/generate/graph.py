"""Checks of the whole: every input has a writer, every output one writer, no cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from mlops_kit.artifacts.declared import MANIFEST_ENDING
from mlops_kit.errors import SpecError
from mlops_kit.generate.plan import WHERE, Stage

GENERATED_FOLDERS = ("data/", "models/", "metrics/", "reports/", "plots/", "deploy/")


def check_stages(stages: Sequence[Stage], root: Path) -> None:
    """Raise SpecError when two stages write one path, when an input has no writer and is no file, or when there is a cycle."""
    writers = _writers(stages)
    _check_inputs(stages, writers, root)
    order = {stage.name: {writers[dep] for dep in stage.deps if dep in writers} for stage in stages}
    try:
        TopologicalSorter(order).prepare()
    except CycleError as error:
        raise SpecError(
            f"the steps form a cycle: {' -> '.join(error.args[1])}",
            where=WHERE,
            fix="remove one of these inputs",
        ) from None


def _writers(stages: Sequence[Stage]) -> Mapping[str, str]:
    writers: dict[str, str] = {}
    for stage in stages:
        for output in stage.outputs:
            if output.path in writers:
                raise SpecError(
                    f"steps `{writers[output.path]}` and `{stage.name}` both write {output.path}",
                    where=WHERE,
                    fix=f"rename one with `outputs:` under step `{stage.name}`",
                )
            writers[output.path] = stage.name
    return writers


def _check_inputs(stages: Sequence[Stage], writers: Mapping[str, str], root: Path) -> None:
    for stage in stages:
        for dep in stage.deps:
            here = (root / dep).exists() or (
                root / f"{dep}.dvc"
            ).exists()  # in a clone the data of a .dvc file
            own = stage.frozen and dep.endswith(MANIFEST_ENDING)  # `mlops-kit acquire` writes it
            if own or dep in writers or here or any(dep.startswith(f"{path}/") for path in writers):
                continue
            if dep.startswith(GENERATED_FOLDERS) and not dep.startswith("data/source/"):
                raise SpecError(
                    f"step `{stage.name}` reads {dep}, which no step writes",
                    where=WHERE,
                    fix="add the step that writes it, or name another artifact with `inputs:`",
                )
            raise SpecError(
                f"step `{stage.name}` reads {dep}, which does not exist",
                where=WHERE,
                fix="create it or correct the path",
            )
