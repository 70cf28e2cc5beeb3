"""A real Label Studio on loopback, on SQLite, closed to strangers, that sends nothing to its makers.

Its first start makes the tables, which takes minutes on a busy machine; they are made once for each locked version, below .tools, and copied:
`python -m tests.support.label_studio`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.support.environments import program
from tests.support.world import ROOT

TOKEN = "0123456789abcdef0123456789abcdef01234567"
PATIENCE_SECONDS = 600


@dataclass(frozen=True)
class StudioServer:
    """A server that runs."""

    url: str
    """Its address."""
    token: str = TOKEN
    """Token of its owner, user 1."""

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Send JSON and return JSON."""
        headers = {"Authorization": f"Token {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.loads(answer.read() or b"null")

    def add_user(self, name: str) -> int:
        """Make a user and return the user's number."""
        made = self.ask("POST", "/api/users/", {"username": name, "email": f"{name}@localhost"})
        return int(made["id"])

    def tasks(self, title: str) -> list[dict[str, Any]]:
        """Return the tasks of the project of that title."""
        project = self.ask("GET", f"/api/projects/?title={title}")["results"][0]["id"]
        found: list[dict[str, Any]] = self.ask(
            "GET", f"/api/tasks?project={project}&fields=all&page_size=1000"
        )["tasks"]
        return found

    def annotate(
        self,
        task: int,
        result: list[dict[str, Any]],
        *,
        user: int = 1,
        seconds: float = 5.0,
        skip: bool = False,
    ) -> None:
        """Annotate a task as a user."""
        body = {"result": result, "completed_by": user, "lead_time": seconds, "was_cancelled": skip}
        self.ask("POST", f"/api/tasks/{task}/annotations/", body)


@contextmanager
def studio_server(folder: Path) -> Iterator[StudioServer]:
    """Run a fresh server with its data in the new folder `folder`; skips the test without Label Studio."""
    shutil.copytree(_tables(), folder)
    with _running(folder) as url:
        yield StudioServer(url)


def _tables() -> Path:
    """Return a folder with the tables of an empty server."""
    lock = sha256((ROOT / "requirements-label-studio.lock").read_bytes()).hexdigest()[:12]
    place = program("label-studio").parents[2] / "label-studio-data" / lock
    if not place.exists():
        fresh = place.with_name(f"{lock}-{os.getpid()}")
        fresh.mkdir(parents=True)
        with _running(fresh):
            pass
        try:
            fresh.rename(place)
        except OSError:  # another process was faster
            shutil.rmtree(fresh)
    return place


@contextmanager
def _running(folder: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {"--internal-host": "127.0.0.1", "--port": str(port), "--username": "owner@localhost", "--password": "never-used-1",
               "--user-token": TOKEN, "--data-dir": str(folder), "--log-level": "ERROR"}  # fmt: skip
    words = [word for pair in options.items() for word in pair]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [program("label-studio", "label-studio"), "start", "--no-browser", *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(process, url, folder / "server.log")
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=10):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(f"Label Studio did not start: {log.read_text(errors='replace')[-2000:]}")


if __name__ == "__main__":
    _tables()
