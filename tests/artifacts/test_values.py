"""Values of foreign files, read as DVC reads them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.artifacts.values import flatten, load_foreign_yaml, parse_values
from mlops_kit.errors import SpecError


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("m.json", '{"a": {"b": 1}}', {"a": {"b": 1}}),
        ("m.yaml", "a: 1e-3\nb: 010\nc: on\nd: 0o17\ne: .5\nf: 1_000\n", {"a": 0.001, "b": 10, "c": "on", "d": 15, "e": 0.5, "f": 1000}),
        ("m", "0.5\n", 0.5),
        ("m.yml", "\ufeffa: 1\n", {"a": 1}),
        ("m.toml", "[x]\ny = 2\n", {"x": {"y": 2}}),
        ("m.csv", "acc,loss\n0.5,2\n", {"acc": 0.5, "loss": 2}),
        ("m.csv", "epoch,loss\n1,3\n2,2.5\n", {"epoch": 2, "loss": 2.5}),
        ("m.csv", "metric,value\nacc,0.5\nloss,2\n", {"acc": 0.5, "loss": 2}),
        ("m.csv", "acc,0.5\nloss,2\n", {"acc": 0.5, "loss": 2}),
        ("m.tsv", "", {}),
        ("p.py", "a = 1\nb: float = 0.5\nc = f()\nclass D:\n    e = 'x'\n", {"a": 1, "b": 0.5, "D": {"e": "x"}}),
    ],
)  # fmt: skip
def test_file_is_read_by_its_extension(path: str, text: str, value: Any) -> None:
    assert parse_values(path, text.encode()) == value


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("m.json", b"{"), ("m.json", b"\xff\xfe"), ("m.yaml", b"a: [\n"), ("m.toml", b"= 1"), ("m.csv", b"a,b\n1\n"), ("p.py", b"def ("),
        ("m.yaml", b"a: 1\n<<<<<<< HEAD\nb: 2\n"), ("m.json", b"[" * 100_000), ("m.yaml", b"? [a, b]\n: 1\n"),
    ],
)  # fmt: skip
def test_file_that_is_not_what_it_should_be_is_named(path: str, content: bytes) -> None:
    with pytest.raises(SpecError, match=path):
        parse_values(path, content)


def test_a_yaml_bomb_is_refused() -> None:
    levels = "\n".join(
        f"l{n}: &l{n} {{{', '.join(f'k{i}: *l{n - 1}' for i in range(9))}}}" for n in range(1, 9)
    )
    with pytest.raises(SpecError, match="100,000"):
        list(flatten(load_foreign_yaml(f"l0: &l0 {{a: 1}}\n{levels}\n", "m.yaml")))


@given(
    st.dictionaries(
        st.text(), st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.booleans()
    )
)
def test_yaml_numbers_are_those_of_dvc(values: dict[str, Any]) -> None:
    import io

    from ruamel.yaml import YAML

    out = io.StringIO()
    YAML().dump(values, out)
    assert load_foreign_yaml(out.getvalue(), "m.yaml") == YAML(typ="safe", pure=True).load(out.getvalue())
