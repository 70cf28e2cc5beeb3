"""What is meant by the names that people give to a run."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from mlops_kit.artifacts.declared import DeclaredPipelines
from mlops_kit.errors import UsageError


def named_stages(pipelines: DeclaredPipelines, targets: Sequence[str]) -> list[str]:
    """Return the stages that `targets` name, as DVC reads them: a stage, all of one `foreach`, a dvc.yaml, a .dvc file, an output.

    Raises UsageError for a target that is none of them.
    """
    found: dict[str, None] = {}
    for target in targets:
        names = list(
            _matching(pipelines, posixpath.normpath(target.replace("\\", "/")).removeprefix("dvc.yaml:"))
        )
        if not names:
            known = sorted(name for name, stage in pipelines.stages.items() if stage.commands)
            raise UsageError(f"no stage `{target}`", fix=f"one of: {', '.join(known) or 'none yet'}")
        found |= dict.fromkeys(names)
    return list(found)


def _matching(pipelines: DeclaredPipelines, target: str) -> Iterator[str]:
    if target in pipelines.stages:
        yield target
        return
    for name, stage in pipelines.stages.items():
        short = name.startswith(f"{target}@")
        if short or stage.file == target or any(out.path == target for out in stage.outs):
            yield name
