"""Objects of a DVC remote that is no folder: what is there, what it is, and putting it there."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_kit.errors import OutsideError
from mlops_kit.outside.dvc import dvc_environment, missing_plugin
from mlops_kit.outside.stream import stream_command


@dataclass(frozen=True)
class RemoteObject:
    """What a remote has under a name."""

    size: int
    """Bytes; -1 when the remote does not say."""
    md5: str = ""
    """Of its content; empty when only its size was asked for."""
    sha256: str = ""
    """Of its content; empty when only its size was asked for."""


def stat_objects(root: Path, remote: str, digests: Iterable[str]) -> dict[str, RemoteObject]:
    """Return digest -> size of those that the remote has. Raises OutsideError when the remote does not answer."""
    return _ask(root, remote, "stat", digests)


def hash_objects(
    root: Path, remote: str, digests: Iterable[str], *, on_bytes: Callable[[int], None] = lambda count: None
) -> dict[str, RemoteObject]:
    """Download and return digest -> hashes of those that the remote has. Raises OutsideError when the remote does not answer."""
    return _ask(root, remote, "hash", digests, on_bytes=on_bytes)


def get_objects(root: Path, remote: str, files: Mapping[str, Path]) -> frozenset[str]:
    """Download objects to `files` (digest -> path), unchecked, and return those that came."""
    return frozenset(_ask(root, remote, "get", files, files=files))


def put_objects(root: Path, remote: str, files: Mapping[str, Path]) -> frozenset[str]:
    """Upload `files` (digest -> path), over what is there, and return those that went. Raises OutsideError when one is refused."""
    return frozenset(_ask(root, remote, "put", files, files=files))


def _ask(
    root: Path,
    remote: str,
    act: str,
    digests: Iterable[str],
    *,
    files: Mapping[str, Path] | None = None,
    on_bytes: Callable[[int], None] = lambda count: None,
) -> dict[str, RemoteObject]:
    wanted = sorted(set(digests))
    found: dict[str, RemoteObject] = {}
    complaints: list[str] = []
    rest: list[str] = []

    def hear(line: str) -> None:
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError:
            rest.append(line)
            return
        if answer.get("complaint"):
            complaints.append(str(answer["complaint"]))
        elif answer.get("size") is not None:
            on_bytes(int(answer["size"]))
            found[str(answer["digest"])] = RemoteObject(
                int(answer["size"]), str(answer.get("md5", "")), str(answer.get("sha256", ""))
            )

    if not wanted:
        return {}
    with tempfile.TemporaryDirectory(prefix="mlops-kit-") as folder:
        request = Path(folder) / "request.json"
        paths = {digest: str(path) for digest, path in (files or {}).items()}
        asked = {"root": str(root), "remote": remote, "act": act, "digests": wanted, "files": paths}
        request.write_text(json.dumps(asked), encoding="utf-8")
        command = [sys.executable, "-P", "-m", "mlops_kit.outside.dvc_remote", str(request)]
        code = stream_command(command, cwd=root, env=dvc_environment(), on_line=hear)
    if code != 0 and not complaints:
        complaints = rest[-1:] or [f"DVC ended with {code}"]
    if complaints:
        plugin = missing_plugin(complaints[0])
        raise OutsideError(
            f"the remote {remote or '(default)'} does not do what was asked ({act}): {complaints[0]}",
            fix=f"pip install {plugin}"
            if plugin
            else "check the address and the access rights: dvc remote list",
        )
    return found
