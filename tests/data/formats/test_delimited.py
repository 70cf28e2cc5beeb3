"""CSV and TSV, quick and careful, against Python's own reader."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlops_kit.data.formats import delimited, encodings
from mlops_kit.data.formats.options import FormatOptions
from mlops_kit.data.formats.reading import read_rows
from mlops_kit.data.formats.rows import Reject

CELLS = st.text(st.sampled_from('ab,;"\n\r é'), max_size=6)


def load(path: Path, options: FormatOptions | None = None) -> tuple[list[list[Any]], list[Reject]]:
    rejects: list[Reject] = []
    source = read_rows(path, options)
    rows = [list(row.values()) for batch in source.batches(rejects.append) for row in batch.to_pylist()]
    return rows, rejects


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.integers(1, 40),
)
def test_what_a_writer_wrote_is_read_again_however_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], end: str, quoting: Any, block: int
) -> None:
    if end != "\r\n":
        quoting = csv.QUOTE_ALL  # Python 3.11 leaves the other line end unquoted
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end, quoting=quoting).writerows([("x", "y", "z"), *rows])
    path = tmp_path_factory.getbasetemp() / "written.csv"
    path.write_bytes(text.getvalue().encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encodings, "BLOCK", block)
        found, rejects = load(path)
    assert found == [[cell or None for cell in row] for row in rows]
    assert rejects == []


ANY = FormatOptions(max_rejected=1, encoding="utf-8")
TEXTS = st.text(st.sampled_from('ab,"\n\r\0é'), max_size=40)


@settings(max_examples=120, deadline=None)
@given(TEXTS, st.integers(1, 40))
@example('1,"a\n2,"b",c\n3,4\n', 1)
@example('1,5" x\n2,"b"\r3,"\n', 3)
def test_every_line_becomes_a_row_or_a_reject_however_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, text: str, block: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(b"x,y\n" + text.encode())
    whole = load(path, ANY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encodings, "BLOCK", block)
        assert load(path, ANY) == whole
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "CAREFUL", block)
        assert load(path, ANY) == whole
        patch.setattr(delimited, "cut_block", _never)
        assert load(path, ANY) == whole
    rows, rejects = whole
    kept = [*(cell for row in rows for cell in row if cell), *(reject.text for reject in rejects)]
    assert sorted(s for s in "".join(kept) if s in "abé") == sorted(s for s in text if s in "abé")


def _never(block: bytes, *_: Any, **__: Any) -> Any:
    from mlops_kit.data.formats.records import Cut

    return Cut(0, (), 0, 0, stray=True)
