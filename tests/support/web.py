"""A web server on loopback that does what servers do to downloads: drops connections, changes files, asks for tokens, points elsewhere."""

from __future__ import annotations

import hashlib
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
EARLIER = "Wed, 31 Dec 2025 00:00:00 GMT"


@dataclass
class Behaviour:
    """How the server is today; tests change it while it runs."""

    files: dict[str, bytes] = field(default_factory=dict)
    """Path -> content."""
    drop_after: int | None = None
    """Bytes of a body after which each connection is reset; None never."""
    drop_once: int | None = None
    """Bytes of a body after which the next connection is reset, and only that one."""
    statuses: list[int] = field(default_factory=list)
    """Answers to give first, one for each request."""
    etags: str = "strong"
    """`strong`, `weak` or `none`."""
    modified: bool = True
    """Whether there is a Last-Modified."""
    later: bool = False
    """Whether that is another date."""
    ranges: bool = True
    """Whether Range is understood."""
    heads: bool = True
    """Whether HEAD is."""
    token: str = ""
    """What the Authorization header has to be."""
    moved: dict[str, str] = field(default_factory=dict)
    """Path -> address to go to instead."""
    headers: dict[str, str] = field(default_factory=dict)
    """More headers of every answer."""
    sent: int = 0
    """Bytes of bodies so far."""
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Method, path and headers of each request."""

    def requests(self, method: str = "GET") -> list[dict[str, str]]:
        """Return the headers of the requests of a method."""
        return [headers for found, _, headers in self.seen if found == method]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    behaviour: Behaviour

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        now = self.behaviour
        now.seen.append((self.command, self.path, dict(self.headers)))
        if not body and not now.heads:
            return self._plain(405)
        if now.statuses:
            return self._plain(now.statuses.pop(0))
        if self.path in now.moved:
            return self._plain(302, Location=now.moved[self.path])
        if now.token and self.headers.get("Authorization") != now.token:
            return self._plain(401)
        content = now.files.get(self.path.partition("?")[0])
        if content is None:
            return self._plain(404)
        about = {"Last-Modified": DATE if now.later else EARLIER} if now.modified else {}
        tag = f'"{hashlib.md5(content).hexdigest()}"'
        if now.etags != "none":
            about["ETag"] = tag if now.etags == "strong" else f"W/{tag}"
        same = self.headers.get("If-None-Match", "-") == about.get("ETag")
        if same or self.headers.get("If-Modified-Since", "-") == about.get("Last-Modified"):
            return self._plain(304)
        first = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "") if now.ranges else None
        if first and self.headers.get("If-Range") in (None, about.get("ETag"), about.get("Last-Modified")):
            start = int(first[1])
            if start >= len(content):
                return self._plain(416, **{"Content-Range": f"bytes */{len(content)}"})
            about["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            return self._send(206, about, content[start:], body)
        return self._send(200, about, content, body)

    def _plain(self, status: int, **headers: str) -> None:
        self._send(status, headers, b"", body=True)

    def _send(self, status: int, headers: dict[str, str], content: bytes, body: bool) -> None:
        self.send_response_only(status)
        for name, value in {"Date": DATE, **headers, **self.behaviour.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not body:
            return
        once, self.behaviour.drop_once = self.behaviour.drop_once, None
        limit = self.behaviour.drop_after if once is None else once
        part = content if limit is None else content[:limit]
        self.wfile.write(part)
        self.behaviour.sent += len(part)
        if len(part) < len(content):
            self._reset()

    def _reset(self) -> None:
        """End the connection as a cable that is pulled out does, once what was sent has arrived."""
        self.wfile.flush()
        self.close_connection = True
        if self.behaviour.drop_after and self.behaviour.drop_after % 2:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that have gone."""


@contextmanager
def web(behaviour: Behaviour) -> Iterator[str]:
    """Serve as `behaviour` says and yield the address."""
    handler = type("Handler", (_Handler,), {"behaviour": behaviour})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
