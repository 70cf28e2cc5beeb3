"""The reference of the rules, made of the docstrings of their dataclasses."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import get_args

from mlops_kit.data.rules.model import RULES, Bounds
from mlops_kit.spec.build import field_types
from mlops_kit.spec.docs import field_docs


def describe_rules() -> str:
    """Return the rules as Markdown, in the order of `RULES`."""
    parts = [f"## `{name}`\n\n{_doc(cls)}\n\n{_fields(cls)}" for name, cls in RULES.items()]
    return "\n".join(parts)


def _doc(cls: type) -> str:
    paragraphs = (inspect.getdoc(cls) or "").split("\n\n")
    return "\n\n".join(" ".join(text.split()) for text in paragraphs)


def _fields(cls: type) -> str:
    docs, hints = field_docs(cls), field_types(cls)
    lines = []
    for one in fields(cls):
        lines.append(f"- `{one.name}`{_default(one)}: {docs[one.name]}")
        if Bounds in get_args(hints[one.name]):
            lines += [f"  - `{inner}`: {text}" for inner, text in field_docs(Bounds).items()]
    return "\n".join(lines) + "\n"


def _default(one: object) -> str:
    default = getattr(one, "default", MISSING)
    if default is MISSING:
        return ""
    if default is None or default == () or isinstance(default, Mapping):
        return " (optional)"
    return f" (default `{str(default).lower() if isinstance(default, bool) else default}`)"
