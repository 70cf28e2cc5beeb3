"""Imports modules once and then starts Python programs in forks of itself. Run as a program, by `warm.py`.

It runs below `python -c`, so that a program in a fork finds one foreign frame below its own and none of this package. Nothing but
modules in C is imported here, and these are taken out of `sys.modules` again: a program sees what it imports itself and what was
asked for. One thread; standard library only; any Python from 3.10 on, it may not be ours.

Descriptor 1 is the control socket (SEQPACKET). A request is a marshalled dict with two descriptors: a channel, on which `started PID warm`
(or `cold`) and `ended STATUS USER SYSTEM PEAK` are told, and the program's output; or `branch`, with the control socket of a fork that imports
more. When the control socket closes, all ends.
"""

# pathlib and contextlib would stand in `sys.modules` of every program.
# ruff: noqa: PTH109, PTH120, PTH123, PTH208, SIM105

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Callable
    from typing import Any

    Program = tuple[Callable[..., Any], tuple[Any, ...]]

MAX_REQUEST = 1 << 17
GRACE_SECONDS = 3.0
OWN = "mlops_kit"
# jemalloc (in pyarrow) purges inline where its thread is gone; it has handlers for forks.
_FORK_AWARE = (b"jemalloc_bg_thd",)
_RESTARTS = 4
_INTERACTIVE = (
    "PYTHONINSPECT",
    "PYTHONSTARTUP",
    "PYTHONVERBOSE",
    "PYTHONPROFILEIMPORTTIME",
    "PYTHONDEBUG",
    "PYTHONTRACEMALLOC",
)


def serve(pristine: dict[str, Any], started: frozenset[str], fresh: types.ModuleType) -> Program:
    """Serve until the control socket closes. Returns in forks only, with the function that runs the program.

    `pristine` is what a new `__main__` holds, `started` are the modules that Python itself imports at its start,
    `fresh` is `warm_fork.py`. The arguments of this process are the number of restarts so far and the modules to import.
    """
    server = _Server(pristine, started, fresh)
    _forget_modules(started)
    restarts, *names = sys.argv[3:]
    server.preload(names, int(restarts))
    return server.loop()


def _forget_modules(kept: frozenset[str]) -> None:
    for name in set(sys.modules) - kept:
        del sys.modules[name]


