"""`mlops-kit acquire` from the web, a database and an object store: only what is new comes, twice is once, and rewriting is noticed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mlops_kit.data.manifest import PartitionLine, read_manifest
from mlops_kit.errors import BadDataError, MlopsKitError, OutsideError, SpecError, UsageError
from mlops_kit.project.acquire.model import AcquireOptions, AcquireReport, AcquireWatcher
from mlops_kit.project.acquire.session import acquire_project
from tests.support.acquiring import FILES
from tests.support.bucket import KEY, SECRET, Bucket, bucket
from tests.support.postgres import PASSWORD, Postgres, postgres
from tests.support.shapes import write
from tests.support.web import Behaviour, web
from tests.support.world import git

MONTHS = {
    f"2013-{month:02}": f"id,at,y\n{month},2013-{month:02}-03T00:00:00Z,1\n".encode()
    for month in range(1, 10)
}


def project(folder: Path, step: str, params: object) -> Path:
    root = folder / "project"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    changed = {
        "mlops.yaml": FILES["mlops.yaml"].replace("acquire.files", step),
        "params.yaml": json.dumps({"acquire": params}) + "\n",
    }
    write(root, FILES | changed)
    return root


def acquire(root: Path, **options: object) -> AcquireReport:
    return acquire_project(root, AcquireOptions(**options))  # type: ignore[arg-type]


def lines(root: Path) -> tuple[PartitionLine, ...]:
    return read_manifest(root / "data/raw.manifest.jsonl")


def names(root: Path) -> list[str]:
    return [line.partition for line in lines(root)]


def content(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((root / "data/raw").iterdir())}


def texts(root: Path) -> str:
    """Return every text of the project outside of git and the cache, to look for what must not be there."""
    return "".join(
        path.read_text(encoding="utf-8", errors="replace")
        for path in root.rglob("*")
        if path.is_file() and not path.relative_to(root).as_posix().startswith((".git/", ".dvc/cache"))
    )


@pytest.fixture
def server() -> Iterator[tuple[Behaviour, str]]:
    behaviour = Behaviour({f"/flights-{month}.csv": MONTHS[month] for month in ("2013-01", "2013-02")})
    with web(behaviour) as address:
        yield behaviour, address


def test_months_of_one_address_arrive_one_by_one(server: tuple[Behaviour, str], tmp_path: Path) -> None:
    behaviour, address = server
    params = {"urls": [f"{address}/flights-{{year}}-{{month}}.csv"], "first": "2013-01", "last": "2013-06"}
    root = project(tmp_path, "acquire.http", params)
    acquire(root)
    assert names(root) == ["2013-01", "2013-02"]
    sent = behaviour.sent
    assert acquire(root).stages[0].added == ()
    assert behaviour.sent == sent
    behaviour.files["/flights-2013-03.csv"] = MONTHS["2013-03"]
    acquire(root)
    assert names(root) == ["2013-01", "2013-02", "2013-03"]
    assert behaviour.sent == sent + len(MONTHS["2013-03"])


def test_rewritten_web_file_is_refused_until_accepted(server: tuple[Behaviour, str], tmp_path: Path) -> None:
    behaviour, address = server
    root = project(tmp_path, "acquire.http", {"urls": [f"{address}/flights-2013-01.csv"]})
    acquire(root)
    before = content(root)
    behaviour.files["/flights-2013-01.csv"] = MONTHS["2013-01"].replace(b",1\n", b",0\n")
    assert acquire(root).exit_code == 7
    assert content(root) == before
    assert acquire(root, accept=frozenset(["flights-2013-01"])).exit_code == 0
    assert content(root) != before
    assert acquire(root).exit_code == 0


def test_web_file_that_has_gone_is_told_and_kept(server: tuple[Behaviour, str], tmp_path: Path) -> None:
    behaviour, address = server
    urls = [f"{address}/flights-2013-01.csv", f"{address}/flights-2013-02.csv"]
    root = project(tmp_path, "acquire.http", {"urls": urls})
    acquire(root)
    del behaviour.files["/flights-2013-01.csv"]
    assert [line.partition for line in acquire(root).stages[0].gone] == ["flights-2013-01"]
    assert len(names(root)) == 2


def test_download_has_the_bytes_of_an_undisturbed_one_when_every_chunk_drops(
    server: tuple[Behaviour, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1357000000")
    behaviour, address = server
    rows = "".join(f"{number},2013-01-03T00:00:00Z,{number % 2}\n" for number in range(2000))
    behaviour.files["/flights-2013-01.csv"] = f"id,at,y\n{rows}".encode()
    made = []
    for name, drop in (("calm", None), ("stormy", 4096)):
        (tmp_path / name).mkdir()
        root = project(tmp_path / name, "acquire.http", {"urls": [f"{address}/flights-2013-01.csv"]})
        behaviour.drop_after = drop
        acquire(root)
        made.append(
            (content(root), (root / "data/raw.manifest.jsonl").read_bytes(), (root / "dvc.lock").read_bytes())
        )
    assert made[0] == made[1]


def test_download_that_was_cut_off_is_gone_on_with_by_the_next_call(
    server: tuple[Behaviour, str], tmp_path: Path
) -> None:
    class CutOff(AcquireWatcher):
        def fetched(self, done: int, total: int | None) -> None:
            if done > 100_000:
                raise KeyboardInterrupt

    behaviour, address = server
    rows = "".join(f"{number},2013-01-03T00:00:00Z,{number % 2}\n" for number in range(20_000))
    behaviour.files["/flights-2013-01.csv"] = f"id,at,y\n{rows}".encode()
    root = project(tmp_path, "acquire.http", {"urls": [f"{address}/flights-2013-01.csv"]})
    behaviour.drop_after = 120_000
    with pytest.raises(KeyboardInterrupt):
        acquire_project(root, AcquireOptions(), CutOff())
    assert not (root / "data").exists()
    behaviour.drop_after, before = None, len(behaviour.requests())
    acquire(root)
    (only,) = behaviour.requests()[before:]
    assert int(only["Range"].removeprefix("bytes=").removesuffix("-")) > 100_000
    assert lines(root)[0].rows == 20_000
    assert not any((root / ".dvc/tmp/mlops-kit/acquire").rglob("*"))


def test_token_stays_in_the_environment(
    server: tuple[Behaviour, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour, address = server
    behaviour.token = "Bearer s3cret-word"
    params = {
        "urls": [f"{address}/flights-2013-01.csv?key=${{TOKEN}}"],
        "headers": {"Authorization": "Bearer ${TOKEN}"},
    }
    root = project(tmp_path, "acquire.http", params)
    with pytest.raises(UsageError, match="TOKEN is not set"):
        acquire(root)
    monkeypatch.setenv("TOKEN", "s3cret-word")
    report = acquire(root)
    assert "s3cret-word" not in texts(root) + repr(report)
    assert names(root) == ["flights-2013-01"]


def test_packed_file_without_ending_is_read_by_what_the_server_says(
    server: tuple[Behaviour, str], tmp_path: Path
) -> None:
    import gzip

    behaviour, address = server
    behaviour.files["/export"] = gzip.compress(MONTHS["2013-01"])
    behaviour.headers = {"Content-Type": "text/csv; charset=utf-8", "Content-Encoding": "gzip"}
    root = project(tmp_path, "acquire.http", {"urls": [f"{address}/export?month=1"]})
    acquire(root)
    assert (names(root), lines(root)[0].rows) == (["export"], 1)


@pytest.mark.parametrize(
    ("params", "error", "said"),
    [
        ({"urls": []}, SpecError, "one address with"),
        ({"urls": ["http://127.0.0.1:1/{year}.csv"]}, SpecError, "`first` and `last`"),
        ({"urls": ["http://127.0.0.1:1/{month}.csv"], "first": "2013"}, SpecError, "look like 2013-01"),
        (
            {"urls": ["http://127.0.0.1:1/{day}.csv", "http://127.0.0.1:1/x.csv"]},
            SpecError,
            "one address with",
        ),
        ({"urls": ["inbox/x.csv"]}, UsageError, "not a web address"),
        ({"urls": ["/none.csv"]}, OutsideError, "nothing there"),
    ],
)
def test_wrong_web_params_are_said(
    server: tuple[Behaviour, str],
    tmp_path: Path,
    params: dict[str, object],
    error: type[Exception],
    said: str,
) -> None:
    if params["urls"] == ["/none.csv"]:
        params = {"urls": [f"{server[1]}/none.csv"]}
    root = project(tmp_path, "acquire.http", params)
    with pytest.raises(error, match=said):
        acquire(root)
    assert not (root / "data/raw").exists()


def rows_until(last: int, first: int = 1) -> list[tuple[int, str, int]]:
    return [(n, f"2013-01-{n:02}T00:00:00", n % 2) for n in range(first, last + 1)]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "flights.db")
    connection.execute("CREATE TABLE flights (id INTEGER PRIMARY KEY, at TEXT, y INTEGER)")
    connection.executemany("INSERT INTO flights VALUES (?, ?, ?)", rows_until(5))
    connection.commit()
    yield connection
    connection.close()


SQLITE = {"url": "sqlite:///../flights.db", "table": "flights", "cursor": "id"}


def test_rows_above_the_cursor_are_the_next_partition(database: sqlite3.Connection, tmp_path: Path) -> None:
    root = project(tmp_path, "acquire.sql", SQLITE)
    acquire(root)
    assert acquire(root).stages[0].added == ()
    database.executemany("INSERT INTO flights VALUES (?, ?, ?)", rows_until(9, 6))
    database.commit()
    acquire(root)
    first, second = lines(root)
    assert (first.rows, first.cursor_from, first.cursor_to) == (5, "", "5")
    assert (second.rows, second.cursor_from, second.cursor_to, second.origin) == (4, "5", "9", "rows:4")
    tables = [pq.read_table(root / f"data/raw/{line.partition}.parquet") for line in lines(root)]
    assert [row for table in tables for row in table["id"].to_pylist()] == list(range(1, 10))


@pytest.mark.parametrize(
    "change", ["DELETE FROM flights WHERE id = 2", "INSERT INTO flights VALUES (-1, 'x', 1)"]
)
def test_rows_that_come_late_or_go_are_noticed(
    database: sqlite3.Connection, tmp_path: Path, change: str
) -> None:
    root = project(tmp_path, "acquire.sql", SQLITE)
    acquire(root)
    before = content(root)
    database.execute(change)
    database.execute("INSERT INTO flights VALUES (7, '2013-01-07T00:00:00', 1)")
    database.commit()
    report = acquire(root)
    assert report.exit_code == 7
    assert [old.cursor_to for old, _ in report.stages[0].rewritten] == ["5"]
    assert {name: text for name, text in content(root).items() if name in before} == before
    assert lines(root)[-1].cursor_to == "7"


def test_since_begins_with_its_value(database: sqlite3.Connection, tmp_path: Path) -> None:
    root = project(tmp_path, "acquire.sql", {**SQLITE, "cursor": "at"})
    acquire(root, since="2013-01-03T00:00:00")
    assert [line.rows for line in lines(root)] == [3]
    database.executemany("INSERT INTO flights VALUES (?, ?, ?)", rows_until(8, 6))
    database.commit()
    acquire(root)
    assert [line.rows for line in lines(root)] == [3, 3]


def test_lost_rows_come_back_from_a_local_database(database: sqlite3.Connection, tmp_path: Path) -> None:
    import shutil

    root = project(tmp_path, "acquire.sql", SQLITE)
    acquire(root)
    before = content(root)
    shutil.rmtree(root / "data/raw")
    shutil.rmtree(root / ".dvc/cache")
    assert acquire(root, refetch=True).stages[0].brought_back
    assert content(root) == before


def test_other_cursor_is_refused(database: sqlite3.Connection, tmp_path: Path) -> None:
    root = project(tmp_path, "acquire.sql", SQLITE)
    acquire(root)
    (root / "params.yaml").write_text(json.dumps({"acquire": {**SQLITE, "cursor": "at"}}))
    with pytest.raises(UsageError, match="was acquired by the cursor `id`"):
        acquire(root)


def test_table_without_cursor_is_one_partition(database: sqlite3.Connection, tmp_path: Path) -> None:
    root = project(tmp_path, "acquire.sql", {"url": SQLITE["url"], "query": "SELECT id, y FROM flights"})
    acquire(root)
    assert [(line.partition, line.rows) for line in lines(root)] == [("rows", 5)]
    database.executemany("INSERT INTO flights VALUES (?, ?, ?)", rows_until(6, 6))
    database.commit()
    assert acquire(root).exit_code == 7
    assert acquire(root, accept=frozenset(["rows"])).exit_code == 0
    assert lines(root)[0].rows == 6


def test_value_that_fits_no_type_leaves_nothing(database: sqlite3.Connection, tmp_path: Path) -> None:
    database.execute("UPDATE flights SET y = 'perhaps' WHERE id = 4")
    database.commit()
    root = project(tmp_path, "acquire.sql", SQLITE)
    with pytest.raises(BadDataError, match="column `y` holds a value that is no integer") as caught:
        acquire(root)
    assert "perhaps" not in str(caught.value)
    assert not (root / "data").exists()
    (root / "params.yaml").write_text(json.dumps({"acquire": {**SQLITE, "types": {"y": "text"}}}))
    acquire(root)
    assert pq.read_table(root / f"data/raw/{names(root)[0]}.parquet")["y"].to_pylist()[3] == "perhaps"


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[Postgres]:
    with postgres() as started:
        yield started


def test_restart_in_mid_fetch_gives_the_bytes_of_an_undisturbed_fetch(
    postgres_server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1357000000")
    monkeypatch.setenv("WAREHOUSE", postgres_server.url)
    postgres_server.run(
        "CREATE TABLE IF NOT EXISTS flights AS SELECT n AS id, timestamptz '2013-01-01 00:00Z' + (n / 50) * interval '1 minute' AS at,"
        " (n / 7.0)::numeric(10,2) AS fare, 'flight ' || n AS name FROM generate_series(1, 2000) AS n"
    )

    class Restarting(AcquireWatcher):
        left = 3

        def fetched(self, done: int, total: int | None) -> None:
            if self.left:
                self.left -= 1
                postgres_server.restart()

    made = []
    for name, watcher in (("calm", AcquireWatcher()), ("stormy", Restarting())):
        (tmp_path / name).mkdir()
        params = {"url": "${WAREHOUSE}", "table": "flights", "cursor": "at", "batch_rows": 300}
        root = project(tmp_path / name, "acquire.sql", params)
        acquire_project(root, AcquireOptions(), watcher)
        made.append(
            (content(root), (root / "data/raw.manifest.jsonl").read_bytes(), (root / "dvc.lock").read_bytes())
        )
    assert made[0] == made[1]
    assert watcher.left == 0  # type: ignore[attr-defined]
    assert lines(root)[0].rows == 2000
    assert PASSWORD not in texts(root)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    with bucket(tmp_path / "store") as started:
        for month in ("2013-01", "2013-02"):
            (started.folder / f"flights/{month}.csv").write_bytes(MONTHS[month])
        yield started


def test_new_objects_are_the_next_partitions(store: Bucket, tmp_path: Path) -> None:
    root = project(tmp_path, "acquire.objects", {"url": "s3://flights/*.csv", "endpoint": store.endpoint})
    acquire(root)
    assert acquire(root).stages[0].added == ()
    (store.folder / "flights/2013-03.csv").write_bytes(MONTHS["2013-03"])
    assert [line.partition for line in acquire(root).stages[0].added] == ["2013-03"]
    assert lines(root)[0].origin.startswith("etag:")
    assert lines(root)[0].source == "s3://flights/2013-01.csv"
    (store.folder / "flights/2013-01.csv").write_bytes(MONTHS["2013-04"])
    assert acquire(root).exit_code == 7
    assert SECRET not in texts(root)


def test_store_that_is_away_is_said_and_leaves_nothing(
    store: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlops_kit.outside.sources.patience.LONGEST_PAUSE", 0.0)
    monkeypatch.setattr("s3fs.core.S3FileSystem.retries", 1)
    root = project(tmp_path, "acquire.objects", {"url": "s3://flights/*.csv", "endpoint": store.endpoint})
    store.stop()
    with pytest.raises(MlopsKitError, match="5 times in a row"):
        acquire(root)
    assert not (root / "data").exists()
