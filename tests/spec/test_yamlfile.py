"""Strict YAML."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.errors import SpecError
from mlops_kit.spec.scalars import resolve_scalar
from mlops_kit.spec.yamlfile import MAX_DEPTH, compose_yaml, dump_yaml, parse_yaml

texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(texts, values, max_size=5))
def test_what_is_dumped_is_parsed_back(value: dict[str, object]) -> None:
    assert parse_yaml(dump_yaml(value), where="x") == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("yes", "yes"), ("off", "off"), ("true", True), ("0o17", 15), ("017", 17), ("0x1F", 31), ("1e3", 1000.0), ("12:30", "12:30"),
     ("2013-01-01", "2013-01-01"), ("~", None), ("", None), (".5", 0.5), ("1_000", "1_000"), ("+7", 7), ("1.", 1.0), ("-", "-")],
)  # fmt: skip
def test_scalars_follow_version_1_2(text: str, value: object) -> None:
    assert resolve_scalar(text) == value
    assert type(resolve_scalar(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "stands here twice"),
        ("a: &x 1\nb: *x\n", "anchors"),
        ("a: !!python/name:os.system\n", "tag"),
        ("a: !custom 1\n", "tag"),
        ("a: [1\n", "not valid YAML"),
        ("a: 1\n---\nb: 2\n", "second YAML document"),
        ("? [a]\n: 1\n", "key must be plain"),
        ("a: \t- 1\n b: 2\n", "not valid YAML"),
        ("[" * (MAX_DEPTH + 5) + "]" * (MAX_DEPTH + 5), "nested more than"),
        ("a: '" + "x" * (1 << 20) + "'\n", "larger than"),
        ("a: \x07\n", "not valid YAML"),
    ],
)
def test_everything_else_is_refused_with_file_and_line(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        parse_yaml(text, where="f.yaml")
    assert str(caught.value).startswith("f.yaml")


def test_every_value_has_a_line() -> None:
    document = compose_yaml("a: 1\nb:\n  c: [x,\n      y]\n", where="f.yaml")
    assert document.place(("b", "c")) == "f.yaml:3"
    assert document.place(("b", "c", 1)) == "f.yaml:4"
    assert document.place(("b", "absent")) == "f.yaml:2"
