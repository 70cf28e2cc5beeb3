"""Entries of dvc.lock as text: what is written directly is what the library of DVC writes."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.artifacts.lock_text import UnusualError, document_text, dump, entry_text, load_for_update

WORDS = st.sampled_from(
    ["python", "-m", "a.b", "--x=1", "&&", ">", "'q", "$(x)", "{a}", "a:b", "#c", "x" * 40, "y" * 90, "|", "*", "%", "true", "-", "?", "1", "é"]
)  # fmt: skip
TEXTS = st.lists(WORDS, max_size=24).map(" ".join)
LEAVES = st.one_of(
    TEXTS, st.integers(-9, 10**9), st.floats(allow_nan=False), st.booleans(), st.none(), st.text(max_size=8)
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS.filter(len), inner, max_size=3), max_leaves=6)  # fmt: skip
DIGESTS = st.text("0123456789abcdef", min_size=32, max_size=32) | st.text(
    "0123456789e", min_size=32, max_size=32
)


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    out = {"path": draw(TEXTS), "hash": "md5", "md5": draw(DIGESTS), "size": draw(st.integers(0, 10**12))}
    cmd = draw(TEXTS | st.lists(TEXTS, min_size=1, max_size=3))
    return {"cmd": cmd, "params": {"params.yaml": {"lr": draw(VALUES)}}, "outs": [out]}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["train", "each@a-1", "1", "true", "a b"]), entries())
def test_entry_is_written_as_the_library_writes_it(name: str, entry: dict[str, Any]) -> None:
    try:
        text = entry_text(name, entry)
    except UnusualError:
        return
    assert "stages:\n" + text == dump({"stages": {name: entry}})
    assert dump(load_for_update("stages:\n" + text)) == "stages:\n" + text


@settings(max_examples=60, deadline=None)
@given(entries())
def test_document_is_written_as_the_library_writes_it(entry: dict[str, Any]) -> None:
    assert document_text(entry) == dump(entry)
