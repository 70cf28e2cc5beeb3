"""Hashes, the memory of hashes, and the file of evidence."""

from __future__ import annotations

import hashlib
import os
import string
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.artifacts.evidence import (
    FileEvidence,
    StageEvidence,
    hash_path,
    parse_evidence,
    render_evidence,
)
from mlops_kit.artifacts.hashing import BLOCK, hash_file, hash_files
from mlops_kit.artifacts.statcache import StatCache, stamp_of

HEX = st.text(string.hexdigits.lower()[:16], min_size=32, max_size=32)
FILES = st.builds(FileEvidence, HEX, HEX, st.integers(0, 2**50), st.sampled_from(["", "c0de"]))
PATHS = st.text(min_size=1, max_size=12)
FIELD = '"sha256": "'
EVIDENCE = st.dictionaries(
    PATHS,
    st.builds(
        StageEvidence,
        st.dictionaries(PATHS, FILES, max_size=3),
        st.dictionaries(PATHS, FILES, max_size=3),
    ),
    max_size=3,
)


def old(path: Path, content: bytes) -> Path:
    """Write a file; on the file system's clock it is already a moment old, so that its hash may be remembered."""
    path.write_bytes(content)
    os.utime(path, ns=(10**18, 10**18))
    return path


def test_both_hashes_are_those_of_the_content_whatever_the_size(tmp_path: Path) -> None:
    for size in (0, 1, BLOCK, BLOCK + 1):
        content = os.urandom(size)
        found = hash_file(old(tmp_path / "f", content))
        assert (found.md5, found.sha256) == (
            hashlib.md5(content, usedforsecurity=False).hexdigest(),
            hashlib.sha256(content).hexdigest(),
        )
        assert found.size == size


def test_many_files_are_hashed_side_by_side_and_the_unreadable_one_is_told(tmp_path: Path) -> None:
    paths = [old(tmp_path / str(number), bytes([number]) * 3_000_000) for number in range(3)]
    found = dict(hash_files([*paths, tmp_path / "gone"]))
    assert isinstance(found[tmp_path / "gone"], FileNotFoundError)
    assert [found[path] for path in paths] == [hash_file(path) for path in paths]


def test_folder_has_the_md5_that_dvc_gives_it(tmp_path: Path) -> None:
    (tmp_path / "d/in").mkdir(parents=True)
    old(tmp_path / "d/b", b"2")
    old(tmp_path / "d/in/a", b"1")
    found = hash_path(tmp_path / "d", StatCache(tmp_path))
    listing = (
        b'[{"md5": "c81e728d9d4c2f636f067f89cc14862c", "relpath": "b"}, '
        b'{"md5": "c4ca4238a0b923820dcc509a6f75849b", "relpath": "in/a"}]'
    )
    assert found is not None
    assert found.md5 == hashlib.md5(listing, usedforsecurity=False).hexdigest() + ".dir"
    lines = "".join(f"{n}\0{hashlib.sha256(c).hexdigest()}\n" for n, c in (("b", b"2"), ("in/a", b"1")))
    assert (found.sha256, found.size) == (hashlib.sha256(lines.encode()).hexdigest(), 2)


def test_what_changed_a_moment_ago_is_not_remembered(tmp_path: Path) -> None:
    cache = StatCache(tmp_path)
    path = tmp_path / "f"
    path.write_bytes(b"one")
    cache.hash(path)
    assert cache.lookup(path) is None


def test_edit_that_keeps_size_and_time_is_noticed_by_the_time_of_the_inode(tmp_path: Path) -> None:
    path = old(tmp_path / "f", b"one")
    cache = StatCache(tmp_path)
    cache.learn(path, stamp_of(path), hash_file(path), 2**63)
    cache.save()
    again = StatCache(tmp_path)
    assert again.lookup(path) == hash_file(path)
    path.unlink()
    old(path, b"two")
    assert again.lookup(path) is None
    assert again.recall(path) is not None


def test_damaged_memory_is_an_empty_one(tmp_path: Path) -> None:
    file = tmp_path / ".dvc/tmp/mlops-kit/hashes.json"
    file.parent.mkdir(parents=True)
    for text in ("", "[]", '{"version": 1, "files": {"f": [1]}}', '{"version": 0}'):
        file.write_text(text)
        assert StatCache(tmp_path).recall(tmp_path / "f") is None


@given(EVIDENCE)
def test_evidence_survives_its_file_and_has_one_line_for_a_file(
    evidence: dict[str, StageEvidence],
) -> None:
    text = render_evidence(evidence)
    assert parse_evidence(text.encode()) == evidence
    count = sum(len(both.deps) + len(both.outs) for both in evidence.values())
    assert text.count(FIELD) == count == sum(FIELD in line for line in text.splitlines())


def test_evidence_that_cannot_be_read_is_none() -> None:
    for content in (
        b"",
        b"[]",
        b"<<<<<<< ours",
        b'{"version": 2, "stages": {}}',
        b'{"version": 1, "stages": {"a": {"deps": {"b": 1}}}}',
    ):
        assert parse_evidence(content) == {}
