"""GitHub Actions: workflows, events, and the one comment on a pull request. REST only."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_kit.ci.providers._base import ChangeRequest, CiEvent, CommentRequest
from mlops_kit.ci.providers.github_schedule import WORKFLOW, acquires, cron_of, secrets_of
from mlops_kit.errors import OutsideError, UsageError
from mlops_kit.outside.resources import render_template
from mlops_kit.spec.model import Lifecycle

MARKER = "<!-- mlops-kit:report -->"
BODY_LIMIT = 65_536
BOT = "github-actions[bot]"
FILES = {
    ".github/workflows/mlops.yml": "mlops.yml",
    ".github/workflows/mlops-fork.yml": "mlops-fork.yml",
    ".github/dependabot.yml": "dependabot.yml",
}
NIGHTLY = {".github/workflows/mlops-reproduce.yml": "mlops-reproduce.yml"}
MAX_PAGES = 50
MAY_OPEN = "the job needs the permission pull-requests: write, and the repository's settings must allow Actions to create pull requests"


def detect(environment: Mapping[str, str]) -> bool:
    """Return whether this process runs in a GitHub Actions job."""
    return environment.get("GITHUB_ACTIONS") == "true"


def read_event(environment: Mapping[str, str]) -> CiEvent:
    """Return why the job runs: for a pull request the base is the first parent of the merge commit, for a push what was there before."""
    name = environment.get("GITHUB_EVENT_NAME", "")
    summary = Path(environment["GITHUB_STEP_SUMMARY"]) if environment.get("GITHUB_STEP_SUMMARY") else None
    if name == "pull_request":
        return CiEvent("pull_request", "HEAD^1", summary)
    if name == "push":
        before = str(_payload(environment).get("before") or "")
        return CiEvent("push", before if before.strip("0") else "HEAD^1", summary)
    return CiEvent("manual", None, summary)


def workflow_files(lifecycle: Lifecycle) -> dict[str, str]:
    """Return path -> text of the workflows, made from `ci` and the default branch of mlops.yaml."""
    for name, value in (
        ("install", lifecycle.ci.install),
        ("command", lifecycle.ci.command),
        ("python", lifecycle.ci.python),
    ):
        if "\n" in value or "${{" in value or "@@" in value or '"' in value:
            raise UsageError(
                f"mlops.yaml: ci.{name} holds a line break, a quote or an expression",
                fix="use one plain command line",
            )
    names = {
        "branch": lifecycle.project.default_branch,
        "python": lifecycle.ci.python,
        "install": lifecycle.ci.install,
        "command": lifecycle.ci.command,
        "timeout": str(lifecycle.ci.timeout_minutes),
    }
    files = {**FILES, **(NIGHTLY if lifecycle.ci.reproduce == "nightly" else {})}
    if acquires(lifecycle):
        files.update(WORKFLOW)
        names |= {"cron": cron_of(lifecycle), "secrets": secrets_of(lifecycle)}
    return {path: render_template(f"ci/github/{source}", **names) for path, source in files.items()}


def post_comment(request: CommentRequest, environment: Mapping[str, str]) -> str:
    """Create the comment, or update it when the bot has written it before; return in words what was done."""
    api = _Api.from_environment(environment)
    number = request.number or _find_pull(api, request.sha)
    if number is None:
        return f"no open pull request has the head {request.sha[:12]}; nothing was posted"
    head = api.call("GET", f"/pulls/{number}")["head"]["sha"]
    if head != request.sha:
        return f"pull request {number} has moved on to {head[:12]}; the newer run reports"
    body = f"{MARKER}\n{request.body}"
    if len(body) > BODY_LIMIT:
        raise OutsideError(f"the comment has {len(body):,} characters, {BODY_LIMIT:,} are allowed")
    mine = next(
        (
            c
            for c in api.pages(f"/issues/{number}/comments")
            if c["body"].startswith(MARKER) and c["user"]["login"] == BOT
        ),
        None,
    )
    if mine:
        answer = api.call("PATCH", f"/issues/comments/{mine['id']}", {"body": body})
        return f"updated {answer['html_url']}"
    answer = api.call("POST", f"/issues/{number}/comments", {"body": body})
    return f"created {answer['html_url']}"


def git_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables under which git is known to GitHub by the job's token; none without one. The token is in no command line."""
    token, server = (environment.get(name, "") for name in ("GITHUB_TOKEN", "GITHUB_SERVER_URL"))
    if not token or not server:
        return {}
    known = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    number = int(environment.get("GIT_CONFIG_COUNT") or 0)
    return {
        "GIT_CONFIG_COUNT": str(number + 1),
        f"GIT_CONFIG_KEY_{number}": f"http.{server.rstrip('/')}/.extraheader",
        f"GIT_CONFIG_VALUE_{number}": f"Authorization: Basic {known}",
    }


