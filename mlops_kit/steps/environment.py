"""The fixed environment of a stage: what else could change a result is set to one value, the rest is dropped.

Hash seed, encoding, locale, time zone and thread counts each change the bytes of typical outputs (a set's order, a `strftime`,
the last bits of a BLAS product). A stage therefore starts in a known environment, whoever started it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from mlops_kit.steps.perturbation import VARIABLE, perturbed_variables

MARK = "MLOPS_KIT_STAGE"

# Needed to find programs, libraries, temporary folders and the user's caches; they do not reach results.
PASSED = (
    "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE",
    "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "APPDATA", "LOCALAPPDATA", "USERPROFILE", "PATHEXT", "COMSPEC", "CI", "DVC_STAGE",
    "MLOPS_KIT_WATCH", "MLOPS_KIT_WATCH_MECHANISMS", "MLOPS_KIT_TRACE",
)  # fmt: skip


def stage_environment(
    base: Mapping[str, str], *, threads: int = 1, declared: Sequence[str] = ()
) -> dict[str, str]:
    """Return the environment of a stage, made from `base`: the passed names of it, and the fixed values.

    `threads` is what numeric libraries may use, as the project declares it; `declared` are further names that the step asks for.
    """
    count = str(threads)
    fixed = {
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "LC_ALL": "C.UTF-8",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "OMP_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "NUMEXPR_NUM_THREADS": count,
        "VECLIB_MAXIMUM_THREADS": count,
        "LOKY_MAX_CPU_COUNT": count,
        "ARROW_NUM_THREADS": count,
        # Two OpenMP threads that spin on a busy machine cost up to 30 times one thread.
        "OMP_WAIT_POLICY": "PASSIVE",
        "MPLBACKEND": "Agg",
        "DVC_NO_ANALYTICS": "1",
        "DO_NOT_TRACK": "1",
        "PYTHONUNBUFFERED": "1",
        MARK: count,
    }
    passed = {name: base[name] for name in PASSED if name in base}
    # Secrets and switches that a step declares are named by the project: MLOPS_KIT_PASS=NAME,NAME.
    named = [*base.get("MLOPS_KIT_PASS", "").split(","), *declared]
    extra = [name for name in named if name in base]
    return {**passed, **{name: base[name] for name in extra}, **fixed, **perturbed_variables(base)}


def ensure_stage_environment(*, threads: int = 1, declared: Sequence[str] = (), stage: str = "") -> None:
    """Start this very command again in the stage environment, unless it already runs in it.

    `declared` are the environment variables that the step asks for; as `stage`, unless it is empty, what the process uses is watched.
    Does not return when it starts again: on Windows the exit code of the second process is passed on.
    """
    seeded = sys.flags.hash_randomization == 0 or VARIABLE in os.environ
    if os.environ.get(MARK) == str(threads) and seeded:
        return
    environment = stage_environment(os.environ, threads=threads, declared=declared)
    arguments = [sys.executable, *sys.orig_argv[1:]]
    if stage and environment.get("MLOPS_KIT_WATCH") != "off":
        from mlops_kit.steps.watch.start import watched_arguments

        arguments = [sys.executable, *watched_arguments(stage)]
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":
        raise SystemExit(os.spawnve(os.P_WAIT, sys.executable, arguments, environment))  # noqa: S606 - no shell
    os.execve(sys.executable, arguments, environment)  # noqa: S606 - no shell
