"""Python programs that start in a fork of a process that has their libraries imported already (`warm_server.py`).

What cannot be told from a fresh process is started so, everything else is not: another interpreter, options, another environment or
folder are refused here; a local module that hides an imported one, streams of a terminal and the like make the fork a fresh process.
"""

from __future__ import annotations

import copy
import marshal
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mlops_kit.outside.aside import announce_programs
from mlops_kit.outside.child import Ended
from mlops_kit.outside.tree import descendants

# What differs from stage to stage and from shell to shell, and what no library looks at while it is imported.
OF_STAGES = frozenset({"DVC_STAGE", "DVC_ROOT", "PWD", "OLDPWD", "SHLVL", "_"})
# The shell that `steps/sandbox.py` writes: the user's own for steps of the library, which need none of its variables.
WATCHING_SHELL = ".dvc/tmp/mlops-kit/shell"
_PYTHON = re.compile(r"python(\d(\.\d+)?)?")
_SHELL_SIGNS = re.compile(r"[$`\\|&;<>()*?\[\]{}~!#\n\r\t\0]")
_SERVER = Path(__file__).with_name("warm_server.py")
_FORK = Path(__file__).with_name("warm_fork.py")
_BOOT = """\
_pristine = dict(globals())
import sys
if not getattr(sys.flags, "safe_path", False):
    del sys.path[0]
_modules = frozenset(sys.modules)
_server, _fork = type(sys)("warm_server"), type(sys)("warm_fork")
for _module, _path in ((_server, sys.argv[1]), (_fork, sys.argv[2])):
    with open(_path, "rb") as _file:
        exec(compile(_file.read(), "<warm start>", "exec"), _module.__dict__)
_function, _arguments = _server.serve(_pristine, _modules, _fork)
try:
    _function(*_arguments)
except BaseException as error:
    _fork.undress(error, _function)
    raise
"""
CLOSE_SECONDS = 10.0


def can_start_warm() -> bool:
    """Return whether this system has what warm starts need (Linux)."""
    return sys.platform == "linux" and hasattr(os, "pidfd_open") and hasattr(os, "memfd_create")


def python_program(command: str) -> list[str] | None:
    """Return the words of a shell command that does nothing but run a Python module or file without options, else None."""
    bare = re.sub(r"'[^']*'", "", command)
    if _SHELL_SIGNS.search(bare):
        return None
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    if len(words) < 2 or not _PYTHON.fullmatch(words[0].rpartition("/")[2]):
        return None
    if words[1] == "-m":
        return words if len(words) > 2 and not words[2].startswith("-") else None
    return words if words[1].endswith(".py") and not words[1].startswith("-") else None


def shell_environment(environment: Mapping[str, str], *, folder: Path, shell: str) -> dict[str, str] | None:
    """Return the environment that the last command of `shell -c` gets when the shell gets `environment`; None for an unknown shell.

    Variables that name the last program (`_`) are as they were.
    """
    made = {**environment, "PWD": _logical(folder, environment.get("PWD", ""))}
    if shell.endswith(WATCHING_SHELL):
        return made
    name = shell.rpartition("/")[2]
    name = os.path.realpath(shell).rpartition("/")[2] if name == "sh" else name
    if any(key.startswith("BASH_FUNC_") or key in ("BASH_ENV", "ENV") for key in environment):
        return None
    if name == "dash":
        return made
    if name != "bash":
        return None
    if not Path(made.get("OLDPWD", "/nowhere/at/all")).is_dir():
        made.pop("OLDPWD", None)
    level = environment.get("SHLVL", "")
    made["SHLVL"] = level if level.isdecimal() and 0 <= int(level) < 999 else "0"
    return made


def _logical(folder: Path, named: str) -> str:
    """Return how a shell that starts in `folder` calls it: as PWD says where that is true, else without links."""
    with suppress(OSError):
        if named.startswith("/") and not {".", ".."} & set(named.split("/")) and Path(named).samefile(folder):
            return named
    return os.path.realpath(folder)


