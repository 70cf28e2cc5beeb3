"""A project of two stages and one data file, with a remote: small enough to be broken a hundred times."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest  # noqa: TC002 - the type of a fixture

from mlops_kit.outside.dvc import dvc_environment
from tests.support.shapes import write
from tests.support.world import edit, git, run_kit

FILES = {
    "mlops.yaml": """\
version: 1
project: {name: tiny}
task: {kind: classification, target: y, key: [id]}
steps:
  parts: {cmd: python parts.py, deps: [parts.py, raw.csv, extra.bin], outs: [data/parts]}
  join: {cmd: python join.py, deps: [join.py, data/parts], outs: [data/model.txt], metrics: [score.json]}
""",
    "parts.py": """\
from pathlib import Path
Path("data/parts/deep").mkdir(parents=True)
rows = Path("raw.csv").read_text().splitlines()
for number, row in enumerate(rows):
    Path(f"data/parts/deep/{number}.txt" if number % 2 else f"data/parts/{number}.txt").write_text(row * 50)
""",
    "join.py": """\
from pathlib import Path
texts = [file.read_text() for file in sorted(Path("data/parts").rglob("*.txt"))]
Path("data/model.txt").write_text("".join(texts))
Path("score.json").write_text('{"bytes": %d}' % sum(map(len, texts)))
""",
    "raw.csv": "one,1\ntwo,2\nthree,3\nfour,4\n",
    "params.yaml": "{}\n",
    "kpis.yaml": "kpis: []\n",
    "schema.yaml": "columns: {}\n",
    ".gitignore": "/data/\n/extra.bin\n/store/\n/restored/\n",
    ".dvc/config": "[core]\n    remote = store\n['remote \"store\"']\n    url = ../store\n    verify = true\n",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    ".dvcignore": "# none\n",
}  # fmt: skip


def tiny_project(tmp_path: Path, factory: pytest.TempPathFactory) -> Path:
    """Return a fresh copy of the project, run, committed and pushed; the first caller of a session pays for it."""
    return _copy(tmp_path, _template(factory, "tiny", _build))


def changed_project(tmp_path: Path, factory: pytest.TempPathFactory) -> Path:
    """Return a fresh copy of the project one commit later: a row of the data is another one, run and committed, not pushed."""

    def build(root: Path) -> None:
        shutil.copytree(_template(factory, "tiny", _build), root)
        edit(root / "raw.csv", "four", "five")
        run_kit("run", cwd=root)
        git(root, "commit", "-aqm", "five")

    return _copy(tmp_path, _template(factory, "changed", build))


def _copy(tmp_path: Path, template: Path) -> Path:
    shutil.copytree(template, tmp_path / "tiny")
    return tmp_path / "tiny"


def _template(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    template = factory.getbasetemp() / f"{name}-template"
    if not template.exists():
        fresh = factory.getbasetemp() / f"{name}-fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        build(fresh)
        fresh.rename(template)
    return template


def _build(root: Path) -> None:
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    write(root, FILES)
    (root / "extra.bin").write_bytes(bytes(range(256)) * 40)
    dvc(root, "add", "extra.bin")
    run_kit("run", cwd=root)
    dvc(root, "push")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "tiny")


def dvc(root: Path, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run DVC and return what it said; both of its streams are in `stdout`."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *args], cwd=root, env=dvc_environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if check and done.returncode:
        raise AssertionError(f"dvc {' '.join(args)} ended with {done.returncode}\n{done.stdout}")
    return done


def objects(place: Path) -> list[Path]:
    """Return every object of a cache or of a remote that is a folder."""
    return sorted(path for path in (place / "files/md5").glob("*/*") if path.is_file())


def overwrite(path: Path, content: bytes, *, keep_time: bool = False) -> None:
    """Replace the content of a file in place, its mode kept; with `keep_time` its modification time too."""
    before = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(content)
        file.truncate()
    path.chmod(before.st_mode & 0o777)
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def flipped(content: bytes) -> bytes:
    """Return the content with one bit flipped in its middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
