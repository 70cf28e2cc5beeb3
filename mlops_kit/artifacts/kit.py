"""Which version of mlops-kit a commit was made for: what it pins, or whose template it has."""

from __future__ import annotations

import re

from mlops_kit.artifacts.trees import Tree

PIN = ("pyproject.toml", re.compile(r"[\"']dvc-mlops-kit\s*==\s*([0-9][\w.+!-]*)"))
TEMPLATE = (".mlops/template.yaml", re.compile(r"^mlops_kit: *'?([0-9][\w.+!-]*)", re.MULTILINE))


def kit_version(tree: Tree) -> str:
    """Return the version of mlops-kit that a side's pyproject.toml pins, else the one that .mlops/template.yaml names; empty if neither."""
    files = tree.read([PIN[0], TEMPLATE[0]])
    for path, pattern in (PIN, TEMPLATE):
        found = pattern.search(files[path].decode("utf-8", "replace")) if path in files else None
        if found:
            return found[1]
    return ""
