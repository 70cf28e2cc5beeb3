"""Linux's Landlock through ctypes: a process gives up, for itself and its children, all files and connections but named ones.

It needs no privilege and cannot be taken back. It says nothing about stat, absent files, UDP and unix sockets.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mlops_kit.errors import OutsideError

# The numbers are the same on every architecture: new system calls are numbered alike since 2019.
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION_FLAG, _RULE_PATH, _NO_NEW_PRIVS = 1, 1, 38
_WRITE_FILE, _READ_FILE = 1 << 1, 1 << 2
# Remove and make entries of every type; to make links and renames between folders (2); to truncate (3).
_CHANGE_FOLDER = sum(1 << bit for bit in range(4, 13))
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_TCP_BIND_CONNECT = 3
_TCP_SINCE, _SCOPE_SINCE = 4, 6


@dataclass(frozen=True)
class Allowance:
    """What a confined process may still do. Paths that do not exist are left out; links are followed."""

    read: Sequence[Path]
    """Files, and folders with all that they hold and will hold, that may be read."""
    write: Sequence[Path]
    """Files and folders that may be written, made and removed."""
    network: bool = False
    """Whether TCP connections may be opened and accepted."""


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


@cache
def landlock_version() -> int:
    """Return the version of Landlock that the kernel offers; 0 where there is none, or it is switched off."""
    if sys.platform != "linux":
        return 0
    return max(0, _call(_CREATE, 0, 0, _VERSION_FLAG))


def confine_process(allowance: Allowance) -> None:
    """Confine this thread, and every process and thread that it starts from now on.

    Raises OutsideError where the kernel refuses.
    """
    version = landlock_version()
    files = _READ_FILE | _WRITE_FILE | (_TRUNCATE if version >= 3 else 0)
    changes = files & ~_READ_FILE | _CHANGE_FOLDER | (_REFER if version >= 2 else 0)
    network = 0 if allowance.network or version < _TCP_SINCE else _TCP_BIND_CONNECT
    attributes = (ctypes.c_uint64 * 3)(changes | _READ_FILE, network, 0)
    size = 8 * (1 if version < _TCP_SINCE else 2 if version < _SCOPE_SINCE else 3)
    ruleset = _checked(_call(_CREATE, ctypes.addressof(attributes), size, 0))
    try:
        for path in allowance.read:
            _allow(ruleset, path, _READ_FILE, files)
        for path in allowance.write:
            _allow(ruleset, path, changes | _READ_FILE, files)
        libc = ctypes.CDLL(None, use_errno=True)
        _checked(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
        _checked(_call(_RESTRICT, ruleset, 0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int, of_files: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return
    try:
        rule = _PathRule(rights if path.is_dir() else rights & of_files, handle)
        _checked(_call(_ADD, ruleset, _RULE_PATH, ctypes.addressof(rule), 0))
    finally:
        os.close(handle)


def _call(number: int, *arguments: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return int(libc.syscall(ctypes.c_long(number), *(ctypes.c_long(value) for value in arguments)))


def _checked(result: int) -> int:
    if result < 0:
        raise OutsideError(
            f"the kernel refused to confine the process: {os.strerror(ctypes.get_errno())}",
            fix="run without --hermetic",
        )
    return result
