"""The part of GitHub's REST interface that the product and the stories use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.forge.events import Events, pull_payload, repository_payload, run_payload
from tests.support.forge.githost import GitHost
from tests.support.forge.openapi import Operation
from tests.support.forge.state import Comment, Pull, State, Token

BODY_LIMIT = 65_536
Answer = tuple[int, Any]


class Rest:
    """Operations by GitHub's operation ids."""

    def __init__(self, host: GitHost, state: State, events: Events) -> None:
        self._host = host
        self._state = state
        self._events = events
        self._operations: dict[str, Callable[[dict[str, str], Any, Token, dict[str, str]], Answer]] = {
            "repos/get": self._repository,
            "pulls/create": self._create_pull,
            "pulls/list": self._list_pulls,
            "pulls/get": self._get_pull,
            "pulls/update": self._update_pull,
            "pulls/merge": self._merge_pull,
            "issues/list-comments": self._list_comments,
            "issues/create-comment": self._create_comment,
            "issues/update-comment": self._update_comment,
            "actions/list-workflow-runs-for-repo": self._list_runs,
            "actions/create-workflow-dispatch": self._dispatch,
        }

    def answer(self, operation: Operation, body: Any, who: Token, query: dict[str, str]) -> Answer:
        """Return status and body of an operation; 501 for one that the forge does not have."""
        function = self._operations.get(operation.id)
        if function is None:
            return 501, {"message": f"the forge does not have {operation.id}"}
        with self._state.lock:
            return function(operation.arguments, body or {}, who, query)

    def _repository(self, path: dict[str, str], body: Any, who: Token, query: dict[str, str]) -> Answer:
        name = _name(path)
        return 200, repository_payload(self._host, name, fork=name in self._state.forks)

    def _create_pull(self, path: dict[str, str], body: Any, who: Token, query: dict[str, str]) -> Answer:
        repo, number = _name(path), len(self._state.pulls) + 1
        owner, _, head = body["head"].rpartition(":")
        source = next(
            (
                fork
                for fork, parent in self._state.forks.items()
                if parent == repo and fork.startswith(f"{owner}/")
            ),
            repo,
        )
        pull = Pull(
            number, repo, body["title"], head, source, body["base"], who.login, body=body.get("body", "")
        )
        self._host.refresh(pull)
        self._state.pulls[number] = pull
        if who.run is None:
            self._events.pull_changed(pull, "opened")
        return 201, pull_payload(self._host, pull)

    def _list_pulls(self, path: dict[str, str], body: Any, who: Token, query: dict[str, str]) -> Answer:
        wanted = query.get("state", "open")
        pulls = [
            p for p in self._state.pulls.values() if p.repo == _name(path) and wanted in ("all", p.state)
        ]
        return 200, [pull_payload(self._host, pull) for pull in pulls]

    def _get_pull(self, path: dict[str, str], body: Any, who: Token, query: dict[str, str]) -> Answer:
        pull = self._state.pulls.get(int(path["pull_number"]))
        return (200, pull_payload(self._host, pull)) if pull else (404, {"message": "Not Found"})

    def _update_pull(self, path: dict[str, str], body: Any, who: Token, query: dict[str, str]) -> Answer:
        pull = self._state.pulls[int(path["pull_number"])]
        pull.title, pull.body = body.get("title", pull.title), body.get("body", pull.body)
        pull.state, pull.edits = body.get("state", pull.state), pull.edits + 1
        return 200, pull_payload(self._host, pull)

    def _merge_pull(self, path: dict[str, str], body: Any, who: Token, query: dict[str, str]) -> Answer:
        pull = self._state.pulls[int(path["pull_number"])]
        self._host.refresh(pull)
        if not pull.mergeable:
            return 405, {"message": "Pull Request is not mergeable"}
        old = pull.base_sha
        self._host.git(pull.repo, "update-ref", f"refs/heads/{pull.base}", pull.merge_sha)
        pull.state, pull.merged = "closed", True
        self._events.pushed(pull.repo, [f"{old} {pull.merge_sha} refs/heads/{pull.base}"], "")
        return 200, {"sha": pull.merge_sha, "merged": True, "message": "Pull Request successfully merged"}

    def _describe(self, comment: Comment) -> dict[str, Any]:
        return {
            "id": comment.id, "body": comment.body, "user": {"login": comment.user, "type": "User"},
            "url": f"{self._host.url}/api/v3/repos/{comment.repo}/issues/comments/{comment.id}",
            "html_url": f"{self._host.url}/{comment.repo}/pull/{comment.number}#issuecomment-{comment.id}",
        }  # fmt: skip

    def _list_comments(self, path: dict[str, str], body: Any, who: Token, query: dict[str, str]) -> Answer:
        number = int(path["issue_number"])
        return 200, [
            self._describe(c) for c in self._state.comments if c.repo == _name(path) and c.number == number
        ]

    def _create_comment(self, path: dict[str, str], body: Any, who: Token, query: dict[str, str]) -> Answer:
        if len(body["body"]) > BODY_LIMIT:
            return 422, {
                "message": "Body is too long (maximum is 65536 characters)",
                "documentation_url": "https://docs.github.com",
            }
        comment = Comment(
            len(self._state.comments) + 1, _name(path), int(path["issue_number"]), who.login, body["body"]
        )
        self._state.comments.append(comment)
        return 201, self._describe(comment)

    def _update_comment(self, path: dict[str, str], body: Any, who: Token, query: dict[str, str]) -> Answer:
        comment = self._state.comments[int(path["comment_id"]) - 1]
        comment.body, comment.edits = body["body"], comment.edits + 1
        return 200, self._describe(comment)

    def _list_runs(self, path: dict[str, str], body: Any, who: Token, query: dict[str, str]) -> Answer:
        runs = [run_payload(self._host, run) for run in self._state.runs if run.repo == _name(path)]
        return 200, {"total_count": len(runs), "workflow_runs": runs}

    def _dispatch(self, path: dict[str, str], body: Any, who: Token, query: dict[str, str]) -> Answer:
        self._events.dispatched(_name(path), path["workflow_id"], body["ref"], body.get("inputs", {}))
        return 204, None


def _name(path: dict[str, str]) -> str:
    return f"{path['owner']}/{path['repo']}"
