"""From votes to labels: our estimator against crowd-kit called as its pages say, and millions of events through the step; ratios of one run.

python -m benchmarks.consensus [votes] [events]

First `votes` (1,000,000) through Dawid and Skene, ours and crowd-kit's, both from one Parquet file to values and probabilities, and both with our rule to
stop and with crowd-kit's. Then `events` (10,000,000) of five annotators for each item through label.events, from JSON lines and from Parquet, for each
method. Last, what it costs to take another batch of 1,000 answers into so many, as a share of what the stage takes for the whole: no state is kept
between runs of the stage, which computes everything anew. Each run is a process of its own, whose time and memory are told.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mlops_kit.labels.events.ids import id_sql
from mlops_kit.labels.events.model import COLUMNS
from tests.support.crowds import crowd
from tests.support.environments import program

FILES = 10
_SAID = ("id", "item", "task", "value", "annotator", "time", "seconds", "guideline", "batch", "tool")
COST = """
import json, resource, time
def cost(): u = resource.getrusage(resource.RUSAGE_SELF); return time.perf_counter(), u.ru_utime + u.ru_stime, u.ru_maxrss / 1024
begin = cost()
def done(found): e = cost(); print(json.dumps([e[0] - begin[0], e[1] - begin[1], e[2], found]))
"""
THEIRS = """
import sys, warnings
warnings.simplefilter("ignore")
import pandas as pd
from crowdkit.aggregation import DawidSkene, MajorityVote
frame = pd.read_parquet(sys.argv[1], columns=["task", "worker", "label"])
truth = pd.read_parquet(sys.argv[2])["truth"]
begin = cost()
model = {"dawid_skene": DawidSkene, "majority": MajorityVote}[sys.argv[3]]()
found = model.fit_predict(frame)
right = float((truth.loc[found.index] == found).mean())
done([right, len(getattr(model, "loss_history_", []))])
"""
OURS = """
import sys
import numpy as np, pandas as pd
from mlops_kit.labels.consensus.dawid_skene import estimate
frame = pd.read_parquet(sys.argv[1], columns=["task", "worker", "label"])
truth = pd.read_parquet(sys.argv[2])["truth"]
begin = cost()
columns = [frame[name].to_numpy() for name in ("task", "worker", "label")]
order = np.argsort(columns[0], kind="stable")
items, annotators, answers = (column[order] for column in columns)
sizes = tuple(int(column.max()) + 1 for column in columns)
if sys.argv[3] == "majority":
    counts = np.bincount(items * sizes[2] + answers, minlength=sizes[0] * sizes[2]).reshape(sizes[0], -1)
    best, rounds = counts.argmax(axis=1), 0
else:
    made = estimate(items, annotators, answers, sizes=sizes, tolerance=float(sys.argv[4]))
    best, rounds = made.probabilities.argmax(axis=1), made.rounds
seen = np.unique(items)
done([float((truth.to_numpy()[seen] == best[seen]).mean()), rounds])
"""
STEP = """
import sys
from pathlib import Path
from mlops_kit.artifacts.kinds import load_artifact, save_artifact
from mlops_kit.spec.labels import Labelling, LabelTask
from mlops_kit.spec.model import Schema, Task
from mlops_kit.steps.labels.label_events import LabelParams, label
root, events, method = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
task, question = Task("classification", "late", ("id",)), LabelTask("class", classes=("a", "b", "c"), votes=5)
begin = cost()
made = label(load_artifact("Rows", root / "clean.parquet"), load_artifact("LabelEvents", events), task=task, schema=Schema({}),
    labelling=Labelling(1, {"kind": question}), params=LabelParams(method=method, positive="a"))
