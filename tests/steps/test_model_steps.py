"""The model steps, called as functions; what they write is used as its users would use it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlops_kit import BadDataError, dump_model
from mlops_kit.artifacts.kinds import load_artifact, save_artifact
from mlops_kit.spec.model import Kpi, Kpis, Task
from mlops_kit.steps.model.evaluate_classification import Evaluated, EvaluateParams, evaluate
from mlops_kit.steps.model.train_boosting import TrainParams, train
from mlops_kit.steps.post.deploy_manifests import DeployParams, deploy
from mlops_kit.steps.post.monitor_drift import MonitorParams, compare_column, monitor
from mlops_kit.steps.post.package_bundle import package
from mlops_kit.steps.post.retrain_policy import RetrainParams, retrain
from mlops_kit.steps.post.validate_kpis import validate

TASK = Task("classification", "y", ("id",))


def table(count: int, seed: int = 0, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, kind = rng.normal(shift, size=count), rng.choice(["a", "b", None], count)
    y = (rng.random(count) < 1 / (1 + np.exp(-2 * x))).astype(int)
    return pd.DataFrame(
        {"id": [f"{n:05}" for n in range(count)], "x": x, "kind": pd.Series(kind, dtype="str"), "y": y}
    )


@pytest.fixture(scope="module")
def model() -> Any:
    return train(table(600), task=TASK, params=TrainParams(max_iter=20)).model


@pytest.fixture(scope="module")
def evaluated(model: Any) -> Evaluated:
    return evaluate(model, table(400, 1), task=TASK, params=EvaluateParams(slices=("kind",), min_rows=50))


def test_training_twice_gives_the_same_bytes(model: Any) -> None:
    again = train(table(600), task=TASK, params=TrainParams(max_iter=20)).model
    assert dump_model(again) == dump_model(model)


def test_validation_is_measured_on_rows_that_the_fit_has_not_seen() -> None:
    found = train(table(2000), task=TASK, params=TrainParams(max_iter=20)).validation
    assert set(found) == {"validation_log_loss", "validation_roc_auc", "validation_rows"}
    assert 300 < found["validation_rows"] < 500
    assert 0.8 < found["validation_roc_auc"] < 0.95
    noise = table(2000).assign(y=np.random.default_rng(1).integers(0, 2, 2000))
    blind = train(noise, task=TASK, params=TrainParams(max_iter=80, min_samples_leaf=1)).validation
    assert 0.4 < blind["validation_roc_auc"] < 0.6  # on its own rows that model is near 1
    assert train(table(600), task=TASK, params=TrainParams(max_iter=2, validation_share=0)).validation == {}


def test_one_class_cannot_be_trained() -> None:
    with pytest.raises(BadDataError, match="1 different values of `y`"):
        train(table(50).assign(y=1), task=TASK, params=TrainParams())


def test_unknown_category_and_missing_value_are_scored(model: Any) -> None:
    rows = pd.DataFrame({"x": [np.nan, 0.0], "kind": ["never seen", None]})
    assert np.isfinite(model.predict_proba(rows)).all()


def test_evaluation_agrees_with_its_own_predictions(evaluated: Evaluated) -> None:
    from mlops_kit import compute_metrics

    predictions = evaluated.predictions.to_pandas()
    found = compute_metrics("classification", predictions.actual.to_numpy(), predictions.score.to_numpy())
    assert all(found[name] == pytest.approx(evaluated.evaluation[name], abs=1e-12) for name in found)
    assert predictions.id.is_monotonic_increasing
    assert {row["value"] for row in evaluated.slices["rows"]} == {"a", "b", "(missing)"}
    assert evaluated.roc[0] == {"x": 0.0, "y": 0.0}
    assert evaluated.roc[-1] == {"x": 1.0, "y": 1.0}
    assert len(evaluated.calibration) == 10


def test_validation_writes_a_verdict_for_every_promise(evaluated: Evaluated) -> None:
    promises = (Kpi("roc_auc", min=0.99), Kpi("quarantine_share", max=0.1), Kpi("leakage:same_key", max=0))
    kpis = Kpis(kpis=promises)
    verdict = validate(
        evaluated.evaluation, {"quarantine_share": 0.0}, {"labelled": 5}, evaluated.slices, kpis=kpis
    ).verdict
    assert verdict["status"] == "fail"
    assert [kpi["status"] for kpi in verdict["kpis"]] == ["fail", "pass"]
    assert verdict["judged_by_compare"] == ["leakage:same_key"]


@pytest.fixture(scope="module")
def bundle(model: Any, evaluated: Evaluated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    verdict = {"status": "pass", "kpis": []}
    made = package(
        model,
        pa.Table.from_pandas(table(600), preserve_index=False),
        evaluated.evaluation,
        verdict,
        task=TASK,
    ).bundle
    path = tmp_path_factory.mktemp("b") / "bundle"
    save_artifact("Bundle", made, path)
    return path


def test_bundle_scores_without_the_package_and_refuses_a_changed_file(
    bundle: Path, model: Any, tmp_path: Path
) -> None:
    rows = table(20, 2)
    rows.to_csv(tmp_path / "rows.csv", index=False)
    command = [
        sys.executable,
        "-I",
        str(bundle / "predict.py"),
        str(tmp_path / "rows.csv"),
        str(tmp_path / "out.csv"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    scores = pd.read_csv(tmp_path / "out.csv").score
    assert np.allclose(scores, model.predict_proba(rows[["x", "kind"]])[:, 1])
    assert "mlops_kit" not in (bundle / "predict.py").read_text()
    broken = tmp_path / "broken"
    subprocess.run(["cp", "-r", bundle, broken], check=True)
    (broken / "card.md").write_text("better than it is")
    done = subprocess.run(
        [sys.executable, str(broken / "predict.py"), "a", "b"], capture_output=True, text=True
    )
    assert "card.md is not the file that was packaged" in done.stderr


def test_manifests_run_and_refuse_another_bundle(bundle: Path, tmp_path: Path) -> None:
    files = deploy(bundle, params=DeployParams()).deployment
    assert {name.split("/")[0] for name in files} == {"container", "process", "batch", "README.md"}
    script = tmp_path / "score.sh"
    script.write_text(files["batch/score.sh"])
    assert (
        subprocess.run([Path(sys.executable).with_name("shellcheck"), script], capture_output=True).returncode
        == 0
    )
    table(5, 3).to_csv(tmp_path / "rows.csv", index=False)
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": sys.executable}
    subprocess.run(
        ["sh", script, bundle, tmp_path / "rows.csv", tmp_path / "o.csv"],
        check=True,
        env=environment,
        capture_output=True,
    )
    assert len(pd.read_csv(tmp_path / "o.csv")) == 5
    other = tmp_path / "other"
    subprocess.run(["cp", "-r", bundle, other], check=True)
    (other / "SHA256SUMS").write_text("")
    assert (
        subprocess.run(["sh", script, other, "a", "b"], env=environment, capture_output=True).returncode == 7
    )
    with pytest.raises(BadDataError, match="moon"):
        deploy(bundle, params=DeployParams(targets=("moon",)))


def test_monitor_rarely_alarms_without_drift() -> None:
    """Thirty columns, 200 runs without any drift, alpha 1 % a run."""
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(200):
        columns = [
            compare_column(
                pd.Series(rng.normal(size=1000)),
                pd.Series(rng.normal(size=500)),
                MonitorParams(psi_floor=0.0),
                30,
            )
            for _ in range(30)
        ]
        alarms += any(column["drifted"] for column in columns)
    assert alarms / 200 <= 0.02


def test_monitor_finds_a_shift_of_four_tenths_of_a_deviation() -> None:
    rng = np.random.default_rng(6)
    found = [
        compare_column(
            pd.Series(rng.normal(size=2000)), pd.Series(rng.normal(0.4, size=2000)), MonitorParams(), 30
        )["drifted"]
        for _ in range(40)
    ]
    assert sum(found) >= 38


def test_monitor_says_which_column_and_whether_the_score_moved(model: Any) -> None:
    made = monitor(model, table(600), table(500, 4, shift=1.0), task=TASK, params=MonitorParams())
    assert made.alerts["status"] == "drift"
    assert {alert["column"] for alert in made.alerts["alerts"]} == {"x", "(score)"}
    assert made.drift["mean_score_live"] > made.drift["mean_score_train"]


def test_too_few_live_rows_give_no_verdict(model: Any) -> None:
    made = monitor(model, table(600), table(20), task=TASK, params=MonitorParams())
    assert made.alerts["status"] == "insufficient"
    assert made.drift["rows_live"] == 20


@pytest.mark.parametrize(
    ("drift", "verdict", "reasons"),
    [
        ({"columns_drifted": 0, "live_end_day": 30, "train_end_day": 10}, [], []),
        ({"columns_drifted": 2, "live_end_day": 30, "train_end_day": 10}, [], ["drifted columns"]),
        (
            {"columns_drifted": 0, "live_end_day": 100, "train_end_day": 10},
            [],
            ["age of the training data in days"],
        ),
        ({"live_end_day": 30, "train_end_day": 10}, [{"status": "fail"}], ["breached KPIs"]),
    ],
)
def test_retraining_is_decided_with_reasons(
    drift: dict[str, float], verdict: list[dict[str, str]], reasons: list[str]
) -> None:
    made = retrain(
        drift, {"status": "ok"}, {"labelled": 1}, {"kpis": verdict}, params=RetrainParams()
    ).decision
    assert made["retrain"] is bool(reasons)
    assert [reason.split(":")[0] for reason in made["reasons"]] == reasons
    assert len(made["checked"]) == 3


def test_predictions_survive_the_file(evaluated: Evaluated, tmp_path: Path) -> None:
    from mlops_kit.artifacts.predictions import METADATA, read_predictions

    save_artifact("Predictions", evaluated.predictions, tmp_path / "p.parquet")
    read = read_predictions(tmp_path / "p.parquet")
    assert list(read.slices) == ["kind"]
    assert json.loads(load_artifact("Predictions", tmp_path / "p.parquet").schema.metadata[METADATA])[
        "key"
    ] == ["id"]
    twice = pa.concat_tables([evaluated.predictions.slice(0, 2), evaluated.predictions.slice(0, 1)])
    save_artifact("Predictions", twice, tmp_path / "q.parquet")
    with pytest.raises(BadDataError, match="1 keys stand twice"):
        read_predictions(tmp_path / "q.parquet")
