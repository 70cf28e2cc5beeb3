"""A real PostgreSQL on loopback, with data of its own. `python -m tests.support.postgres` installs it where that is allowed.

Where there is none, tests that need it are skipped, except in CI: there they fail. PostgreSQL refuses to run as root; it is then
started as `nobody`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PLACES = ("/usr/lib/postgresql", "/usr/local/opt", "/opt/homebrew/opt", "/usr/pgsql-*")
IN_CI = os.environ.get("CI", "").lower() in ("true", "1")
PASSWORD = "s3cret-word"
SETTINGS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=20", "shared_buffers=16MB",
            "unix_socket_directories=", "listen_addresses=127.0.0.1", "timezone=Asia/Tokyo")  # fmt: skip


def find_postgres() -> Path | None:
    """Return the folder with the newest PostgreSQL's programs."""
    found = [
        path
        for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")
        if path.parent.parent.name.isdecimal()
    ]
    if found:
        return max(found, key=lambda path: int(path.parent.parent.name)).parent
    path = shutil.which("postgres")
    return Path(path).parent if path and shutil.which("initdb") else None


class Postgres:
    """A server that can be stopped in the midst of things."""

    def __init__(self, programs: Path, folder: Path, port: int) -> None:
        self._programs, self._folder, self.port = programs, folder, port
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql+pg8000://me:{PASSWORD}@127.0.0.1:{port}/postgres"

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Run statements and return the rows of the last."""
        import pg8000.dbapi

        connection = pg8000.dbapi.connect(
            "me", host="127.0.0.1", port=self.port, password=PASSWORD, database="postgres"
        )
        try:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        finally:
            connection.close()

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = [part for setting in (*SETTINGS, f"port={self.port}") for part in ("-c", setting)]
        log = (self._folder / "log").open("ab")
        self._process = subprocess.Popen(
            [self._programs / "postgres", "-D", self._folder / "data", *options],
            stdout=log,
            stderr=log,
            **_unprivileged(),
        )
        log.close()
        ready = [
            self._programs / "pg_isready",
            "-q",
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-d",
            "postgres",
        ]
        while subprocess.run(ready).returncode:
            if self._process.poll() is not None:
                raise AssertionError((self._folder / "log").read_text()[-2000:])

    def stop(self) -> None:
        """End it at once, and every connection with it."""
        if self._process:
            subprocess.run([self._programs / "pg_ctl", "stop", "-s", "-m", "immediate", "-D", self._folder / "data"], check=True,
                           **_unprivileged())  # fmt: skip
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stop it as a crash does, and start it again."""
        self.stop()
        self.start()


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Start a server with an empty database and yield it."""
    programs = find_postgres()
    if programs is None:
        fix = "PostgreSQL is missing: apt-get install postgresql, or make tools as root"
        pytest.fail(fix, pytrace=False) if IN_CI else pytest.skip(fix)
    folder = Path(tempfile.mkdtemp(prefix="mlops-kit-postgres-"))
    folder.chmod(0o755)
    data = folder / "data"
    data.mkdir(mode=0o700)
    secret = folder / "password"
    secret.write_text(PASSWORD)
    if _unprivileged():
        for path in (folder, data, secret):
            shutil.chown(path, "nobody")
    command = [programs / "initdb", "-D", data, "-U", "me", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8",
               "--locale=C.UTF-8", "--no-sync"]  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **_unprivileged())
    server = Postgres(programs, folder, _free_port())
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged() -> dict[str, Any]:
    """Return the arguments of subprocess that make a program somebody else's, for root alone."""
    who = (
        {"user": "nobody", "group": "nogroup", "extra_groups": []}
        if os.name == "posix" and os.geteuid() == 0
        else {}
    )
    return {**who, "cwd": "/"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> int:
    """Install PostgreSQL with apt where this process may; it is no failure of `make tools` when it may not."""
    if find_postgres():
        return 0
    if os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(
            ["apt-get", "install", "-qq", "-y", "--no-install-recommends", "postgresql"],
            check=False,
            env=quiet,
        )
    if not find_postgres():
        print(
            "PostgreSQL is missing and cannot be installed here; tests that need it are skipped",
            file=sys.stderr,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
