"""A program that writes every kind of file canonically: python everything.py FOLDER. The sweep runs it once for each perturbation.

With SHUFFLE set, mappings are filled and folders are written in another order. The values themselves depend on nothing: no matrix
products, whose last bits the BLAS of the machine decides.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import locale
import os
import random
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.figure import Figure
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from mlops_kit import write

WORDS = ["delay", "Işık", "straße", "weather", "carrier", "gate", "late", "zürich"]


def shuffled(items: Iterable[Any]) -> list[Any]:
    """Return items in the order given, or in another one with SHUFFLE set."""
    found = list(items)
    if os.environ.get("SHUFFLE"):
        random.Random(7).shuffle(found)
    return found


def reordered(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping that was filled in the order given, or in another one with SHUFFLE set."""
    return dict(shuffled(mapping.items()))


def make_folder(folder: Path) -> Path:
    """Write some files in the order given, or in another one with SHUFFLE set."""
    for name in shuffled(["b.txt", "a/c.bin", "a/u.txt", ".hidden"]):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    (folder / "empty").mkdir(parents=True)
    (folder / "b.txt").chmod(0o755 & ~(0o077 if os.environ.get("SHUFFLE") else 0))
    return folder


def make_frame() -> pd.DataFrame:
    """Return a table of typical columns."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.arange(300),
            "x": rng.normal(size=300),
            "word": [WORDS[i % len(WORDS)] for i in range(300)],
            "kind": pd.Categorical([WORDS[i % 3] for i in range(300)]),
            "when": pd.date_range("2013-01-01", periods=300, freq="h", tz="UTC"),
            "flag": [None if i % 7 == 0 else i % 2 == 0 for i in range(300)],
        }
    )


def make_figure() -> Figure:
    """Return a figure with what gets random ids: clip paths, markers, hatches."""
    figure = Figure()
    axes = figure.add_subplot()
    axes.plot([1, 2, 3], [3, 1, 2], marker="o", clip_on=True, label="ü")
    axes.bar([1, 2], [1, 2], hatch="//")
    axes.legend()
    axes.set_title("$\\alpha$ delays")
    return figure


def models(frame: pd.DataFrame) -> dict[str, Any]:
    """Return fitted estimators whose files are unstable when written as usual."""
    target = (frame.x > 0.1).astype(int)
    texts = [f"{a} {b} {a}" for a in WORDS for b in WORDS]
    encoded = make_pipeline(
        ColumnTransformer([("word", OrdinalEncoder(), ["word"])], remainder="passthrough"),
        HistGradientBoostingClassifier(max_iter=10, random_state=0),
    )
    return {
        "boosting": encoded.fit(frame[["x", "word"]], target),
        "forest": RandomForestClassifier(n_estimators=5, random_state=0).fit(frame[["x", "id"]], target),
        "gradient": GradientBoostingRegressor(n_estimators=5, random_state=0).fit(frame[["id"]], frame.x),
        "tfidf": TfidfVectorizer(stop_words=["late", "gate"]).fit(texts),
        "count": CountVectorizer(ngram_range=(1, 2)).fit(texts),
        "stopped": CountVectorizer(vocabulary=sorted(WORDS), lowercase=False).fit(texts),
        "encoder": OrdinalEncoder().fit(frame[["word"]]),
    }


def plain_values() -> dict[str, Any]:
    """Return values for pickles: sets, texts made twice, tuples, dates, arrays of objects."""
    again = "-delay"[1:]
    return {
        "set": set(WORDS),
        "frozen": frozenset({("a", 1), ("b", 2.5), 3}),
        "texts": ["delay", again, (again, 1), (again, 1)],
        "when": [dt.datetime(2013, 1, 1, tzinfo=dt.UTC), dt.date(2013, 1, 1)],
        "objects": np.array([again, "delay", None, again], dtype=object),
        "numbers": np.arange(6.0).reshape(2, 3).T,
        "type": [np.float64(1.5), np.dtype("f8"), np.int64],
    }


def write_everything(out: Path) -> None:
    """Write every kind of file into the folder `out`."""
    frame, figure, fitted, values = make_frame(), make_figure(), {}, plain_values()
    table = pa.table({"k": ["b", "a"], "v": [1.5, None], "n": [1, None]})
    fitted = models(frame)
    for ending in ("parquet", "csv", "csv.gz", "csv.zip", "html", "md", "pkl"):
        write(out / f"frame.{ending}", frame)
    write(out / "index.csv", frame.head(9).set_index(["word", "id"]))
    for ending in ("parquet", "csv", "html"):
        write(out / f"arrow.{ending}", table)
    document = reordered({"b": np.float64(0.1) + 0.2, "ä": [1, {"y": None, "x": "Işık"}], "a": 1})
    for ending in ("json", "json.gz", "yaml", "jsonl"):
        write(out / f"document.{ending}", [document] if ending == "jsonl" else document)
    arrays = reordered({"x": np.arange(6.0).reshape(2, 3).T, "s": np.array(WORDS), "i": np.arange(3)})
    write(out / "arrays.npz", arrays)
    write(out / "array.npy", arrays["x"])
    for ending in ("svg", "png", "pdf", "svg.gz"):
        write(out / f"figure.{ending}", figure)
    for name, model in fitted.items():
        write(out / f"{name}.skops", model)
        write(out / f"{name}.joblib", model)
        write(out / f"{name}.pkl", model)
    write(out / "packed.joblib", fitted["boosting"], compress=3)
    for ending in ("pkl", "joblib"):
        write(out / f"plain.{ending}", values)
    write(out / "tables.sqlite", reordered({"flights": frame, "small": table, "rows": [{"a": 1, "b": "İ"}]}))
    members = reordered({"b/x.txt": "text", "a.bin": b"\0", "ü.txt": "ü"})
    folder = make_folder(out.parent / f"{out.name} source")
    for ending in ("zip", "tar", "tar.gz", "tgz"):
        write(out / f"members.{ending}", members)
        write(out / f"folder.{ending}", folder)
    write(out / "notes.txt", "delay\r\nü")
    write(out / "bytes.gz", b"x" * 1000)
    if importlib.util.find_spec("openpyxl"):
        write(out / "book.xlsx", {"flights": frame, "small": table})
    if importlib.util.find_spec("jinja2"):
        write(out / "styled.html", frame.head().style.highlight_max("x"))


if __name__ == "__main__":
    locale.setlocale(locale.LC_ALL, "")
    write_everything(Path(sys.argv[1]))
