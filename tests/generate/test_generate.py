"""From declarations to dvc.yaml."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlops_kit.errors import SpecError
from mlops_kit.generate import Sources, generate_pipeline
from mlops_kit.spec.model import Lifecycle, Project, StepUse, Task

LOAD = "from mlops_kit import Arrow, run, step\n@step\ndef load() -> Arrow:\n    '''Load rows.'''\n"
FIT = (
    "from dataclasses import dataclass\nfrom typing import NamedTuple\nfrom mlops_kit import *\nfrom steps.shared import depth\n"
    "import sklearn.tree\n@dataclass(frozen=True)\nclass FitParams:\n    extra: InputFile = ''\n"
    "class Fit(NamedTuple):\n    model: Model\n    fitting: Metrics\n    loss: Curve\n"
    "@step(contract=2)\ndef fit(load: Table, *, task, kpis, params: FitParams) -> Fit:\n    ...\n"
)


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps/load.py").write_text(LOAD)
    (tmp_path / "steps/fit.py").write_text(FIT)
    (tmp_path / "steps/shared.py").write_text("from . import deeper\n")
    (tmp_path / "steps/deeper.py").write_text("depth = 1\n")
    (tmp_path / "kpis.yaml").write_text("kpis: []\n")
    (tmp_path / "extra.csv").write_text("a\n")
    steps = {"load": StepUse(uses="steps/load.py"), "fit": StepUse(uses="steps/fit.py", owner="@ml")}
    lifecycle = Lifecycle(1, Project("p", owner="@ops"), Task("classification", "y", ("id",)), steps)
    return Sources(tmp_path, lifecycle, {"fit": {"extra": "extra.csv"}})


def with_steps(sources: Sources, **steps: StepUse) -> Sources:
    return replace(sources, lifecycle=replace(sources.lifecycle, steps=steps))


def pipeline(sources: Sources) -> dict[str, Any]:
    value: dict[str, Any] = yaml.safe_load(generate_pipeline(sources)["dvc.yaml"])
    return value["stages"]


def test_stage_names_everything_that_can_change_its_result(sources: Sources) -> None:
    fit = pipeline(sources)["fit"]
    assert fit["cmd"] == "python -m steps.fit"
    assert fit["deps"] == [
        "data/load.parquet",
        "extra.csv",
        "kpis.yaml",
        "steps/deeper.py",
        "steps/fit.py",
        "steps/shared.py",
    ]
    assert fit["params"][:2] == ["fit", {"mlops.yaml": ["task"]}]
    keys = fit["params"][2][".mlops/provenance.yaml"]
    assert {"packages.scikit-learn", "packages.pandas", "packages.skops", "runtime.threads"} <= set(keys)
    assert "packages.rich" not in keys


def test_outputs_are_declared_by_their_kind(sources: Sources) -> None:
    fit = pipeline(sources)["fit"]
    assert fit["outs"] == ["models/model.skops"]
    assert fit["metrics"] == [{"metrics/fitting.json": {"cache": False}}]
    assert fit["plots"] == [{"plots/loss.csv": {"cache": False, "x": "x", "y": "y"}}]
    assert fit["meta"] == {"owner": "@ml"}


def test_provenance_records_the_installed_versions(sources: Sources) -> None:
    from importlib.metadata import version
    from platform import python_version_tuple

    text = generate_pipeline(sources)[".mlops/provenance.yaml"]
    recorded = yaml.safe_load(text)
    assert recorded["packages"]["scikit-learn"] == version("scikit-learn")
    assert recorded["runtime"] == {"threads": 1, "python": ".".join(python_version_tuple()[:2])}
    assert "scikit-learn" in recorded["stages"]["fit"]


def test_generating_twice_gives_the_same_text(sources: Sources) -> None:
    assert generate_pipeline(sources) == generate_pipeline(sources)


def test_stage_named_otherwise_than_its_function_is_told_its_name(sources: Sources) -> None:
    renamed = with_steps(sources, first=StepUse(uses="steps/load.py", outputs={"load": "rows"}))
    assert pipeline(renamed)["first"]["cmd"] == "python -m steps.load first"
    assert pipeline(renamed)["first"]["outs"] == ["data/rows.parquet"]


def test_command_stage_keeps_its_words(sources: Sources) -> None:
    use = StepUse(cmd="true", deps=("extra.csv",), outs=("out.txt",), metrics=("m.json",), params=("fit",))
    stage = pipeline(with_steps(sources, shell=use))["shell"]
    assert stage["cmd"] == "true"
    assert stage["outs"] == ["out.txt"]
    assert stage["metrics"] == [{"m.json": {"cache": False}}]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ({"a": StepUse(uses="trian.classifier")}, "neither a built-in step"),
        ({"a": StepUse(uses="steps/absent.py")}, "which does not exist"),
        ({"a": StepUse(uses="../outside.py")}, "leaves the project"),
        ({"a": StepUse()}, "neither `uses` nor `cmd`"),
        ({"a": StepUse(cmd=" ")}, "empty `cmd`"),
        ({"a": StepUse(uses="x.py", cmd="true")}, "both `uses` and `cmd`"),
        ({"fit": StepUse(uses="steps/fit.py")}, "which no step writes"),
        (
            {"load": StepUse(uses="steps/load.py"), "again": StepUse(uses="steps/load.py")},
            "both write data/load.parquet",
        ),
        ({"load": StepUse(uses="steps/load.py", inputs={"x": "y"})}, "`inputs` renames x"),
        ({"train": StepUse(cmd="x", params=("train",))}, "no section `train`"),
        (
            {
                "a": StepUse(cmd="x", deps=("b",), outs=("a",)),
                "b": StepUse(cmd="x", deps=("a",), outs=("b",)),
            },
            "cycle",
        ),
        ({"a": StepUse(cmd="x", deps=("absent.csv",))}, "does not exist"),
    ],
)
def test_unusable_declaration_is_a_clear_error(
    sources: Sources, steps: dict[str, StepUse], message: str
) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        generate_pipeline(with_steps(sources, **steps))
    assert caught.value.where.startswith(("mlops.yaml", "params.yaml"))


def test_user_code_is_never_imported(sources: Sources) -> None:
    (sources.root / "steps/deeper.py").write_text("raise SystemExit('imported')\n")
    assert "fit" in pipeline(sources)


@pytest.mark.parametrize("rule", ["steps/tidy.py:f", {"function": "steps/tidy.py:f", "keeps_rows": False}])
def test_functions_of_rules_are_code_of_the_stage(sources: Sources, rule: Any) -> None:
    (sources.root / "steps/tidy.py").write_text("import sklearn.tree\nfrom steps import shared\n")
    made = replace(
        with_steps(sources, clean=StepUse(uses="clean.rules"), raw=StepUse(cmd="x", outs=("data/raw",))),
        params={"clean": {"rules": [{"trim": ["a"]}, {"apply": rule}]}},
    )
    (sources.root / "schema.yaml").write_text("columns: {a: {type: string}}\n")
    clean = pipeline(made)["clean"]
    assert clean["cmd"] == "python -m mlops_kit.steps.data.clean_rules"
    assert {"steps/tidy.py", "steps/shared.py", "steps/deeper.py", "schema.yaml"} <= set(clean["deps"])
    keys = clean["params"][-1][".mlops/provenance.yaml"]
    assert {"packages.scikit-learn", "packages.duckdb", "packages.pandas", "contracts.clean"} <= set(keys)
    (sources.root / "steps/tidy.py").unlink()
    with pytest.raises(SpecError, match=r"calls functions of steps/tidy\.py, which is not there"):
        pipeline(made)


def test_tables_of_foreign_keys_are_dependencies_of_who_judges_rows(sources: Sources) -> None:
    (sources.root / "schema.yaml").write_text(
        "columns:\n  tail: {type: string, references: planes.tailnum}\n  port: {type: string, references: ports.faa}\n"
        "  own: {type: string, references: clean.id}\n"
    )
    (sources.root / "data").mkdir()
    (sources.root / "data/ports.parquet").write_bytes(b"")
    made = with_steps(
        sources,
        clean=StepUse(uses="clean.rules"),
        raw=StepUse(cmd="x", outs=("data/raw",)),
        planes=StepUse(cmd="x", outs=("data/planes",)),
        load=StepUse(uses="steps/load.py"),
    )
    stages = pipeline(replace(made, params={"clean": {}}))
    assert {"data/planes", "data/ports.parquet"} <= set(stages["clean"]["deps"])
    assert "data/clean.parquet" not in stages["clean"]["deps"]
    assert "deps" not in stages["load"] or "data/planes" not in stages["load"]["deps"]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"trimm": ["a"]}, "clean rule 1: unknown rule `trimm`"),
        ({"drop": 3}, r"clean rule 1 \(drop\)"),
        ("trim", "a rule has one key"),
    ],
)
def test_rules_that_cannot_be_read_are_named_before_anything_runs(
    sources: Sources, rule: Any, message: str
) -> None:
    made = with_steps(sources, clean=StepUse(uses="clean.rules"), raw=StepUse(cmd="x", outs=("data/raw",)))
    with pytest.raises(SpecError, match=message):
        pipeline(replace(made, params={"clean": {"rules": [rule]}}))


def test_file_of_label_functions_is_code_of_its_stage(sources: Sources) -> None:
    (sources.root / "steps/label_functions.py").write_text("import sklearn.tree\nfrom steps import shared\n")
    (sources.root / "schema.yaml").write_text("columns: {a: {type: string}}\n")
    (sources.root / "labels").mkdir()
    (sources.root / "labels/labels.yaml").touch()
    used = with_steps(
        sources, votes=StepUse(uses="label.functions"), clean=StepUse(cmd="x", outs=("data/clean.parquet",))
    )
    votes = pipeline(replace(used, params={"votes": {}}))["votes"]
    wanted = {
        "data/clean.parquet",
        "labels/labels.yaml",
        "schema.yaml",
        "steps/label_functions.py",
        "steps/shared.py",
    }
    assert wanted <= set(votes["deps"])
    assert "packages.scikit-learn" in votes["params"][-1][".mlops/provenance.yaml"]
