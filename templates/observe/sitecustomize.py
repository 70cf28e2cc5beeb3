"""Notes which files a Python process opens. `mlops-kit adopt --run` puts this folder on PYTHONPATH of the scripts that it runs.

Python imports a module of this name at its start, in child processes too. It uses nothing but the standard library, and works on
every Python from 3.8 on.
"""

import json
import os
import sys

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def _install():
    """Start noting, when asked to by the environment."""
    folder = os.environ.get("MLOPS_KIT_OBSERVE_LOG")
    original = os.environ.get("MLOPS_KIT_OBSERVE_ORIGINAL")
    if not folder or not original:
        return
    log = os.path.join(folder, f"{os.getpid()}.log")
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    seen = set()

    def note(kind, path):
        if isinstance(path, int) or path is None:
            return
        full = os.path.abspath(os.fsdecode(path))
        if (kind, full) in seen:
            return
        seen.add((kind, full))
        os.write(out, json.dumps([kind, full]).encode("ascii") + b"\n")

    def below(path):
        return not isinstance(path, int) and (os.path.realpath(os.fsdecode(path)) + os.sep).startswith(
            original + os.sep
        )

    def hook(event, args):
        if event == "open":
            writes = bool((args[2] or 0) & _WRITES) or any(sign in (args[1] or "") for sign in "wax+")
            if writes and below(args[0]):
                raise PermissionError(
                    f"{args[0]} lies in the user's own work tree, and this run works on a copy"
                )
            note("write" if writes else "read", args[0])
        elif event in ("os.listdir", "os.scandir"):
            note("list", args[0] if args and args[0] is not None else ".")
        elif event == "sqlite3.connect":
            note("read", args[0])
        elif event in ("os.remove", "os.rename", "os.rmdir", "os.truncate") and any(
            below(one) for one in args[:2]
        ):
            raise PermissionError("the user's own work tree is not changed; this run works on a copy")

    sys.addaudithook(hook)


def _next():
    """Import the sitecustomize that this one hides, if there is one."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    mine = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # noqa: F401
    except ImportError:
        if mine is not None:
            sys.modules["sitecustomize"] = mine


if os.environ.get("MLOPS_KIT_OBSERVE_LOG"):
    _install()
    _next()
