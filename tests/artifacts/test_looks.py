"""How often one test set was looked at, from the lock files of the history."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mlops_kit.artifacts.looks import looks_at_test_set
from mlops_kit.artifacts.side import PredictionFile, read_side
from tests.support.histories import import_history

PIPELINE = "stages:\n  evaluate:\n    cmd: x\n    deps: [test.parquet, model.bin, evaluate.py]\n    outs: [{p.parquet: {type: predictions}}]\n"


def lock(number: int, test: int = 0) -> str:
    def entry(path: str, value: int) -> str:
        return f"    - path: {path}\n      md5: {value:032x}\n"

    deps = entry("test.parquet", 1000 + test) + entry("model.bin", 2000 + number) + entry("evaluate.py", 3000)
    out = entry("p.parquet", 4000 + number)
    return f"schema: '2.0'\nstages:\n  evaluate:\n    cmd: x\n    deps:\n{deps}    outs:\n{out}"


def looks(root: Path, locks: list[str], last: int) -> int:
    import_history(root, [{"dvc.yaml": PIPELINE, "dvc.lock": text} for text in locks])
    side = read_side(root, "HEAD", fetch=False)
    return looks_at_test_set(root, replace(side, predictions=PredictionFile(root, f"{4000 + last:032x}")))


def test_every_model_measured_on_the_same_test_set_is_a_look(tmp_path: Path) -> None:
    assert looks(tmp_path / "r", [lock(number) for number in range(30)], 29) == 30


def test_a_new_test_set_starts_anew(tmp_path: Path) -> None:
    locks = [lock(number, test=number // 20) for number in range(25)]
    assert looks(tmp_path / "r", locks, 24) == 5


def test_without_predictions_nothing_is_known(tmp_path: Path) -> None:
    import_history(tmp_path / "r", [{"dvc.yaml": PIPELINE, "dvc.lock": lock(1)}])
    assert looks_at_test_set(tmp_path / "r", read_side(tmp_path / "r", "HEAD", fetch=False)) == 0
