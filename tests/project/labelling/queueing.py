"""A project whose model has learned from a few of its rows: enough for `label queue`, without a pipeline that runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.linear_model import LogisticRegression

from mlops_kit.artifacts.kinds import save_artifact
from mlops_kit.labels.events.model import LabelEvent, event_line
from tests.support.shapes import write

ROWS = 300
LABELS = """\
version: 1
tasks:
  sort:
    type: class
    classes: [cat, dog]
    table: clean
    show: [x, kind]
    queue: {shares: SHARES, gold: GOLD}
"""
FILES = {
    "mlops.yaml": "version: 1\nproject: {name: p}\ntask: {kind: classification, target: y, key: [id]}\nsteps: {label: {uses: label.column}}\n",
    "params.yaml": "label: {column: y, positive: dog}\n",
    "schema.yaml": "columns:\n  id: {type: integer}\n  mail: {type: string, pii: true}\n",
    "kpis.yaml": "kpis: []\n",
}


def table() -> pa.Table:
    """Return the rows: the nearer `x` is to 0, the less can be said about them."""
    rng = np.random.default_rng(0)
    return pa.table(
        {
            "id": np.arange(ROWS),
            "x": rng.normal(size=ROWS),
            "z": rng.normal(size=ROWS),
            "kind": ["a" if number % 3 else "b" for number in range(ROWS)],
            "mail": [f"person{number}@nowhere" for number in range(ROWS)],
        }
    )


def make_project(root: Path, shares: str, *, gold: float = 0.0, model: bool = True) -> Path:
    """Write the project into `root` and return it."""
    write(root, {**FILES, "labels/labels.yaml": LABELS.replace("SHARES", shares).replace("GOLD", str(gold))})
    rows = table()
    save_artifact("Rows", rows, root / "data/clean.parquet")
    save_artifact("Rows", rows.select(["id", "x", "z", "kind"]), root / "data/features.parquet")
    frame = rows.to_pandas()
    target = (frame["x"] + 0.2 * frame["z"] > 0).astype(int)
    save_artifact("Rows", pa.table({"id": rows["id"], "y": target.to_numpy()}), root / "data/labels.parquet")
    if model:
        save_artifact(
            "Model", LogisticRegression().fit(frame[["x", "z"]], target), root / "models/model.skops"
        )
    return root


def add_events(root: Path, *answers: tuple[int, Any], annotator: str = "ann", **more: Any) -> None:
    """Add a batch of answers: (id of the row, value)."""
    folder = root / "labels/events"
    folder.mkdir(parents=True, exist_ok=True)
    events = [
        LabelEvent(str(item), "sort", value, annotator, "2026-01-01T00:00:00.000Z", **more)
        for item, value in answers
    ]
    name = f"{annotator}-{len(list(folder.iterdir()))}.jsonl"
    (folder / name).write_text("".join(map(event_line, events)), encoding="utf-8", newline="\n")


def write_report(root: Path, name: str, document: dict[str, Any]) -> None:
    """Write a report of a stage."""
    write(root, {f"reports/{name}.json": json.dumps(document)})
