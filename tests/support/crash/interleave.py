"""Two runs, a push and a git commit at once, begun at random moments: no stage twice, nothing lost."""

from __future__ import annotations

import random
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mlops_kit.artifacts.dvcfiles import read_lock
from mlops_kit.artifacts.lock_damage import find_damage
from tests.support.crash.projects import build, environment, kit, look
from tests.support.crash.trials import unlike
from tests.support.world import git

STAGES = ("parts", "side", "join")
LATEST_SECONDS = 1.5
_GUARDED = """\
mkdir .dvc/tmp/busy-{stage} || echo {stage} >> .dvc/tmp/doubled
echo {stage} >> .dvc/tmp/ran
sleep 0.2
"""


class Interleavings:
    """Many moments, one project."""

    def __init__(self, folder: Path) -> None:
        """Build the project, with stages that notice when they run twice at once, and bring it up to date undisturbed."""
        self._template, self._place = folder / "template", folder / "mixed" / "here"
        root = build(self._template)
        for stage in STAGES:
            script = root / f"{stage}.sh"
            text = _GUARDED.format(stage=stage) + script.read_text() + f"rmdir .dvc/tmp/busy-{stage}\n"
            script.write_text(text)
        self.before = (root / "dvc.lock").read_bytes()
        self._fresh()
        for command in (kit("run"), ["git", "commit", "-qam", "now"], kit("push")):
            self._must(command)
        self.wanted = look(self._place)

    def mix(self, seed: int) -> list[str]:
        """Run it all at once, in an order that `seed` decides, then once more in order; return what went wrong."""
        chance = random.Random(seed)
        self._fresh()
        target = chance.choice(STAGES)
        commands = [kit("run"), kit("run", target), kit("push"), ["git", "commit", "-qam", "meanwhile"]]
        said: dict[int, subprocess.CompletedProcess[str]] = {}

        def begin(number: int) -> None:
            said[number] = self._run(commands[number])

        clocks = [
            threading.Timer(chance.uniform(0, LATEST_SECONDS), begin, [number])
            for number in range(len(commands))
        ]
        for clock in clocks:
            clock.start()
        for clock in clocks:
            clock.join()
        wrong = [
            f"run ended with {said[n].returncode}: {said[n].stdout[-300:]}"
            for n in (0, 1)
            if said[n].returncode
        ]
        return [*wrong, *self._ran(), *self._committed(), *self._afterwards()]

    def _ran(self) -> list[str]:
        temporary = self._place / "project/.dvc/tmp"
        if (temporary / "doubled").exists():
            return ["a stage ran twice at once"]
        times = Counter((temporary / "ran").read_text().split())
        return [f"{stage} ran {times[stage]} times" for stage in STAGES if times[stage] != 1]

    def _committed(self) -> list[str]:
        """Return what is wrong with the lock of the commit in the midst of it: every entry is the old one or the new one."""
        root = self._place / "project"
        content = git(root, "show", "HEAD:dvc.lock").encode() + b"\n"
        if damage := find_damage(content):
            return [f"committed dvc.lock {damage}"]
        old, new = (read_lock(text, "", "") for text in (self.before, (root / "dvc.lock").read_bytes()))
        found = read_lock(content, "", "dvc.lock")
        return [
            f"committed entry of {name} is neither"
            for name in found
            if found[name] not in (old.get(name), new.get(name))
        ]

    def _afterwards(self) -> list[str]:
        root = self._place / "project"
        self._must(kit("run"))
        self._run(["git", "commit", "-qam", "afterwards"])
        self._must(kit("push"))
        if len((root / ".dvc/tmp/ran").read_text().split()) > len(STAGES):
            return ["the run after it all ran a stage"]
        now = look(self._place)
        found = unlike(now, self.wanted, branch=False)
        return [found] if found else []

    def _fresh(self) -> None:
        shutil.rmtree(self._place, ignore_errors=True)
        shutil.copytree(self._template, self._place, symlinks=True)

    def _run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self._place / "project", env=environment(), text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def _must(self, command: Sequence[str]) -> None:
        done = self._run(command)
        if done.returncode:
            raise AssertionError(f"{' '.join(command[-2:])} ended with {done.returncode}\n{done.stdout}")
