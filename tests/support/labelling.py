"""A project with something to label, without git and DVC: ten items, one task of each type, four annotators."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from mlops_kit.artifacts.kinds import save_artifact
from mlops_kit.labels.events.model import LabelEvent

NOW = 1_768_464_000.0
"""2026-01-15T08:00:00Z."""
FILES = {
    "mlops.yaml": """\
version: 1
project: {name: tiny}
task: {kind: classification, target: y, key: [id]}
steps: {}
""",
    "schema.yaml": """\
columns:
  id: {type: string}
  note: {type: string}
  phone: {type: string, pii: true}
""",
    "labels/labels.yaml": """\
version: 1
tasks:
  late: {type: class, question: Was it late?, classes: [late, on_time]}
  why: {type: classes, classes: [weather, crew, other]}
  minutes: {type: number, min: 0, max: 1440}
  parts: {type: spans, classes: [place, time], text: note}
annotators:
  fox: {}
  owl: {trust: 2}
  crow: {active: false}
  bee: {tasks: [why]}
""",
}


def labelling_project(root: Path) -> Path:
    """Write the project into the new folder `root`, and return it."""
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    count = range(10)
    table = pa.table(
        {
            "id": [f"i{number}" for number in count],
            "note": [f"note {number}" for number in count],
            "phone": [f"555-{number}" for number in count],
        }
    )
    (root / "data").mkdir()
    save_artifact("Rows", table, root / "data/clean.parquet")
    return root


def answer(item: int | str = 0, value: object = "late", annotator: str = "fox", **more: object) -> LabelEvent:
    """Return an event about one of the items, by its number, given a minute later for each item."""
    number = item if isinstance(item, int) else 0
    said = {
        "item": f"i{item}" if isinstance(item, int) else item,
        "task": "late",
        "value": value,
        "annotator": annotator,
        "time": f"2026-01-15T07:{number % 60:02d}:00.000Z",
        **more,
    }
    return LabelEvent(**said)  # type: ignore[arg-type]
