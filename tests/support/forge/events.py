"""Events into runs: what a push, a pull request, a finished run or a dispatch starts."""

from __future__ import annotations

import threading
from typing import Any

import yaml

from tests.support.forge.githost import GitHost
from tests.support.forge.runner import Runner
from tests.support.forge.state import Pull, Run, State
from tests.support.forge.triggers import is_triggered

NOTHING = "0" * 40
FOLDER = ".github/workflows/"


class Events:
    """Starts runs, two at a time."""

    def __init__(self, host: GitHost, state: State, runner: Runner) -> None:
        self._host = host
        self._state = state
        self._runner = runner
        self._slots = threading.Semaphore(2)
        self._threads: list[threading.Thread] = []

    def busy(self) -> bool:
        """Return whether a run is still under way."""
        return any(thread.is_alive() for thread in self._threads)

    def join(self, timeout: float) -> None:
        """Wait for the threads of all runs."""
        for thread in self._threads:
            thread.join(timeout)

    def pushed(self, repo: str, lines: list[str], token: str) -> None:
        """Take note of a push; what a job's own token pushes starts nothing."""
        person = self._state.tokens.get(token)
        quiet = person is not None and person.run is not None
        for line in lines:
            old, new, ref = line.split()
            if new == NOTHING:
                continue
            if not quiet:
                changed = (
                    None
                    if old == NOTHING
                    else self._host.git(repo, "diff", "--name-only", old, new).splitlines()
                )
                payload = {"ref": ref, "before": old, "after": new, "created": old == NOTHING}
                self._start(repo, "push", payload, sha=new, ref=ref, changed=changed)
            for pull in [
                p
                for p in self._state.pulls.values()
                if p.state == "open" and p.head_repo == repo and ref == f"refs/heads/{p.head}"
            ]:
                self._host.refresh(pull)
                if not quiet:
                    self.pull_changed(pull, "synchronize")

    def pull_changed(self, pull: Pull, action: str) -> None:
        """Start what a pull request's opening or update starts."""
        payload = {"action": action, "number": pull.number, "pull_request": pull_payload(self._host, pull)}
        changed = self._host.git(
            pull.repo, "diff", "--name-only", f"{pull.base_sha}...{pull.head_sha}"
        ).splitlines()
        self._start(
            pull.repo,
            "pull_request",
            payload,
            sha=pull.merge_sha,
            ref=f"refs/pull/{pull.number}/merge",
            changed=changed,
            pull=pull,
        )

    def dispatched(self, repo: str, workflow: str, ref: str, inputs: dict[str, Any]) -> None:
        """Start a workflow by hand."""
        sha = self._host.git(repo, "rev-parse", ref)
        self._start(
            repo,
            "workflow_dispatch",
            {"ref": f"refs/heads/{ref}", "inputs": inputs},
            sha=sha,
            ref=f"refs/heads/{ref}",
            only=FOLDER + workflow,
        )

    def scheduled(self, repo: str) -> None:
        """Let the time of every schedule of the default branch come."""
        sha = self._host.git(repo, "rev-parse", "refs/heads/main")
        crons = set()
        for path in self._host.git(repo, "ls-tree", "--name-only", sha, FOLDER, check=False).split():
            on = yaml.load(self._host.git(repo, "show", f"{sha}:{path}"), yaml.BaseLoader).get("on")
            crons |= {entry["cron"] for entry in (on.get("schedule", []) if isinstance(on, dict) else [])}
        for cron in sorted(crons):
            self._start(repo, "schedule", {"schedule": cron}, sha=sha, ref="refs/heads/main")

    def _start(
        self,
        repo: str,
        event: str,
        payload: dict[str, Any],
        *,
        sha: str,
        ref: str,
        changed: list[str] | None = None,
        pull: Pull | None = None,
        only: str = "",
    ) -> None:
        full = {
            **payload,
            "repository": repository_payload(self._host, repo, fork=repo in self._state.forks),
            "sender": {"login": "someone"},
        }
        for path in self._host.git(repo, "ls-tree", "--name-only", sha, FOLDER, check=False).split():
            workflow = yaml.load(self._host.git(repo, "show", f"{sha}:{path}"), yaml.BaseLoader)
            if (only and path != only) or not is_triggered(workflow.get("on"), event, full, ref, changed):
                continue
            with self._state.lock:
                run = Run(
                    9000 + len(self._state.runs), repo, workflow.get("name", path), path, event, sha, ref,
                    head_sha=pull.head_sha if pull else sha, head_branch=pull.head if pull else ref.split("/", 2)[2],
                    head_repo=pull.head_repo if pull else repo, number=pull.number if pull else None, base_ref=pull.base if pull else "",
                )  # fmt: skip
                self._state.runs.append(run)
            thread = threading.Thread(target=self._execute, args=(run, workflow, full), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _execute(self, run: Run, workflow: dict[str, Any], payload: dict[str, Any]) -> None:
        with self._slots:
            try:
                self._runner.execute(run, workflow, payload)
            except Exception as error:  # noqa: BLE001 - the run's log is where a test looks
                run.log += f"\nforge: {error!r}"
                run.status, run.conclusion = "completed", "failure"
        if run.event != "workflow_run":
            sha = self._host.git(run.repo, "rev-parse", "refs/heads/main")
            finished = {"action": "completed", "workflow_run": run_payload(self._host, run)}
            self._start(run.repo, "workflow_run", finished, sha=sha, ref="refs/heads/main")


def repository_payload(host: GitHost, name: str, *, fork: bool) -> dict[str, Any]:
    """Return a repository as GitHub describes it."""
    owner, short = name.split("/")
    return {
        "url": f"{host.url}/api/v3/repos/{name}", "full_name": name, "name": short, "owner": {"login": owner, "type": "User"},
        "default_branch": "main", "fork": fork, "private": False, "html_url": f"{host.url}/{name}", "clone_url": f"{host.url}/{name}.git",
    }  # fmt: skip


def pull_payload(host: GitHost, pull: Pull) -> dict[str, Any]:
    """Return a pull request as GitHub describes it."""

    def side(ref: str, repo: str, sha: str) -> dict[str, Any]:
        described = repository_payload(host, repo, fork=repo != pull.repo)
        return {
            "ref": ref,
            "sha": sha,
            "label": f"{repo.split('/')[0]}:{ref}",
            "repo": described,
            "user": {"login": repo.split("/")[0], "type": "User"},
        }

    base = f"{host.url}/api/v3/repos/{pull.repo}"
    return {
        "url": f"{base}/pulls/{pull.number}", "issue_url": f"{base}/issues/{pull.number}", "comments_url": f"{base}/issues/{pull.number}/comments", "id": 1000 + pull.number,
        "number": pull.number, "title": pull.title, "body": pull.body, "state": pull.state, "merged": pull.merged, "user": {"login": pull.user, "type": "User"},
        "head": side(pull.head, pull.head_repo, pull.head_sha), "base": side(pull.base, pull.repo, pull.base_sha),
        "merge_commit_sha": pull.merge_sha, "mergeable": pull.mergeable, "html_url": f"{host.url}/{pull.repo}/pull/{pull.number}",
    }  # fmt: skip


def run_payload(host: GitHost, run: Run) -> dict[str, Any]:
    """Return a run as GitHub describes it; the pull requests of a fork's run are not named, as on GitHub."""
    return {
        "id": run.id, "name": run.workflow, "path": run.path, "event": run.event, "status": run.status, "conclusion": run.conclusion,
        "head_sha": run.head_sha, "head_branch": run.head_branch, "run_number": run.id - 8999, "pull_requests": [],
        "head_repository": repository_payload(host, run.head_repo, fork=run.is_fork), "repository": repository_payload(host, run.repo, fork=False),
    }  # fmt: skip
