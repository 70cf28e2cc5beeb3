"""Content that is only on a remote: a real HTTP server on loopback, and just the objects that are needed."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlops_kit.artifacts.side import read_side
from tests.support.shapes import remote_only


class Server:
    """Serves a folder and remembers which files were asked for with GET."""

    def __init__(self, folder: Path) -> None:
        asked: list[str] = []

        class Handler(SimpleHTTPRequestHandler):
            def __init__(self, *args: object) -> None:
                super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

            def do_GET(self) -> None:
                asked.append(self.path)
                super().do_GET()

            def log_message(self, *args: object) -> None:
                pass

        self.asked = asked
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("remote-only")
    remote_only(folder / "repo")
    return folder


@pytest.fixture
def served(built: Path, tmp_path: Path) -> Iterator[tuple[Path, Server]]:
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    root = tmp_path / "repo"
    server = Server(tmp_path / "remote")
    thread = threading.Thread(target=server.server.serve_forever)
    thread.start()
    config = root / ".dvc/config"
    config.write_text(re.sub(r"url = .*", f"url = {server.url}", config.read_text()))
    yield root, server
    server.server.shutdown()
    server.server.server_close()
    thread.join()


def test_metrics_on_a_remote_are_fetched_and_nothing_else(served: tuple[Path, Server]) -> None:
    root, server = served
    assert dict(read_side(root, "HEAD").metrics) == {"auc": 0.4, "loss": 0.25}
    everything = [path for path in (root.parent / "remote").rglob("*") if path.is_file()]
    fetched = [path for path in (root / ".dvc/cache/files").rglob("*") if path.is_file()]
    assert len(everything) == 7
    assert (
        len(fetched) == 3
    )  # two metrics and the listing of the folder around one of them; not the big file beside it
    assert len(set(server.asked)) == 3


def test_second_reading_asks_nothing(served: tuple[Path, Server]) -> None:
    root, server = served
    read_side(root, "HEAD")
    server.asked.clear()
    assert read_side(root, "HEAD").unreadable == ()
    assert server.asked == []


def test_without_fetch_the_remote_is_left_alone(served: tuple[Path, Server]) -> None:
    root, server = served
    assert [item.what for item in read_side(root, "HEAD", fetch=False).unreadable] == [
        "m.json",
        "out/sub/more.json",
    ]
    assert server.asked == []


def test_damaged_object_on_a_remote_is_refused(served: tuple[Path, Server]) -> None:
    root, _ = served
    for path in (root.parent / "remote").rglob("*"):
        if path.is_file() and path.suffix != ".dir":
            path.chmod(0o644)
            path.write_text(path.read_text() + " ")
    lost = read_side(root, "HEAD").unreadable
    assert "damaged" in lost[0].reason
    assert not [
        path for path in (root / ".dvc/cache/files").rglob("*") if path.is_file() and path.suffix != ".dir"
    ]


def test_remote_that_does_not_answer_is_named(served: tuple[Path, Server]) -> None:
    root, server = served
    server.server.shutdown()
    server.server.server_close()
    lost = read_side(root, "HEAD").unreadable
    assert [item.what for item in lost] == ["m.json", "out/sub/more.json"]
    assert "the remote could not be read" in lost[0].reason


def test_package_that_a_remote_needs_is_named(served: tuple[Path, Server]) -> None:
    root, _ = served
    config = root / ".dvc/config"
    config.write_text(re.sub(r"url = .*", "url = oss://bucket/path", config.read_text()))
    lost = read_side(root, "HEAD").unreadable
    assert lost[0].fix == "pip install dvc-oss"
