"""Python's audit events (PEP 578): opens, listings, connections and started programs of this process, with the line of code.

What libraries open in C is not seen here; what is seen comes with its line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, Protocol

from mlops_kit.steps.watch.frames import Origin, Side, Stack
from mlops_kit.steps.watch.places import Places

Arguments = tuple[Any, ...]


class AuditSink(Protocol):
    """Who hears of what the audit events say."""

    def used_file(self, path: str, origin: Origin, how: str) -> None:
        """The file or folder at absolute `path` is about to be used."""
        ...

    def used_network(self, address: str, origin: Origin) -> None:
        """`address` is about to be connected to."""
        ...

    def started(self, command: str, origin: Origin) -> None:
        """Another program is about to be started."""
        ...


class AuditWatch:
    """Hears audit events from its creation until `close`; the hook itself cannot be taken out and then does nothing."""

    def __init__(self, sink: AuditSink, places: Places, stack: Stack) -> None:
        self._sink, self._places, self._stack = sink, places, stack
        self._resolved: int | None = None
        self._handlers: dict[str, Callable[[Arguments], None]] = {
            "open": self._open,
            "sqlite3.connect": self._database,
            "ctypes.dlopen": self._load,
            "os.listdir": self._list,
            "os.scandir": self._list,
            "os.rename": self._target,
            "os.link": self._target,
            "os.symlink": self._target,
            "os.truncate": self._change,
            "socket.getaddrinfo": self._resolve,
            "socket.connect": self._connect,
            "socket.bind": self._connect,
            "socket.sendto": self._connect,
            "subprocess.Popen": self._start,
            "os.system": self._start,
            "os.posix_spawn": self._start,
            "os.exec": self._start,
        }
        sys.addaudithook(_hook_of(self._handlers))

    def close(self) -> None:
        """Hear nothing any more."""
        self._handlers.clear()

    def _open(self, arguments: Arguments) -> None:
        path = arguments[0]
        if type(path) is str and path.startswith(self._places.uninteresting):
            return
        flags = arguments[2] if len(arguments) > 2 and isinstance(arguments[2], int) else 0
        self._use(path, "written" if flags & (os.O_WRONLY | os.O_RDWR) else "read")

    def _database(self, arguments: Arguments) -> None:
        name = os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes | os.PathLike) else ""
        name = name.removeprefix("file:").partition("?")[0] if name.startswith("file:") else name
        if name and name != ":memory:":
            self._use(name, "read")

    def _load(self, arguments: Arguments) -> None:
        if isinstance(arguments[0], str) and os.sep in arguments[0]:
            self._use(arguments[0], "read")

    def _list(self, arguments: Arguments) -> None:
        path = arguments[0]
        if type(path) is str and path.startswith(self._places.uninteresting):
            return
        self._use("." if path is None else path, "listed")

    def _target(self, arguments: Arguments) -> None:
        self._use(arguments[1], "written")

    def _change(self, arguments: Arguments) -> None:
        self._use(arguments[0], "written")

    def _use(self, path: Any, how: str) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return  # an open file's number
        full = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - links stay as they are
        if not full.startswith(self._places.uninteresting):
            self._sink.used_file(full, self._stack.origin(), how)

    def _resolve(self, arguments: Arguments) -> None:
        host, port = arguments[0], arguments[1]
        if host is None:
            return
        # The connection that follows goes to a number; the name says more.
        self._resolved = port if isinstance(port, int) else None
        name = host.decode("idna") if isinstance(host, bytes) else host
        self._sink.used_network(f"{name}:{port}" if port is not None else str(name), self._stack.origin())

    def _connect(self, arguments: Arguments) -> None:
        address = arguments[1]
        if not isinstance(address, tuple) or len(address) < 2:
            return  # a unix socket: inside this machine, as multiprocessing uses them
        if address[1] == self._resolved:
            self._resolved = None
            return
        self._sink.used_network(f"{address[0]}:{address[1]}", self._stack.origin())

    def _start(self, arguments: Arguments) -> None:
        self._sink.started(" ".join(_words(arguments)), self._stack.origin())


def _hook_of(handlers: dict[str, Callable[[Arguments], None]]) -> Callable[[str, Arguments], None]:
    find = handlers.get

    def hear(event: str, arguments: Arguments) -> None:
        handler = find(event)
        if handler is not None:
            handler(arguments)

    return hear


def _words(value: Any) -> list[str]:
    if isinstance(value, str | bytes | os.PathLike):
        return [os.fsdecode(value)]
    return [word for item in value for word in _words(item)] if isinstance(value, list | tuple) else []


def is_code(origin: Origin) -> bool:
    """Return whether the project's own code, or a built-in step, stands behind an event."""
    return origin.side in (Side.USER, Side.STEP)
