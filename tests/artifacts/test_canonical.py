"""Canonical writers: the same value gives the same bytes, in any process, under any hash seed, zone, locale and thread count."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_kit.artifacts.canonical.archives import gzip_bytes, zip_bytes
from mlops_kit.artifacts.canonical.model import dump_model, load_model
from mlops_kit.artifacts.canonical.text import canonical_csv, canonical_json
from mlops_kit.errors import BadDataError

WRITE_ALL = """
import sys
from pathlib import Path
import numpy as np, pandas as pd, pyarrow as pa
from matplotlib.figure import Figure
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from mlops_kit import PartitionSet
from mlops_kit.artifacts.kinds import save_artifact
from mlops_kit.artifacts.canonical.figures import png_bytes

out = Path(sys.argv[1])
rng = np.random.default_rng(0)
frame = pd.DataFrame({"id": np.arange(400), "x": rng.normal(size=400), "c": rng.choice(list("abc"), 400)})
target = (frame.x + rng.normal(size=400) > 0).astype(int)
model = make_pipeline(
    ColumnTransformer([("c", OrdinalEncoder(), ["c"])], remainder="passthrough"),
    HistGradientBoostingClassifier(max_iter=20, random_state=0),
).fit(frame[["x", "c"]], target)
figure = Figure()
figure.add_subplot().plot([1, 2, 3], [3, 1, 2], clip_on=True)
save_artifact("Table", frame, out / "frame.parquet")
save_artifact("Arrow", pa.table({"k": ["b", "a"], "v": [1.5, None]}), out / "arrow.parquet")
save_artifact("Partitions", PartitionSet({"2013-01": pa.table({"k": [1]})}, [{"partition": "2013-01", "rows": 1}]), out / "raw")
save_artifact("Model", model, out / "model.skops")
save_artifact("Metrics", {"b": np.float64(0.1) + 0.2, "a": 1}, out / "metrics.json")
save_artifact("Document", {"z": [1, {"y": None}], "a": "ä"}, out / "doc.json")
save_artifact("Curve", [{"x": 0.1, "y": 0.2}, {"x": 1, "y": 2}], out / "curve.csv")
save_artifact("Figure", figure, out / "figure.svg")
save_artifact("Bundle", {"b/x.txt": "text", "a.bin": b"\\x00"}, out / "bundle")
(out / "figure.png").write_bytes(png_bytes(figure))
"""


def write_all(folder: Path, **environment: str) -> dict[str, bytes]:
    folder.mkdir(parents=True)
    subprocess.run(
        [sys.executable, "-c", WRITE_ALL, str(folder)],
        check=True,
        env={**os.environ, **environment},
        cwd=folder,
    )
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.slow
def test_all_kinds_are_byte_identical_under_perturbation(tmp_path: Path) -> None:
    first = write_all(tmp_path / "one", PYTHONHASHSEED="1", TZ="UTC", OMP_NUM_THREADS="1")
    second = write_all(
        tmp_path / "zwei drei ü",
        PYTHONHASHSEED="4242",
        TZ="Pacific/Kiritimati",
        OMP_NUM_THREADS="2",
        LC_ALL="C.UTF-8",
    )
    assert len(first) >= 12
    assert [name for name in first if first[name] != second.get(name)] == []


def test_model_survives_the_round_trip_with_equal_predictions() -> None:
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    features = np.random.default_rng(0).normal(size=(50, 3))
    model = LogisticRegression().fit(features, features[:, 0] > 0)
    loaded = load_model(dump_model(model))
    assert np.array_equal(loaded.predict_proba(features), model.predict_proba(features))


def test_model_with_a_function_of_ones_own_is_refused() -> None:
    from sklearn.preprocessing import FunctionTransformer

    with pytest.raises(BadDataError, match="cannot be loaded safely"):
        dump_model(FunctionTransformer(os.system))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), object()])
def test_canonical_json_refuses_what_json_cannot_hold(bad: object) -> None:
    with pytest.raises(BadDataError, match=r"value\.a"):
        canonical_json({"a": bad})


def test_canonical_csv_refuses_rows_with_other_columns() -> None:
    with pytest.raises(BadDataError, match="row 1"):
        canonical_csv([{"x": 1, "y": 2}, {"x": 1}])


def test_archives_do_not_depend_on_time_or_order() -> None:
    assert zip_bytes({"b": b"2", "a": b"1"}) == zip_bytes({"a": b"1", "b": b"2"})
    assert gzip_bytes(b"x" * 100) == gzip_bytes(b"x" * 100)
    assert gzip_bytes(b"x")[4:8] == b"\0\0\0\0"
