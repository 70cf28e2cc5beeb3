"""Merging lock files by stages: bytes of what nobody changed stay, and nobody's change gets lost unsaid."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.artifacts.dvcfiles import read_lock
from mlops_kit.artifacts.evidence import FileEvidence, StageEvidence, parse_evidence, render_evidence
from mlops_kit.artifacts.lock_merge import merge_locks
from mlops_kit.artifacts.output_merge import merge_evidence, merge_output
from mlops_kit.errors import SpecError

NAMES = ("prepare", "train@1", "äöü", "'1'", "join_all")


def lock_of(stages: dict[str, int]) -> bytes:
    parts = [
        f"  {name}:\n    cmd: run {number}\n    outs:\n    - path: x{number}.bin\n"
        for name, number in stages.items()
    ]
    return ("schema: '2.0'\n" + ("stages:\n" + "".join(parts) if parts else "stages: {}\n")).encode()


locks = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 2))


@given(locks, locks, locks)
def test_each_stage_is_of_a_side_or_named(
    base: dict[str, int], ours: dict[str, int], theirs: dict[str, int]
) -> None:
    made = merge_locks(lock_of(base), lock_of(ours), lock_of(theirs), "dvc.lock")
    expected, dropped = {}, set()
    for name in {**ours, **theirs, **base}:
        was, mine, other = base.get(name), ours.get(name), theirs.get(name)
        if mine not in (was, other) and other != was:
            dropped.add(name.strip("'"))
        elif (chosen := other if mine == was else mine) is not None:
            expected[name] = chosen
    assert set(made.dropped) == dropped
    assert read_lock(made.content, "", "dvc.lock") == read_lock(lock_of(expected), "", "dvc.lock")
    assert set(made.content.splitlines()) <= set(
        (lock_of(ours) + lock_of(theirs) + b"stages: {}").splitlines()
    )


@given(locks, locks)
def test_a_change_of_one_side_alone_is_that_side(base: dict[str, int], ours: dict[str, int]) -> None:
    same = merge_locks(lock_of(base), lock_of(ours), lock_of(base), "dvc.lock")
    assert (same.content, same.dropped) == (lock_of(ours), ())


def test_layout_alone_is_no_change_and_sections_of_others_stay() -> None:
    ours = lock_of({"a": 1}) + b"datasets:\n- name: d\n  rev: '1'\n"
    theirs = lock_of({"a": 1, "b": 1}).replace(b"cmd: run 1", b"cmd: 'run 1'", 1)
    made = merge_locks(lock_of({"a": 0}), ours, theirs, "dvc.lock")
    assert made.content == lock_of({"a": 1, "b": 1}) + b"datasets:\n- name: d\n  rev: '1'\n"
    assert merge_locks(b"", ours, ours.replace(b"\n", b"\r\n"), "dvc.lock").content == ours


@pytest.mark.parametrize("text", [b"stages: []\n", b"a: [\n", b"<<<<<<< HEAD\n", b"schema: '1.0'\nstages:\n  a: 1\n",
                                  b"schema: '2.0'\nstages: {a: {cmd: x}}\n"])  # fmt: skip
def test_what_dvc_did_not_write_is_refused(text: bytes) -> None:
    with pytest.raises(SpecError, match=r"dvc\.lock"):
        merge_locks(lock_of({}), lock_of({"a": 1}), text, "dvc.lock")


def test_evidence_is_merged_by_files() -> None:
    def text(**md5s: str) -> bytes:
        outs = {name: FileEvidence(md5, md5 * 2, 1) for name, md5 in md5s.items()}
        return render_evidence({"train": StageEvidence({}, outs)} if outs else {}).encode()

    made = merge_evidence(text(a="1", b="1"), text(a="2", b="2"), text(a="1", b="3", c="1"), "e")
    assert made.dropped == ("train",)
    assert {path: file.md5 for path, file in parse_evidence(made.content)["train"].outs.items()} == {
        "a": "2",
        "c": "1",
    }
    assert made.content == text(a="2", c="1")
    assert merge_evidence(text(), text(a="1"), text(), "e").content == text(a="1")
    with pytest.raises(SpecError):
        merge_evidence(text(), b'{"version": 99}', text(a="1"), "e")


def test_metrics_keep_what_both_sides_agree_on() -> None:
    made = merge_output(
        b'{"auc": 1, "rows": 5, "s": {"x": 1, "y": 2}}', b'{"auc": 2, "rows": 5, "s": {"x": 1}}', "m.json"
    )
    assert (made.content, made.dropped) == (
        b'{\n  "rows": 5,\n  "s": {\n    "x": 1\n  }\n}\n',
        ("auc", "s.y"),
    )
    listed = merge_output(b'{"rows": [1]}', b'{"rows": [2]}', "reports/r.json")
    assert (listed.content, listed.dropped) == (b'{"rows": [1]}', ("reports/r.json",))