class WarmServer:
    """A process that has `preload` (dotted names) imported by the interpreter `python` in `environment` and `folder`.

    It begins to import as soon as it is made; what is started meanwhile waits for it. Nothing of it outlives this process or `close`: a
    warden ends it, which keeps the descriptor `lock` (that of the run) until all is gone.
    """

    def __init__(
        self,
        python: str,
        environment: Mapping[str, str],
        preload: Sequence[str],
        *,
        folder: Path,
        lock: int | None = None,
    ) -> None:
        self.python = python
        self._environment = dict(environment)
        self._folder = os.path.realpath(folder)
        self._mask = os.umask(0)
        os.umask(self._mask)
        self._process: subprocess.Popen[bytes] | None = None
        self._open = False
        if not can_start_warm():
            return
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._names = tuple(preload)
        # The warden is a Python too, and adds a locale to its environment where there is none.
        plain = [] if "LC_CTYPE" in environment else ["env", "-u", "LC_CTYPE"]
        command = [*plain, python, "-c", _BOOT, str(_SERVER), str(_FORK), "0", *preload]
        told = announce_programs(folder)
        try:
            # Fd 1 is the socket: the warden hands on the first three descriptors alone.
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(__file__).with_name("warden.py")), *command],
                cwd=folder, env=self._environment, stdin=subprocess.PIPE, stdout=theirs.fileno(), stderr=subprocess.DEVNULL,
                start_new_session=True, pass_fds=() if lock is None else (lock,),
            )  # fmt: skip
        except OSError:
            self._control.close()
        finally:
            theirs.close()
            for descriptor in told:
                os.close(descriptor)
        self._control.setblocking(False)
        self._open = self._process is not None

    @property
    def pid(self) -> int:
        """The process below which the server and all programs run; 0 when there is none."""
        return self._process.pid if self._process is not None else 0

    def start(
        self, argv: Sequence[str], *, cwd: Path, environment: Mapping[str, str], stdout: int
    ) -> WarmChild | None:
        """Start the program `argv` (`python_program`), its output going to the descriptor `stdout`, which stays the caller's.

        Returns None, and has done nothing, when a fork could be told from a fresh process or the server is gone.
        """
        if not self._open or not self._fits(argv, cwd, environment):
            return None
        request = {
            "argv": list(argv),
            "cwd": str(cwd.absolute()),
            "environment": dict(environment),
            "umask": self._mask,
        }
        ours, theirs = socket.socketpair()
        try:
            # Version 2 of the format is read by every Python.
            socket.send_fds(self._control, [marshal.dumps(request, 2)], [theirs.fileno(), stdout])
        except (OSError, ValueError):
            ours.close()
            return None
        finally:
            theirs.close()
        return WarmChild(ours)

    def _fits(self, argv: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> bool:
        found = shutil.which(argv[0], path=environment.get("PATH", ""))
        same = os.path.realpath(cwd) == self._folder and found == self.python
        names = {*environment, *self._environment} - OF_STAGES
        return same and all(environment.get(name) == self._environment.get(name) for name in names)

    def branch(self, preload: Sequence[str]) -> WarmServer | None:
        """Return a server that is a fork of this one and imports `preload` as well; None when this one is gone. It ends with this one."""
        if not self._open:
            return None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        names = [*self._names, *preload]
        try:
            socket.send_fds(self._control, [marshal.dumps({"branch": names}, 2)], [theirs.fileno()])
        except OSError:
            ours.close()
            return None
        finally:
            theirs.close()
        ours.setblocking(False)
        made = copy.copy(self)
        made._control, made._names, made._process = ours, tuple(names), None  # noqa: SLF001 - one of us
        return made

    def close(self) -> None:
        """End the server and every program that still runs in a fork of it."""
        if self._open:
            self._control.close()
        self._open = False
        if self._process is None:
            return
        assert self._process.stdin is not None
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=CLOSE_SECONDS)
        with suppress(OSError):
            self._process.stdin.close()
        self._process.wait()
        self._process = None


class WarmChild:
    """A program in a fork of a server; see `child.Child`."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._channel.setblocking(False)
        self._read = b""
        self._start = time.monotonic()
        self._withdrawn = 0
        self._ended: Ended | None = None
        self.pid = 0
        self.warm = True

    def fileno(self) -> int:
        """Return the descriptor that is readable when it has begun and when it has ended."""
        return self._channel.fileno()

    def poll(self) -> Ended | None:
        """Return how it ended; None while it has not. `started` is False when the server went before the program began."""
        while self._ended is None:
            try:
                block = self._channel.recv(4096)
            except BlockingIOError:
                break
            except OSError:
                block = b""
            if not block:
                self._ended = self._lost()
            *lines, self._read = (self._read + block).split(b"\n")
            for line in lines:
                self._hear(line.decode().split())
        return self._ended

    def signal(self, number: int) -> None:
        """Send a signal to it and its process group; where it has not begun it is withdrawn, and ended by that signal."""
        self.poll()
        if not self.pid and self._ended is None:
            # The fork tells that it begins before it does; when it cannot, it ends.
            self._withdrawn = number
            with suppress(OSError):
                self._channel.shutdown(socket.SHUT_RDWR)
            self.poll()
        elif self._ended is None:
            self._send(number)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _hear(self, words: list[str]) -> None:
        if words[0] == "started":
            self.pid, self.warm = int(words[1]), words[2] == "warm"
        elif words[0] == "ended":
            seconds = time.monotonic() - self._start
            code = os.waitstatus_to_exitcode(int(words[1]))
            self._ended = Ended(
                code, seconds, float(words[2]) + float(words[3]), int(words[4]), bool(self.pid)
            )

    def _send(self, number: int) -> None:
        """Signal the group, and what is below it in groups of its own where that is to end."""
        below = descendants(self.pid) if number in (signal.SIGTERM, signal.SIGKILL) else []
        with suppress(OSError):
            os.killpg(self.pid, number)
        for pid in below:
            with suppress(OSError):
                os.kill(pid, number)

    def _lost(self) -> Ended:
        if self.pid:
            self._send(signal.SIGKILL)
        code = -signal.SIGKILL if self.pid or not self._withdrawn else -self._withdrawn
        seconds = time.monotonic() - self._start
        return Ended(code, seconds, started=bool(self.pid or self._withdrawn))
