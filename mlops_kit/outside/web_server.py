"""A small HTTP server for a page of this machine: it hands each request to one function, and turns away what a strange page could send.

A page on another host must not read or write here through the user's browser. So requests are answered only when their `Host` is this machine
(else a name that is pointed to 127.0.0.1 would be let in: DNS rebinding) and their `Origin`, if there is one, is the page that came from here
(cross-site requests). Who may ask is the business of the function that answers; it gets the token of the `Authorization` header.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import socketserver
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from mlops_kit.errors import OutsideError

MOST_BYTES = 1 << 20
"""Longest body of a request that is read."""
PATIENCE_SECONDS = 60.0
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Request:
    """What somebody asks for."""

    method: str
    """`GET` or `POST`."""
    path: str
    """Path of the address, without what follows `?`."""
    query: Mapping[str, str] = field(default_factory=dict)
    """What follows `?`."""
    token: str = ""
    """What stands after `Bearer` in the `Authorization` header."""
    kind: str = ""
    """Media type of the body."""
    body: bytes = b""
    """The body."""


@dataclass(frozen=True)
class Response:
    """What is answered."""

    status: int
    """Status of HTTP."""
    body: bytes = b""
    """The body."""
    kind: str = "application/json"
    """Its media type."""


Answer = Callable[[Request], Response]
"""Answers one request; called from several threads."""


class WebServer:
    """A server that listens from the beginning, and answers while `run` lasts."""

    def __init__(self, answer: Answer, host: str, port: int) -> None:
        try:
            self._server = _Server(answer, host, port)
        except OSError as error:
            raise OutsideError(
                f"nothing can be served at {host}:{port}: {error.strerror or error}",
                fix="name another port: --port 0 takes a free one",
            ) from error

    @property
    def port(self) -> int:
        """Return the port that is listened at."""
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        """Return the address of the page for a browser of this machine."""
        host = self._server.host
        if _is_any(host):
            host = "127.0.0.1"
        return f"http://[{host}]:{self.port}/" if ":" in host else f"http://{host}:{self.port}/"

    def run(self) -> None:
        """Answer until `stop` or Ctrl-C, which raises KeyboardInterrupt here."""
        self._server.serve_forever(poll_interval=0.2)

    def stop(self) -> None:
        """End `run`, which another thread is in."""
        self._server.shutdown()

    def close(self) -> None:
        """Listen no more."""
        self._server.server_close()


def is_loopback(host: str) -> bool:
    """Return whether the address `host` is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def open_page(address: str) -> bool:
    """Show `address` in the user's browser, and return whether there is one."""
    import webbrowser

    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False  # a browser in the terminal would take it over
    try:
        return webbrowser.open(address)
    except (webbrowser.Error, OSError):
        return False


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # there it would let two servers share a port
    request_queue_size = 64

    def __init__(self, answer: Answer, host: str, port: int) -> None:
        self.answer = answer
        self.host = host
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Bind without asking the name service what this machine is called, as HTTPServer does."""
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing about a connection that broke; what an answer raises is told by the handler."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE_SECONDS

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def setup(self) -> None:
        """Send small answers at once: the page waits for each."""
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def version_string(self) -> str:
        """Return the name of the server, without versions."""
        return "mlops-kit"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in http.server
        """Keep no log: items have names that may say something about people."""

    def _respond(self) -> None:
        refusal = self._refused()
        if refusal is not None:
            self._send(self._last(refusal))
            return
        body = self._body()
        self._send(body if isinstance(body, Response) else self._answered(body))

    def _answered(self, body: bytes) -> Response:
        split = urlsplit(self.path)
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        request = Request(
            self.command,
            split.path,
            dict(parse_qsl(split.query)),
            token.strip() if scheme.lower() == "bearer" else "",
            self.headers.get_content_type() if self.headers.get("Content-Type") else "",
            body,
        )
        return self.server.answer(request)

    def _refused(self) -> Response | None:
        """Return what a request gets that did not come from our page or from a program of the user."""
        host = self.headers.get("Host", "")
        if not _is_allowed(host, self.server.host):
            return _complaint(421, "this server answers under its own address alone")
        origin = self.headers.get("Origin")
        if origin is not None and origin.lower() != f"http://{host}".lower():
            return _complaint(403, "another page may not ask here")
        if self.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return _complaint(403, "another page may not ask here")
        return None

    def _body(self) -> bytes | Response:
        if self.headers.get("Transfer-Encoding"):
            return self._last(_complaint(411, "say how long the body is: Content-Length"))
        try:
            length = int(self.headers.get("Content-Length", "0"))
        except ValueError:
            length = -1
        if length < 0:
            return self._last(_complaint(400, "Content-Length is no number"))
        if length > MOST_BYTES:
            return self._last(_complaint(413, f"the body is longer than {MOST_BYTES} bytes"))
        return self.rfile.read(length)

    def _last(self, response: Response) -> Response:
        """Return `response` as the last of this connection. What was sent along is read and thrown away, within bounds: who is still sending
        when the connection is closed does not see the answer."""
        self.close_connection = True
        length = self.headers.get("Content-Length", "")
        left = min(int(length), 16 * MOST_BYTES) if length.isdecimal() and len(length) < 16 else 0
        while left > 0 and (got := self.rfile.read(min(left, 1 << 16))):
            left -= len(got)
        return response

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", response.kind)
        self.send_header("Content-Length", str(len(response.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(response.body)


def _complaint(status: int, text: str) -> Response:
    return Response(status, f'{{"error": "{text}"}}\n'.encode())


def _is_any(host: str) -> bool:
    return host in ("", "0.0.0.0", "::")  # noqa: S104 - compared, not bound


def _is_allowed(header: str, host: str) -> bool:
    """Return whether the `Host` of a request is this server: by the name it was given, as localhost, or by a number. A number cannot be made to
    point elsewhere; where only this machine is served, it must be a number of this machine."""
    name = _name_of(header)
    if not name:
        return False
    if name in ("localhost", host.lower()):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or not is_loopback(host)


def _name_of(header: str) -> str:
    """Return the name in a `Host` header, without port and brackets; empty when it is none."""
    try:
        split = urlsplit(f"//{header}")
        return (split.hostname or "").lower() if split.netloc == header and "@" not in header else ""
    except ValueError:
        return ""
