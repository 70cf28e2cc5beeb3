"""The quick reader of YAML says what the real one says, or nothing."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.artifacts.plain_yaml import NotPlainError, parse_plain_yaml
from mlops_kit.artifacts.values import load_foreign_yaml
from mlops_kit.errors import SpecError

ROOT = Path(__file__).resolve().parents[2]
WORDS = st.sampled_from(
    ["a", "b", "path", "1", "-1", "1.5", "1e3", "0x1f", "0o17", "~", "null", "True", "yes", "on", "2020-01-01", "12:30", ".5", ".inf", ".NaN", "...", "---",
     "./x", "../x", ".mlops/x", "d3b07384d113edec49eaa6238ad5ff00", "12345678901234567890123456789012", "1234e678901234567890123456789012", "'q'", "'it''s'",
     '"d"', '"\\n"', "[]", "{}", "[a]", "{a: b}", "&x", "*x", "!t", "|", ">", "%", "@", "`", "=", "<<", "?", "-", "- a", "a: b", "a:b", "a #b", "a#b", "# c", "é", "a b",
     "a  b", "x &y", "${a}", "", " ", "a\tb", "\u2028", "\ufeff"]
)  # fmt: skip
LINES = st.builds(
    lambda indent, dash, key, value: f"{' ' * indent}{dash}{key}{value}",
    st.sampled_from([0, 0, 0, 1, 2, 2, 4]),
    st.sampled_from(["", "", "- ", "-  ", "-"]),
    st.one_of(st.just(""), st.builds(lambda word: f"{word}:", WORDS)),
    st.one_of(st.just(""), WORDS, st.builds(lambda word: f" {word}", WORDS)),
)
TREES: Any = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=100), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=9) | WORDS, inner)),
    max_leaves=25,
)


def _real(text: str) -> str:
    from mlops_kit.artifacts.values import _load_any_yaml

    try:
        return repr(_load_any_yaml(text, "x"))
    except SpecError:
        return "no YAML"


def _agrees(text: str) -> None:
    try:
        found = parse_plain_yaml(text)
    except NotPlainError:
        return
    assert repr(found or None) == _real(text)


@settings(max_examples=500, deadline=None)
@given(st.lists(LINES, max_size=12))
def test_random_lines_mean_what_the_real_reader_says(lines: list[str]) -> None:
    _agrees("\n".join(lines))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(WORDS, TREES, max_size=5))
def test_what_other_writers_write_is_read_as_the_real_reader_does(value: Any) -> None:
    from ruamel.yaml import YAML

    made = io.StringIO()
    YAML().dump(value, made)
    for text in (made.getvalue(), yaml.safe_dump(value, sort_keys=False), yaml.safe_dump(value, width=20)):
        _agrees(text)


@pytest.mark.parametrize("name", ["dvc.lock", "dvc.yaml"])
def test_the_files_of_a_project_are_plain(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert repr(parse_plain_yaml(text)) == _real(text)


def test_a_long_command_goes_on_in_the_next_line() -> None:
    text = "a:\n  cmd: one two\n    three\n  deps:\n  - path: x\n    md5: 1a\n"
    assert parse_plain_yaml(text) == {"a": {"cmd": "one two three", "deps": [{"path": "x", "md5": "1a"}]}}


@pytest.mark.parametrize(
    "text", ["a: &x 1\nb: *x", "a: |\n  b", "a: [1]", "- a", "a: 1\n---\nb: 2", "a: 'b\n  c'", "a\n"]
)
def test_what_is_not_plain_goes_to_the_real_reader(text: str) -> None:
    with pytest.raises(NotPlainError):
        parse_plain_yaml(text)


def test_an_empty_file_is_nothing() -> None:
    assert load_foreign_yaml("# only words\n", "x") is None
