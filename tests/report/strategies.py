"""Comparisons of every shape for Hypothesis, made from the dataclasses' own annotations."""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st

from mlops_kit.compare.model import Comparison, PicturePair
from mlops_kit.report.json import WORDS
from mlops_kit.spec.build import field_types

# Signs that mean something to Markdown, HTML, Mermaid, rich or a reader from right to left come as often as all others.
SIGNS = "`|<>@#&*_[](){}!\\$~:;=-+.%\"'\n\r\t\x00\x1b\u202e\u200b\u2066\ufeff/1aGH"
texts = st.text(st.one_of(st.sampled_from(SIGNS), st.characters(exclude_categories=["Cs"])), max_size=30)
numbers = st.one_of(
    st.floats(-1e6, 1e6).map(lambda value: round(value, 6)), st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**60), 2**60), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=4,
)


def comparisons() -> st.SearchStrategy[Comparison]:
    """Return comparisons that `report.json.loads` takes: nothing in them is beyond its limits."""
    return _dataclass(Comparison)


def _dataclass(cls: type) -> st.SearchStrategy[Any]:
    hints = field_types(cls)
    parts = {item.name: _field(cls, item.name, hints[item.name]) for item in fields(cls)}
    if cls is Comparison:
        parts["confidence"] = st.sampled_from([0.8, 0.95, 0.995])
        parts["failure"] = st.one_of(st.just(""), texts)
        parts["unreadable"] = st.one_of(st.just(()), parts["unreadable"])
    return st.builds(cls, **parts)


def _field(cls: type, name: str, wanted: Any) -> st.SearchStrategy[Any]:
    if cls is PicturePair and name in ("old", "new"):
        return st.just("")
    return st.sampled_from(WORDS[cls, name]) if (cls, name) in WORDS else _kind(wanted)


def _kind(wanted: Any) -> st.SearchStrategy[Any]:
    origin = get_origin(wanted)
    if isinstance(wanted, type) and is_dataclass(wanted):
        return _dataclass(wanted)
    if origin in (Union, types.UnionType):
        options = [option for option in get_args(wanted) if option is not type(None)]
        return values if len(options) > 1 else st.one_of(st.none(), _kind(options[0]))
    if origin is Literal:
        return st.sampled_from(get_args(wanted))
    if origin is tuple:
        inner = get_args(wanted)
        if inner[-1] is Ellipsis:
            return st.lists(_kind(inner[0]), max_size=3).map(tuple)
        return st.tuples(*map(_kind, inner))
    if isinstance(wanted, type) and issubclass(wanted, StrEnum):
        return st.sampled_from(list(wanted))
    return {str: texts, float: numbers, int: st.integers(0, 10**9), bool: st.booleans()}[wanted]
