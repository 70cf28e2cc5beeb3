"""Where a command can be hit: its system calls that change something, as strace counts them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

FILES = (
    "openat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "link", "linkat", "symlink", "symlinkat",
    "write", "pwrite64", "ftruncate", "truncate", "chmod", "fchmod", "fchmodat", "fsync", "copy_file_range", "sendfile", "utimensat",
)  # fmt: skip
PROCESSES = ("clone", "clone3", "fork", "vfork", "sendmsg")
FAULTS = ("signal=SIGKILL", "signal=SIGTERM", "error=ENOSPC", "error=EIO")
_HOOK = Path(__file__).with_name("hook")
_STRUCK = re.compile(r"\(INJECTED\)|--- SIGTERM|killed by SIG(KILL|TERM)")
STUCK = 1000
"""In place of the exit code of a command that does not end."""
STUCK_SECONDS = 180
_CALL = re.compile(r"^(?P<name>\w+)\((?P<rest>.*)$")
_CHANGES = re.compile(r"O_CREAT|O_TRUNC|O_WRONLY|O_RDWR")


@dataclass(frozen=True)
class Point:
    """One place to hit a command at, and how."""

    call: str
    """System call."""
    count: int
    """Its how manieth call of this name in its thread."""
    fault: str
    """As strace's `inject` has it."""
    where: str = ""
    """What the call was about, for a report."""

    def __str__(self) -> str:
        return f"{self.fault} at {self.call} {self.count} {self.where}"


@dataclass(frozen=True)
class Hit:
    """What became of a command."""

    code: int
    said: str
    struck: bool = False
    """Whether the point was reached."""


def traced(
    command: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    *,
    log: Path,
    threads: bool,
    point: Point | None = None,
) -> Hit:
    """Run a command, hit at `point`: below strace, or with `threads` by a hook in its Python (`hook/`), which knows its threads."""
    if threads:
        asked = [point.count if point else 0, point.fault if point else "", str(cwd.parent), str(log)]
        path = os.pathsep.join([str(_HOOK), env["PYTHONPATH"]] if env.get("PYTHONPATH") else [str(_HOOK)])
        return _finish(
            command, cwd, {**env, "PYTHONPATH": path, "MLOPS_KIT_CRASH_AT": json.dumps(asked)}, log, point
        )
    calls = point.call if point else ",".join((*FILES, *PROCESSES))
    args = [shutil.which("strace") or "strace", "-q", "-s", "200", "-o", str(log), "-e", f"trace={calls}"]
    args += ["-e", f"inject={point.call}:{point.fault}:when={point.count}"] if point else ["-y"]
    return _finish([*args, *command], cwd, env, log, point)


def _finish(command: Sequence[str], cwd: Path, env: Mapping[str, str], log: Path, point: Point | None) -> Hit:
    with log.with_suffix(".out").open("w+b") as out:  # a file and no pipe, which an orphan would keep open
        process = subprocess.Popen(
            command, cwd=cwd, env=dict(env), stdout=out, stderr=out, stdin=subprocess.DEVNULL
        )
        try:
            code = process.wait(STUCK_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = STUCK
        out.seek(0)
        said = out.read().decode("utf-8", "replace")
    struck = (
        point is not None and _STRUCK.search(log.read_text(encoding="utf-8", errors="replace")) is not None
    )
    return Hit(code, said, struck)


def spread(log: Path, places: Sequence[Path], number: int, kinds: Sequence[str] = FAULTS) -> list[Point]:
    """Return `number` points, spread evenly over the calls in a log that change something below `places`, with all `kinds` in turn."""
    found = list(_calls(log, tuple(map(str, places))))
    wanted = [found[i * len(found) // number] for i in range(min(number, len(found)))]
    if number > len(found):
        wanted = [found[i % len(found)] for i in range(number)]
    points, faults = [], cycle(range(len(kinds)))
    signals = [kind for kind in kinds if kind.startswith("signal")] or [FAULTS[0]]
    for turn, (name, count, where) in enumerate(wanted):
        kind = (next(faults) + turn // len(found)) % len(kinds)
        fault = signals[kind % len(signals)] if name in PROCESSES else kinds[kind]
        points.append(Point(name, count, fault, where))
    return points


def count_calls(log: Path, places: Sequence[Path]) -> int:
    """Return how many calls of a log change something below `places`."""
    return len(list(_calls(log, tuple(map(str, places)))))


def _calls(log: Path, places: tuple[str, ...]) -> Iterator[tuple[str, int, str]]:
    counts: Counter[str] = Counter()
    for number, line in enumerate(log.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if "\t" in line:  # of the hook, which writes down nothing else
            yield line.partition("\t")[0], number, line.partition("\t")[2][:120]
            continue
        if (call := _CALL.match(line)) is None:
            continue
        name, rest = call["name"], call["rest"]
        counts[name] += 1
        if name == "openat" and not _CHANGES.search(rest):
            continue
        relative = re.match(r'(AT_FDCWD[^,]*, )?"[^/]', rest)
        if name in PROCESSES or any(place in rest for place in places) or relative:
            yield name, counts[name], rest[:120]