def open_change(request: ChangeRequest, environment: Mapping[str, str]) -> str:
    """Open the one pull request of a branch, or update it, start the workflow of pull requests for it, and say what was done."""
    api = _Api.from_environment(environment)
    found = next(
        (
            int(pull["number"])
            for pull in api.pages("/pulls?state=open")
            if pull["head"]["ref"] == request.branch
            # A fork that was deleted is None.
            and (pull["head"]["repo"] or {}).get("full_name") == environment["GITHUB_REPOSITORY"]
        ),
        None,
    )
    text = {"title": request.title, "body": request.body[:BODY_LIMIT]}
    if found is None:
        body = {**text, "head": request.branch, "base": request.target}
        made = api.call("POST", "/pulls", body, fix=MAY_OPEN)
    else:
        made = api.call("PATCH", f"/pulls/{found}", text)
    number = int(made["number"])
    # Nothing that the job's token does starts a run, so the pull request would stay without its checks.
    inputs = {"ref": request.branch, "inputs": {"pr": str(number)}}
    api.call(
        "POST",
        "/actions/workflows/mlops.yml/dispatches",
        inputs,
        fix="the job needs the permission actions: write",
    )
    return f"{'opened' if found is None else 'updated'} {made['html_url']}"


def _find_pull(api: _Api, sha: str) -> int | None:
    hits = [int(pull["number"]) for pull in api.pages("/pulls?state=open") if pull["head"]["sha"] == sha]
    return hits[0] if len(hits) == 1 else None


def _payload(environment: Mapping[str, str]) -> dict[str, Any]:
    path = environment.get("GITHUB_EVENT_PATH")
    if not path or not Path(path).is_file():
        return {}
    value: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return value


@dataclass(frozen=True)
class _Api:
    base: str
    token: str

    def __repr__(self) -> str:
        return f"_Api({self.base!r})"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> _Api:
        missing = [name for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY") if not environment.get(name)]
        if missing:
            raise UsageError(
                f"{' and '.join(missing)} not set", fix="run this in a job of the generated workflow"
            )
        url = environment.get("GITHUB_API_URL", "https://api.github.com").rstrip("/")
        return cls(f"{url}/repos/{environment['GITHUB_REPOSITORY']}", environment["GITHUB_TOKEN"])

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, fix: str = "") -> Any:
        return self._request(method, f"{self.base}{path}", body, fix)[0]

    def pages(self, path: str) -> Iterator[Any]:
        url: str | None = f"{self.base}{path}{'&' if '?' in path else '?'}per_page=100"
        for _ in range(MAX_PAGES):
            if url is None:
                return
            items, url = self._request("GET", url, None)
            yield from items

    def _request(
        self, method: str, url: str, body: Mapping[str, Any] | None, wanted: str = ""
    ) -> tuple[Any, str | None]:
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        from mlops_kit.outside.http import HttpError, request_json  # not needed to write workflows

        try:
            return request_json(method, url, body, headers)
        except HttpError as error:
            wanted = wanted or "the job needs the permission pull-requests: write"
            fix = wanted if error.status in (401, 403, 404) else ""
            raise OutsideError(
                f"GitHub answered {error.status} to {method} {url.removeprefix(self.base)}: {error.detail}",
                fix=fix,
            ) from None
