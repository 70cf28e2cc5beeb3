"""Thirty-five ways to depend on something undeclared, each on a file (or name) of its own. Copied into a project and run there.

`python -m steps.hidden prepare` writes the hidden files; `python -m steps.hidden run PORT` watches itself using them, and prints what each
way gave.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

CFG = Path("cfg").absolute()
TEXT = "a,b\n1,2\n3,4\n"


def table() -> Any:
    import pandas as pd

    return pd.DataFrame({"a": [1, 3], "b": [2, 4]})


def numbers() -> Any:
    import numpy as np

    return np.arange(4.0)


# Way -> name of its hidden file, what writes it, what reads it.
Writer = Callable[[Path], Any]
FILES: dict[str, tuple[str, Writer, Writer]] = {}


def way(name: str, file: str, write: Writer) -> Callable[[Writer], Writer]:
    def keep(read: Writer) -> Writer:
        FILES[name] = (file, write, read)
        return read

    return keep


def text(path: Path) -> None:
    path.write_text(TEXT)


def parquet(path: Path) -> None:
    table().to_parquet(path)


def array(path: Path) -> None:
    import numpy as np

    np.save(path, numbers())


@way("open", "open.txt", text)
def _(path: Path) -> Any:
    with open(path) as file:
        return file.read()


@way("pathlib", "pathlib.txt", text)
def _(path: Path) -> Any:
    return path.relative_to(Path.cwd()).read_text()


@way("pandas csv, C engine", "c.csv", text)
def _(path: Path) -> Any:
    import pandas as pd

    return len(pd.read_csv(path))


@way("pandas csv, pyarrow engine", "pa.csv", text)
def _(path: Path) -> Any:
    import pandas as pd

    return len(pd.read_csv(path, engine="pyarrow"))


@way("pandas parquet", "pandas.parquet", parquet)
def _(path: Path) -> Any:
    import pandas as pd

    return len(pd.read_parquet(path))


@way("pyarrow parquet", "pq.parquet", parquet)
def _(path: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.read_table(path).num_rows


@way("pyarrow dataset", "dataset.parquet", parquet)
def _(path: Path) -> Any:
    import pyarrow.dataset as ds

    return ds.dataset(path).to_table().num_rows


@way("pyarrow csv", "arrow.csv", text)
def _(path: Path) -> Any:
    import pyarrow.csv as pc

    return pc.read_csv(path).num_rows


@way("feather", "x.feather", lambda path: table().to_feather(path))
def _(path: Path) -> Any:
    import pandas as pd

    return len(pd.read_feather(path))


@way("np.load", "load.npy", array)
def _(path: Path) -> Any:
    import numpy as np

    return np.load(path).sum()


@way("np.fromfile", "fromfile.npy", array)
def _(path: Path) -> Any:
    import numpy as np

    return np.fromfile(path, dtype="u1").sum()


@way("np.memmap", "memmap.npy", array)
def _(path: Path) -> Any:
    import numpy as np

    return np.memmap(path, dtype="u1", mode="r").sum()


@way("np.loadtxt", "loadtxt.txt", lambda path: path.write_text("1 2\n"))
def _(path: Path) -> Any:
    import numpy as np

    return np.loadtxt(path).sum()


def database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (a)")
    connection.close()


@way("sqlite", "x.sqlite", database)
def _(path: Path) -> Any:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("select count(*) from t").fetchall()
    finally:
        connection.close()


def dumped(path: Path) -> None:
    import joblib

    joblib.dump(numbers(), path)


@way("joblib", "x.joblib", dumped)
def _(path: Path) -> Any:
    import joblib

    return joblib.load(path).sum()


@way("joblib, mapped", "mapped.joblib", dumped)
def _(path: Path) -> Any:
    import joblib

    return joblib.load(path, mmap_mode="r").sum()


def picture(path: Path) -> None:
    from PIL import Image

    Image.new("L", (2, 2)).save(path)


@way("PIL", "x.png", picture)
def _(path: Path) -> Any:
    from PIL import Image

    with Image.open(path) as image:
        return image.getpixel((0, 0))


@way("polars csv", "polars.csv", text)
def _(path: Path) -> Any:
    import polars as pl

    return pl.read_csv(path).height


@way("polars parquet", "polars.parquet", parquet)
def _(path: Path) -> Any:
    import polars as pl

    return pl.read_parquet(path).height


@way("duckdb", "duckdb.csv", text)
def _(path: Path) -> Any:
    import duckdb

    return duckdb.sql(f"select count(*) from '{path}'").fetchall()


def hdf(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["x"] = numbers()


@way("h5py", "x.h5", hdf)
def _(path: Path) -> Any:
    import h5py

    with h5py.File(path, "r") as file:
        return file["x"][0]


@way("child cat", "cat.txt", text)
def _(path: Path) -> Any:
    return subprocess.run(["cat", str(path)], check=True, capture_output=True).stdout


@way("child python", "child.txt", text)
def _(path: Path) -> Any:
    program = "import sys; print(open(sys.argv[1]).read())"
    return subprocess.run([sys.executable, "-c", program, str(path)], check=True, capture_output=True).stdout


@way("loky", "loky.txt", text)
def _(path: Path) -> Any:
    from joblib import Parallel, delayed

    return Parallel(n_jobs=2)(delayed(Path.read_text)(path) for _ in range(2))


@way("fork", "fork.txt", text)
def _(path: Path) -> Any:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if path.read_bytes() else 1
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    return None


@way("os.open", "osopen.txt", text)
def _(path: Path) -> Any:
    handle = os.open(path, os.O_RDONLY)
    try:
        return os.read(handle, 100)
    finally:
        os.close(handle)


@way("ctypes fopen", "fopen.txt", text)
def _(path: Path) -> Any:
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    libc.fopen.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
    libc.fclose.argtypes = [ctypes.c_void_p]
    stream = libc.fopen(os.fsencode(path), b"r")
    assert stream
    libc.fclose(stream)
    return stream


@way("shell redirect", "shell.txt", text)
def _(path: Path) -> Any:
    assert os.system(f"wc -c < '{path}' > /dev/null 2> /dev/null") == 0


@way("dynamic import", "plugin.py", lambda path: path.write_text("VALUE = 1\n"))
def _(path: Path) -> Any:
    return importlib.import_module(f"cfg.{path.stem}").VALUE


def list_folder() -> Any:
    return os.listdir(CFG)


def ask_size() -> Any:
    return os.stat(CFG / "stat.txt").st_size


def ask_absent() -> Any:
    return os.path.exists("cfg/absent.txt")


def connect() -> Any:
    socket.create_connection(("127.0.0.1", int(sys.argv[2])), timeout=5).close()


def ask_variable() -> Any:
    return os.environ.get("HIDDEN_SWITCH")


def write_file() -> Any:
    return (CFG / "written.txt").write_text("x")


OTHERS: dict[str, tuple[str, Callable[[], Any]]] = {
    "listdir": ("cfg/", list_folder),
    "stat": ("cfg/stat.txt", ask_size),
    "absent file": ("cfg/absent.txt", ask_absent),
    "tcp": ("127.0.0.1", connect),
    "os.environ": ("HIDDEN_SWITCH", ask_variable),
    "undeclared write": ("cfg/written.txt", write_file),
}


def prepare() -> None:
    CFG.mkdir()
    text(CFG / "stat.txt")
    for file, write, _read in FILES.values():
        write(CFG / file)


def run() -> dict[str, str]:
    from mlops_kit.errors import StaleError
    from mlops_kit.steps.watch import begin, end
    from mlops_kit.steps.watch.declared import declare

    session = begin(
        Path.cwd(), declare("probe", deps=["steps/hidden.py", "steps/__init__.py"], outs=["data/out.txt"])
    )
    outcome: dict[str, str] = {}
    for name, (file, _write, read) in FILES.items():
        outcome[name] = attempt(lambda read=read, file=file: read(CFG / file))  # type: ignore[misc]
    for name, (_, act) in OTHERS.items():
        outcome[name] = attempt(act)
    if session is not None:
        try:
            end(session)
        except StaleError as error:
            outcome["end"] = error.message
    return outcome


def attempt(act: Callable[[], Any]) -> str:
    try:
        act()
    except Exception as error:  # noqa: BLE001 - whatever a library makes of it
        return f"{type(error).__name__}: {error}"
    return "done"


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare()
    else:
        json.dump(run(), sys.stdout)
