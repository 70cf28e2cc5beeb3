"""The text of a dvc.yaml with proposed stages. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import Any

from mlops_kit.project.adopt.model import Basis, StageProposal
from mlops_kit.spec.yamlfile import dump_yaml

HEADER = """\
# Proposed by `mlops-kit adopt` from what the scripts read and write. This file is yours from now on: edit it as you like.
# `dvc repro` runs what has changed, `mlops-kit compare` says what a change does.
"""


def render_pipeline(stages: Iterable[StageProposal]) -> str:
    """Return the dvc.yaml of the proposed stages."""
    return HEADER + dump_yaml({"stages": {stage.name: _stage(stage) for stage in stages}})


def _stage(stage: StageProposal) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if stage.basis is Basis.RUN:
        made["desc"] = "Files observed while it ran."
    made["cmd"] = literal(stage.cmd)
    if stage.wdir:
        made["wdir"] = literal(stage.wdir)
    made["deps"] = [_relative(path, stage.wdir) for path in stage.deps]
    if stage.params:
        made["params"] = [{_relative(path, stage.wdir): None} for path in stage.params]
    for section in ("outs", "metrics", "plots"):
        entries = [
            path if output.cache else {path: {"cache": False}}
            for output in stage.outputs
            if output.section == section
            for path in [_relative(output.path, stage.wdir)]
        ]
        if entries:
            made[section] = entries
    return made


def _relative(path: str, wdir: str) -> str:
    return literal(posixpath.relpath(path, wdir) if wdir else path)


def literal(text: str) -> str:
    """Return a text that DVC's templating leaves as it is."""
    return text.replace("${", "\\${")
