"""Takes one source of chance away from a Python process, or notes what it reads. `mlops-kit reproduce` asks for it to find out why two
runs of a stage differ: where they agree under a pin, what was pinned is the cause.

Loaded by the sitecustomize beside it. Nothing but the standard library, on every Python from 3.8 on.
"""

import json
import os
import sys

EPOCH = 1_700_000_000
STEP = 0.001
NOTED = {}


def pin_clock():
    """Let time stand still: each reading is a millisecond later, sleeping takes what it should, files are as old as the epoch."""
    import time

    state = {"now": float(EPOCH)}
    real = {name: getattr(time, name) for name in ("localtime", "gmtime", "strftime", "sleep", "asctime")}

    def now():
        note("clock")
        state["now"] += STEP
        return state["now"]

    def sleep(seconds):
        real["sleep"](seconds)
        state["now"] += max(0.0, seconds)

    def moment(given):
        return now() if given is None else given

    time.time = time.monotonic = time.perf_counter = time.process_time = time.thread_time = now
    time.time_ns = time.monotonic_ns = time.perf_counter_ns = time.process_time_ns = lambda: int(now() * 1e9)
    time.sleep = sleep
    time.localtime = lambda seconds=None: real["localtime"](moment(seconds))
    time.gmtime = lambda seconds=None: real["gmtime"](moment(seconds))
    time.asctime = lambda given=None: real["asctime"](time.localtime() if given is None else given)
    time.ctime = lambda seconds=None: time.asctime(time.localtime(seconds))
    time.strftime = lambda form, given=None: real["strftime"](
        form, time.localtime() if given is None else given
    )
    if hasattr(time, "clock_gettime"):
        time.clock_gettime = lambda which: now()
        time.clock_gettime_ns = lambda which: int(now() * 1e9)
    _pin_datetime(now)
    _pin_file_times()


def _pin_datetime(now):
    """Replace `now`, `utcnow` and `today` on the classes themselves, so that instances stay what every library expects."""
    import datetime

    cls = datetime.datetime
    _replace(cls, "now", classmethod(lambda kind, tz=None: kind.fromtimestamp(now(), tz)))
    _replace(
        cls,
        "utcnow",
        classmethod(lambda kind: kind.fromtimestamp(now(), datetime.timezone.utc).replace(tzinfo=None)),
    )
    _replace(cls, "today", classmethod(lambda kind: kind.fromtimestamp(now())))
    _replace(datetime.date, "today", classmethod(lambda kind: kind.fromtimestamp(now())))


def _replace(cls, name, value):
    import ctypes
    import gc

    # CPython keeps the methods of a built-in class in a plain dictionary.
    holders = [
        one for one in gc.get_referents(cls.__dict__) if isinstance(one, dict) and "fromtimestamp" in one
    ]
    if holders:
        holders[0][name] = value
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(cls))


def _pin_file_times():
    def pinned(function):
        def stat(*args, **named):
            note("clock")
            found = function(*args, **named)
            times = (EPOCH,) * 3 + (float(EPOCH),) * 3 + (EPOCH * 10**9,) * 3
            return os.stat_result(tuple(found)[:7] + times)

        return stat

    for name in ("stat", "lstat", "fstat"):
        setattr(os, name, pinned(getattr(os, name)))


def pin_randomness():
    """Let everything that asks for chance get the same: urandom, random, uuid, secrets, numpy."""
    import hashlib
    import random

    state = {"calls": 0}

    def urandom(size):
        note("randomness")
        made = b""
        while len(made) < size:
            state["calls"] += 1
            made += hashlib.sha256(b"mlops-kit %d" % state["calls"]).digest()
        return made[:size]

    os.urandom = random._urandom = urandom
    seed = random.Random.seed

    def pinned_seed(self, a=None, version=2):
        return seed(self, int.from_bytes(urandom(16), "big") if a is None else a, version)

    random.Random.seed = pinned_seed
    random.seed = random._inst.seed
    random.seed()
    _after_import("uuid", lambda uuid: setattr(uuid, "_generate_time_safe", None))


def _after_import(name, change):
    if name in sys.modules:
        change(sys.modules[name])
        return
    import importlib.abc
    import importlib.util

    class Finder(importlib.abc.MetaPathFinder):
        def find_spec(self, wanted, path, target=None):
            if wanted != name:
                return None
            sys.meta_path.remove(self)
            spec = importlib.util.find_spec(wanted)
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                change(module)

            spec.loader.exec_module = exec_module
            return spec

    sys.meta_path.insert(0, Finder())


def pin_pid():
    """Give this process, and those forked from it, small fixed numbers."""
    getpid, numbers = os.getpid, {}

    def pinned():
        note("pid")
        return numbers.setdefault(getpid(), 4242 + len(numbers))

    pinned()
    os.getpid = pinned
    os.getppid = lambda: 4241


def pin_order():
    """Let parallel work be done one after the other, in the order in which it was asked for."""
    import threading

    start = threading.Thread.start

    def start_and_wait(self):
        start(self)
        if threading.current_thread() is threading.main_thread():
            self.join(2 if type(self) is threading.Thread and not self.daemon else 0)

    threading.Thread.start = start_and_wait
    _after_import("concurrent.futures", _order_futures)


