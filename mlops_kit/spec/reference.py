"""The reference page of the project files, as Markdown."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, get_args

from mlops_kit.spec.build import describe_type, field_types
from mlops_kit.spec.docs import class_doc, field_docs
from mlops_kit.spec.jsonschema import FILES

INTRO = """\
# The project files

Made from the dataclasses in `mlops_kit/spec/model.py`; do not edit, run `make generate`. YAML is read strictly: version 1.2
scalars (`yes` and `on` are texts), no duplicate keys, no anchors, no tags. `params.yaml` has one section for each stage; its keys
are the fields of the params dataclass in the step's file (`mlops-kit help steps`).
"""


def render_reference() -> str:
    """Return the reference page."""
    parts = [INTRO]
    for name, cls in FILES.items():
        parts.append(f"## {name}.yaml\n\n{class_doc(cls).split(': ', 1)[-1]}\n")
        parts.extend(_section(inner, prefix) for prefix, inner in _walk(cls, ""))
    return "\n".join(parts)


def _walk(cls: type, prefix: str) -> list[tuple[str, type]]:
    found = [(prefix, cls)]
    for name, hint in field_types(cls).items():
        for option in (hint, *get_args(hint)):
            if is_dataclass(option) and isinstance(option, type):
                inner = (
                    name if option is hint else f"{name}.<name>" if "Mapping" in str(hint) else f"{name}[]"
                )
                found += _walk(option, f"{prefix}{inner}.")
    return found


def _section(cls: type, prefix: str) -> str:
    docs, hints = field_docs(cls), field_types(cls)
    rows = [
        f"| `{prefix}{f.name}` | {describe_type(hints[f.name])} | {_default(f)} | {docs[f.name]} |"
        for f in fields(cls)
    ]
    return "\n".join(["| key | value | default | meaning |", "|---|---|---|---|", *rows, ""])


def _default(item: Field[Any]) -> str:
    if item.default is MISSING:
        return "required" if item.default_factory is MISSING else "empty"
    return (
        "empty"
        if item.default in (None, "", ())
        else f"`{str(item.default).lower() if isinstance(item.default, bool) else item.default}`"
    )
