"""An S3-compatible store on loopback: rclone serves a folder; each folder in it is a bucket."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KEY, SECRET = "anybody", "s3cret-word"


class Bucket:
    """A server that can be stopped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        rclone = Path(sys.executable).with_name("rclone")
        command = [rclone, "serve", "s3", self.folder, "--addr", f"127.0.0.1:{self.port}", "--auth-key", f"{KEY},{SECRET}",
                   "--config", os.devnull, "--vfs-cache-mode", "off", "--dir-cache-time", "0", "-q"]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                continue
            return
        raise AssertionError("rclone serve s3 did not start")

    def stop(self) -> None:
        """End it at once."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def bucket(folder: Path) -> Iterator[Bucket]:
    """Serve `folder`/flights as the bucket `flights` and yield the server."""
    (folder / "flights").mkdir(parents=True)
    server = Bucket(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
