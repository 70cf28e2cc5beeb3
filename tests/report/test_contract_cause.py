"""A built-in step whose contract rose between two commits: every rendering names it as the cause, with the versions of mlops-kit."""

from __future__ import annotations

import html
import json
from pathlib import Path

import pytest

from mlops_kit.artifacts.dvcfiles import LockedStage
from mlops_kit.artifacts.side import read_side
from mlops_kit.compare.changes import compare_stages, contract_notes
from mlops_kit.compare.compare import compare_sides
from mlops_kit.compare.model import Comparison
from mlops_kit.spec.yamlfile import dump_yaml
from tests.report.examples import RENDERERS
from tests.support.shapes import write
from tests.support.world import git

CAUSE = "contract 1 -> 2 (mlops-kit 0.1.0 -> 0.2.0)"
NOTE = (
    "evaluate ran because its contract rose 1 -> 2 (mlops-kit 0.1.0 -> 0.2.0), and validate because of what it wrote: "
    "outputs can differ although data, parameters and code do not"
)


def lock(contract: int) -> str:
    def entry(path: str, content: object) -> dict[str, object]:
        return {"path": path, "md5": f"{content:032}" if isinstance(content, int) else content}

    provenance = {".mlops/provenance.yaml": {"contracts.evaluate": contract, "packages.numpy": "2.4"}}
    return dump_yaml(
        {
            "schema": "2.0",
            "stages": {
                "evaluate": {
                    "cmd": "python -m mlops_kit.steps.model.evaluate",
                    "deps": [entry("models/model.skops", 7)],
                    "params": provenance,
                    "outs": [entry("metrics/evaluation.json", contract)],
                },
                "validate": {
                    "cmd": "python -m mlops_kit.steps.post.validate_kpis",
                    "deps": [entry("metrics/evaluation.json", contract)],
                    "outs": [entry("reports/verdict.json", contract)],
                },
            },
        }
    )


def commit(root: Path, contract: int, kit: dict[str, str]) -> None:
    metric = json.dumps({"roc_auc": 0.7 + contract / 100})
    write(root, {"dvc.lock": lock(contract), "metrics/evaluation.json": metric, "dvc.yaml": PIPELINE, **kit})
    git(root, "add", "-A")
    git(root, "commit", "-qm", "state")


PIPELINE = "stages:\n  evaluate:\n    cmd: x\n    metrics:\n      - metrics/evaluation.json: {cache: false}\n"


def pinned(version: str) -> dict[str, str]:
    return {"pyproject.toml": f'[project]\ndependencies = [\n  "dvc-mlops-kit=={version}",\n]\n'}


def recorded(version: str) -> dict[str, str]:
    return {".mlops/template.yaml": f"version: 1\nmlops_kit: {version}\n"}


@pytest.fixture(params=[pinned, recorded], ids=["pinned", "recorded"])
def comparison(git_repo: Path, request: pytest.FixtureRequest) -> Comparison:
    (git_repo / ".dvc").mkdir()
    commit(git_repo, 1, request.param("0.1.0"))
    commit(git_repo, 2, request.param("0.2.0"))
    return compare_sides(read_side(git_repo, "HEAD~1"), read_side(git_repo, "HEAD"), project="p")


@pytest.mark.parametrize("name", RENDERERS)
def test_every_rendering_names_the_contract_as_the_cause(comparison: Comparison, name: str) -> None:
    raw = RENDERERS[name](comparison)
    page = " ".join(html.unescape(raw).replace("\\", "").split())
    assert CAUSE in page
    assert "evaluate ran because its contract rose 1 -> 2 (mlops-kit 0.1.0 -> 0.2.0)" in page


def test_the_comparison_holds_the_cause_and_what_ran_after_it(comparison: Comparison) -> None:
    assert comparison.notes[0] == NOTE
    assert {change.name: change.reasons for change in comparison.stages} == {
        "evaluate": (CAUSE,),
        "validate": ("metrics/evaluation.json",),
    }


def stage(contract: int | None, **changes: str) -> LockedStage:
    params = {} if contract is None else {".mlops/provenance.yaml:contracts.train": contract}
    return LockedStage("run", changes, params, {"m": "1"})


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (stage(1), stage(2, data="x"), ("contract 1 -> 2", "data")),
        (stage(None), stage(2), ("the built-in step (contract 2)",)),
        (stage(2), stage(None), ("a step of its own instead of the built-in one (contract 2)",)),
    ],
)
def test_reasons_say_what_became_of_the_contract_first(
    old: LockedStage, new: LockedStage, reason: tuple[str, ...]
) -> None:
    (change,) = compare_stages({"train": old}, {"train": new})
    assert change.reasons == reason


def test_a_stage_with_a_cause_of_its_own_is_not_laid_to_the_contract() -> None:
    old = {"train": stage(1), "next": LockedStage("run", {"m": "1", "own": "1"}, {}, {})}
    new = {"train": stage(2), "next": LockedStage("run", {"m": "2", "own": "2"}, {}, {})}
    (note,) = contract_notes(old, new, compare_stages(old, new), kits=("0.1.0", "0.1.0"))
    assert note.startswith("train ran because its contract rose 1 -> 2: outputs")
