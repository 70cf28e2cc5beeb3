"""What is fetched is whole, or it is not taken: folders and HTTP, objects, folders of them, entries of the run cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_kit.artifacts.places import object_name
from mlops_kit.artifacts.remote_runs import costs_name, entry_folder, index_name, read_entry, write_index
from mlops_kit.artifacts.remote_store import RemoteStore, fetch_objects
from mlops_kit.outside.whole_files import half_done, sweep
from tests.support.http_store import http_store
from tests.support.places import put, put_folder

ENTRY = """\
cmd: cp in out
deps:
- path: in
  hash: md5
  md5: 1dcca23355272056f04fe8bf20edfce0
  size: 3
params:
  params.yaml:
    rate: 1e-3
outs:
- path: out
  hash: md5
  md5: 1dcca23355272056f04fe8bf20edfce0
  size: 3
"""


def sha(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def entry() -> tuple[str, str]:
    """Return key and value of ENTRY, taken as dvc/stage/cache.py takes them."""
    file = {"path": "in", "hash": "md5", "md5": "1dcca23355272056f04fe8bf20edfce0"}
    whole = {"cmd": "cp in out", "deps": [file], "params": {"params.yaml": {"rate": 0.001}}}
    return sha({**whole, "outs": ["out"]}), sha({**whole, "outs": [{**file, "path": "out"}]})


@pytest.fixture(params=["folder", "http"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Return the folder of a remote, of which a project in `tmp_path / "project"` knows the folder or an address."""
    (tmp_path / "project/.dvc").mkdir(parents=True)
    config = tmp_path / "project/.dvc/config"
    if request.param == "folder":
        config.write_text("['remote \"store\"']\n    url = ../../served\n")
        (tmp_path / "served").mkdir()
        yield tmp_path / "served"
        return
    with http_store(tmp_path / "served") as url:
        config.write_text(f"['remote \"store\"']\n    url = {url}\n    method = PUT\n")
        yield tmp_path / "served"


def test_folder_comes_with_all_its_files_and_what_is_nowhere_does_not(remote: Path, tmp_path: Path) -> None:
    folder = put_folder(remote, b"one", b"two", b"")
    cache = tmp_path / "project/.dvc/cache"
    with RemoteStore(tmp_path / "project") as store:
        assert store.fetch([folder, "0" * 32]) == {folder}
        assert (store.fetched.objects, store.fetched.complaints) == (4, [])
        assert store.fetch([folder]) == {folder}
        assert store.fetched.objects == 4
    for path in (remote / "files").rglob("*/*/*"):
        there = cache / path.relative_to(remote)
        assert (there.read_bytes(), there.stat().st_mode & 0o777) == (path.read_bytes(), 0o444)
    assert not list((cache / "mlops-kit/tmp").iterdir())


def test_damaged_object_does_not_enter_the_cache(remote: Path, tmp_path: Path) -> None:
    folder = put_folder(remote, b"one", b"two")
    digest = hashlib.md5(b"two").hexdigest()
    (remote / object_name(digest)).write_bytes(b"twa")
    with RemoteStore(tmp_path / "project") as store:
        assert store.fetch([folder]) == frozenset()
        assert store.fetched.damaged == [("store", digest)]
    assert not (tmp_path / "project/.dvc/cache" / object_name(digest)).exists()
    assert "damaged" in fetch_objects(tmp_path / "project", [digest])[1]


def test_entry_of_the_run_cache_comes_by_its_key_with_its_costs(remote: Path, tmp_path: Path) -> None:
    key, value = entry()
    found = read_entry(key, value, ENTRY.encode())
    assert found is not None
    for name, content in ((index_name(key), write_index([found])), (costs_name(key), b"{}")):
        (remote / name).parent.mkdir(parents=True)
        (remote / name).write_bytes(content)
    with RemoteStore(tmp_path / "project") as store:
        assert (store.fetch_entries("0" * 64), store.fetch_entries(key)) == (0, 1)
    cache = tmp_path / "project/.dvc/cache"
    assert (cache / entry_folder(key) / value).read_text() == ENTRY
    assert (cache / costs_name(key)).read_bytes() == b"{}"


def test_entry_that_is_not_what_its_name_says_does_not_enter_the_cache(remote: Path, tmp_path: Path) -> None:
    key, value = entry()
    assert read_entry(key, "0" * 64, ENTRY.encode()) is None
    assert read_entry("0" * 64, value, ENTRY.encode()) is None
    poisoned = ENTRY.replace("1dcca", "2dcca")
    (remote / index_name(key)).parent.mkdir(parents=True)
    (remote / index_name(key)).write_text(json.dumps({"entries": {value: poisoned, "0" * 64: ENTRY, "x": 1}}))
    with RemoteStore(tmp_path / "project") as store:
        assert store.fetch_entries(key) == 0


def test_entry_that_plain_dvc_pushed_comes_from_a_folder(tmp_path: Path) -> None:
    key, value = entry()
    (tmp_path / "project/.dvc").mkdir(parents=True)
    (tmp_path / "project/.dvc/config").write_text("['remote \"store\"']\n    url = ../../served\n")
    plain = tmp_path / "served" / entry_folder(key) / value
    plain.parent.mkdir(parents=True)
    plain.write_text(ENTRY)
    with RemoteStore(tmp_path / "project") as store:
        assert store.fetch_entries(key) == 1


def test_remote_that_does_not_answer_is_asked_once_and_the_next_one_has_it(tmp_path: Path) -> None:
    (tmp_path / "project/.dvc").mkdir(parents=True)
    (tmp_path / "project/.dvc/config").write_text(
        "[core]\n    remote = web\n['remote \"web\"']\n    url = hdfs://127.0.0.1:9/nowhere\n"
        "['remote \"store\"']\n    url = ../../served\n"
    )
    one, two = (put(tmp_path / "served", content) for content in (b"one", b"two"))
    with RemoteStore(tmp_path / "project") as store:
        assert store.fetch([one]) == {one}
        assert store.fetch([two]) == {two}
        assert len(store.fetched.complaints) == 1  # its plugin is not installed
    with RemoteStore(tmp_path / "project", remote="web") as store:
        assert store.fetch(["0" * 32]) == frozenset()


def test_what_a_process_that_is_gone_left_half_done_is_swept(tmp_path: Path) -> None:
    with half_done(tmp_path) as mine:
        mine.write_text("mine")
        machine = mine.name.split("-")[0]
        (mine.parent / f"{machine}-4194305-0").write_text("of a process that cannot be")
        (mine.parent / "elsewhere-4194305-0").write_text("of another machine, and young")
        sweep(tmp_path)
        assert sorted(path.name for path in mine.parent.iterdir()) == sorted(
            [mine.name, "elsewhere-4194305-0"]
        )
