"""Makes a fork of a Python process what a fresh process would be. Loaded by `warm.py` beside `warm_server.py`, without a package.

What differs from a fresh process and cannot be mended is found first (`find_difference`); such a program is started afresh.
"""

# pathlib and contextlib would stand in `sys.modules` of every program.
# ruff: noqa: PTH109, PTH113, PTH118, PTH120, PTH123, PTH208, SIM105, SLF001

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Callable
    from typing import Any

    Program = tuple[Callable[..., Any], tuple[Any, ...]]


def find_difference(
    argv: list[str], folder: str, output: int, started: frozenset[str], missed: set[str]
) -> str:
    """Return why the program would notice that it was not started afresh; empty when it would not.

    `folder` is where its modules are looked for first, `started` are the modules of Python's own start, `missed` those that nobody had.
    """
    if os.isatty(output):
        return "streams of a terminal"
    if argv[1] != "-m" and not os.path.isfile(argv[1]):
        return "no such file"
    if argv[1] == "-m" and (argv[2] in sys.modules or argv[2] + ".__main__" in sys.modules):
        return "it is imported already"
    if getattr(sys.flags, "safe_path", False):
        return ""
    for name, package in _modules_in(folder, {*sys.modules, *missed}):
        if name in missed:
            return f"{name} is there"
        if package == "folder" or name in started or name in sys.builtin_module_names:
            continue
        module = sys.modules[name]
        spec = getattr(module, "__spec__", None)
        file = getattr(module, "__file__", None) or ""
        if getattr(spec, "origin", "") == "frozen" or os.path.dirname(file) in (
            folder,
            f"{folder}/{name}",
        ):
            continue
        return f"{name} hides another"
    return ""


def _modules_in(folder: str, wanted: set[str]) -> list[tuple[str, str]]:
    """Return those of `wanted` that importing would find in `folder`, each with `module` or, where a regular module elsewhere would win, `folder`."""
    found: list[tuple[str, str]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                stem, dot, _ = entry.name.partition(".")
                if stem not in wanted or (dot and not entry.name.endswith((".py", ".pyc", ".so"))):
                    continue
                if dot or not entry.is_dir():
                    found += [(stem, "module")] if dot else []
                else:
                    regular = any(name.startswith("__init__.") for name in os.listdir(entry.path))
                    found.append((stem, "module" if regular else "folder"))
    except OSError:
        pass
    return found


def first_place(argv: list[str], cwd: str) -> str:
    """Return the folder in which the program's modules are looked for first."""
    return cwd if argv[1] == "-m" else os.path.dirname(os.path.realpath(os.path.join(cwd, argv[1])))


def start_afresh(request: dict[str, Any]) -> None:
    """Become a fresh process."""
    import signal

    for name in ("SIGPIPE", "SIGXFSZ"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        os.execve(sys.executable, request["argv"], request["environment"])  # noqa: S606 - no shell
    finally:
        os._exit(127)


def set_process(request: dict[str, Any], first: str) -> None:
    """Set what a program can ask about its process, and what libraries keep from the time of their import.

    Modules are looked for in the folder `first` before all others.
    """
    # Python itself adds it to the environment that it starts in where no locale is set (PEP 538).
    coerced = os.environ.get("LC_CTYPE")
    os.environ.clear()
    os.environ.update(request["environment"])
    if coerced is not None:
        os.environ.setdefault("LC_CTYPE", coerced)
    sys.argv[:] = request["argv"][1:]
    sys.orig_argv[:] = request["argv"]
    if not getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, first)
    _open_streams()
    modules = sys.modules
    if "numpy.random" in modules:
        modules["numpy.random"].seed()
    if "multiprocessing.process" in modules:
        process = modules["multiprocessing.process"].current_process()
        process.authkey = os.urandom(32)
    if "logging" in modules:
        import time

        logging: Any = modules["logging"]
        logging._startTime = time.time_ns() if isinstance(logging._startTime, int) else time.time()


def _open_streams() -> None:
    """Make the three streams new as Python does at its start: those of this process were made for other kinds of files."""
    import io

    for number, name, old in ((0, "stdin", sys.stdin), (1, "stdout", sys.stdout), (2, "stderr", sys.stderr)):
        writes = number > 0
        bare = writes and bool(os.environ.get("PYTHONUNBUFFERED"))
        below: Any = open(number, "wb" if writes else "rb", buffering=0 if bare else -1, closefd=False)  # noqa: SIM115
        (below if bare else below.raw).name = f"<{name}>"
        fresh: Any = io.TextIOWrapper(
            below, old.encoding, old.errors, "\n" if writes else None,
            line_buffering=not bare and (os.isatty(number) or number == 2), write_through=bare,
        )  # fmt: skip
        fresh.mode = "w" if writes else "r"
        setattr(sys, name, fresh)
        setattr(sys, f"__{name}__", fresh)


def find_program(request: dict[str, Any], pristine: dict[str, Any]) -> Program:
    """Return the function, with its arguments, that runs the program as `python` itself does."""
    argv = request["argv"]
    main = type(sys)("__main__")
    main.__dict__.update(pristine)
    if "__annotations__" in pristine:
        main.__annotations__ = {}
    sys.modules["__main__"] = main
    if argv[1] == "-m":
        sys.argv[0] = "-m"
        name = argv[2]
        del sys.argv[1]
        import runpy

        return runpy._run_module_as_main, (name,)  # type: ignore[attr-defined]
    return _file_program(os.path.join(os.getcwd(), argv[1].removeprefix("./")), main, request)


def _file_program(file: str, main: types.ModuleType, request: dict[str, Any]) -> Program:
    external: Any = sys.modules[
        "_frozen_importlib_external"
    ]  # importing it by its other name would add that one
    main.__dict__.update(
        __file__=file, __cached__=None, __loader__=external.SourceFileLoader("__main__", file)
    )
    with open(file, "rb") as stream:
        source = stream.read()
    try:
        return exec, (compile(source, file, "exec", 0, True), main.__dict__)
    except Exception:
        start_afresh(request)
        raise


def undress(error: BaseException, function: object) -> None:
    """Let the traceback that Python prints for `error` begin in the program, as that of a fresh process does."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename in ("<string>", "<warm start>"):
        trace = trace.tb_next
    hook = sys.excepthook

    def show(kind: Any, value: Any, _: Any) -> None:
        if function is exec:
            _flush()  # Python does so after a file and not after a module
        try:
            hook(kind, value.with_traceback(trace), trace)
        except SystemExit:
            raise
        except BaseException as inner:  # noqa: BLE001 - what Python does itself, without our own frame
            sys.stderr.write("Error in sys.excepthook:\n")
            own = inner.__traceback__
            sys.__excepthook__(type(inner), inner.with_traceback(own and own.tb_next), own and own.tb_next)
            sys.stderr.write("\nOriginal exception was:\n")
            sys.__excepthook__(kind, value, trace)

    sys.excepthook = show


def _flush() -> None:
    for stream in (sys.stderr, sys.stdout):
        try:
            stream.flush()
        except Exception:  # noqa: BLE001,S110 - closed, or not a stream at all
            pass
