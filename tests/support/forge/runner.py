"""Running one workflow with act, in host mode and offline, each `uses:` answered by our own stub actions."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psutil

from tests.support.forge.githost import GitHost
from tests.support.forge.state import BOT, Run, State, Token
from tests.support.forge.tools import ForgeTools
from tests.support.forge.triggers import token_permissions

ACTIONS = Path(__file__).parent / "actions"
RUN_SECONDS = 600


class Runner:
    """Executes runs."""

    def __init__(
        self, host: GitHost, state: State, tools: ForgeTools, work: Path, env: dict[str, str]
    ) -> None:
        self._host = host
        self._state = state
        self._tools = tools
        self._work = work
        self._env = env
        self._processes: set[subprocess.Popen[str]] = set()
        self._actions = _lay_out_actions(work / "actions")

    def execute(self, run: Run, workflow: dict[str, Any], payload: dict[str, Any]) -> None:
        """Run the workflow and note jobs, log, summary and conclusion in `run`."""
        run.status = "in_progress"
        token = f"ghs_{secrets.token_hex(12)}"
        with self._state.lock:
            self._state.tokens[token] = Token(BOT, token_permissions(workflow, fork=run.is_fork), run.id)
        folder = self._work / str(run.id)
        source = self._clone(run, folder / "src")
        (folder / "event.json").write_text(json.dumps(payload))
        (folder / "home").mkdir()
        text = (source / run.path).read_text()
        process = subprocess.Popen(
            self._command(run, token, source, folder / "event.json", text),
            cwd=source, env=self._process_environment(folder / "home"), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace", start_new_session=True,
        )  # fmt: skip
        self._processes.add(process)
        try:
            out, _ = process.communicate(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            _kill(process)
            out, _ = process.communicate()
        self._processes.discard(process)
        with self._state.lock:
            self._state.tokens.pop(token, None)
        _read_log(run, out)
        run.conclusion = "success" if process.returncode == 0 else "failure"
        run.status = "completed"

    def close(self) -> None:
        """End what still runs."""
        for process in list(self._processes):
            _kill(process)

    def _clone(self, run: Run, target: Path) -> Path:
        target.parent.mkdir(parents=True)
        origin = str(self._host.path(run.repo).resolve())
        for args in (["clone", "-q", "--no-checkout", origin, str(target)], ["-C", str(target), "fetch", "-q", "origin", run.sha],
                     ["-C", str(target), "checkout", "-q", run.sha],
                     # act reads github.repository from this address; nothing is fetched from it
                     ["-C", str(target), "remote", "set-url", "origin", f"https://github.com/{run.repo}.git"]):  # fmt: skip
            subprocess.run(["git", *args], check=True, capture_output=True)
        return target

    def _command(self, run: Run, token: str, source: Path, event: Path, text: str) -> list[str]:
        url = self._host.url
        env = {
            "GITHUB_SERVER_URL": url,
            "GITHUB_API_URL": f"{url}/api/v3",
            "GITHUB_RUN_ID": str(run.id),
            "GITHUB_ACTIONS": "true",
            "GIT_TERMINAL_PROMPT": "0",
            "FORGE_SHA": run.sha,
            "FORGE_REF": run.ref,
            "FORGE_BASE_REF": f"refs/heads/{run.base_ref}" if run.base_ref else "",
            "FORGE_UV": str(self._tools.uv),
            **self._env,
        }
        command = [
            str(self._tools.act), run.event, "-C", str(source), "-W", str(source / run.path), "-e", str(event), "--json",
            "--no-skip-checkout", "--no-cache-server", "--action-offline-mode", "--defaultbranch", "main", "-a", "someone",
            "-P", "ubuntu-latest=-self-hosted", "-P", "ubuntu-24.04=-self-hosted", "-s", f"GITHUB_TOKEN={token}",
        ]  # fmt: skip
        for name, value in env.items():
            command += ["--env", f"{name}={value}"]
        if not run.is_fork:
            for name, value in self._state.secrets.get(run.repo, {}).items():
                command += ["-s", f"{name}={value}"]
        for action, version in sorted(set(re.findall(r"uses:\s*['\"]?([\w.-]+/[\w./-]+)@([\w.-]+)", text))):
            owner, name = action.split("/")[:2]
            command += ["--local-repository", f"{owner}/{name}@{version}={self._actions / name}"]
        return command

    def _process_environment(self, home: Path) -> dict[str, str]:
        path = [str(self._tools.node.parent), "/usr/local/bin", "/usr/bin", "/bin"]
        return {"HOME": str(home), "PATH": os.pathsep.join(path), "LANG": "C.UTF-8"}


def _lay_out_actions(target: Path) -> Path:
    """Copy each stub action, with the code that they share, to a folder of its own: to act each is a repository."""
    for folder in ACTIONS.iterdir():
        if folder.is_dir():
            shutil.copytree(folder, target / folder.name)
            shutil.copyfile(ACTIONS / "tar.js", target / folder.name / "tar.js")
    return target


def _read_log(run: Run, out: str) -> None:
    lines = []
    for line in out.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            lines.append(line)
            continue
        if "jobResult" in entry:
            run.jobs[str(entry.get("job", "")).rpartition("/")[2].strip()] = entry["jobResult"]
        message = str(entry.get("msg", "")).rstrip("\n")
        if "Summary - " in message:
            run.summary += message.split("Summary - ", 1)[1]
        lines.append(f"[{entry.get('job', '')}] {message}")
    run.log = "\n".join(lines)


def _kill(process: subprocess.Popen[str]) -> None:
    """End the runner and every step that it started: act gives each step a session of its own, so its group is not enough."""
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process.pid)
        for one in (*parent.children(recursive=True), parent):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
