"""The one comment, against a real HTTP server on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mlops_kit.ci.providers import CommentRequest, detect_provider, github
from mlops_kit.errors import OutsideError, UsageError
from mlops_kit.outside.http import HttpError, request_json

SHA = "a" * 40


class Api:
    """Pull request 7 with comments; counts writes; can be told to fail."""

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.head = SHA
        self.failures: list[tuple[int, dict[str, str]]] = []
        self.writes: list[tuple[str, str]] = []
        self.page = 2

    def answer(
        self, method: str, path: str, query: dict[str, str], body: Any
    ) -> tuple[int, Any, dict[str, str]]:
        if self.failures:
            status, headers = self.failures.pop(0)
            return status, {"message": "told to fail"}, headers
        if path.endswith(("/pulls/7", "/pulls/8")):
            return 200, {"number": 7, "head": {"sha": self.head if path.endswith("7") else "b" * 40}}, {}
        if path.endswith("/pulls"):
            return (
                200,
                [{"number": 7, "head": {"sha": self.head}}, {"number": 8, "head": {"sha": "b" * 40}}],
                {},
            )
        if method == "GET":
            page = int(query.get("page", "1"))
            more = (
                {"Link": f'<{path}?page={page + 1}>; rel="next"'}
                if page * self.page < len(self.comments)
                else {}
            )
            return 200, self.comments[(page - 1) * self.page : page * self.page], more
        self.writes.append((method, path))
        return 200, {"html_url": "http://127.0.0.1/comment"}, {}


@pytest.fixture
def api() -> Iterator[tuple[Api, dict[str, str]]]:
    state = Api()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
            """Keep quiet."""

        def do_GET(self) -> None:
            path, _, rest = self.path.partition("?")
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, value, headers = state.answer(
                self.command, path, dict(part.split("=") for part in rest.split("&") if part), body
            )
            content = json.dumps(value).encode()
            self.send_response(status)
            for name, text in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, text.replace("</", f"<http://127.0.0.1:{server.server_address[1]}/"))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PATCH = do_GET  # noqa: N815 - the names that http.server calls

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    environment = {
        "GITHUB_TOKEN": "t0k3n",
        "GITHUB_REPOSITORY": "a/b",
        "GITHUB_API_URL": f"http://127.0.0.1:{server.server_address[1]}",
    }
    yield state, environment
    server.shutdown()
    server.server_close()
    thread.join()


def mine(number: int) -> dict[str, Any]:
    return {"id": number, "body": f"{github.MARKER}\nold", "user": {"login": github.BOT}}


def other(number: int, body: str = "hello") -> dict[str, Any]:
    return {"id": number, "body": body, "user": {"login": "someone"}}


def test_first_report_creates_a_comment(api: tuple[Api, dict[str, str]]) -> None:
    state, environment = api
    assert github.post_comment(CommentRequest("body", SHA, 7), environment).startswith("created")
    assert state.writes == [("POST", "/repos/a/b/issues/7/comments")]


def test_later_report_updates_it_wherever_it_stands(api: tuple[Api, dict[str, str]]) -> None:
    state, environment = api
    state.comments = [other(1), other(2), other(3), mine(4)]
    assert github.post_comment(CommentRequest("body", SHA, 7), environment).startswith("updated")
    assert state.writes == [("PATCH", "/repos/a/b/issues/comments/4")]


def test_marker_in_somebody_else_s_comment_is_not_ours(api: tuple[Api, dict[str, str]]) -> None:
    state, environment = api
    state.comments = [other(1, f"{github.MARKER} gotcha")]
    github.post_comment(CommentRequest("body", SHA, 7), environment)
    assert state.writes == [("POST", "/repos/a/b/issues/7/comments")]


def test_branch_that_moved_on_gets_no_old_report(api: tuple[Api, dict[str, str]]) -> None:
    state, environment = api
    state.head = "c" * 40
    assert "moved on" in github.post_comment(CommentRequest("body", SHA, 7), environment)
    assert state.writes == []


def test_fork_s_pull_request_is_found_by_its_commit(api: tuple[Api, dict[str, str]]) -> None:
    state, environment = api
    github.post_comment(CommentRequest("body", "b" * 40, None), environment)
    assert state.writes == [("POST", "/repos/a/b/issues/8/comments")]
    assert "no open pull request" in github.post_comment(CommentRequest("body", "d" * 40, None), environment)


def test_passing_failure_is_tried_again_and_a_lasting_one_is_not(api: tuple[Api, dict[str, str]]) -> None:
    state, environment = api
    state.failures = [(503, {"Retry-After": "0"}), (429, {"Retry-After": "0"})]
    assert github.post_comment(CommentRequest("body", SHA, 7), environment).startswith("created")
    state.failures = [(403, {})]
    with pytest.raises(OutsideError, match="403") as caught:
        github.post_comment(CommentRequest("body", SHA, 7), environment)
    assert "pull-requests: write" in caught.value.fix
    assert "t0k3n" not in str(caught.value) + repr(caught.value)


def test_pauses_grow_and_are_bounded(api: tuple[Api, dict[str, str]]) -> None:
    state, environment = api
    state.failures = [(500, {}), (500, {"Retry-After": "99999"}), (500, {}), (500, {})]
    pauses: list[float] = []
    with pytest.raises(HttpError):
        request_json(
            "GET", f"{environment['GITHUB_API_URL']}/repos/a/b/pulls/7", None, {}, sleep=pauses.append
        )
    assert pauses == [1.0, 60.0, 4.0]


def test_body_over_the_limit_is_refused_before_it_is_sent(api: tuple[Api, dict[str, str]]) -> None:
    state, environment = api
    with pytest.raises(OutsideError, match="are allowed"):
        github.post_comment(CommentRequest("x" * 70_000, SHA, 7), environment)
    assert state.writes == []


def test_missing_variables_are_named() -> None:
    with pytest.raises(UsageError, match="GITHUB_TOKEN and GITHUB_REPOSITORY"):
        github.post_comment(CommentRequest("x", SHA, 7), {})


@pytest.mark.parametrize(
    ("name", "payload", "base"),
    [
        ("pull_request", {}, "HEAD^1"),
        ("push", {"before": "f" * 40}, "f" * 40),
        ("push", {"before": "0" * 40}, "HEAD^1"),
        ("workflow_dispatch", {"inputs": {"pr": 3}}, None),
        ("schedule", {}, None),
    ],
)
def test_event_names_the_base(tmp_path: Path, name: str, payload: dict[str, Any], base: str | None) -> None:
    (tmp_path / "event.json").write_text(json.dumps(payload))
    environment = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": name,
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
    }
    provider = detect_provider(environment)
    assert provider is not None
    assert provider.read_event(environment).base == base
    assert detect_provider({}) is None
