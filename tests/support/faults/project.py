"""Builds the projects of the corpus with real git and real DVC, and runs `reproduce` on them."""

from __future__ import annotations

import http.server
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.faults.clean import PIPELINES
from tests.support.faults.model import Fault
from tests.support.faults.plain import DATABASE, PARQUET

HEAD = """\
import json
OUT = {out!r}
IN = {before!r}
def write(text):
    with open(OUT, "w", encoding="utf-8", newline="\\n") as file:
        file.write(text)
def save(value):
    write(json.dumps(value, indent=1) + "\\n")
"""


def write(root: Path, path: str, text: str) -> None:
    """Write a text file below `root`."""
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8", newline="\n")


def run(root: Path, *command: str, more: Mapping[str, str] | None = None) -> str:
    """Run a command in `root` and return what it printed; it must end well."""
    environment = {**os.environ, **(more or {})}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def start_project(root: Path) -> None:
    """Make an empty DVC project with a little data."""
    root.mkdir(parents=True)
    run(root, "git", "init", "-q", "-b", "main")
    run(root, "git", "config", "user.name", "somebody")
    run(root, "git", "config", "user.email", "somebody@example.com")
    run(root, sys.executable, "-m", "dvc", "init", "-q")
    write(root, "out/.keep", "")
    rows = "".join(f"{number},{number * 0.37:.2f},word{number % 7}\n" for number in range(50))
    write(root, "data/rows.csv", f"id,value,word\n{rows}")
    for number in range(12):
        write(root, f"parts/part-{number * 7919 % 104729:06}.txt", f"{number}\n")


def stage(name: str, command: str, deps: Sequence[str], out: str) -> str:
    """Return a stage of dvc.yaml."""
    listed = "".join(f"    - {dep}\n" for dep in deps)
    return f"  {name}:\n    cmd: {command}\n    deps:\n{listed}    outs:\n    - {out}\n"


def commit(root: Path) -> None:
    """Commit all that is not ignored."""
    run(root, "git", "add", "-A")
    run(root, "git", "commit", "-q", "-m", "recorded")


def build_faults(root: Path, faults: Sequence[Fault], *, recorded: Mapping[str, str], address: str) -> None:
    """Make the project of all `faults`: run and recorded in the environment `recorded`, then changed, then committed."""
    start_project(root)
    write(root, "data/address.txt", address)
    write(root, "local/notes.txt", "only here\n")
    write(root, ".gitignore", "/local\n/out/side.txt\n")
    write(root, "requirements.txt", "fakedep==1.0\n")
    (root / "hidden").mkdir()
    _make_data(root)
    stages = [stage("writer", "python stages/writer.py", ["stages/writer.py"], "out/writer.json")]
    write(root, "stages/writer.py", HEAD.format(out="out/writer.json", before="") + "save(1)\nopen('out/side.txt', 'w').write('side')\n")  # fmt: skip
    for one in faults:
        script = f"stages/{one.name}.py"
        command = one.command or f"python {script}"
        write(root, script, HEAD.format(out=one.out, before="") + one.code.strip("\n") + "\n")
        for path, text in one.files:
            write(root, path, text)
        stages.append(stage(one.name, command, [script, *one.deps], one.out))
    followed = [one.out for one in faults[:3]]
    write(root, "stages/summary.py", HEAD.format(out="out/summary.json", before="") + "save({'n': 3})\n")
    stages.append(stage("summary", "python stages/summary.py", ["stages/summary.py", *followed], "out/summary.json"))  # fmt: skip
    write(root, "dvc.yaml", "stages:\n" + "".join(stages))
    run(root, sys.executable, "-m", "dvc", "repro", "-q", more=recorded)
    for one in faults:
        for path, text in one.after:
            before = (root / path).stat()
            write(root, path, text.replace("HEAD\n", HEAD.format(out=one.out, before="")))
            os.utime(root / path, ns=(before.st_atime_ns, before.st_mtime_ns))
    commit(root)


def _make_data(root: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"rate": [1.0, 2.0]}), root / PARQUET)
    connection = sqlite3.connect(root / DATABASE)
    connection.execute("CREATE TABLE rates (rate REAL)")
    connection.execute("INSERT INTO rates VALUES (1.5)")
    connection.commit()
    connection.close()


def build_clean(root: Path) -> None:
    """Make the project of the clean pipelines: prepare, derive, report for each."""
    start_project(root)
    stages = []
    for name, (first_suffix, first, second_suffix, second) in PIPELINES.items():
        chain = (
            ("prepare", first, f"out/{name}_prepare.{first_suffix}"),
            ("derive", second, f"out/{name}_derive.{second_suffix}"),
            ("report", "write('# ' + str(len(open(IN, 'rb').read())) + '\\n')", f"out/{name}_report.md"),
        )
        before = "data/rows.csv"
        for step, code, out in chain:
            script = f"stages/{name}_{step}.py"
            write(root, script, HEAD.format(out=out, before=before) + code + "\n")
            more = ["parts"] if "parts" in code else []
            stages.append(stage(f"{name}_{step}", f"python {script}", [script, before, *more], out))
            before = out
    write(root, "dvc.yaml", "stages:\n" + "".join(stages))
    run(root, sys.executable, "-m", "dvc", "repro", "-q")
    commit(root)


def make_package(folder: Path, version: str, answer: int) -> Path:
    """Make an importable package `fakedep` of that version in a folder of its own, with its metadata."""
    write(folder, "fakedep.py", f"def answer():\n    return {answer}\n")
    write(folder, f"fakedep-{version}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: fakedep\nVersion: {version}\n")  # fmt: skip
    write(folder, f"fakedep-{version}.dist-info/top_level.txt", "fakedep\n")
    return folder


@contextmanager
def served() -> Iterator[str]:
    """Serve one text over loopback while the block runs; yields its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"from the network")

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def remove(root: Path) -> None:
    """Remove a project."""
    shutil.rmtree(root, ignore_errors=True)
