"""Small files in git that speak about data: the data contract, manifests of partitions, the profile of the cleaned table."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_kit.artifacts.dvcfiles import LockedStage
from mlops_kit.artifacts.trees import Tree
from mlops_kit.spec.names import LIFECYCLE

CONTRACT = "schema.yaml"
MANIFEST = ".manifest.jsonl"
PARAMS = "params.yaml"
PROFILE = "reports/profile.json"


def read_documents(tree: Tree, stages: Mapping[str, LockedStage]) -> Mapping[str, bytes]:
    """Return path -> content of those that a side has, with mlops.yaml and params.yaml; nothing is parsed.

    `stages` are its recorded runs: the manifest of a folder that a stage writes counts before git knows it.
    """
    known = {name for name in tree.names() if name.endswith(MANIFEST)}
    beside = {f"{path}{MANIFEST}" for stage in stages.values() for path in stage.outs}
    return tree.read([CONTRACT, LIFECYCLE, PARAMS, PROFILE, *sorted(known | beside)])
