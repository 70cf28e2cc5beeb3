"""Templates are resolved as DVC itself resolves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.artifacts.dvcfiles import read_pipeline
from mlops_kit.artifacts.templating import Templates, to_text
from mlops_kit.errors import SpecError

FILES = {
    "params.yaml": "lr: 1e-3\non: true\nmodels: [tree, net]\nsizes: {small: 1, 2: big}\nnested: {a: {b: [x, {c: 7}]}}\nopts: {depth: 3, fast: true, name: 'a b', ids: [1, 2]}\n",
    "extra.json": '{"extra": {"path": "out"}, "other": 1}',
    "sub/conf.toml": 'word = "deep"\n',
}
DOCUMENTS = {
    "plain": "stages: {s: {cmd: 'run ${lr} ${on}', outs: ['${nested.a.b[0]}.txt'], metrics: ['m-${nested.a.b[1].c}.json': {cache: false}]}}",
    "escaped": r"stages: {s: {cmd: 'echo \${HOME} ${lr}'}}",
    "options": "stages: {s: {cmd: 'python t.py ${opts}'}}",
    "vars": "vars: [extra.json, {k: {v: 1}}]\nstages: {s: {cmd: 'x ${extra.path} ${k.v}', deps: ['${extra.path}/a']}}",
    "some keys of a file": "vars: ['extra.json:extra']\nstages: {s: {cmd: 'x ${extra.path}'}}",
    "vars of a stage": "stages: {s: {wdir: sub, vars: [conf.toml, {z: 3}], cmd: 'x ${word} ${z}'}, t: {cmd: 'y ${lr}'}}",
    "wdir": "stages: {s: {wdir: '${nested.a.b[0]}', cmd: 'y'}}",
    "list": "stages: {s: {foreach: [a, 1, true, 1.5], do: {cmd: 'x ${item}', outs: ['${item}.txt']}}}",
    "list of mappings": "stages: {s: {foreach: [{n: a}, {n: b}], do: {cmd: 'x ${item.n}'}}}",
    "mapping": "stages: {s: {foreach: {u: {n: 1}, v: {n: 2}}, do: {cmd: 'x ${key} ${item.n} ${lr}'}}}",
    "named list": "stages: {s: {foreach: '${models}', do: {cmd: 'x ${item}'}}}",
    "keys that are numbers": "stages: {s: {foreach: '${sizes}', do: {cmd: 'x ${key} ${item}'}}}",
    "matrix": "stages: {s: {matrix: {m: '${models}', d: [1, {q: 2}]}, cmd: 'x ${item.m} ${key}', outs: ['${key}']}}",
    "list of commands": "stages: {s: {cmd: ['a ${lr}', 'b ${on}']}}",
    "keys": "stages: {s: {cmd: x, params: ['${extra}.yaml': [a]]}}\nvars: [{extra: cfg}]",
}  # fmt: skip
BROKEN = {
    "unknown name": "stages: {s: {cmd: 'x ${nothing}'}}",
    "index out of range": "stages: {s: {cmd: 'x ${models[9]}'}}",
    "file that is not there": "vars: [gone.yaml]\nstages: {s: {cmd: 'x ${lr}'}}",
    "mapping where a value is needed": "stages: {s: {cmd: x, outs: ['${nested}']}}",
    "foreach over a text": "stages: {s: {foreach: '${lr}', do: {cmd: x}}}",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from dvc.repo import Repo

    root = tmp_path_factory.mktemp("templates")
    for name, text in FILES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    Repo.init(str(root), no_scm=True).close()
    return root


def by_dvc(root: Path, document: str) -> dict[str, Any]:
    """Return the stages as DVC's own resolver gives them."""
    from dvc.parsing import DataResolver
    from dvc.repo import Repo
    from dvc.utils.serialize import parse_yaml

    repo = Repo(str(root))
    try:
        resolved: dict[str, Any] = DataResolver(repo, str(root), parse_yaml(document, "dvc.yaml")).resolve()
    finally:
        repo.close()
    return dict(resolved["stages"])


def ours(root: Path, document: str) -> dict[str, Any]:
    value = yaml.safe_load(document)
    read = lambda path: (root / path).read_bytes() if (root / path).is_file() else None  # noqa: E731
    templates = Templates(value.get("vars"), "", "dvc.yaml", read)
    return {
        name: stage for key, entry in value["stages"].items() for name, stage in templates.stages(key, entry)
    }


@pytest.mark.parametrize("name", DOCUMENTS)
def test_stages_are_those_of_dvc(name: str, folder: Path) -> None:
    assert ours(folder, DOCUMENTS[name]) == by_dvc(folder, DOCUMENTS[name])


@pytest.mark.parametrize("name", BROKEN)
def test_what_dvc_refuses_is_named(name: str, folder: Path) -> None:
    with pytest.raises(Exception, match=r"dvc\.yaml|stages"):
        by_dvc(folder, BROKEN[name])
    with pytest.raises(SpecError, match=r"dvc\.yaml"):
        ours(folder, BROKEN[name])


def test_one_broken_stage_does_not_hide_the_others() -> None:
    text = "stages:\n  bad: {cmd: 'x ${gone}'}\n  good: {cmd: y, metrics: [m.json]}\n"
    pipeline = read_pipeline(text, "", "dvc.yaml")
    assert [output.path for output in pipeline.outputs] == ["m.json"]
    assert "`${gone}`" in pipeline.problems[0]


def test_a_stage_that_stands_for_too_many_is_refused() -> None:
    axes = ", ".join(f"{name}: [{', '.join(map(str, range(30)))}]" for name in "abcd")
    assert (
        "810,000"
        in read_pipeline(f"stages: {{s: {{matrix: {{{axes}}}, cmd: x}}}}", "", "dvc.yaml").problems[0]
    )


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))  # fmt: skip
def test_any_stage_is_read_or_is_among_the_problems(value: Any) -> None:
    pipeline = read_pipeline(yaml.safe_dump({"stages": {"s": value, "t": {"cmd": "x"}}}), "", "dvc.yaml")
    assert "t" in pipeline.stages
    assert len(pipeline.stages) + len(pipeline.problems) >= 2


@given(st.one_of(st.booleans(), st.integers(), st.text()))
def test_text_of_a_plain_value_is_that_of_dvc(value: Any) -> None:
    from dvc.parsing.interpolate import to_str

    assert to_text(value) == to_str(value)
