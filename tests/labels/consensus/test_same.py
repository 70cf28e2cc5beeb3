"""The same events give the same labels, however they are spread over files, whatever the order, for any number of threads."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mlops_kit.artifacts import duck as engine
from mlops_kit.artifacts.kinds import load_artifact
from mlops_kit.artifacts.tables import EventFiles
from mlops_kit.labels.events.model import event_schema
from mlops_kit.spec.labels import Annotator, Labelling, LabelTask, LabelType
from mlops_kit.spec.model import Schema, Task
from mlops_kit.steps.labels.label_events import LabelParams, label
from tests.support.crowds import crowd
from tests.support.rows import daily, rows, written
from tests.support.votes import Vote, event_files, event_of

TASK = Task("classification", "late", ("id",), "when")
METHODS = ("latest", "majority", "weighted", "dawid_skene")
ROSTER = {f"p{n}": Annotator(trust=0.1 + n / 7) for n in range(5)}
ANSWERS: dict[LabelType, list[Any]] = {
    "class": ["a", "b", None],
    "classes": [["a"], ["b", "a"], [], None],
    "number": [0.1, 0.7, 3, None],
    "spans": [
        [{"start": 0, "end": 4, "label": "a"}],
        [{"start": 2, "end": 9, "label": "a"}],
        [{"start": 1, "end": 3, "label": "b"}],
        [],
    ],
    "boxes": [[{"x": n / 20, "y": 0.1, "width": 0.3, "height": 0.3, "label": "a"}] for n in range(4)],
}


def _question(kind: LabelType) -> LabelTask:
    return LabelTask(kind, classes=("a", "b"), text="id", image="id")


def _digests(folder: Path, events: EventFiles, kind: LabelType, params: LabelParams) -> list[str]:
    labelling = Labelling(1, {"late": _question(kind)}, ROSTER)
    clean = rows(folder, daily(40, delay=[float(n) for n in range(40)]))
    made = label(clean, events, task=TASK, schema=Schema({}), labelling=labelling, params=params)
    texts = [json.dumps(part, sort_keys=True) for part in (made.labelling, made.label_quality)]
    contents = [written(made.labels, folder / "l.parquet"), written(made.consensus, folder / "c.parquet")]
    return [hashlib.sha256(part).hexdigest() for part in (*contents, *(text.encode() for text in texts))]


def _params(kind: LabelType, method: Any) -> LabelParams:
    positive = None if kind == "number" else "a"
    return LabelParams(method=method, positive=positive, at_least=2.0 if kind == "number" else None)


def _votes(draw: Any, kind: LabelType) -> list[Vote]:
    answers = st.sampled_from(ANSWERS[kind])
    people, items = st.sampled_from(list(ROSTER)), st.integers(0, 5)
    return [
        (f"r000{n}", who, value)
        for n, who, value in draw(st.lists(st.tuples(items, people, answers), min_size=1, max_size=25))
    ]


@pytest.mark.slow
@given(st.data())
@settings(max_examples=6, deadline=None, phases=[Phase.generate])
def test_labels_do_not_depend_on_files_or_their_order(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(list(ANSWERS)))
    method = data.draw(st.sampled_from(METHODS if kind in ("class", "classes") else METHODS[:3]))
    votes = [*_votes(data.draw, kind), ("r0030", "p0", ANSWERS[kind][0])]
    found = []
    for batches in (1, 3):
        with tempfile.TemporaryDirectory() as place:
            events = event_files(Path(place), votes, batches=batches)
            turned = EventFiles(tuple(reversed(events.paths)))
            found.append(_digests(Path(place), turned, kind, _params(kind, method)))
    assert found[0][:2] == found[1][:2]


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_bytes_do_not_depend_on_threads_or_memory(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = crowd(150, items=40, annotators=5, classes=2, seed=4)
    votes: list[Vote] = [
        (f"r{item:04}", f"p{who}", "ab"[answer])
        for item, who, answer in zip(*(column.tolist() for column in drawn[:3]), strict=True)
    ]
    events = event_files(tmp_path, votes, batches=3)
    found = []
    for threads, memory in ((1, 3 << 30), (2, 512 << 20), (8, 1 << 30)):
        monkeypatch.setattr(engine, "usable_processors", lambda threads=threads: threads)
        monkeypatch.setattr(engine, "MOST_MEMORY", memory)
        monkeypatch.setattr(engine, "LEAST_MEMORY", memory)
        found.append(_digests(tmp_path, events, "class", _params("class", method)))
    assert found[0] == found[1] == found[2]


def test_parquet_says_what_lines_say(tmp_path: Path) -> None:
    votes: list[Vote] = [(f"r000{n}", who, "ab"[n % 2]) for n in range(6) for who in ROSTER]
    lines = event_files(tmp_path / "lines", votes)
    made = [event_of(vote, number) for number, vote in enumerate(votes)]
    columns = {name: [getattr(event, name) for event in made] for name in event_schema().names}
    columns["value"] = [json.dumps(value) for value in columns["value"]]
    place = tmp_path / "parquet"
    place.mkdir()
    pq.write_table(pa.table(columns, schema=event_schema()), place / "b0.parquet")
    params = _params("class", "majority")
    found = [
        _digests(tmp_path, events, "class", params) for events in (lines, load_artifact("LabelEvents", place))
    ]
    assert found[0] == found[1]
