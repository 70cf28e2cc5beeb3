from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlops_kit.compare.deviation import (
    Level,
    Margins,
    OutputDeviation,
    Tolerance,
    explain_output,
    metric_margins,
)
from mlops_kit.compare.statistics import Interval
from tests.compare.deviation.test_output import explain


def dump_skops(value: Any) -> bytes:
    import skops.io as sio

    data: bytes = sio.dumps(value)
    return data


def dump_joblib(value: Any) -> bytes:
    import joblib

    buffer = io.BytesIO()
    joblib.dump(value, buffer)
    return buffer.getvalue()


def dump_joblib_zlib(value: Any) -> bytes:
    import joblib

    buffer = io.BytesIO()
    joblib.dump(value, buffer, compress=3)
    return buffer.getvalue()


DUMPS: dict[str, Callable[[Any], bytes]] = {
    "m.skops": dump_skops,
    "m.joblib": dump_joblib,
    "z.joblib": dump_joblib_zlib,
    "m.pkl": pickle.dumps,
    "p5.pkl": lambda value: pickle.dumps(value, 5),
    "p2.pkl": lambda value: pickle.dumps(value, 2),
}


def fit(name: str, *, slope: float = 1.0, threads: int = 1) -> Any:
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LinearRegression

    rng = np.random.default_rng(0)
    table = rng.normal(size=(60, 3))
    if name == "linear":
        return LinearRegression().fit(table, table[:, 0] * slope)
    if name == "forest":
        return RandomForestClassifier(2, random_state=int(slope)).fit(table, table[:, 0] > 0)
    model = HistGradientBoostingClassifier(max_iter=2, random_state=0).fit(table, table[:, 0] > 0)
    model._bin_mapper.n_threads = threads
    return model


def versions(folder: Path, kind: str, old: Any, new: Any) -> OutputDeviation:
    return explain(folder, kind, DUMPS[kind](old), DUMPS[kind](new))


@pytest.mark.parametrize("kind", DUMPS)
def test_parameters_and_tensors_are_named(tmp_path: Path, kind: str) -> None:
    made = versions(tmp_path, kind, fit("linear"), fit("linear", slope=2.0))
    assert made.level is Level.DIFFERENT
    assert any("coef_ (3 values): 3 differ, by at most 1" in line for line in made.detail), made.detail
    assert made.largest == pytest.approx(1, abs=0.6)


@pytest.mark.parametrize("kind", DUMPS)
def test_last_bits_are_within_the_tolerance(tmp_path: Path, kind: str) -> None:
    made = versions(tmp_path, kind, fit("linear"), fit("linear", slope=1 + 1e-11))
    assert made.level is Level.EQUAL, made.detail
    assert made.largest is not None
    assert made.largest <= 1e-9


@pytest.mark.parametrize("kind", DUMPS)
def test_seeds_of_a_forest_are_named(tmp_path: Path, kind: str) -> None:
    made = versions(tmp_path, kind, fit("forest"), fit("forest", slope=2))
    assert any("estimators_[0].tree_" in line for line in made.detail), made.detail
    assert any("random_state" in line for line in made.detail), made.detail


@pytest.mark.parametrize("kind", DUMPS)
def test_threads_of_the_fitting_run_are_no_part_of_a_model(tmp_path: Path, kind: str) -> None:
    made = versions(tmp_path, kind, fit("boosting", threads=1), fit("boosting", threads=4))
    assert made.level is Level.EQUAL, made.detail
    assert any("n_threads: 1 -> 4 (threads of the fitting run" in line for line in made.detail), made.detail


def test_skops_addresses_and_dates_do_not_count(tmp_path: Path) -> None:
    made = versions(tmp_path, "m.skops", fit("linear"), fit("linear"))
    assert made.level is Level.EQUAL
    assert "addresses or dates" in made.detail[0]


def test_pickled_set_in_another_order_is_named(tmp_path: Path) -> None:
    old = pickle.dumps({"a", "b"})
    swapped = old.replace(b"\x8c\x01a", b"\x8c\x01?").replace(b"\x8c\x01b", b"\x8c\x01a")
    made = explain(tmp_path, "s.pkl", old, swapped.replace(b"\x8c\x01?", b"\x8c\x01b"))
    assert made.level is Level.EQUAL
    assert "the same set, written in another order (hash seed)" in made.detail[0]


def test_cyclic_objects_are_compared_once(tmp_path: Path) -> None:
    sides = []
    for value in (1, 2):
        cycle: list[Any] = [value]
        cycle.append(cycle)
        sides.append(pickle.dumps(cycle))
    assert explain(tmp_path, "c.pkl", *sides).detail == ("object[0]: 1 -> 2 (0.5 of it)",)


def margin_of(folder: Path, margins: Margins) -> OutputDeviation:
    explain(folder, "m.json", json.dumps({"auc": 0.85, "n": 3}), json.dumps({"auc": 0.86, "n": 3}))
    sides = (folder / "recorded/m.json", folder / "fresh/m.json")
    return explain_output("m.json", *sides, tolerance=Tolerance(), margins=margins)


def test_metric_within_its_interval_is_no_difference(tmp_path: Path) -> None:
    made = margin_of(tmp_path, Margins({"auc": Interval(-0.02, 0.04, 0.01, 0.5)}))
    assert made.level is Level.INTERVAL
    assert "within its interval -0.02 to +0.04" in made.detail[0]


def test_metric_outside_its_interval_is_different(tmp_path: Path) -> None:
    assert margin_of(tmp_path, Margins({"auc": Interval(0.005, 0.02, 0.01, 0.01)})).level is Level.DIFFERENT


def test_interval_of_other_rows_says_nothing(tmp_path: Path) -> None:
    assert margin_of(tmp_path, Margins({"auc": Interval(-0.001, 0.001, 0.0, 1.0)})).level is Level.DIFFERENT


def test_stated_difference_of_a_metric_counts(tmp_path: Path) -> None:
    assert margin_of(tmp_path, Margins(stated={"auc": 0.02})).level is Level.INTERVAL
    assert margin_of(tmp_path, Margins(stated={"auc": 0.001})).level is Level.DIFFERENT


def test_margins_come_from_both_sides_predictions(tmp_path: Path) -> None:
    import numpy as np
    import pyarrow as pa

    from mlops_kit.artifacts.predictions import make_predictions
    from mlops_kit.artifacts.tables import write_parquet
    from mlops_kit.spec.model import Task

    rng = np.random.default_rng(1)
    actual = (rng.random(200) > 0.5).astype(float)
    paths = []
    for name in ("old", "new"):
        score = np.clip(actual * 0.3 + rng.random(200) * 0.7, 0, 1)
        table = pa.table({"id": range(200), "actual": actual, "score": score})
        task = Task("classification", "actual", ("id",))
        paths.append(tmp_path / f"{name}.parquet")
        write_parquet(make_predictions(table, task=task, threshold=0.5, slices=[]), paths[-1])
    margins = metric_margins(*paths)
    assert {"roc_auc", "accuracy"} <= set(margins.intervals)
    assert metric_margins(None, None, stated={"a": 1.0}) == Margins(stated={"a": 1.0})
