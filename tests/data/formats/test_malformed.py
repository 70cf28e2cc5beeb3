"""Every malformed file through `acquire.file` and `clean`: it loads right, lines are kept with a reason, or it is refused; nothing is lost."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.artifacts.kinds import KINDS, load_artifact, save_artifact
from mlops_kit.artifacts.tables import read_parquet, read_partition_rows
from mlops_kit.data.formats import delimited, packed
from mlops_kit.data.formats.reading import read_rows
from mlops_kit.data.formats.rows import RULES, Reject
from mlops_kit.data.rejects import read_rejects
from mlops_kit.errors import BadDataError
from mlops_kit.spec.model import Column, Schema, Task
from mlops_kit.steps.contract import read_contract
from mlops_kit.steps.data import acquire_file, clean_rules
from tests.support.malformed import FREE, LONGEST, SECRET, Malformed, malformed_files

TASK = Task("classification", "late", ("id",), "when")
SCHEMA = Schema(
    {
        "id": Column("string", "key", nullable=False),
        "when": Column("timestamp", "time", nullable=False),
        "n": Column("integer"),
        "c": Column("string"),
    },
    max_quarantine=1.0,
)
FILES = list(malformed_files())
RAW = Path("data/raw")


@pytest.fixture(autouse=True)
def small_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(delimited, "LONGEST", LONGEST)
    monkeypatch.setattr(packed, "FREE", FREE)


def _acquire(case: Malformed) -> None:
    Path(case.file).write_bytes(case.content)
    params = acquire_file.AcquireParams(case.file, by_month=False, format=case.options)
    save_artifact("PartitionRows", acquire_file.acquire(task=TASK, params=params).raw, RAW)


def _clean() -> dict[str, Any]:
    """Return what the clean step makes of what was acquired: the names of its outputs and their values."""
    contract = read_contract(Path(clean_rules.__file__))
    raw = load_artifact(contract.inputs[0].kind, RAW)
    made = clean_rules.clean(raw, schema=SCHEMA, task=TASK, params=clean_rules.CleanParams())._asdict()
    for output in contract.outputs:
        path = Path(KINDS[output.kind].locate(output.name))
        save_artifact(output.kind, made[output.name], path)
        made[output.name] = read_parquet(path) if path.suffix == ".parquet" else made[output.name]
    return made


def _ids(case: Malformed) -> str:
    return re.sub(r"\W+", "-", case.about)


@pytest.mark.parametrize("case", [case for case in FILES if case.refused], ids=_ids)
def test_a_file_that_makes_no_sense_is_refused_and_changes_nothing(case: Malformed) -> None:
    RAW.mkdir(parents=True)
    (RAW / "all.parquet").write_bytes(b"the last good one")
    with pytest.raises(BadDataError) as caught:
        _acquire(case)
    assert case.refused in caught.value.message
    assert case.file in caught.value.message
    assert SECRET not in f"{caught.value.message} {caught.value.fix}"
    assert [path.name for path in RAW.parent.rglob("*")] == ["raw", "all.parquet"]


@pytest.mark.parametrize("case", [case for case in FILES if not case.refused], ids=_ids)
def test_a_file_that_makes_sense_loads_and_nothing_is_lost(case: Malformed) -> None:
    _acquire(case)
    rejects = [reject for _, reject in read_rejects(sorted(RAW.glob("*.rejects.jsonl")))]
    assert tuple((reject.line, reject.rule) for reject in rejects) == case.rejects
    files = read_partition_rows(RAW)
    assert files.count() == case.rows
    rows = [row for batch in files.batches() for row in batch.to_pylist()]
    for name, value in case.cells:
        assert value in [row.get(name) for row in rows]
    if case.file.endswith(("csv", "tsv", "jsonl")):
        assert _lines_kept(rows, rejects) == _lines_of(case)
    _assert_clean_keeps(case)


def _assert_clean_keeps(case: Malformed) -> None:
    if case.clean_refuses:
        with pytest.raises(BadDataError, match=case.clean_refuses):
            _clean()
        return
    made = _clean()
    rules = Counter(made["quarantine"]["rule"].to_pylist())
    assert rules == Counter([*case.quarantined, *["unreadable row"] * len(case.rejects)])
    assert made["clean"].num_rows == case.rows - len(case.quarantined)
    assert made["cleaning"]["rows_in"] == case.rows + len(case.rejects)


def _lines_of(case: Malformed) -> int:
    """Return how many lines of the file are not blank, without its header: what must come out somewhere."""
    content = case.content
    mark = next((m for m in (b"\xff\xfe\0\0", b"\xff\xfe", b"\xfe\xff") if content.startswith(m)), b"")
    wide = {4: "utf-32", 2: "utf-16"}.get(len(mark), case.options.encoding or "utf-8")
    text = content.decode(wide, "replace")
    lines = [line for line in re.split("\r\n|\r|\n", text.removeprefix("\ufeff")) if line]
    before = 0 if case.file.endswith("jsonl") or not case.options.header else 1 + (case.options.skip > 0)
    return len(lines) - before


def _lines_kept(rows: list[dict[str, Any]], rejects: list[Reject]) -> int:
    """Return how many lines the rows and the rejects were made of."""
    cells = [value for row in rows for value in row.values() if value]
    inside = sum(len(re.findall("\r\n|\r|\n", text)) for text in [*cells, *(r.text for r in rejects)])
    return len(rows) + len(rejects) + inside


def test_the_corpus_is_large_and_has_every_rule() -> None:
    assert len(FILES) >= 80
    assert len({case.about for case in FILES}) == len(FILES)
    assert {rule for case in FILES for _, rule in case.rejects} == set(RULES)


SMALL = [case for case in FILES if len(case.content) < 20_000]


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(SMALL),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4), st.integers(0, 9)), max_size=3),
)
def test_a_file_with_any_bytes_is_read_or_refused_and_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, case: Malformed, edits: list[tuple[float, bytes, int]]
) -> None:
    content = case.content
    for place, new, gone in edits:
        at = int(place * len(content))
        content = content[:at] + new + content[at + gone :]
    path = tmp_path_factory.getbasetemp() / case.file
    path.write_bytes(content)
    rejects: list[Reject] = []
    with contextlib.suppress(BadDataError):
        for batch in read_rows(path, case.options).batches(rejects.append):
            batch.validate(full=True)
