"""Looks at, hashes, reads and writes files of a DVC remote by name. Run as a program, so that DVC is loaded outside of our process.

Each line of standard input is a request `{"root", "remote", "act": "stat"|"hash"|"get"|"put"|"list", "files": {name: path}}`; names are
relative to the remote, as `files/md5/ab/cdef…`, paths are the local ends of `get` and `put`. For each name a line
`{"name", "size", "md5", "sha256", "complaint"}` is printed, `size` null for one that is not there, and at the end `{"done": true}`. `list`
gives the names below a folder. The program ends at once when its input does, so it never outlives who asks.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

_BLOCK = 1 << 20
_WORKERS = 16
_MANY = 200  # names; below that, asking for each is as quick
_PAGE = 1000  # names that an object store lists at once
_speaking = threading.Lock()


def main() -> None:
    """Do what standard input asks for, request by request."""
    requests: SimpleQueue[dict[str, Any]] = SimpleQueue()
    threading.Thread(target=_listen, args=[requests], daemon=True).start()
    remotes: dict[str, Any] = {}
    with ThreadPoolExecutor(_WORKERS) as pool:
        while True:
            asked = requests.get()
            try:
                name = asked["remote"]
                if name not in remotes:
                    remotes[name] = _open(asked["root"], name)
                _answer(remotes[name], asked, pool)
            except Exception as error:  # noqa: BLE001 - whatever DVC or a remote raises is told, and this program only tells
                _tell({"complaint": _words(error)})
            _tell({"done": True})


def _listen(requests: SimpleQueue[dict[str, Any]]) -> None:
    for line in sys.stdin:
        requests.put(json.loads(line))
    os._exit(0)  # whoever asked is done or gone; transfers that still run would have nobody to hear of them


def _answer(remote: _Remote, asked: dict[str, Any], pool: ThreadPoolExecutor) -> None:
    files: dict[str, str] = asked["files"]
    if asked["act"] == "list":
        for folder in files:
            _list(remote, folder)
        return
    act: Callable[[_Remote, str, str], dict[str, Any]] = {
        "stat": _stat, "hash": _hash, "get": _get, "put": _put,
    }[asked["act"]]  # fmt: skip

    def one(name: str) -> None:
        try:
            _tell({"name": name, **act(remote, name, files[name])})
        except FileNotFoundError:
            _tell({"name": name, "size": None})
        except Exception as error:  # noqa: BLE001 - as above
            _tell({"name": name, "size": None, "complaint": _words(error)})

    names = _stat_by_listing(remote, list(files), pool) if asked["act"] == "stat" else list(files)
    list(pool.map(one, names))


def _stat_by_listing(remote: _Remote, names: list[str], pool: ThreadPoolExecutor) -> list[str]:
    """Tell the sizes of what folders hold if listing these takes fewer requests than asking for each name; return the names that are left."""
    folders = sorted({name.rpartition("/")[0] for name in names})
    if len(names) < _MANY or len(folders) * 2 > len(names):
        return names
    sample = _listing(remote, folders[0])
    if sample is None or len(folders) * (1 + len(sample) // _PAGE) * 2 > len(names):
        return names
    wanted = set(names)
    for found in pool.map(lambda folder: _listing(remote, folder) or {}, folders):
        for name in wanted & found.keys():
            _tell({"name": name, "size": found[name]})
    return []


def _listing(remote: _Remote, folder: str) -> dict[str, int] | None:
    """Return name -> bytes of the files in a folder, None of what is no object store: others list slowly or not at all."""
    from dvc_objects.fs.base import ObjectFileSystem

    if not isinstance(remote.fs, ObjectFileSystem):
        return None
    try:  # DVC's own `find` leaves the sizes out
        found: dict[str, Any] = remote.fs.fs.find(remote.path(folder), detail=True)
    except FileNotFoundError:
        return {}
    return {f"{folder}/{remote.fs.name(path)}": entry.get("size", -1) for path, entry in found.items()}


class _Remote:
    """A file system and the folder of the remote in it."""

    def __init__(self, fs: Any, folder: str) -> None:
        self.fs = fs
        self.folder = folder

    def path(self, name: str) -> str:
        joined: str = self.fs.join(self.folder, *name.split("/"))
        return joined


def _open(root: str, name: str) -> _Remote:
    from dvc.config import Config
    from dvc.fs import get_cloud_fs

    # The configuration alone: opening the whole repository costs as much time again, and takes its locks.
    cls, config, folder = get_cloud_fs(Config(str(Path(root) / ".dvc")), name=name)
    return _Remote(cls(**config), folder)


def _tell(answer: dict[str, Any]) -> None:
    with _speaking:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def _stat(remote: _Remote, name: str, _: str) -> dict[str, Any]:
    size = remote.fs.info(remote.path(name)).get("size")
    return {"size": -1 if size is None else size}


def _hash(remote: _Remote, name: str, _: str) -> dict[str, Any]:
    md5, sha256, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    with remote.fs.open(remote.path(name), "rb") as file:
        while block := file.read(_BLOCK):
            md5.update(block)
            sha256.update(block)
            size += len(block)
    return {"size": size, "md5": md5.hexdigest(), "sha256": sha256.hexdigest()}


def _get(remote: _Remote, name: str, target: str) -> dict[str, Any]:
    remote.fs.get_file(remote.path(name), target)
    return {"size": Path(target).stat().st_size}


def _put(remote: _Remote, name: str, source: str) -> dict[str, Any]:
    path = remote.path(name)
    with suppress(NotImplementedError):
        remote.fs.makedirs(remote.fs.parent(path), exist_ok=True)
    remote.fs.put_file(source, path)
    return {"size": Path(source).stat().st_size}


def _list(remote: _Remote, folder: str) -> None:
    """Tell the names below a folder; nothing of a remote that cannot list, as one behind plain HTTP."""
    base = remote.path(folder)
    with suppress(NotImplementedError, FileNotFoundError):
        for path in remote.fs.find(base):
            _tell({"name": f"{folder}/{remote.fs.name(path)}", "size": 0})


if __name__ == "__main__":
    main()
