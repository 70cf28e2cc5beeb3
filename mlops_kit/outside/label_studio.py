"""Label Studio's server over its HTTP interface: projects, tasks with predictions, annotations.

A token comes from the environment and stands in no file or message. Both kinds work: the plain token of an account, and a personal access
token, which is exchanged for one that lives five minutes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from mlops_kit.errors import OutsideError, UsageError
from mlops_kit.outside.http import HttpError, request_json

TOKEN = "LABEL_STUDIO_API_KEY"  # noqa: S105 - the name of a variable
_PAGE = 100
_LONGEST = 300
_AT_ONCE = 250
_MOST_BYTES = 4 << 20


def is_server(text: str) -> bool:
    """Return whether `text` is the address of a server, and no file."""
    return text.startswith(("http://", "https://"))


def open_studio(url: str) -> Studio:
    """Return the server at `url` with the token of the environment. Raises UsageError without one; nothing is asked yet."""
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        raise UsageError(
            f"{url} wants a token, and {TOKEN} is not set",
            fix=f"copy it from Account & Settings of Label Studio: export {TOKEN}=...",
        )
    return Studio(url.rstrip("/"), token)


@dataclass
class Studio:
    """A server that is asked."""

    url: str
    """Its address."""
    token: str = field(repr=False)
    """Token of the environment."""
    access: str = field(default="", repr=False)
    """What a personal access token was exchanged for."""

    def project(self, title: str) -> Mapping[str, Any] | None:
        """Return the project of that title, None without one. Raises OutsideError when there are several."""
        found = self._ask("GET", f"/api/projects/?title={quote(title)}&page_size={_PAGE}")
        named = [each for each in found["results"] if each["title"] == title]
        if len(named) > 1:
            raise OutsideError(
                f"{len(named)} projects at {self.url} have the title {title}", fix="rename all but one"
            )
        return named[0] if named else None

    def create(self, title: str, config: str, *, instructions: str, answers: int) -> Mapping[str, Any]:
        """Make a project with a labelling interface, in which `answers` annotators are asked for each task."""
        body = {
            "title": title,
            "label_config": config,
            "expert_instruction": instructions,
            "show_instruction": bool(instructions),
            "maximum_annotations": answers,
            "show_collab_predictions": True,
        }
        made: Mapping[str, Any] = self._ask("POST", "/api/projects/", body)
        return made

    def add(self, project: int, tasks: Sequence[Mapping[str, Any]]) -> None:
        """Add tasks to a project, some hundred at once."""
        pending: list[Mapping[str, Any]] = []
        size = 0
        for each in tasks:
            length = len(json.dumps(each))
            if pending and (len(pending) == _AT_ONCE or size + length > _MOST_BYTES):
                self._ask("POST", f"/api/projects/{project}/import", pending)
                pending, size = [], 0
            pending.append(each)
            size += length
        if pending:
            self._ask("POST", f"/api/projects/{project}/import", pending)

    def tasks(self, project: int) -> Iterator[Mapping[str, Any]]:
        """Yield the tasks of a project with their annotations, in their order."""
        page, seen = 1, 0
        while True:
            found = self._ask("GET", f"/api/tasks?project={project}&fields=all&page={page}&page_size={_PAGE}")
            yield from found["tasks"]
            seen += len(found["tasks"])
            if seen >= found["total"] or not found["tasks"]:
                return
            page += 1

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        personal = self.token.count(".") == 2
        if personal and not self.access:
            self._exchange()
        try:
            return self._send(method, path, body)
        except HttpError as error:
            if error.status == 401 and personal:
                self._exchange()
                try:
                    return self._send(method, path, body)
                except HttpError as again:
                    raise self._failed(path, again) from None
            raise self._failed(path, error) from None

    def _send(self, method: str, path: str, body: Any) -> Any:
        kind, token = ("Bearer", self.access) if self.access else ("Token", self.token)
        headers = {"Authorization": f"{kind} {token}"}
        if method == "POST":  # never twice: a task that is sent again is there again
            return request_json(method, self.url + path, body, headers, attempts=1, timeout=_LONGEST)[0]
        return request_json(method, self.url + path, body, headers)[0]

    def _exchange(self) -> None:
        try:
            found, _ = request_json("POST", f"{self.url}/api/token/refresh", {"refresh": self.token}, {})
        except HttpError as error:
            raise self._failed("/api/token/refresh", error) from None
        self.access = str(found["access"])

    def _failed(self, path: str, error: HttpError) -> OutsideError:
        fix = (
            f"check {TOKEN} and the rights of its account"
            if error.status in (401, 403)
            else "see the log of Label Studio"
        )
        return OutsideError(
            f"Label Studio at {self.url} answered {error.status} to {path.partition('?')[0]}: {error.detail}",
            fix=fix,
        )
