"""Fetches single objects from a DVC remote into the cache. Run as a program, so that DVC is loaded outside of our process.

Reads `{"root": folder, "digests": [MD5, ...]}` from standard input and writes `{"found": [...], "complaint": text}`.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any


def main() -> None:
    """Fetch what standard input asks for."""
    asked = json.load(sys.stdin)
    found, complaint = _fetch(asked["root"], asked["digests"])
    json.dump({"found": found, "complaint": complaint}, sys.stdout)


def _fetch(root: str, digests: list[str]) -> tuple[list[str], str]:
    from dvc.repo import Repo

    found: list[str] = []
    complaint = ""
    try:
        repo: Any = Repo(root)
        names = [repo.config["core"].get("remote"), *repo.config["remote"]]
        remotes = list(dict.fromkeys(name for name in names if name))
        complaint = "" if remotes else "no remote is configured"
        for name in remotes:
            remote = repo.cloud.get_remote(name, "fetch")
            for digest in [digest for digest in digests if digest not in found]:
                for odb, cache in (
                    (remote.odb, repo.cache.local),
                    (remote.legacy_odb, repo.cache.legacy),
                ):
                    if digest not in found and _copy(odb, cache, digest):
                        found.append(digest)
    except Exception as error:  # noqa: BLE001 - whatever DVC or a remote raises is told, and this program only tells
        complaint = f"{type(error).__name__}: {error}".partition("\n")[0]
    return found, complaint


def _copy(odb: Any, cache: Any, digest: str) -> bool:
    """Copy one object into the cache if the remote has it and it is what its name says."""
    target = Path(cache.oid_to_path(digest))
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".fetch-")
    os.close(descriptor)
    fresh = Path(name)
    try:
        odb.fs.get_file(odb.oid_to_path(digest), name)
        content = fresh.read_bytes()
        forms = (content, content.replace(b"\r\n", b"\n"))  # DVC 2 hashed texts with Unix line ends
        if digest.removesuffix(".dir") not in [
            hashlib.md5(form, usedforsecurity=False).hexdigest() for form in forms
        ]:
            raise ValueError(f"the remote's {digest} is damaged")
        fresh.chmod(0o444)
        fresh.replace(target)
    except FileNotFoundError:
        return False
    finally:
        fresh.unlink(missing_ok=True)
    return True


if __name__ == "__main__":
    main()
