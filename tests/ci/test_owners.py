"""CODEOWNERS: the owners of promises review edits of the contract."""

from __future__ import annotations

from pathlib import Path

from mlops_kit.ci.owners import FILE, code_owners
from mlops_kit.project.desired import desired_files
from mlops_kit.project.write import is_untouched
from mlops_kit.spec.load import load_kpis, load_lifecycle
from tests.support.world import ROOT, edit

LIFECYCLE = """\
version: 1
project: {name: p, owner: "@org/ml"}
task: {kind: regression, target: y, key: [id]}
steps:
  train: {uses: steps/train.py, owner: "@ada"}
  split: {uses: split.time, owner: "@bob"}
"""
KPIS = 'kpis:\n  - {metric: rmse, max: 1, owner: "@ops"}\n  - {metric: mae, max: 1, owner: "the operations team"}\n'


def test_owners_of_promises_own_the_contract() -> None:
    text = code_owners(load_lifecycle(LIFECYCLE), load_kpis(KPIS))
    assert text.splitlines() == [
        "* @org/ml",
        "/steps/train.py @ada",
        "/mlops.yaml @org/ml",
        "/kpis.yaml @ops @org/ml",
        "/.github/CODEOWNERS @ops @org/ml",
    ]


def test_texts_that_are_no_handles_make_no_rule() -> None:
    lifecycle = load_lifecycle(LIFECYCLE.replace("@org/ml", "the team").replace("@ada", "Ada #1"))
    assert code_owners(lifecycle, None) == ""


def test_an_owner_cannot_add_a_rule_of_its_own() -> None:
    lifecycle = load_lifecycle(LIFECYCLE.replace("@org/ml", "").replace("@ada", "ask @ada\\n* @evil"))
    assert code_owners(lifecycle, None) == "/steps/train.py @ada @evil\n"


def copied(folder: Path) -> Path:
    for name in (
        "mlops.yaml",
        "params.yaml",
        "kpis.yaml",
        "schema.yaml",
        "labels/labels.yaml",
        "labels/events/README.md",
        "steps/features.py",
        "steps/label_functions.py",
        "requirements-dev.lock",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text((ROOT / name).read_text())
    edit(folder / "mlops.yaml", "  name: flights\n", '  name: flights\n  owner: "@org/ml"\n')
    return folder


def test_generated_with_the_project_when_an_owner_is_named(tmp_path: Path) -> None:
    text = desired_files(copied(tmp_path))[FILE]
    assert "/kpis.yaml @org/ml" in text
    assert is_untouched(text)


def test_a_file_that_somebody_wrote_is_left_alone(tmp_path: Path) -> None:
    copied(tmp_path)
    (tmp_path / "CODEOWNERS").write_text("* @somebody\n")
    assert FILE not in desired_files(tmp_path)
