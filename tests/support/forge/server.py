"""The HTTP side of the forge: git, REST, the push hook, artifacts and caches."""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.support.forge.events import Events
from tests.support.forge.githost import GitHost
from tests.support.forge.openapi import Description
from tests.support.forge.rest import Rest
from tests.support.forge.state import Artifact, State, Token
from tests.support.forge.triggers import allows

PAGE = 100
GIT = re.compile(r"/([\w.-]+/[\w.-]+?)(?:\.git)?/(info/refs|git-upload-pack|git-receive-pack)")


class Site:
    """What the handler of every request shares."""

    def __init__(self, host: GitHost, state: State, events: Events, description: Description) -> None:
        self.host = host
        self.state = state
        self.events = events
        self.description = description
        self.rest = Rest(host, state, events)


def make_handler(site: Site) -> type[BaseHTTPRequestHandler]:
    """Return the request handler of a forge."""

    class Handler(_Handler):
        forge = site

    return Handler


class _Handler(BaseHTTPRequestHandler):
    forge: Site
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
        """Keep quiet."""

    def do_GET(self) -> None:
        self._route()

    do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815 - the names that http.server calls

    def _route(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(parts.query))
        body = self._body()
        if parts.path.startswith("/_hook/"):
            self.forge.events.pushed(
                parts.path.removeprefix("/_hook/"),
                body.decode().splitlines(),
                self.headers.get("X-Token", ""),
            )
            self._send(200, b"{}")
        elif parts.path.startswith("/_artifact/"):
            self._artifact(parts.path.split("/")[2:], body)
        elif parts.path == "/_cache":
            self._cache(query, body)
        elif parts.path.startswith("/api/v3/"):
            self._rest(parts.path.removeprefix("/api/v3"), query, body)
        elif found := GIT.fullmatch(parts.path):
            self._git(found[1], found[2], parts.query, body)
        else:
            self._send(404, b'{"message": "Not Found"}')

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            made = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                made += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return made
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _token(self) -> str:
        value = self.headers.get("Authorization", "")
        kind, _, rest = value.partition(" ")
        return base64.b64decode(rest).decode().partition(":")[2] if kind.lower() == "basic" else rest

    def _who(self) -> Token | None:
        return self.forge.state.tokens.get(self._token())

    def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            **(headers or {}),
            "Content-Length": str(len(content)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _git(self, name: str, what: str, query: str, body: bytes) -> None:
        if not self.forge.host.path(name).exists():
            self._send(404, b"")
            return
        who = self._who()
        writes = "receive-pack" in what + query
        if writes and (
            who is None or max(who.permissions.get("contents", 0), who.permissions.get("*", 0)) < 2
        ):
            if who is not None:
                self.forge.state.denied.append((who.login, "PUSH", name))
            self._send(
                403 if who else 401,
                b"Write access to repository not granted.\n",
                {} if who else {"WWW-Authenticate": 'Basic realm="git"'},
            )
            return
        environment = {
            "PATH_INFO": f"/{name}.git/{what}", "QUERY_STRING": query, "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""), "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": who.login if who else "", "FORGE_TOKEN": self._token(),
        }  # fmt: skip
        status, headers, content = self.forge.host.serve(environment, body)
        self._send(status, content, headers)

    def _rest(self, path: str, query: dict[str, str], raw: bytes) -> None:
        forge, who = self.forge, self._who()
        operation = forge.description.find(self.command, path)
        body = json.loads(raw) if raw else None
        if operation is None:
            self._json(404, {"message": "Not Found"})
            return
        wrong = forge.description.check_request(operation, body)
        if wrong:
            forge.state.violations.append({"request": f"{self.command} {path}", "errors": wrong})
            self._json(422, {"message": "Validation Failed"})
        elif who is None:
            self._json(401, {"message": "Bad credentials"})
        elif not allows(who.permissions, self.command, path):
            forge.state.denied.append((who.login, self.command, path))
            self._json(403, {"message": "Resource not accessible by integration"})
        else:
            status, value = forge.rest.answer(operation, body, who, query)
            link: dict[str, str] = {}
            if isinstance(value, list):
                value, link = self._page(value, path, query)
            value, errors = forge.description.complete(operation, status, value)
            if errors:
                forge.state.violations.append(
                    {"answer": f"{self.command} {path} {status}", "errors": errors[:5]}
                )
            self._json(status, value, link)

    def _page(self, items: list[Any], path: str, query: dict[str, str]) -> tuple[list[Any], dict[str, str]]:
        size, page = min(PAGE, int(query.get("per_page", "30"))), int(query.get("page", "1"))
        rest = urllib.parse.urlencode({**query, "page": str(page + 1)})
        more = len(items) > page * size
        link = {"Link": f'<{self.forge.host.url}/api/v3{path}?{rest}>; rel="next"'} if more else {}
        return items[(page - 1) * size : page * size], link

    def _json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self._send(status, b"" if value is None else json.dumps(value).encode(), headers)

    def _artifact(self, parts: list[str], body: bytes) -> None:
        run, name = int(parts[0]), urllib.parse.unquote(parts[1])
        state, who = self.forge.state, self._who()
        own = who is not None and who.run == run
        if self.command == "PUT" and own:
            with state.lock:
                state.artifacts.append(Artifact(len(state.artifacts) + 1, run, name, body))
            self._send(200, b"{}")
            return
        may = own or (
            who is not None and max(who.permissions.get("actions", 0), who.permissions.get("*", 0)) >= 1
        )
        found = next((a for a in reversed(state.artifacts) if a.run == run and a.name == name), None)
        if self.command == "GET" and may and found:
            self._send(200, found.content, {"Content-Type": "application/x-tar"})
        else:
            self._send(404 if may else 403, b'{"message": "no such artifact, or not allowed"}')

    def _cache(self, query: dict[str, str], body: bytes) -> None:
        """Caches belong to a ref: a run writes to its own and reads its own, its base's and the default branch's."""
        state, who = self.forge.state, self._who()
        run = next((r for r in state.runs if who is not None and r.id == who.run), None)
        if run is None:
            self._send(403, b"{}")
        elif self.command == "PUT":
            with state.lock:
                state.caches.setdefault((run.repo, run.ref, query["key"]), body)
            self._send(200, b"{}")
        else:
            self._restore(run.repo, [run.ref, f"refs/heads/{run.base_ref}", "refs/heads/main"], query)

    def _restore(self, repo: str, refs: list[str], query: dict[str, str]) -> None:
        wanted = [query["key"], *filter(None, query.get("restore", "").split("\n"))]
        for prefix in wanted:
            for ref in refs:
                for (owner, scope, key), content in reversed(self.forge.state.caches.items()):
                    if (owner, scope) == (repo, ref) and key.startswith(prefix):
                        self._send(200, content, {"X-Key": key, "Content-Type": "application/x-tar"})
                        return
        self._send(404, b"{}")
