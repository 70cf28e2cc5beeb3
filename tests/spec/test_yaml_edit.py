"""Single values are set, and nothing else of a file changes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.errors import SpecError
from mlops_kit.spec.yaml_edit import set_values
from mlops_kit.spec.yamlfile import parse_yaml

TEXT = """\
# what we try
train: {rate: 0.05, deep: {a: "x"}}  # keep: this

clean:
  dedupe: true   # always
  names:
  - one
empty: {}
"""

scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))  # fmt: skip


@settings(max_examples=50)
@given(scalars, scalars)
def test_what_was_set_is_read_back_and_the_rest_stays(
    one: str | float | None, two: str | float | None
) -> None:
    made = set_values(TEXT, {"train.deep.a": one, "clean.dedupe": two}, where="params.yaml")
    expected = parse_yaml(TEXT, where="")
    expected["train"]["deep"]["a"], expected["clean"]["dedupe"] = one, two
    assert parse_yaml(made, where="") == expected
    assert "# what we try\ntrain: {rate: 0.05, deep: {a: " in made
    assert "}}  # keep: this\n" in made


def test_a_new_name_is_added_to_its_mapping_in_its_style() -> None:
    made = set_values(
        TEXT, {"train.new": 1, "empty.x": "yes", "clean.more": False, "last": "a, b"}, where="params.yaml"
    )
    assert 'deep: {a: "x"}, new: 1}  # keep: this\n' in made
    assert made.endswith("  - one\n  more: false\nempty: {x: 'yes'}\nlast: \"a, b\"\n")
    assert parse_yaml(made, where="")["clean"] == {"dedupe": True, "names": ["one"], "more": False}


@pytest.mark.parametrize("name", ["gone.a", "train.rate.x", "clean.names", "train.deep"])
def test_what_is_no_single_value_of_a_mapping_is_refused(name: str) -> None:
    with pytest.raises(SpecError, match=r"params\.yaml"):
        set_values(TEXT, {name: 1}, where="params.yaml")
