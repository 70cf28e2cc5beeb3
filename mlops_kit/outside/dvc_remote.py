"""Looks at, hashes and writes single objects of a DVC remote. Run as a program, so that DVC is loaded outside of our process.

Its argument is a JSON file `{"root", "remote", "act": "stat"|"hash"|"get"|"put", "digests": [MD5], "files": {MD5: path}}`; for each
object it prints a line `{"digest", "size", "md5", "sha256", "complaint"}`, `size` null for one that is not there.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

_BLOCK = 1 << 20
_WORKERS = 8


def main() -> None:
    """Do what the file that the first argument names asks for."""
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    try:
        remote = _open(asked["root"], asked["remote"])
    except Exception as error:  # noqa: BLE001 - whatever DVC or a remote raises is told, and this program only tells
        _tell({"complaint": _words(error)})
        return
    act: Callable[[Any, str, str], dict[str, Any]] = {"stat": _stat, "hash": _hash, "get": _get, "put": _put}[
        asked["act"]
    ]

    def one(digest: str) -> None:
        try:
            _tell({"digest": digest, **act(remote, digest, asked["files"].get(digest, ""))})
        except FileNotFoundError:
            _tell({"digest": digest, "size": None})
        except Exception as error:  # noqa: BLE001 - as above
            _tell({"digest": digest, "size": None, "complaint": _words(error)})

    with ThreadPoolExecutor(_WORKERS) as pool:
        list(pool.map(one, asked["digests"]))


def _open(root: str, name: str) -> Any:
    from dvc.repo import Repo

    repo: Any = Repo(root)
    return repo.cloud.get_remote(name or None, "push")


def _tell(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def _place(remote: Any, digest: str) -> tuple[Any, str, int | None]:
    """Return the file system, path and size of an object, in the layout of DVC 3 or before; FileNotFoundError if it is in neither."""
    for odb in (remote.odb, remote.legacy_odb):
        path = odb.oid_to_path(digest)
        try:
            return odb.fs, path, odb.fs.info(path).get("size")
        except FileNotFoundError:
            continue
    raise FileNotFoundError(digest)


def _stat(remote: Any, digest: str, _: str) -> dict[str, Any]:
    size = _place(remote, digest)[2]
    return {"size": -1 if size is None else size}


def _hash(remote: Any, digest: str, _: str) -> dict[str, Any]:
    fs, path, _size = _place(remote, digest)
    md5, sha256, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    with fs.open(path, "rb") as file:
        while block := file.read(_BLOCK):
            md5.update(block)
            sha256.update(block)
            size += len(block)
    return {"size": size, "md5": md5.hexdigest(), "sha256": sha256.hexdigest()}


def _get(remote: Any, digest: str, target: str) -> dict[str, Any]:
    fs, path, _size = _place(remote, digest)
    fs.get_file(path, target)
    return {"size": Path(target).stat().st_size}


def _put(remote: Any, digest: str, source: str) -> dict[str, Any]:
    from dvc.fs import LocalFileSystem

    remote.odb.add(source, LocalFileSystem(), digest, check_exists=False)
    return {"size": Path(source).stat().st_size}


if __name__ == "__main__":
    main()