save_artifact("Rows", made.labels, root / "out" / "labels.parquet")
save_artifact("Rows", made.consensus, root / "out" / "consensus.parquet")
done(made.labelling["labelled"])
"""

BATCH = """
import sys
from pathlib import Path
from mlops_kit.labels.events.model import LabelEvent
from mlops_kit.project.labelling.intake import take_batch
root, items = Path(sys.argv[1]), int(sys.argv[2])
given = "2026-11-21T10:00:00.000Z"
events = [LabelEvent(f"item-{n * 17 % items:09d}", "kind", "a", "newcomer", given) for n in range(1000)]
begin = cost()
made = take_batch(root, "another", events, mode="try")
done(made.accepted)
"""
PROJECT = {
    "mlops.yaml": "version: 1\nproject: {name: many}\ntask: {kind: classification, target: late, key: [id]}\nsteps: {}\n",
    "schema.yaml": "columns:\n  id: {type: string}\n",
    "labels/labels.yaml": "version: 1\ntasks: {kind: {type: class, classes: [a, b, c], votes: 5}}\n",
}


def run(python: str | Path, code: str, *arguments: object) -> list[float]:
    """Run `code` in a process of its own; return wall and CPU seconds, peak MB, and what it found."""
    made = subprocess.run(
        [python, "-c", COST + code, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True
    )
    found: list[float] = json.loads(made.stdout.splitlines()[-1])
    return found


def make_events(root: Path, count: int) -> None:
    """Write the table of items, and `count` events about them as FILES batches of JSON lines and of Parquet."""
    duck, items = duckdb.connect(), max(1, count // 5)
    duck.execute(
        f"COPY (SELECT 'item-' || lpad(range::VARCHAR, 9, '0') AS id, hash(range) % 1000 AS x FROM range({items})) TO '{root}/clean.parquet'"
    )
    for kind in ("jsonl", "parquet"):
        (root / kind).mkdir()
    per = -(-count // FILES)
    for number in range(FILES):
        duck.execute(
            f"CREATE OR REPLACE TABLE events AS {events_sql(number * per, min(count, (number + 1) * per), items, number)}"
        )
        write_batch(duck, root / "jsonl" / f"b{number}.jsonl")
        write_batch(duck, root / "parquet" / f"b{number}.parquet")


def events_sql(first: int, last: int, items: int, batch: int) -> str:
    """Return a query of events: five of forty annotators for each item, right in 55 to 94 of 100 cases."""
    who = f"((n // {items}) * 8 + hash(n % {items}) % 8)"
    value = f"CASE WHEN hash(n, 1) % 100 < 55 + {who} THEN hash(n % {items}) % 3 ELSE hash(n, 2) % 3 END"
    given = {
        "item": f"'item-' || lpad((n % {items})::VARCHAR, 9, '0')",
        "task": "'kind'",
        "value": f"'\"' || chr(97 + CAST({value} AS INTEGER)) || '\"'",
        "annotator": f"'p' || {who}::VARCHAR",
        "time": "strftime(TIMESTAMP '2026-01-01' + to_milliseconds(n), '%Y-%m-%dT%H:%M:%S.%gZ')",
        "seconds": "CAST(1 + hash(n, 3) % 90 AS DOUBLE) / 10",
        "guideline": "'1'",
        "batch": f"'b{batch}'",
        "tool": "'page'",
    }
    named = ", ".join(f'{given.get(name, "NULL")} AS "{name}"' for name in COLUMNS if name != "id")
    typed = f'SELECT * REPLACE (CAST(confidence AS DOUBLE) AS confidence, CAST(content AS VARCHAR) AS content, CAST(source AS VARCHAR) AS source, CAST("role" AS VARCHAR) AS "role", CAST(supersedes AS VARCHAR) AS supersedes, CAST(reason AS VARCHAR) AS reason) FROM (SELECT {named} FROM range({first}, {last}) AS t(n))'
    return f"SELECT {id_sql()} AS id, * FROM ({typed})"


def write_batch(duck: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write the table `events`, as JSON lines or Parquet."""
    if path.suffix == ".parquet":
        duck.execute(f"COPY events TO '{path}' (FORMAT parquet)")
        return
    texts = [f"'\"{name}\": ' || {_said(name)}" for name in _SAID]
    line = " || ', ' || ".join(texts)
    duck.execute(
        f"COPY (SELECT '{{' || {line} || '}}' FROM events) TO '{path}' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\\x01')"
    )


def _said(name: str) -> str:
    return (
        f'CAST("{name}" AS VARCHAR)'
        if name in ("value", "seconds")
        else f'CAST(to_json("{name}") AS VARCHAR)'
    )


def compare_estimators(root: Path, votes: int) -> None:
    """Print what both estimators take for `votes`."""
    drawn = crowd(votes, items=votes // 20, annotators=300, classes=3, seed=0)
    shuffled = np.random.default_rng(1).permutation(len(drawn.items))
    names = ("task", "worker", "label")
    pq.write_table(
        pa.table({name: column[shuffled] for name, column in zip(names, drawn[:3], strict=True)}),
        root / "votes.parquet",
    )
    pq.write_table(pa.table({"truth": drawn.truth}), root / "truth.parquet")
    files = (root / "votes.parquet", root / "truth.parquet")
    for method in ("majority", "dawid_skene"):
        theirs = run(program("reference"), THEIRS, *files, method)
        for stop in ("1e-5", "1e-9") if method == "dawid_skene" else ("",):
            ours = run(sys.executable, OURS, *files, method, stop)
            print(f"{method} {stop}: crowd-kit {theirs[1]:.2f} s CPU, {theirs[2]:.0f} MB, {theirs[3]}; ours {ours[1]:.2f} s, {ours[2]:.0f} MB, {ours[3]}; ratio {theirs[1] / ours[1]:.1f}")  # fmt: skip


def measure_step(root: Path, count: int) -> None:
    """Print what label.events takes for `count` events."""
    make_events(root, count)
    stage: dict[str, float] = {}
    for method in ("majority", "latest", "weighted", "dawid_skene"):
        for kind in ("parquet", "jsonl"):
            wall, cpu, peak, found = run(sys.executable, STEP, root, root / kind, method)
            stage.setdefault(kind, cpu)
            print(
                f"{count} events, {kind}, {method}: {wall:.1f} s wall, {cpu:.1f} s CPU, {peak:.0f} MB, {found:.0f} labels",
                flush=True,
            )
    for kind, whole in stage.items():
        wall, cpu, peak, taken = run(sys.executable, BATCH, make_project(root, kind), count // 5)
        print(
            f"another {taken:.0f} of 1,000 answers to {count} events, {kind}: {wall:.1f} s wall, {cpu:.1f} s CPU, {peak:.0f} MB; {cpu / whole:.1%} of the stage"
        )


def make_project(root: Path, kind: str) -> Path:
    """Return the folder of a project that has the events of one kind, and the items."""
    place = root / f"project-{kind}"
    for name, text in PROJECT.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")
    (place / "labels" / "events").symlink_to(root / kind)
    (place / "data").mkdir()
    (place / "data" / "clean.parquet").symlink_to(root / "clean.parquet")
    return place


if __name__ == "__main__":
    numbers = [int(text.replace(",", "")) for text in sys.argv[1:]]
    votes, events = numbers + [1_000_000, 10_000_000][len(numbers) :]
    with tempfile.TemporaryDirectory() as folder:
        compare_estimators(Path(folder), votes)
        measure_step(Path(folder), events)
