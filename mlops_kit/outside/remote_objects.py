"""Files of a DVC remote behind a network, by name: what is there, what it is, bringing it here and putting it there."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mlops_kit.errors import OutsideError
from mlops_kit.outside.dvc import dvc_environment, missing_plugin

OnFile = Callable[[str, int], None]
"""Hears the name and the bytes of a file that has come or gone."""


@dataclass(frozen=True)
class RemoteObject:
    """What a remote has under a name."""

    size: int
    """Bytes; -1 when the remote does not say."""
    md5: str = ""
    """Of its content; empty when only its size was asked for."""
    sha256: str = ""
    """Of its content; empty when only its size was asked for."""


class NetworkShelf:
    """The files of one remote, through DVC's library in a program that is started when first needed and serves until `close`.

    Starting it costs half a second, so whoever asks several times keeps it.
    """

    def __init__(self, root: Path, remote: str) -> None:
        self._root = root
        self._remote = remote
        self._process: subprocess.Popen[str] | None = None
        self._noise: IO[str] | None = None

    def __enter__(self) -> NetworkShelf:
        """Return the shelf itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the program."""
        self.close()

    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        """Return name -> bytes (-1 where the remote does not say) of those that are there. Raises OutsideError when it does not answer."""
        return {name: found.size for name, found in self._ask("stat", dict.fromkeys(names)).items()}

    def hashes(
        self, names: Iterable[str], on_file: OnFile = lambda name, size: None
    ) -> dict[str, RemoteObject]:
        """Read those of `names` that are there and return what they are. Raises OutsideError when the remote does not answer."""
        return self._ask("hash", dict.fromkeys(names), on_file)

    def names(self, folder: str) -> list[str]:
        """Return the names of the files below a folder; nothing when the remote cannot list."""
        return sorted(self._ask("list", {folder: None}))

    def get(self, files: Mapping[str, Path], on_file: OnFile = lambda name, size: None) -> frozenset[str]:
        """Bring those of `files` (name -> target) that are there, unchecked, and return which they are.

        Raises OutsideError when the remote refuses one; those that came by then are whole.
        """
        return frozenset(self._ask("get", files, on_file))

    def put(self, files: Mapping[str, Path], on_file: OnFile = lambda name, size: None) -> frozenset[str]:
        """Upload `files` (name -> source), over what is there, and return those of which the remote has all bytes then.

        Raises OutsideError when one is refused.
        """
        sent = self._ask("put", files, on_file)
        there = self.sizes(sent)
        return frozenset(name for name in sent if there.get(name) in (-1, sent[name].size))

    def close(self) -> None:
        """End the program; transfers that still run are given up."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                assert pipe is not None
                pipe.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._noise is not None:
            self._noise.close()

    def _ask(
        self,
        act: str,
        files: Mapping[str, Path | None],
        on_file: OnFile = lambda name, size: None,
    ) -> dict[str, RemoteObject]:
        if not files:
            return {}
        paths = {name: "" if path is None else str(path) for name, path in files.items()}
        found: dict[str, RemoteObject] = {}
        complaints: list[str] = []
        try:
            for answer in self._answers({"act": act, "files": paths}):
                if answer.get("complaint"):
                    complaints.append(str(answer["complaint"]))
                elif answer.get("size") is not None:
                    name, size = str(answer["name"]), int(answer["size"])
                    found[name] = RemoteObject(
                        size, str(answer.get("md5", "")), str(answer.get("sha256", ""))
                    )
                    on_file(name, size)
        except BaseException:
            self.close()
            raise
        if complaints:
            raise self._refused(act, complaints[0])
        return found

    def _answers(self, request: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
        process = self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        asked = {"root": str(self._root), "remote": self._remote, **request}
        try:
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
        except OSError:
            pass  # it has ended: what it said last is read below
        for line in process.stdout:
            try:
                answer: dict[str, Any] = json.loads(line)
            except ValueError:
                continue  # a library that prints
            if answer.get("done"):
                return
            yield answer
        raise self._refused(str(request["act"]), self._last_words())

    def _start(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._noise = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed by close()
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "mlops_kit.outside.dvc_remote"],
                cwd=self._root, env=dvc_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._noise,
                text=True, encoding="utf-8", start_new_session=True,
            )  # fmt: skip
        return self._process

    def _last_words(self) -> str:
        if self._noise is None:
            return "DVC ended"
        self._noise.seek(0)
        lines = [line.strip() for line in self._noise if line.strip()]
        return lines[-1] if lines else "DVC ended without a word"

    def _refused(self, act: str, complaint: str) -> OutsideError:
        plugin = missing_plugin(complaint)
        return OutsideError(
            f"the remote {self._remote or '(default)'} does not do what was asked ({act}): {complaint}",
            fix=f"pip install {plugin}"
            if plugin
            else "check the address and the access rights: dvc remote list",
        )
