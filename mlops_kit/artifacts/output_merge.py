"""Merging what stages write and git keeps: a merge is no run, so only that remains on which both sides agree."""

from __future__ import annotations

import json
from typing import Any

from mlops_kit.artifacts.evidence import FileEvidence, StageEvidence, parse_evidence, render_evidence
from mlops_kit.artifacts.three_way import Merged, merge_mappings
from mlops_kit.errors import SpecError

_FileKey = tuple[str, str, str]
_GONE = object()


def merge_evidence(base: bytes, ours: bytes, theirs: bytes, where: str) -> Merged:
    """Merge two changes of the evidence file by single inputs and outputs; what both changed differently is left out.

    Raises SpecError when a side cannot be understood.
    """
    sides = [_flat(text, where) for text in (base, ours, theirs)]
    files, dropped = merge_mappings(*sides)
    stages: dict[str, StageEvidence] = {}
    for name in {stage for stage, _, _ in files}:
        groups = {
            group: {path: files[key] for key in files if key[:2] == (name, group) for path in key[2:]}
            for group in ("deps", "outs")
        }
        stages[name] = StageEvidence(groups["deps"], groups["outs"])
    return Merged(render_evidence(stages).encode(), tuple(sorted({stage for stage, _, _ in dropped})))


def merge_output(ours: bytes, theirs: bytes, where: str) -> Merged:
    """Merge two versions of one output of a stage.

    Of metrics (JSON with nothing but single values in mappings) those remain that both sides have alike: a number of one side is
    not a number of the merge. Any other file is that of our side. Either way it is a run that makes it right.
    """
    mine, other = _metrics(ours), _metrics(theirs)
    if mine is None or other is None:
        return Merged(ours, (where,))
    agreed, dropped = _agreed(mine, other, "")
    return Merged((json.dumps(agreed, indent=2, ensure_ascii=False) + "\n").encode(), tuple(dropped))


def _flat(text: bytes, where: str) -> dict[_FileKey, FileEvidence]:
    evidence = parse_evidence(text)
    if not evidence and text.strip() and text != render_evidence({}).encode():
        raise SpecError("is not evidence of this version of mlops-kit", where=where)
    return {
        (stage, group, path): file
        for stage, both in evidence.items()
        for group, files in (("deps", both.deps), ("outs", both.outs))
        for path, file in files.items()
    }


def _metrics(content: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and _is_single(value) else None


def _is_single(value: Any) -> bool:
    return (
        all(_is_single(item) for item in value.values())
        if isinstance(value, dict)
        else not isinstance(value, list)
    )


def _agreed(mine: dict[str, Any], other: dict[str, Any], prefix: str) -> tuple[dict[str, Any], list[str]]:
    made: dict[str, Any] = {}
    dropped: list[str] = []
    for key in dict.fromkeys([*mine, *other]):
        one, two = mine.get(key, _GONE), other.get(key, _GONE)
        if isinstance(one, dict) and isinstance(two, dict):
            made[key], more = _agreed(one, two, f"{prefix}{key}.")
            dropped += more
        elif one == two:
            made[key] = one
        else:
            dropped.append(f"{prefix}{key}")
    return made, dropped
