"""A program that writes typical outputs of ML pipelines the way they are usually written: python unfixed.py FOLDER. See stability.py."""

from __future__ import annotations

import datetime as dt
import getpass
import gzip
import importlib.util
import json
import locale
import os
import pickle
import random
import shutil
import socket
import sqlite3
import sys
import tarfile
import time
import uuid
import zipfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import joblib
import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import skops.io
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

WORDS = ["delay", "weather", "carrier", "gate", "late", "security", "early", "cancelled"]


def tables(out: Path, frame: pd.DataFrame) -> None:
    frame.to_csv(out / "t.csv", index=False)
    frame.to_csv(out / "t.tsv", sep="\t")
    frame.to_csv(out / "t.csv.gz", index=False)
    frame.to_csv(out / "t.csv.zip", index=False)
    frame.to_parquet(out / "t.parquet")
    frame.to_feather(out / "t.feather")
    frame.to_pickle(out / "t.pkl")
    frame.to_pickle(out / "t.pkl.gz")
    frame.to_json(out / "t.json", orient="records")
    frame.to_json(out / "t.jsonl", orient="records", lines=True)
    frame.head(20).to_html(out / "t.html")
    frame.describe().to_csv(out / "summary.csv")
    with sqlite3.connect(out / "t.sqlite") as connection:
        frame.drop(columns="when").to_sql("t", connection, index=False)
    connection.close()
    if importlib.util.find_spec("jinja2"):
        (out / "styled.html").write_text(frame.head().style.highlight_max("x").to_html())
    if importlib.util.find_spec("openpyxl"):
        frame.drop(columns="when").to_excel(out / "t.xlsx", index=False)


def arrays(out: Path, features: np.ndarray[Any, Any]) -> None:
    np.save(out / "x.npy", features)
    np.savez(out / "x.npz", x=features)
    np.savez_compressed(out / "xz.npz", x=features)
    joblib.dump(features, out / "x.joblib")
    joblib.dump(features, out / "x.joblib.z", compress=3)
    np.save(out / "product.npy", features.T @ features)
    np.save(
        out / "solved.npy",
        np.linalg.solve(features.T @ features + np.eye(features.shape[1]), features.T[:, 0]),
    )