def _order_futures(futures):
    def in_order(fs, timeout=None):
        futures_in_order = list(fs)
        if isinstance(fs, (set, frozenset)):
            futures_in_order.sort(key=lambda one: getattr(one, "_number", 0))
        for future in futures_in_order:
            futures.wait([future], timeout)
            yield future

    def one_worker(cls):
        init, submit = cls.__init__, cls.submit

        def pinned_init(self, max_workers=None, *args, **named):
            init(self, 1, *args, **named)

        def pinned_submit(self, *args, **named):
            future = submit(self, *args, **named)
            counter["next"] += 1
            future._number = counter["next"]
            futures.wait([future], 2)
            return future

        cls.__init__, cls.submit = pinned_init, pinned_submit

    counter = {"next": 0}
    futures.as_completed = in_order
    one_worker(futures.ThreadPoolExecutor)
    one_worker(futures.ProcessPoolExecutor)


def list_files(backwards=False):
    """List what folders hold by name, or last names first."""
    listdir, scandir = os.listdir, os.scandir

    class Entries:
        def __init__(self, path):
            with scandir(path) as entries:
                self._entries = iter(sorted(entries, key=lambda entry: entry.name, reverse=backwards))

        def __iter__(self):
            return self

        def __next__(self):
            return next(self._entries)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.close()

        def close(self):
            self._entries = iter(())

    os.listdir = lambda path=".": sorted(listdir(path), reverse=backwards)
    os.scandir = lambda path=".": Entries(path)


def name_host():
    """Let this machine have another name."""
    import platform
    import socket

    name = "another-host"
    socket.gethostname = lambda: name
    socket.getfqdn = lambda given="": given or name
    platform.node = lambda: name
    if hasattr(os, "uname"):
        uname = os.uname
        os.uname = lambda: os.uname_result((uname()[0], name, *uname()[2:]))


def limit_processors(count):
    """Let this machine seem to have `count` processors."""
    os.cpu_count = lambda: count


def note(kind, name=""):
    """Remember that project code asked for `kind`, and the line, if it is project code that did."""
    if (kind, name) not in NOTED and len(NOTED) < 10_000:
        where = _place()
        if where:
            NOTED[kind, name] = where


def _root():
    return os.path.realpath(os.environ.get("DVC_ROOT") or os.getcwd()) + os.sep


def _place():
    """Return `file:line` of the innermost code of the project that is running; empty when a library runs for itself."""
    root, frame = _ROOT[0], sys._getframe(1)
    while frame is not None:
        file = os.path.join(root, frame.f_code.co_filename)
        inside = file[len(root) :].replace(os.sep, "/")
        if file.startswith(root) and "site-packages" not in file and not inside.startswith(("<", ".venv/")):
            return "%s:%d" % (inside, frame.f_lineno)
        frame = frame.f_back
    return ""


_ROOT = [_root()]


def _write_notes():
    """Write at the end what was noted where MLOPS_KIT_TRACE says."""
    import atexit

    target = os.environ.get("MLOPS_KIT_TRACE")
    keep = open

    def write():
        if NOTED:
            findings = [
                {"kind": k, "name": name, "where": where} for (k, name), where in sorted(NOTED.items())
            ]
            line = {"stage": os.environ.get("DVC_STAGE", ""), "mechanisms": ["pins"], "findings": findings}
            with keep(target, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    if target:
        atexit.register(write)


def note_uses():
    """Note which files and variables the code of the project reads, and which addresses it connects to."""
    written = set()
    root = _ROOT[0]

    def note_file(path, flags):
        full = os.path.realpath(os.fsdecode(path))
        if not full.startswith(root):
            return
        name = full[len(root) :].replace(os.sep, "/")
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            written.add(name)
        elif name not in written:
            note("read", name)

    def audit(event, args):
        if event == "open" and isinstance(args[0], (str, bytes)):
            note_file(args[0], args[2] if isinstance(args[2], int) else 0)
        elif event == "sqlite3.connect" and isinstance(args[0], str):
            note_file(args[0].partition("?")[0].replace("file:", "", 1), 0)
        elif event == "socket.connect" and isinstance(args[1], tuple):
            note("network", "%s:%s" % args[1][:2])

    kind = type(os.environ)
    getitem = kind.__getitem__

    def noted(self, key):
        if isinstance(key, str):
            note("environment", key)
        return getitem(self, key)

    kind.__getitem__ = noted
    sys.addaudithook(audit)


def set_variables(values):
    """Start this very command again with environment variables that Python reads at its start."""
    if os.environ.get("MLOPS_KIT_VARIABLES_SET"):
        return
    environment = dict(os.environ, MLOPS_KIT_VARIABLES_SET="1", **json.loads(values))
    os.execve(sys.executable, [sys.executable] + sys.orig_argv[1:], environment)


PINS = {"clock": pin_clock, "randomness": pin_randomness, "pid": pin_pid, "order": pin_order, "files": list_files,
        "host": name_host, "trace": note_uses, "none": lambda: None}  # fmt: skip


def apply(axes):
    """Apply what `axes` (name -> value) asks for."""
    if "variables" in axes:
        set_variables(axes["variables"])
    if "cpus" in axes:
        limit_processors(int(axes["cpus"]))
    if "user" in axes:
        name_host()
    pins = list(filter(None, axes.get("pin", "").split(",")))
    for name in pins:
        PINS[name]()
    if pins:
        _write_notes()
