"""A project that acquires files and counts their rows: the smallest that has a frozen stage with a manifest, and one that reads it."""

from __future__ import annotations

from pathlib import Path

from tests.support.shapes import write
from tests.support.world import git

FILES = {
    "mlops.yaml": """\
version: 1
project: {name: arriving}
task: {kind: classification, target: y, key: [id], time: at}
runtime: {lock: none}
steps:
  acquire: {uses: acquire.files}
  count: {cmd: python count.py, deps: [count.py, data/raw], metrics: [count.json]}
""",
    "count.py": """\
from pathlib import Path
names = sorted(path.stem for path in Path("data/raw").glob("*.parquet"))
Path("count.json").write_text('{"partitions": %d}' % len(names))
""",
    "params.yaml": "acquire: {paths: [inbox/*.csv]}\n",
    "kpis.yaml": "kpis: []\n",
    "schema.yaml": "columns: {id: {type: integer, role: key}}\n",
    ".gitignore": "/inbox/\n/store/\n",
    ".dvc/config": "[core]\n    remote = store\n['remote \"store\"']\n    url = STORE\n",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    ".dvcignore": "# none\n",
}  # fmt: skip


def acquiring_project(folder: Path, *, months: int = 2, params: str = "") -> Path:
    """Return a new committed project in `folder` with `months` files in its inbox; nothing is acquired yet."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    write(folder, FILES | ({"params.yaml": params} if params else {}))
    config = folder / ".dvc/config"
    config.write_text(
        config.read_text().replace("STORE", (folder / "store").as_posix())
    )  # a clone has the same
    for month in range(1, months + 1):
        arrive(folder, month)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "arriving")
    return folder


def arrive(folder: Path, month: int, *, rows: int = 3, name: str = "") -> Path:
    """Write the file of a month into the inbox; its rows are always the same."""
    inbox = folder / "inbox"
    inbox.mkdir(exist_ok=True)
    path = inbox / (name or f"2013-{month:02}.csv")
    lines = [
        f"{month * 1000 + number},2013-{month:02}-{number + 1:02}T00:00:00Z,{number % 2}"
        for number in range(rows)
    ]
    path.write_text("id,at,y\n" + "".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
    return path
