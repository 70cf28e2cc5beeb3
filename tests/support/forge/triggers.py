"""Which workflows an event starts, and what their token may do: the parts of GitHub that act leaves out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

RANK = {"none": 0, "read": 1, "write": 2}


def matches(patterns: Sequence[str], value: str) -> bool:
    """Return whether GitHub's branch, tag or path patterns accept `value`; the last match wins, `!` excludes."""
    accepted = False
    for pattern in patterns:
        expression = (
            re.escape(pattern.removeprefix("!"))
            .replace(r"\*\*", ".*")
            .replace(r"\*", "[^/]*")
            .replace(r"\?", ".?")
        )
        if re.fullmatch(expression, value):
            accepted = not pattern.startswith("!")
    return accepted


def is_triggered(
    on: Any, event: str, payload: Mapping[str, Any], ref: str, changed: Sequence[str] | None
) -> bool:
    """Return whether a workflow with the trigger section `on` starts for the event."""
    triggers = {on: None} if isinstance(on, str) else dict.fromkeys(on) if isinstance(on, list) else on or {}
    if event not in triggers:
        return False
    rule: Any = triggers[event] or {}
    if event == "schedule":
        return any(entry["cron"] == payload["schedule"] for entry in rule)
    accepted = {"push": _push, "pull_request": _pull_request, "workflow_run": _workflow_run}.get(event)
    if accepted and not accepted(rule, payload, ref):
        return False
    if changed is not None and "paths" in rule and not any(matches(rule["paths"], path) for path in changed):
        return False
    return not (
        changed is not None
        and "paths-ignore" in rule
        and all(matches(rule["paths-ignore"], path) for path in changed)
    )


def _push(rule: Mapping[str, Any], payload: Mapping[str, Any], ref: str) -> bool:
    kind, name = ("tags" if ref.startswith("refs/tags/") else "branches"), ref.split("/", 2)[2]
    other = "branches" if kind == "tags" else "tags"
    if kind in rule:
        return matches(rule[kind], name)
    if f"{kind}-ignore" in rule:
        return not matches(rule[f"{kind}-ignore"], name)
    return other not in rule


def _pull_request(rule: Mapping[str, Any], payload: Mapping[str, Any], ref: str) -> bool:
    if payload["action"] not in rule.get("types", ["opened", "synchronize", "reopened"]):
        return False
    return "branches" not in rule or matches(rule["branches"], payload["pull_request"]["base"]["ref"])


def _workflow_run(rule: Mapping[str, Any], payload: Mapping[str, Any], ref: str) -> bool:
    run = payload["workflow_run"]
    named = run["name"] in rule.get("workflows", [])
    return named and payload["action"] in rule.get("types", ["requested", "completed"])


def token_permissions(workflow: Mapping[str, Any], *, fork: bool) -> dict[str, int]:
    """Return scope -> rank of the token of a run: the union over its jobs (act has one token for all); forks can only read."""
    top = _normalize(workflow["permissions"]) if "permissions" in workflow else {"contents": 1}
    granted: dict[str, int] = {}
    for job in workflow.get("jobs", {}).values():
        for scope, rank in (_normalize(job["permissions"]) if "permissions" in job else top).items():
            granted[scope] = max(granted.get(scope, 0), rank)
    return {scope: min(rank, 1) for scope, rank in granted.items()} if fork else granted


def _normalize(section: Any) -> dict[str, int]:
    if section in ("read-all", "write-all"):
        return {"*": RANK[section.removesuffix("-all")]}
    return {scope: RANK[word] for scope, word in (section or {}).items()}


# REST path -> the scope that a job's token needs (docs: permissions required for fine-grained tokens).
_SCOPES = (
    (r"/repos/[^/]+/[^/]+/pulls/\d+/merge", "contents"),
    (r"/repos/[^/]+/[^/]+/(issues|pulls)\b", "pull-requests"),
    (r"/repos/[^/]+/[^/]+/actions\b", "actions"),
    (r"/repos/[^/]+/[^/]+/(statuses)\b", "statuses"),
    (r"/repos/[^/]+/[^/]+(/contents|/git|$)", "contents"),
)


def allows(permissions: Mapping[str, int], method: str, path: str) -> bool:
    """Return whether a token with `permissions` may make the request; reading pull requests of a public repository is open."""
    needed = 1 if method == "GET" else 2
    scope = next((scope for pattern, scope in _SCOPES if re.match(pattern, path)), "contents")
    if needed == 1 and scope in ("pull-requests", "contents"):
        return True
    ranks = [permissions.get(scope, 0), permissions.get("*", 0)]
    if scope == "pull-requests":
        ranks.append(permissions.get("issues", 0))
    return max(ranks) >= needed
