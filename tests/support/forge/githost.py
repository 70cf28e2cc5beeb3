"""Bare repositories, their refs, and git over HTTP through git's own backend."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.forge.state import Pull

HOOK = """\
#!{python}
import sys, os, urllib.request
data = sys.stdin.buffer.read()
request = urllib.request.Request("{url}/_hook/{name}", data=data, headers={{"X-Token": os.environ.get("FORGE_TOKEN", "")}})
urllib.request.urlopen(request, timeout=60).read()
"""
IDENTITY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "forge"), ("EMAIL", "forge@localhost"))
}


@dataclass(frozen=True)
class GitHost:
    """The folder of all repositories."""

    root: Path
    url: str

    def path(self, name: str) -> Path:
        """Return the bare repository `owner/name`."""
        return self.root / f"{name}.git"

    def git(self, name: str, *args: str, check: bool = True) -> str:
        """Run git in a repository and return its output."""
        done = subprocess.run(
            ["git", "-C", str(self.path(name)), *args],
            capture_output=True,
            text=True,
            env={**os.environ, **IDENTITY},
        )
        if check and done.returncode:
            raise RuntimeError(f"git {args}: {done.stderr}")
        return done.stdout.strip()

    def create(self, name: str) -> None:
        """Make an empty repository whose post-receive hook tells the forge which refs a push moved."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(path)], check=True)
        for key in ("http.receivepack", "uploadpack.allowAnySHA1InWant"):
            self.git(name, "config", key, "true")
        hook = path / "hooks" / "post-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(HOOK.format(python=sys.executable, url=self.url, name=name))
        hook.chmod(0o755)

    def refresh(self, pull: Pull) -> None:
        """Keep refs/pull/N/head and refs/pull/N/merge of a pull request as GitHub does."""
        source, head = str(self.path(pull.head_repo).resolve()), f"refs/pull/{pull.number}/head"
        self.git(pull.repo, "fetch", "-q", source, f"+refs/heads/{pull.head}:{head}")
        pull.head_sha = self.git(pull.repo, "rev-parse", head)
        pull.base_sha = self.git(pull.repo, "rev-parse", f"refs/heads/{pull.base}")
        merged = subprocess.run(
            [
                "git",
                "-C",
                str(self.path(pull.repo)),
                "merge-tree",
                "--write-tree",
                pull.base_sha,
                pull.head_sha,
            ],
            capture_output=True,
            text=True,
        )
        pull.mergeable = merged.returncode == 0
        if pull.mergeable:
            tree, message = merged.stdout.split()[0], f"Merge {pull.head_sha} into {pull.base_sha}"
            pull.merge_sha = self.git(
                pull.repo, "commit-tree", tree, "-p", pull.base_sha, "-p", pull.head_sha, "-m", message
            )
            self.git(pull.repo, "update-ref", f"refs/pull/{pull.number}/merge", pull.merge_sha)

    def serve(self, environment: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Answer one request of git's smart protocol."""
        made = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.root.resolve()),
            "GIT_HTTP_EXPORT_ALL": "1",
            **environment,
        }
        out = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env=made).stdout
        head, _, content = out.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        return int(headers.pop("Status", "200").split()[0]), headers, content
