"""Downloads end with the right bytes whatever the connection does, and say why where they cannot."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_kit.errors import MlopsKitError, OutsideError, UsageError
from mlops_kit.outside.sources.http import WebAddress, ask, download
from mlops_kit.outside.sources.patience import Patience
from tests.support.web import Behaviour, web

CONTENT = random.Random(1).randbytes(300_000)


@pytest.fixture
def server() -> Iterator[tuple[Behaviour, str]]:
    behaviour = Behaviour({"/flights.csv": CONTENT})
    with web(behaviour) as address:
        yield behaviour, address


def hurried() -> Patience:
    return Patience(attempts=3, sleep=lambda seconds: None)


def test_file_is_identified_without_its_content(server: tuple[Behaviour, str]) -> None:
    behaviour, address = server
    found = ask(WebAddress(f"{address}/flights.csv"), patience=hurried())
    assert found is not None
    assert found.size == len(CONTENT)
    assert found.identity().startswith("etag:")
    assert behaviour.sent == 0


@pytest.mark.parametrize("size", [8_191, 8_192, 50_001, 131_072, 299_999])
def test_download_ends_right_when_every_chunk_drops(
    server: tuple[Behaviour, str], tmp_path: Path, size: int
) -> None:
    behaviour, address = server
    behaviour.drop_after = size
    download(WebAddress(f"{address}/flights.csv"), tmp_path / "x", patience=hurried())
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x"]
    if size % 2 == 0:  # a reset may take bytes with it that were already sent
        assert behaviour.sent == len(CONTENT)


def test_download_ends_right_wherever_its_connection_drops(
    server: tuple[Behaviour, str], tmp_path: Path
) -> None:
    behaviour, address = server
    for at in range(0, len(CONTENT), 16_384):
        behaviour.drop_once = at
        download(WebAddress(f"{address}/flights.csv"), tmp_path / "x", patience=hurried())
        assert (tmp_path / "x").read_bytes() == CONTENT
    assert behaviour.sent == len(CONTENT) * len(range(0, len(CONTENT), 16_384))


@pytest.mark.parametrize(("etags", "modified"), [("weak", False), ("none", False)])
def test_download_starts_over_without_a_strong_validator(
    server: tuple[Behaviour, str], tmp_path: Path, etags: str, modified: bool
) -> None:
    behaviour, address = server
    behaviour.etags, behaviour.modified, behaviour.drop_after = etags, modified, 100_000
    with pytest.raises(OutsideError, match="3 times in a row"):
        download(WebAddress(f"{address}/flights.csv"), tmp_path / "x", patience=hurried())
    assert not (tmp_path / "x").exists()
    behaviour.drop_after = None
    download(WebAddress(f"{address}/flights.csv"), tmp_path / "x", patience=hurried())
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert not any("Range" in headers for headers in behaviour.requests())


def test_download_goes_on_by_date_without_etag(server: tuple[Behaviour, str], tmp_path: Path) -> None:
    behaviour, address = server
    behaviour.etags, behaviour.drop_after = "none", 100_000
    download(WebAddress(f"{address}/flights.csv"), tmp_path / "x", patience=hurried())
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert behaviour.requests()[1]["If-Range"].startswith("Wed, 31 Dec")


def test_file_that_changes_in_between_is_never_mixed(server: tuple[Behaviour, str], tmp_path: Path) -> None:
    behaviour, address = server
    other = CONTENT[::-1]
    behaviour.drop_after = 100_000
    impatient = Patience(attempts=1, sleep=lambda seconds: None)
    behaviour.statuses = []

    def change(here: int, whole: int | None) -> None:
        behaviour.files["/flights.csv"] = other
        behaviour.drop_after = None

    download(WebAddress(f"{address}/flights.csv"), tmp_path / "x", patience=impatient, progress=change)
    assert (tmp_path / "x").read_bytes() == other


def test_part_of_an_earlier_process_is_used(server: tuple[Behaviour, str], tmp_path: Path) -> None:
    behaviour, address = server
    behaviour.drop_after = 200_000

    def stop(here: int, whole: int | None) -> None:
        if here >= 150_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(WebAddress(f"{address}/flights.csv"), tmp_path / "x", patience=hurried(), progress=stop)
    here = (tmp_path / "x.part").stat().st_size
    behaviour.drop_after = None
    download(WebAddress(f"{address}/flights.csv"), tmp_path / "x", patience=hurried())
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert behaviour.requests()[-1]["Range"] == f"bytes={here}-"


def test_server_without_ranges_sends_all_again(server: tuple[Behaviour, str], tmp_path: Path) -> None:
    behaviour, address = server
    (tmp_path / "x.part").write_bytes(CONTENT[:1000])
    found = download(WebAddress(f"{address}/flights.csv"), tmp_path / "y", patience=hurried())
    behaviour.ranges = False
    (tmp_path / "x.part.json").write_text(f'{{"etag": {found.etag!r}}}'.replace("'", '"').replace('""', '"'))
    download(WebAddress(f"{address}/flights.csv"), tmp_path / "x", patience=hurried())
    assert (tmp_path / "x").read_bytes() == CONTENT


@pytest.mark.parametrize("statuses", [[503, 429], [500], [502, 504]])
def test_passing_errors_are_tried_again(
    server: tuple[Behaviour, str], tmp_path: Path, statuses: list[int]
) -> None:
    behaviour, address = server
    behaviour.statuses = statuses
    download(WebAddress(f"{address}/flights.csv"), tmp_path / "x", patience=hurried())
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_server_without_head_is_asked_with_get(server: tuple[Behaviour, str]) -> None:
    behaviour, address = server
    behaviour.heads = False
    found = ask(WebAddress(f"{address}/flights.csv"), patience=hurried())
    assert found is not None
    assert found.size == len(CONTENT)


@pytest.mark.parametrize("etags", ["strong", "weak", "none"])
@pytest.mark.parametrize("heads", [True, False])
def test_known_content_is_the_same_content(server: tuple[Behaviour, str], etags: str, heads: bool) -> None:
    behaviour, address = server
    behaviour.etags, behaviour.heads = etags, heads
    where = WebAddress(f"{address}/flights.csv")
    first = ask(where, patience=hurried())
    assert first is not None
    again = ask(where, first.identity(), patience=hurried())
    assert again is not None
    assert again.identity() == first.identity()
    behaviour.files["/flights.csv"] = CONTENT[1:]
    behaviour.later = True
    other = ask(where, first.identity(), patience=hurried())
    assert other is not None
    assert other.identity() != first.identity()


def test_missing_file_is_none_to_ask_and_an_error_to_fetch(
    server: tuple[Behaviour, str], tmp_path: Path
) -> None:
    _, address = server
    assert ask(WebAddress(f"{address}/nothing.csv"), patience=hurried()) is None
    with pytest.raises(OutsideError, match="404"):
        download(WebAddress(f"{address}/nothing.csv"), tmp_path / "x", patience=hurried())
    assert list(tmp_path.iterdir()) == []


def test_too_much_is_refused_before_it_comes(server: tuple[Behaviour, str], tmp_path: Path) -> None:
    _, address = server
    with pytest.raises(OutsideError, match="more than the limit of 1,000"):
        download(WebAddress(f"{address}/flights.csv", size_limit=1000), tmp_path / "x", patience=hurried())
    assert list(tmp_path.iterdir()) == []


def test_token_goes_to_its_server_alone(
    server: tuple[Behaviour, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour, address = server
    behaviour.token = "Bearer s3cr3t"
    monkeypatch.setenv("TOKEN", "s3cr3t")
    elsewhere = Behaviour({"/there.csv": b"a\n1\n"})
    with web(elsewhere) as other:
        behaviour.moved["/moved.csv"] = f"{other}/there.csv"
        headers = {"Authorization": "Bearer ${TOKEN}"}
        download(WebAddress(f"{address}/flights.csv", headers), tmp_path / "x", patience=hurried())
        download(WebAddress(f"{address}/moved.csv", headers), tmp_path / "y", patience=hurried())
    assert (tmp_path / "y").read_bytes() == b"a\n1\n"
    assert "Authorization" not in elsewhere.requests()[0]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_redirect_out_of_the_web_is_refused(
    server: tuple[Behaviour, str], tmp_path: Path, target: str
) -> None:
    behaviour, address = server
    behaviour.moved["/flights.csv"] = target
    with pytest.raises(MlopsKitError):
        download(WebAddress(f"{address}/flights.csv"), tmp_path / "x", patience=hurried())
    assert list(tmp_path.iterdir()) == []


def test_redirect_in_a_circle_ends(server: tuple[Behaviour, str]) -> None:
    behaviour, address = server
    behaviour.moved["/flights.csv"] = f"{address}/flights.csv"
    with pytest.raises(OutsideError, match="10 redirects"):
        ask(WebAddress(f"{address}/flights.csv"), patience=hurried())


def test_no_message_tells_a_secret(
    server: tuple[Behaviour, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour, address = server
    monkeypatch.setenv("PASSWORD", "s3cr3t/+&")
    behaviour.statuses = [403]
    behaviour.token = "x"
    secret = address.replace("http://", "http://me:${PASSWORD}@") + "/flights.csv?sig=s3cr3t2"
    where = WebAddress(secret.replace("${PASSWORD}", "s3cr3t%2F"), {"X-Key": "${PASSWORD}"})
    with pytest.raises(OutsideError) as caught:
        download(where, tmp_path / "x", patience=hurried())
    assert "s3cr3t" not in f"{caught.value} {where}"
    assert "***@" in str(where)


def test_unset_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="NOT_THERE is not set"):
        download(WebAddress("http://127.0.0.1:1/${NOT_THERE}"), tmp_path / "x")


@pytest.mark.parametrize("url", ["ftp://x/y", "data/flights.csv", "http://", "http://127.0.0.1:1/a b"])
def test_address_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError):
        download(WebAddress(url), tmp_path / "x", patience=hurried())


def test_nobody_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match="refused"):
        download(WebAddress("http://127.0.0.1:9/x"), tmp_path / "x", patience=hurried())


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of this kind")
def test_full_disk_is_no_network_error(server: tuple[Behaviour, str], tmp_path: Path) -> None:
    import resource

    behaviour, address = server
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OutsideError, match=f"{tmp_path.name}: File too large"):
            download(WebAddress(f"{address}/flights.csv"), tmp_path / "x", patience=hurried())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(behaviour.requests()) == 1
    download(WebAddress(f"{address}/flights.csv"), tmp_path / "x", patience=hurried())
    assert (tmp_path / "x").read_bytes() == CONTENT