def models(out: Path, features: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> None:
    texts = [f"{a} {b}" for a in WORDS for b in WORDS]
    fitted = {
        "logistic": make_pipeline(StandardScaler(), LogisticRegression()).fit(features, target),
        "ridge": Ridge().fit(features, features[:, 0]),
        "forest": RandomForestClassifier(20, random_state=0).fit(features, target),
        "gradient": GradientBoostingClassifier(n_estimators=10, random_state=0).fit(features, target),
        "boosting": HistGradientBoostingClassifier(max_iter=10, random_state=0).fit(features, target),
        "sgd": SGDClassifier(random_state=0).fit(features, target),
        "svc": SVC().fit(features[:300], target[:300]),
        "kmeans": KMeans(4, n_init=2, random_state=0).fit(features),
        "pca": PCA(4, random_state=0).fit(features),
        "svd": TruncatedSVD(4, random_state=0).fit(features),
        "mlp": MLPClassifier((8,), max_iter=5, random_state=0).fit(features[:300], target[:300]),
        "tfidf": TfidfVectorizer().fit(texts),
        "count": CountVectorizer(stop_words=["late"]).fit(texts),
        "unseeded": RandomForestClassifier(5).fit(features, target),
    }
    for name, model in fitted.items():
        joblib.dump(model, out / f"{name}.joblib")
    for name in ("logistic", "boosting", "forest"):
        skops.io.dump(fitted[name], out / f"{name}.skops")
        pickle.dump(fitted[name], (out / f"{name}.pkl").open("wb"))
    scores = {name: fitted[name].score(features, target) for name in ("logistic", "forest", "boosting")}
    (out / "metrics.json").write_text(json.dumps(scores))
    pd.DataFrame(fitted["logistic"].predict_proba(features)).to_csv(out / "predictions.csv")
    np.save(out / "test rows.npy", train_test_split(np.arange(500))[1])


def pictures(out: Path, features: np.ndarray[Any, Any]) -> None:
    figure, axes = plt.subplots()
    axes.plot(features[:50, 0], marker="o")
    axes.hist(features[:, 1])
    for ending in ("svg", "pdf", "png"):
        figure.savefig(out / f"figure.{ending}")


def archives(out: Path, source: Path) -> None:
    source.mkdir()
    for name in mixed(WORDS):
        (source / f"{name}.csv").write_text(f"word,n\n{name},1\n{name},2\n")
    shutil.make_archive(str(out / "a"), "zip", source)
    with tarfile.open(out / "a.tar.gz", "w:gz") as archive:
        archive.add(source, arcname="a")
    with zipfile.ZipFile(out / "b.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    with gzip.open(out / "a.txt.gz", "wt") as file:
        file.write("a")
    (out / "manifest.json").write_text(json.dumps([p.name for p in source.iterdir()]))
    rows = pd.concat([pd.read_csv(p) for p in source.glob("*.csv")], ignore_index=True)
    rows.to_csv(out / "joined.csv")
    train_test_split(rows, random_state=0)[1].to_csv(out / "joined test.csv")


def orders(out: Path) -> None:
    labels = {name: number for number, name in enumerate(set(WORDS))}
    (out / "labels.json").write_text(json.dumps(labels))
    (out / "words.json").write_text(json.dumps(list(set(WORDS))))
    (out / "sorted.json").write_text(json.dumps(sorted(set(WORDS))))
    pickle.dump(set(WORDS), (out / "words.pkl").open("wb"))
    pickle.dump(dict.fromkeys(WORDS, 1), (out / "dict.pkl").open("wb"))
    (out / "split.json").write_text(json.dumps([w for w in WORDS if hash(w) % 5 == 0]))
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(sum, range(200_000 - 40_000 * number)) for number in range(4)]
        (out / "finished.json").write_text(json.dumps([done.result() for done in as_completed(waiting)]))
    (out / "objects.json").write_text(json.dumps([w.text for w in {Word(w) for w in WORDS}]))
    (out / "collated.json").write_text(json.dumps(sorted(["ä", "z", "Z", "a", "ı", "I"], key=locale.strxfrm)))


class Word:
    def __init__(self, text: str) -> None:
        self.text = text


def machine(out: Path) -> None:
    stamp = 1_357_000_000
    notes = {
        "now": dt.datetime.now().isoformat(),
        "run": str(uuid.uuid4()),
        "took": time.perf_counter(),
        "host": socket.gethostname(),
        "user": getpass.getuser(),
        "place": str(out),
        "home": str(Path.home()),
        "hour": dt.datetime.fromtimestamp(stamp).hour,
        "day": dt.datetime.fromtimestamp(stamp, dt.UTC).strftime("%A %x"),
        "money": locale.format_string("%.2f", 1234.5, grouping=True),
        "shards": [len(part) for part in np.array_split(np.arange(100), len(os.sched_getaffinity(0)))],
        "mode": oct((out / "t.csv").stat().st_mode),
        "process": os.getpid(),
        "extra": os.environ.get("EXTRA", ""),
        "draw": random.random(),
        "normal": float(np.random.default_rng().normal()),
    }
    for name, value in notes.items():
        (out / f"{name}.json").write_text(json.dumps(value))


def mixed(items: list[str]) -> list[str]:
    """Return items in the order given, or with SHUFFLE set in another, as another file system would list them."""
    return random.Random(7).sample(items, len(items)) if os.environ.get("SHUFFLE") else items


def main(out: Path) -> None:
    locale.setlocale(locale.LC_ALL, "")
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2000, 40))
    target = (features[:, 0] + rng.normal(size=2000) > 0).astype(int)
    frame = pd.DataFrame(features[:300, :3], columns=["x", "y", "z"])
    frame["word"] = [WORDS[i % len(WORDS)] for i in range(300)]
    frame["when"] = pd.date_range("2013-01-01", periods=300, freq="h", tz="UTC")
    tables(out, frame)
    arrays(out, features)
    models(out, features, target)
    pictures(out, features)
    archives(out, out.parent / f"{out.name} source")
    orders(out)
    machine(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
