"""Brings what a stage needs or has written, and is not here, from the cache or the remote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlops_kit.artifacts.declared import DeclaredStage
from mlops_kit.artifacts.freshness import Cause, Freshness
from mlops_kit.artifacts.ledger import Ledger
from mlops_kit.data.manifest import read_manifest
from mlops_kit.engines.judging import is_for_dvc, missing_paths, only_missing
from mlops_kit.outside.dvc import materialize


class Supplies:
    """Asks the remote only where `pull` is wanted."""

    def __init__(self, root: Path, freshness: Freshness, ledger: Ledger, *, pull: bool) -> None:
        self._root = root
        self._freshness = freshness
        self._ledger = ledger
        self._pull = pull

    def bring_outputs(self, stage: DeclaredStage, causes: Sequence[Cause]) -> bool:
        """Fetch the outputs of a stage of which nothing else is wrong; return whether it is up to date then."""
        if not only_missing(causes) or any(cause.kind == "dep" for cause in causes):
            return False
        here = self._ledger.bring(stage.name, [cause.name for cause in causes])
        return here and not self._ledger.judge(stage.name).causes

    def missing_inputs(self, stage: DeclaredStage) -> list[str]:
        """Return what a stage needs and is not there, after it was asked for from the remote where that is wanted."""
        missing = missing_paths(self._root, stage)
        if self._pull:
            self._bring_partitions(stage)
        if not missing or not self._pull:
            return missing
        for writer, path in self._freshness.pipelines.inputs[stage.name]:
            if path in missing and is_for_dvc(self._freshness.recorded(writer)):
                materialize(self._root, [path])
            elif path in missing:
                outs = [out.path for out in self._freshness.pipelines.stages[writer].outs]
                self._ledger.bring(
                    writer,
                    [out for out in outs if f"{out}/".startswith(f"{path}/") or path.startswith(f"{out}/")],
                )
        self._freshness.forget(missing)
        return missing_paths(self._root, stage)

    def _bring_partitions(self, stage: DeclaredStage) -> None:
        """Fetch what the manifest of a stage names: after a merge dvc.lock does not name it yet."""
        for path in stage.manifests:
            lines = read_manifest(self._root / path)
            self._ledger.fetch(
                {digest for line in lines for digest in (line.md5, line.rejects_md5) if digest}
            )
