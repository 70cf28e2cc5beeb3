"""The model is documented once, and everything else follows from it."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass

import pytest
from jsonschema import Draft202012Validator

from mlops_kit.errors import SpecError
from mlops_kit.outside.resources import templates_root
from mlops_kit.spec import model
from mlops_kit.spec.docs import field_docs
from mlops_kit.spec.jsonschema import FILES, schema_files, schema_for
from mlops_kit.spec.load import load_dataclass, load_kpis, load_lifecycle
from mlops_kit.spec.reference import render_reference
from mlops_kit.spec.yamlfile import parse_yaml

CLASSES = [value for value in vars(model).values() if isinstance(value, type) and is_dataclass(value)]
GOOD = (
    "version: 1\nproject: {name: p}\ntask: {kind: regression, target: y, key: [id]}\nsteps: {a: {cmd: x}}\n"
)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_field_is_documented_and_stands_on_the_reference_page(cls: type) -> None:
    page = render_reference()
    for item in fields(cls):
        assert len(field_docs(cls)[item.name]) > 10
        assert field_docs(cls)[item.name] in page


LABELS = "version: 1\ntasks: {late: {type: class, classes: [late, on_time]}}\n"


@pytest.mark.parametrize("name", FILES)
def test_schema_is_valid_and_accepts_the_example_project(name: str) -> None:
    schema = schema_for(FILES[name])
    Draft202012Validator.check_schema(schema)
    kind = parse_yaml((templates_root() / "kinds/flights/kind.yaml").read_text(), where="kind")
    own = {"mlops": GOOD, "labels": LABELS}
    example = parse_yaml(own[name], where="x") if name in own else kind[name]
    assert not list(Draft202012Validator(schema).iter_errors(example))
    assert list(Draft202012Validator(schema).iter_errors({**example, "nonsense": 1}))


def test_schema_files_are_json_for_editors() -> None:
    assert all(json.loads(text)["$schema"] for text in schema_files().values())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: p", "nmae: p", "did you mean `name`"),
        ("target: y, ", "", "`task.target` is missing"),
        ("key: [id]", "key: []", "`task.key` does not fit"),
        ("key: [id]", "key: id", "a list of text"),
        ("name: p", "name: 3", "it must be text"),
        ("name: p", "name: a b", "does not fit"),
        ("version: 1", "version: 2", "use `1`"),
        ("{a: {cmd: x}}", "[a]", "a mapping of names to a mapping"),
        ("{name: p}", "{name: p, default_branch: '-x'}", "a branch name"),
    ],
)
def test_bad_lifecycle_names_line_and_fix(old: str, new: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_lifecycle(GOOD.replace(old, new))
    assert message in f"{caught.value.message} {caught.value.fix}"
    assert caught.value.where.startswith("mlops.yaml:")


def test_promise_without_a_bound_is_refused() -> None:
    with pytest.raises(SpecError, match=r"kpis\.yaml:2"):
        load_kpis("kpis:\n  - {metric: auc}\n")


def test_params_are_checked_by_the_step_s_own_dataclass() -> None:
    assert load_dataclass(model.Runtime, {"threads": 2}, where="params.yaml (x)").threads == 2
    with pytest.raises(SpecError, match=r"params\.yaml \(x\)"):
        load_dataclass(model.Runtime, {"threads": "two"}, where="params.yaml (x)")