class _Misses:
    """Stands last in `sys.meta_path` and notes what nobody found: a project may have a module of that name."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:  # noqa: ARG002 - protocol
        if path is None:
            self.names.add(name)


class _Server:
    def __init__(self, pristine: dict[str, Any], started: frozenset[str], fresh: types.ModuleType) -> None:
        import _socket
        import gc
        import marshal
        import select

        self._gc, self._marshal, self._select, self._sockets = gc, marshal, select, _socket
        self._pristine, self._startup, self._fresh = pristine, started, fresh
        self._misses = _Misses()
        self._pid = os.getpid()
        self._control = _socket.socket(fileno=os.dup(1))
        self._noise = os.memfd_create("noise")
        os.dup2(self._noise, 1)
        os.dup2(self._noise, 2)
        self._poll = select.poll()
        self._poll.register(self._control.fileno(), select.POLLIN)
        self._children: dict[int, tuple[int, Any]] = {}
        self._noises = 0
        self._loaded = started
        self._unfit = ""

    def preload(self, names: list[str], restarts: int) -> None:
        """Import `names`; one that a fork would notice (it prints, leaves threads, is the project's own) makes us start again without."""
        if sys.gettrace() or sys.getprofile() or any(os.environ.get(name) for name in _INTERACTIVE):
            self._unfit = "python is observed"
            names = []
        self._noises = os.fstat(self._noise).st_size
        sys.meta_path.append(self._misses)
        for name in names:
            if not _is_installed(name):
                continue
            try:
                _import(name)
            except Exception:  # noqa: BLE001,S110 - the program meets it where it imports the module itself
                pass
            except BaseException:  # noqa: BLE001 - it wants to end this process
                self._restart(name, "it ends the process", [], _RESTARTS)
            if complaint := self._complaint():
                self._restart(name, complaint, [other for other in names if other != name], restarts + 1)
        sys.meta_path.remove(self._misses)
        self._loaded = frozenset(sys.modules)
        self._gc.collect()
        self._gc.freeze()
        self._control.send(f"ready {len(names)}".encode())

    def _complaint(self) -> str:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        if os.fstat(self._noise).st_size > self._noises:
            return "it prints while it is imported"
        if sys.gettrace() or sys.getprofile():
            return "it observes"
        if foreign := _foreign(self._startup):
            return f"it imports {foreign}"
        if _threads() > 1:
            # Libraries that know of forks (OpenBLAS) end their threads before one and start them again when they need them.
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
            if _threads() > 1:
                return "it leaves threads"
        return ""

    def _restart(self, without: str, complaint: str, names: list[str], restarts: int) -> None:
        self._control.send(f"without {without}: {complaint}".encode())
        os.dup2(self._control.fileno(), 1)
        kept = names if restarts < _RESTARTS else []
        os.execv(sys.executable, [*sys.orig_argv[:5], str(restarts), *kept])  # noqa: S606 - no shell

    def loop(self) -> Program:
        """Answer requests and report ends, for ever; return in a fork."""
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor in self._children:
                    self._report(descriptor)
                    continue
                message, descriptors = self._receive()
                if not message:
                    self._end()
                request = self._marshal.loads(message)
                if "branch" in request:
                    self._branch(request["branch"], *descriptors)
                    break
                program = self._start(request, *descriptors)
                if program is not None:
                    return program

    def _receive(self) -> tuple[bytes, list[int]]:
        sockets = self._sockets
        try:
            message, extra, _, _ = self._control.recvmsg(
                MAX_REQUEST, sockets.CMSG_SPACE(8), sockets.MSG_CMSG_CLOEXEC
            )
        except OSError:
            return b"", []
        found = [data for level, kind, data in extra if kind == sockets.SCM_RIGHTS]
        raw = b"".join(found)
        return message, [int.from_bytes(raw[i : i + 4], sys.byteorder) for i in range(0, len(raw), 4)]

    def _start(self, request: dict[str, Any], channel: int, output: int) -> Program | None:
        told = self._sockets.socket(fileno=channel)
        try:
            pid = _fork()
        except OSError:
            told.close()
            os.close(output)
            return None
        if pid == 0:
            return self._become(request, told, output)
        os.close(output)
        self._add(pid, told)
        return None

    def _branch(self, names: list[str], control: int) -> None:
        """Let a fork import more than this process has, and serve at the socket `control`."""
        theirs = self._sockets.socket(fileno=control)
        try:
            pid = _fork()
        except OSError:
            pid = -1
        if pid:
            theirs.close()
            if pid > 0:
                self._add(pid, None)
            return
        os.setsid()
        self._leave()
        self._control, self._pid, self._children = theirs, os.getpid(), {}
        self._poll = self._select.poll()
        self._poll.register(theirs.fileno(), self._select.POLLIN)
        self.preload(names, 0)

    def _add(self, pid: int, channel: Any) -> None:
        descriptor = os.pidfd_open(pid)
        self._children[descriptor] = (pid, channel)
        self._poll.register(descriptor, self._select.POLLIN)

    def _leave(self) -> None:
        """Let go, in a fork, of what belongs to the server that it is of."""
        for descriptor, (_, other) in self._children.items():
            os.close(descriptor)
            if other is not None:
                other.close()
        self._control.close()

    def _report(self, descriptor: int) -> None:
        pid, channel = self._children.pop(descriptor)
        self._poll.unregister(descriptor)
        os.close(descriptor)
        _, status, used = os.wait4(pid, 0)
        if channel is None:
            return
        line = f"ended {status} {used.ru_utime} {used.ru_stime} {used.ru_maxrss * 1024}\n"
        try:
            channel.send(line.encode())
        except OSError:
            pass  # whoever asked has gone
        channel.close()

    def _end(self) -> None:
        """End all programs and this process."""
        import time

        deadline = time.monotonic() + GRACE_SECONDS
        for number in (15, 9):
            for pid, _ in self._children.values():
                try:
                    os.killpg(pid, number)
                except OSError:
                    pass
            while self._children and time.monotonic() < deadline:
                for descriptor, (pid, _) in list(self._children.items()):
                    if os.waitpid(pid, os.WNOHANG)[0]:
                        del self._children[descriptor]
                time.sleep(0.01)
        os._exit(0)

    def _become(self, request: dict[str, Any], channel: Any, output: int) -> Program:
        """Make this fork what a fresh process would be, and return what runs the program; a fresh process where that cannot be."""
        try:
            os.setsid()
            os.chdir(request["cwd"])
            os.umask(request["umask"])
            first = self._fresh.first_place(request["argv"], os.getcwd())
            reason = self._unfit or self._fresh.find_difference(
                request["argv"], first, output, self._startup, self._misses.names
            )
            channel.send(f"started {os.getpid()} {'cold' if reason else 'warm'}\n".encode())
        except BaseException:  # noqa: BLE001 - nothing of the program has happened yet, and nothing of the server may happen here
            os._exit(1)
        if os.getppid() != self._pid:
            os._exit(1)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        if reason:
            self._fresh.start_afresh(request)
        self._leave()
        for number in (null, output, self._noise):
            os.close(number)
        channel.close()
        _forget_modules(self._loaded)  # what this process needed since
        self._fresh.set_process(request, first)
        program: Program = self._fresh.find_program(request, self._pristine)
        return program


def _fork() -> int:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # threads that end before a fork count as well
        return os.fork()


def _import(name: str) -> None:
    """Import the module that the dotted `name` is, or the one that it is an attribute of, as `from module import name` does."""
    parts = name.split(".")
    module = __import__(parts[0])
    for index, part in enumerate(parts[1:], 2):
        if not hasattr(module, part):
            if not hasattr(module, "__path__"):
                return
            __import__(".".join(parts[:index]))
        module = getattr(module, part)
        if not isinstance(module, type(sys)):
            return


def _is_installed(name: str) -> bool:
    """Return whether the package of `name` comes with Python, is installed, or is our own: no code of a project runs here."""
    top = name.partition(".")[0]
    for finder in sys.meta_path:
        spec = finder.find_spec(top, None)
        if spec is not None:
            places = [spec.origin, *(spec.submodule_search_locations or ())]
            return top == OWN or all(_is_library(place) for place in places if place)
    return False


def _is_library(place: str) -> bool:
    standard = os.path.dirname(os.__file__) + os.sep
    return place in ("built-in", "frozen") or place.startswith(standard) or "-packages" in place


def _foreign(startup: frozenset[str]) -> str:
    """Return a module that is neither Python's nor an installed package's, whose file may change while stages run; else nothing."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name in startup or not isinstance(file, str) or name.partition(".")[0] == OWN:
            continue
        if not _is_library(file):
            return name
    return ""


def _threads() -> int:
    """Return how many threads there are, without those of libraries that take care of forks themselves."""
    found = 0
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/comm", "rb") as file:
            found += file.read().strip() not in _FORK_AWARE
    return found
