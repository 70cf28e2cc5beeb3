"""Properties of the pure writers: read back equal, and blind to the order in which mappings were filled."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import tarfile
import zipfile
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit import canonical

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=15,
)
NAME = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1, max_size=8
)
PATH = st.lists(NAME.filter(lambda name: name.strip(".")), min_size=1, max_size=3).map("/".join)
MEMBERS = st.dictionaries(PATH, st.binary(max_size=20), max_size=4)


def refilled(value: Any, seed: int) -> Any:
    """Return an equal value whose mappings were filled in another order."""
    if isinstance(value, dict):
        items = list(value.items())
        random.Random(seed).shuffle(items)
        return {key: refilled(item, seed) for key, item in items}
    return [refilled(item, seed) for item in value] if isinstance(value, list) else value


@given(JSON, st.integers())
def test_json_is_read_back_and_does_not_depend_on_order(value: Any, seed: int) -> None:
    text = canonical.canonical_json(value)
    assert json.loads(text) == value
    assert canonical.canonical_json(refilled(value, seed)) == text
    assert [json.loads(line) for line in canonical.json_lines([value, value]).split("\n")[:-1]] == [value] * 2


@given(JSON, st.integers())
def test_yaml_is_read_back_and_does_not_depend_on_order(value: Any, seed: int) -> None:
    text = canonical.yaml_text([value, value])
    assert yaml.safe_load(text) == [value, value]
    assert canonical.yaml_text(refilled([value, value], seed)) == text


@given(st.lists(st.fixed_dictionaries({"a": TEXT, "b": st.integers()}), min_size=1, max_size=5))
def test_csv_is_read_back(rows: list[dict[str, Any]]) -> None:
    read = list(csv.DictReader(io.StringIO(canonical.csv_text(rows), newline="")))
    assert read == [{"a": row["a"], "b": str(row["b"])} for row in rows]


@given(MEMBERS, st.integers())
def test_zip_and_tar_are_read_back_and_do_not_depend_on_order(members: dict[str, bytes], seed: int) -> None:
    other = refilled(members, seed)
    zipped, tarred = canonical.pack_zip(members), canonical.pack_tar(members)
    assert (canonical.pack_zip(other), canonical.pack_tar(other)) == (zipped, tarred)
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == members
    with tarfile.open(fileobj=io.BytesIO(tarred)) as archive:
        assert {i.name: archive.extractfile(i).read() for i in archive} == members  # type: ignore[union-attr]


@given(st.binary())
def test_gzip_is_read_back(content: bytes) -> None:
    assert gzip.decompress(canonical.gzip_bytes(content)) == content
