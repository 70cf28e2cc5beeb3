"""One command, hit at many points: what is left each time, and whether the same command again gives the undisturbed result."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.crash.acquiring import build_acquiring
from tests.support.crash.points import FAULTS, STUCK, Hit, Point, count_calls, spread, traced
from tests.support.crash.projects import (
    Seen,
    build,
    build_clone,
    build_unpushed,
    environment,
    faults,
    kit,
    leftovers,
    look,
    orphans,
)


@dataclass(frozen=True)
class Command:
    """A command that is hit."""

    name: str
    args: tuple[str, ...]
    build: Callable[[Path], Path]
    """Makes the project in which it has work to do."""
    threads: bool
    """Whether it works in several threads."""
    faults: tuple[str, ...] = FAULTS
    """What happens to it."""


COMMANDS = {
    "run": Command("run", ("run",), build, threads=False),
    "push": Command("push", ("push",), build_unpushed, threads=True),
    "pull": Command("pull", ("pull",), build_clone, threads=True),
    "acquire": Command("acquire", ("acquire",), build_acquiring, threads=False, faults=FAULTS[:1]),
    "acquire-disk": Command("acquire", ("acquire",), build_acquiring, threads=False, faults=FAULTS[2:]),
}


@dataclass(frozen=True)
class Trial:
    """What one hit did."""

    point: Point
    code: int
    wrong: tuple[str, ...]
    said: str
    struck: bool
    """Whether the point was reached; calls of threads are not always the same in number."""


class Trials:
    """Hits of one command, each in a fresh copy of the same project."""

    def __init__(self, command: Command, folder: Path) -> None:
        """Build the project, and run the command once to its end to see what it does."""
        self._command = command
        self._folder = folder
        self._template = folder / "template"
        command.build(self._template)
        self.before = look(self._template)
        self._place = folder / "trial" / "here"
        self._log = folder / "strace.log"
        whole = self._go(None)
        if whole.code:
            raise AssertionError(f"{command.name} ended with {whole.code} without a hit\n{whole.said}")
        self.after = look(self._place)
        self.calls = count_calls(self._log, [self._place])

    def points(self, number: int) -> list[Point]:
        """Return where to hit. To be called before the first trial."""
        return spread(self._log, [self._place], number, self._command.faults)

    def try_at(self, point: Point) -> Trial:
        """Hit the command at `point`, look, and run it again."""
        hit = self._go(point)
        left = orphans()
        wrong = [f"orphan: {pid} {_command(pid)}" for pid in left]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        wrong += faults(self._place, self.before, self.after)
        if hit.code == STUCK:
            wrong.append("it did not end")
        if hit.code == 0 and (other := unlike(look(self._place), self.after)):
            wrong.append(f"exit code 0, but {other}")
        wrong += self._again()
        return Trial(point, hit.code, tuple(wrong), hit.said, hit.struck)

    def _again(self) -> list[str]:
        done = subprocess.run(
            kit(*self._command.args),
            cwd=self._place / "project",
            env=environment(),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            return [
                f"the same command again ended with {done.returncode}: {(done.stdout + done.stderr)[-500:]}"
            ]
        wrong = (
            [f"after the same command again {other}"]
            if (other := unlike(look(self._place), self.after))
            else []
        )
        return [*wrong, *leftovers(self._place)]

    def _go(self, point: Point | None) -> Hit:
        shutil.rmtree(self._place, ignore_errors=True)
        shutil.copytree(self._template, self._place, symlinks=True)
        return traced(
            kit(*self._command.args),
            self._place / "project",
            environment(),
            log=self._log if point is None else self._log.with_name("hit.log"),
            threads=self._command.threads,
            point=point,
        )


def unlike(now: Seen, wanted: Seen, *, branch: bool = True) -> str:
    """Return the first difference between what there is and what there should be; empty when there is none."""
    for what, one, other in (
        ("files", now.files, wanted.files),
        ("objects", dict.fromkeys(now.objects, ""), dict.fromkeys(wanted.objects, "")),
        ("stored", dict.fromkeys(now.stored, ""), dict.fromkeys(wanted.stored, "")),
    ):
        if missing := sorted(set(other) - set(one)):
            return f"{what} are missing: {missing[:4]}"
        if what == "files" and (more := sorted(set(one) - set(other))):
            return f"{what} are there that should not be: {more[:4]}"
        if changed := sorted(path for path in other if one[path] != other[path]):
            return f"{what} are others: {changed[:4]}"
    return "" if now.branch == wanted.branch or not branch else "the branch of the remote is another one"


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")[:120]
    except OSError:
        return ""


def names(trials: Sequence[Trial]) -> list[str]:
    """Return what went wrong, a line for each trial with a fault."""
    return [f"{trial.point}: {'; '.join(trial.wrong)}" for trial in trials if trial.wrong]
