"""Objects of a store come whole, are known by their ETag, and are never mixed of two versions."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_kit.errors import MlopsKitError, OutsideError, UsageError
from mlops_kit.outside.sources import objects
from mlops_kit.outside.sources.objects import ObjectStore, fetch_object, list_objects
from mlops_kit.outside.sources.patience import Patience
from tests.support.bucket import KEY, SECRET, Bucket, bucket

CONTENT = random.Random(2).randbytes(100_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    with bucket(tmp_path_factory.mktemp("store")) as started:
        yield started


@pytest.fixture
def store(server: Bucket, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    folder = server.folder / "flights"
    for name in ("2013/01.parquet", "2013/02.parquet", "2013/_SUCCESS", "2012/12.parquet", "note.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(CONTENT + name.encode())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    return ObjectStore("s3://flights/2013/*.parquet", endpoint=server.endpoint)


def hurried() -> Patience:
    return Patience(attempts=2, sleep=lambda seconds: None)


def test_pattern_names_its_objects_with_etags(store: ObjectStore) -> None:
    found = list_objects(store, hurried())
    assert [(one.path, one.name, one.size) for one in found] == [
        ("flights/2013/01.parquet", "01.parquet", 100_015),
        ("flights/2013/02.parquet", "02.parquet", 100_015),
    ]
    assert all(one.identity.startswith("etag:") for one in found)
    assert found[0].identity != found[1].identity


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("s3://flights/**/*.parquet", ["2012/12.parquet", "2013/01.parquet", "2013/02.parquet"]),
        ("s3://flights/2013", ["01.parquet", "02.parquet"]),
        ("s3://flights/2013/02.parquet", ["02.parquet"]),
        ("s3://flights/201?/0*", ["2013/01.parquet", "2013/02.parquet"]),
    ],
)
def test_address_may_be_pattern_folder_or_object(store: ObjectStore, url: str, names: list[str]) -> None:
    assert [one.name for one in list_objects(ObjectStore(url, store.endpoint), hurried())] == names


@pytest.mark.parametrize("chunk", [7_000, 100_014, 100_015, 1 << 20])
def test_object_comes_in_pieces(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(objects, "CHUNK", chunk)
    heard: list[int] = []
    wanted = list_objects(store, hurried())[1]
    fetch_object(store, wanted, tmp_path / "x", progress=lambda done, total: heard.append(done))
    assert (tmp_path / "x").read_bytes() == CONTENT + b"2013/02.parquet"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert heard[-1] == 100_015


def test_object_is_gone_on_with_when_its_server_is_back(
    server: Bucket, store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "CHUNK", 9_000)
    wanted = list_objects(store, hurried())[0]
    monkeypatch.setattr("s3fs.core.S3FileSystem.retries", 1)

    def stop(done: int, total: int | None) -> None:
        if done == 45_000:
            server.stop()

    with pytest.raises(OutsideError, match="2 times in a row"):
        fetch_object(store, wanted, tmp_path / "x", patience=hurried(), progress=stop)
    server.start()
    heard: list[int] = []
    fetch_object(store, wanted, tmp_path / "x", progress=lambda done, total: heard.append(done))
    assert heard[0] == 54_000
    assert (tmp_path / "x").read_bytes() == CONTENT + b"2013/01.parquet"


def test_object_that_changes_in_between_is_refused(
    server: Bucket, store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "CHUNK", 40_000)
    wanted = list_objects(store, hurried())[0]

    def change(done: int, total: int | None) -> None:
        (server.folder / "flights/2013/01.parquet").write_bytes(CONTENT[::-1] + b"2013/01.parquet")

    with pytest.raises(OutsideError, match="another object"):
        fetch_object(store, wanted, tmp_path / "x", patience=hurried(), progress=change)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("url", ["s3://flights/2013/09.parquet", "s3://nothing/x.parquet"])
def test_what_is_not_there_is_said(store: ObjectStore, url: str) -> None:
    with pytest.raises(OutsideError):
        list_objects(ObjectStore(url, store.endpoint), hurried())


@pytest.mark.parametrize("url", ["nothing://x/y", "s3://", "data/x.csv"])
def test_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        list_objects(ObjectStore(url), hurried())


def test_wrong_credentials_are_said_without_them(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-word")
    with pytest.raises(MlopsKitError) as caught:
        list_objects(store, hurried())
    assert "wrong-word" not in f"{caught.value}{caught.value.fix}"


def test_too_large_object_is_refused(store: ObjectStore, tmp_path: Path) -> None:
    wanted = list_objects(store, hurried())[0]
    with pytest.raises(OutsideError, match="more than the limit"):
        fetch_object(ObjectStore(store.url, store.endpoint, size_limit=10), wanted, tmp_path / "x")


def test_files_and_memory_are_stores_too(tmp_path: Path) -> None:
    import fsspec

    digest = hashlib.md5(b"x\n1\n").hexdigest()
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b/1.csv").write_bytes(b"x\n1\n")
    fsspec.filesystem("memory").pipe("/flights/1.csv", b"x\n1\n")
    for url in (f"file://{tmp_path.as_posix()}/a b/*.csv", "memory://flights/*.csv"):
        found = list_objects(ObjectStore(url), hurried())
        assert [(one.name, one.identity) for one in found] == [("1.csv", f"md5:{digest}")]
        fetch_object(ObjectStore(url), found[0], tmp_path / "got")
        assert (tmp_path / "got").read_bytes() == b"x\n1\n"
