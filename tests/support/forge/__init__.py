"""A forge in a box: git over HTTP whose pushes really start workflows, and the part of GitHub's REST interface that they use.

What it leaves out: GraphQL, branch protection, environments, approvals of runs, rate limits, rendering. One token serves all jobs of
a run, with the union of their permissions, because act has one token.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Mapping
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.forge.events import Events
from tests.support.forge.githost import GitHost
from tests.support.forge.openapi import Description
from tests.support.forge.runner import Runner
from tests.support.forge.server import Site, make_handler
from tests.support.forge.state import Comment, Pull, Run, State, Token
from tests.support.forge.tools import ForgeTools

__all__ = ["Comment", "Forge", "ForgeTools", "Run"]


class Forge:
    """A running forge; use it in a `with` block."""

    def __init__(
        self,
        root: Path,
        *,
        tools: ForgeTools | None = None,
        env: Mapping[str, str] | None = None,
        port: int = 0,
    ) -> None:
        self._tools = tools or ForgeTools.find()
        self.state = State()
        # The handler is needed to know the port, and the port to make the handler: it is set in a moment.
        self._server = ThreadingHTTPServer(("127.0.0.1", port), make_handler)  # type: ignore[arg-type]
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._host = GitHost(root / "git", self.url)
        self._runner = Runner(self._host, self.state, self._tools, root / "runs", dict(env or {}))
        self._events = Events(self._host, self.state, self._runner)
        site = Site(self._host, self.state, self._events, Description(self._tools.openapi))
        self._server.RequestHandlerClass = make_handler(site)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Forge:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.close()
        self._events.join(30)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def add_user(self, login: str) -> str:
        """Let a person in and return their token."""
        token = f"user-{login}"
        self.state.tokens.setdefault(token, Token(login, {"*": 2}))
        return token

    def create_repo(self, name: str, *, secrets: Mapping[str, str] | None = None) -> None:
        """Make an empty repository `owner/name`."""
        self._host.create(name)
        self.state.secrets[name] = dict(secrets or {})

    def fork(self, name: str, owner: str) -> str:
        """Fork a repository and return the fork's name."""
        made = f"{owner}/{name.split('/')[1]}"
        self._host.create(made)
        self._host.git(
            made, "fetch", "-q", str(self._host.path(name).resolve()), "+refs/heads/*:refs/heads/*"
        )
        self.state.forks[made] = name
        return made

    def clone_url(self, name: str, user: str) -> str:
        """Return the address with the user's token in it."""
        return f"{self.url.replace('//', f'//{user}:{self.add_user(user)}@')}/{name}.git"

    def call(self, method: str, path: str, body: Any = None, *, user: str = "alice") -> Any:
        """Make a REST request as a person and return the answer's body."""
        headers = {"Authorization": f"Bearer {self.add_user(user)}", "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/api/v3{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def open_pull_request(
        self, name: str, *, head: str, title: str, base: str = "main", user: str = "alice"
    ) -> int:
        """Open a pull request and return its number; `head` is a branch, or `owner:branch` of a fork."""
        made = self.call(
            "POST", f"/repos/{name}/pulls", {"title": title, "head": head, "base": base}, user=user
        )
        return int(made["number"])

    def schedule(self, name: str) -> None:
        """Let the time of every scheduled workflow come, and wait for what it starts."""
        self._events.scheduled(name)
        self.wait_idle()

    def pulls(self, name: str) -> list[Pull]:
        """Return the pull requests of a repository."""
        return [pull for pull in self.state.pulls.values() if pull.repo == name]

    def merge(self, name: str, number: int, user: str = "alice") -> None:
        """Merge a pull request as a person."""
        self.call("PUT", f"/repos/{name}/pulls/{number}/merge", {}, user=user)
        self.wait_idle()

    def wait_idle(self, timeout: float = 300.0) -> None:
        """Wait until no run is under way, twice in a row; raise TimeoutError with the ends of the logs."""
        deadline, quiet = time.monotonic() + timeout, 0
        while quiet < 3:
            if time.monotonic() > deadline:
                raise TimeoutError("\n".join(run.log[-2000:] for run in self.state.runs[-3:]))
            quiet = 0 if self._events.busy() else quiet + 1
            time.sleep(0.1)

    def runs(self, event: str | None = None, *, number: int | None = None) -> list[Run]:
        """Return the runs, of an event or of a pull request."""
        return [run for run in self.state.runs if event in (None, run.event) and number in (None, run.number)]

    def comments(self, number: int) -> list[Comment]:
        """Return the comments of a pull request."""
        return [comment for comment in self.state.comments if comment.number == number]
