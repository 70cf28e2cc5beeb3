"""A project that acquires from three kinds of sources, at a moment when each has something new."""

from __future__ import annotations

import atexit
import random
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.support.crash.projects import environment, kit
from tests.support.shapes import write
from tests.support.web import Behaviour, web
from tests.support.world import git

# Serves every project of this process, since its address is in their params; ends with the process.
_OPEN = ExitStack()
atexit.register(_OPEN.close)
_SERVED: dict[str, str] = {}
BEHAVIOUR = Behaviour(drop_after=300_000)
ROWS = 30_000
FILES = {
    "mlops.yaml": """\
version: 1
project: {name: arriving}
task: {kind: classification, target: y, key: [id], time: at}
runtime: {lock: none}
steps:
  web: {uses: acquire.http, outputs: {raw: web}}
  rows: {uses: acquire.sql, outputs: {raw: rows}}
  files: {uses: acquire.files, outputs: {raw: files}}
""",
    "kpis.yaml": "kpis: []\n",
    "schema.yaml": "columns: {}\n",
    ".gitignore": "/inbox/\n",
    ".dvc/config": "[core]\n    remote = store\n['remote \"store\"']\n    url = ../../store\n",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    ".dvcignore": "# none\n",
}  # fmt: skip


def build_acquiring(folder: Path) -> Path:
    """Make a project in `folder`/project that has acquired once and committed, with something new at each source since."""
    root = folder / "project"
    root.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(folder / "origin.git")], check=True)
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "user.name", "Test")
    git(root, "config", "user.email", "test@localhost")
    params = (
        f'web: {{urls: ["{_address()}/{{year}}-{{month}}.csv"], first: "2013-01", last: "2013-03"}}\n'
        'rows: {url: "sqlite:///../flights.db", table: flights, cursor: id, batch_rows: 4000}\n'
        "files: {paths: [inbox/*.csv]}\n"
    )
    write(root, FILES | {"params.yaml": params, "inbox/2013-01.csv": _csv(1, 3000)})
    BEHAVIOUR.files = {"/2013-01.csv": _csv(1, 3000).encode()}
    _store_rows(folder / "flights.db", range(1, 3001))
    _must(root, kit("acquire"))
    git(root, "add", "-A")
    git(root, "commit", "-qm", "first")
    BEHAVIOUR.files |= {f"/2013-0{month}.csv": _csv(month, ROWS).encode() for month in (2, 3)}
    _store_rows(folder / "flights.db", range(3001, 3001 + ROWS))
    write(root, {f"inbox/2013-0{month}.csv": _csv(month, ROWS) for month in (2, 3)})
    return root


def _address() -> str:
    if not _SERVED:
        _SERVED["address"] = _OPEN.enter_context(web(BEHAVIOUR))
    return _SERVED["address"]


def _csv(month: int, rows: int) -> str:
    chance = random.Random(month)
    lines = (
        f"{month * 1_000_000 + n},2013-{month:02}-{n % 28 + 1:02}T00:00:00Z,{chance.random():.9f},{n % 2}"
        for n in range(rows)
    )
    return "id,at,x,y\n" + "".join(f"{line}\n" for line in lines)


def _store_rows(path: Path, numbers: Sequence[int]) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE IF NOT EXISTS flights (id INTEGER PRIMARY KEY, x REAL, name TEXT)")
        connection.executemany(
            "INSERT INTO flights VALUES (?, ?, ?)", ((n, n / 7, f"flight {n}") for n in numbers)
        )
    connection.close()


def _must(root: Path, command: Sequence[str]) -> None:
    done = subprocess.run(command, cwd=root, env=environment(), capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
