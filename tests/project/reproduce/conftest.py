"""One small DVC repository with stages that reproduce and stages that do not, recorded by DVC itself; made once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_kit.outside import git
from mlops_kit.outside.dvc import dvc_environment

STEADY = {
    "TZ": "UTC",
    "TERM": "dumb",
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "LC_ALL": "C.UTF-8",
    "DVC_NO_ANALYTICS": "1",
}
PIPELINE = """\
stages:
  good:
    cmd: python write.py good good.txt
    deps: [source.csv]
    params: [size]
    outs: [good.txt]
  next:
    cmd: python write.py copy next
    deps: [good.txt]
    outs: [next]
    metrics: [next.json: {cache: false}]
  each:
    foreach: [hash, files, zone, threads, clock, home, cpus, path, umask, noise, locale, random, network]
    do:
      cmd: python write.py ${item} out/${item}.txt
      outs:
        - out/${item}.txt
"""
INNER = """\
stages:
  inner:
    cmd: python ../../write.py inner made.txt && python ../../write.py inner ../../far.txt
    wdir: work
    deps: [../../source.csv]
    params: [../../params.yaml: [size]]
    outs: [made.txt, ../../far.txt]
"""
# The faults: each branch depends on one thing that a clean rerun may have different.
PROGRAM = """\
import datetime, getpass, json, locale, os, socket, sys, time, uuid
from pathlib import Path
what, target = sys.argv[1:]
out = Path(target)
out.parent.mkdir(exist_ok=True)
locale.setlocale(locale.LC_ALL, "")
made = {
    "good": lambda: Path("source.csv").read_text() * 2,
    "inner": lambda: Path("../../source.csv").read_text(),
    "hash": lambda: str(list({"a", "b", "c", "d", "e"})),
    "files": lambda: str(os.listdir("many")),
    "zone": lambda: time.strftime("%H", time.localtime(0)),
    "threads": lambda: os.environ.get("OMP_NUM_THREADS", "1"),
    "clock": lambda: str(datetime.date.today().year),
    "home": lambda: os.path.expanduser("~"),
    "cpus": lambda: str(len(os.sched_getaffinity(0))),
    "path": lambda: str(len(os.getcwd()) > 120),
    "noise": lambda: os.environ.get("TERM", ""),
    "umask": lambda: "", "locale": lambda: open(os.devnull).encoding, "random": lambda: uuid.uuid4().hex,
    "network": lambda: str(reach()),
}
def reach():
    server = socket.create_server(("127.0.0.1", 0))
    try:
        socket.create_connection(server.getsockname()).close()
        return True
    except OSError:
        return False
if what == "copy":
    Path("next/sub").mkdir(parents=True)
    Path("next/a.txt").write_text(Path("good.txt").read_text())
    Path("next/sub/b.txt").write_text("b")
    Path("next.json").write_text(json.dumps({"rows": 2}))
else:
    out.write_text(made[what]())
if what == "umask":
    out.write_text(oct(out.stat().st_mode))
"""


def make_repository(root: Path) -> Path:
    """Make the repository and record it with DVC."""
    root.mkdir(parents=True)
    git.init_repository(root, "main")
    (root / "sub/work").mkdir(parents=True)
    (root / "many").mkdir()
    for name in "dacb":
        (root / "many" / name).write_text(name)
    files = {
        ".dvc/config": "", ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n", "dvc.yaml": PIPELINE, "sub/dvc.yaml": INNER,
        "write.py": PROGRAM, "params.yaml": "size: 3\n", "sub/work/keep": "",
    }  # fmt: skip
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    (root / "source.csv").write_text("x,y\n1,2\n")
    environment = dvc_environment()
    for arguments in (["add", "-q", "source.csv"], ["repro", "-q", "-P"]):
        subprocess.run(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=root,
            env=environment,
            check=True,
            capture_output=True,
        )
    git.commit_all(root, "recorded")
    return root


@pytest.fixture(scope="module", autouse=True)
def steady_environment() -> Iterator[None]:
    """Give DVC and our stages the same variables, so that only what is perturbed differs."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in STEADY.items():
            patch.setenv(name, value)
        for name in ("PYTHONDONTWRITEBYTECODE", "XDG_CONFIG_HOME", "PYTHONUTF8"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module")
def recorded(steady_environment: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the recorded repository; not to be changed."""
    folder = tmp_path_factory.mktemp("recorded")
    os.environ["DVC_SITE_CACHE_DIR"] = str(folder / "site")
    return make_repository(folder / "repo")


@pytest.fixture
def repository(recorded: Path, tmp_path: Path) -> Path:
    """Return a copy of the recorded repository, to be changed."""
    return Path(shutil.copytree(recorded, tmp_path / "repo", symlinks=True))
