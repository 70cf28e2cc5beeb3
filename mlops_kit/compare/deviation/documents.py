"""JSON, JSON lines, YAML and TOML: metrics, reports, parameters."""

from __future__ import annotations

import json
from typing import Any

from mlops_kit.artifacts.values import load_foreign_yaml
from mlops_kit.compare.deviation.content import Content
from mlops_kit.compare.deviation.findings import Findings
from mlops_kit.compare.deviation.trees import TreeComparison


def explain_json(old: Content, new: Content, found: Findings) -> None:
    """Compare two JSON documents by key."""
    _compare(_json(old, found), _json(new, found), found)


def explain_yaml(old: Content, new: Content, found: Findings) -> None:
    """Compare two YAML documents by key."""
    one, other = (load_foreign_yaml(side.read(), side.name) for side in (old, new))
    _compare(one, other, found)


def explain_toml(old: Content, new: Content, found: Findings) -> None:
    """Compare two TOML documents by key."""
    import tomllib

    one, other = (tomllib.loads(side.read().decode("utf-8-sig")) for side in (old, new))
    _compare(one, other, found)


def explain_json_lines(old: Content, new: Content, found: Findings) -> None:
    """Compare two files with one JSON value in each line."""
    one, other = ([json.loads(line) for line in side.read().splitlines() if line] for side in (old, new))
    _compare(one, other, found)


def _compare(old: Any, new: Any, found: Findings) -> None:
    TreeComparison(found, metrics=True).compare(old, new)
    if not found.count:
        found.say("the same values, written otherwise (white space, escapes or digits)")


def _json(content: Content, found: Findings) -> Any:
    twice: list[str] = []

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            twice.extend(key for key, _ in pairs)
        return made

    value = json.loads(content.read().decode("utf-8-sig"), object_pairs_hook=mapping)
    if twice:
        # Readers disagree on which of two members with one name counts, so nothing can be said of the meaning.
        raise ValueError(f"a name stands twice in one object, among {', '.join(sorted(set(twice))[:3])}")
    found.spend(0)
    return value
