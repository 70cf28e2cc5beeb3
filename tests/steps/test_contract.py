"""Contracts are read from the source, without importing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_kit.errors import SpecError
from mlops_kit.spec.model import StepUse
from mlops_kit.steps.catalog import CATALOG, module_file
from mlops_kit.steps.contract import ArtifactRef, read_contract
from mlops_kit.steps.declared import declared_files

GOOD = '''
"""Train it."""
from dataclasses import dataclass
from typing import NamedTuple
raise RuntimeError("imported")
import numpy as np
from mlops_kit import InputFile, Metrics, Model, Table, run, step

@dataclass(frozen=True)
class TrainParams:
    depth: int = 3
    extra: InputFile | None = None

class Trained(NamedTuple):
    model: Model
    training: Metrics

@step(contract=4)
def train(train: Table, *, task, params: TrainParams) -> Trained:
    import sklearn.ensemble
'''


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "train.py"
    path.write_text(text)
    return path


def test_contract_says_what_the_signature_says(tmp_path: Path) -> None:
    contract = read_contract(write(tmp_path, GOOD))
    assert contract.function == "train"
    assert contract.version == 4
    assert contract.inputs == (ArtifactRef("train", "Table"),)
    assert [ref.path for ref in contract.outputs] == ["models/model.skops", "metrics/training.json"]
    assert contract.params_class == "TrainParams"
    assert contract.input_files == ("extra",)
    assert contract.spec_inputs == ("task",)
    assert {"numpy", "sklearn"} <= set(contract.imports)


def test_single_return_is_named_like_the_step(tmp_path: Path) -> None:
    contract = read_contract(write(tmp_path, "@step\ndef features(clean: Arrow) -> Arrow: ...\n"))
    assert contract.outputs == (ArtifactRef("features", "Arrow"),)
    assert contract.version == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def train(): ...", "no function"),
        ("@step\ndef a(x: Table) -> Table: ...\n@step\ndef b(x: Table) -> Table: ...", "2 functions"),
        ("@step\ndef a(x: DataFrame) -> Table: ...", "which is no artifact kind"),
        ("@step\ndef a(x) -> Table: ...", "annotated `nothing`"),
        ("@step\ndef a(x: Table): ...", "returns `nothing`"),
        ("@step\ndef a(x: Table, *, color: str) -> Table: ...", "unknown keyword parameter `color`"),
        ("@step\ndef a(x: Table", "not valid Python"),
    ],
)
def test_bad_step_file_names_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        read_contract(write(tmp_path, text))
    assert "train.py:" in str(caught.value)


def test_missing_step_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such step file"):
        read_contract(tmp_path / "absent.py")


@pytest.mark.parametrize("name", CATALOG)
def test_every_built_in_step_has_a_contract_and_a_summary(name: str) -> None:
    contract = read_contract(module_file(CATALOG[name]))
    assert contract.summary.endswith(".")
    assert contract.outputs


FROZEN = "from mlops_kit import Manifest, PartitionRows, step\n"


def test_frozen_step_depends_on_the_manifest_beside_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "s.py"
    path.write_text(
        FROZEN
        + "def source(params, task): ...\n@step(frozen=True)\ndef raw(*, manifest: Manifest) -> PartitionRows: ...\n"
    )
    contract = read_contract(path)
    assert contract.frozen
    assert declared_files(contract, StepUse(), {}).reads == ("data/raw.manifest.jsonl",)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("@step(frozen=True)\ndef raw(*, manifest: Manifest) -> PartitionRows: ...\n", "function `source`"),
        (
            "def source(p, t): ...\n@step(frozen=True)\ndef raw() -> PartitionRows: ...\n",
            "manifest: Manifest",
        ),
        ("@step\ndef raw(*, manifest: Manifest) -> PartitionRows: ...\n", "for frozen steps"),
    ],
)
def test_frozen_step_that_lacks_something_is_refused_with_its_line(
    tmp_path: Path, body: str, message: str
) -> None:
    path = tmp_path / "s.py"
    path.write_text(FROZEN + body)
    with pytest.raises(SpecError, match=message):
        read_contract(path)


def test_code_that_params_name_is_read_with_its_default() -> None:
    assert read_contract(module_file("mlops_kit.steps.labels.label_functions")).input_code == (
        ("file", "steps/label_functions.py"),
    )
