"""Small files in git that speak about data: the data contract, manifests of partitions, the profile of the cleaned table."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_kit.artifacts.trees import Tree

CONTRACT = "schema.yaml"
MANIFEST = ".manifest.jsonl"
PROFILE = "reports/profile.json"


def read_documents(tree: Tree) -> Mapping[str, bytes]:
    """Return path -> content of those that a side has; nothing is parsed."""
    names = [name for name in tree.names() if name.endswith(MANIFEST)]
    return tree.read([CONTRACT, PROFILE, *sorted(names)])
