"""Merging dvc.lock by stages: a stage that one side changed is taken from it, and what both changed is left out, for `run` to bring back.

The files are taken apart and put together as text, so that a stage which nobody changed keeps its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_kit.artifacts.three_way import Merged, merge_mappings
from mlops_kit.artifacts.values import load_foreign_yaml
from mlops_kit.errors import SpecError

_SECTION = re.compile(rb"^(?=[^ \t#\r\n-])", re.MULTILINE)
# As DVC writes it: two spaces before a stage's name and more before all that belongs to it.
_STAGE = re.compile(rb"^(?=  [^ \t#\r\n-])", re.MULTILINE)
_SCHEMA = "2.0"


@dataclass(frozen=True)
class _Part:
    """One stage or section: equal to another one when the values are, however they are written."""

    text: bytes = field(compare=False)
    value: Any = None


@dataclass(frozen=True)
class _Lock:
    stages: Mapping[str, _Part]
    others: Mapping[str, _Part]


def merge_locks(base: bytes, ours: bytes, theirs: bytes, where: str) -> Merged:
    """Merge two changes of the lock file `base` (empty when both sides made the file) and return it with the names of the stages left out.

    A stage that only one side added, changed or removed is as on that side. Raises SpecError when a side is not a lock file of schema
    2.0 as DVC writes it, or when both changed another section than `stages`.
    """
    newline = b"\r\n" if b"\r\n" in ours else b"\n"
    sides = [_read_lock(text.replace(b"\r\n", b"\n"), where) for text in (base, ours, theirs)]
    stages, dropped = merge_mappings(*(side.stages for side in sides))
    others, disputed = merge_mappings(*(side.others for side in sides))
    if disputed:
        raise SpecError(f"both sides changed `{disputed[0]}`", where=where)
    text = b"schema: '2.0'\n" + (b"stages:\n" if stages else b"stages: {}\n")
    text += b"".join(part.text for part in [*stages.values(), *others.values()])
    return Merged(text.replace(b"\n", newline), dropped)


def _read_lock(text: bytes, where: str) -> _Lock:
    if not text.strip():
        return _Lock({}, {})
    value = load_foreign_yaml(text, where)
    if not isinstance(value, dict) or str(value.get("schema")) != _SCHEMA:
        raise SpecError("is not a lock file of schema 2.0", where=where)
    sections = _take_apart(_SECTION, text, value, where)
    sections.pop("schema")
    whole = sections.pop("stages", None)
    stages = (whole.value if whole else None) or {}
    if not whole or not stages:
        return _Lock({}, sections)
    return _Lock(_take_apart(_STAGE, whole.text.partition(b"\n")[2], stages, where), sections)


def _take_apart(start: re.Pattern[bytes], text: bytes, values: Any, where: str) -> dict[str, _Part]:
    """Return the parts of a mapping's text by key; they and the keys that a YAML reader found are the same, or it is refused."""
    parts = [part for part in start.split(text) if part.strip()]
    keys = [
        load_foreign_yaml(part.partition(b"\n")[0].partition(b": ")[0].rstrip(b":") or b"''", where)
        for part in parts
    ]
    if not isinstance(values, dict) or [str(key) for key in keys] != [str(key) for key in values]:
        raise SpecError("is not laid out as DVC writes it", where=where)
    ended = [part if part.endswith(b"\n") else part + b"\n" for part in parts]
    return {str(key): _Part(part, value) for (key, value), part in zip(values.items(), ended, strict=True)}
