"""What `mlops-kit reproduce --perturb` changes around a stage, as environment variables.

A stage's fixed environment would hide that a result depends on threads, hash seed, zone or locale. `MLOPS_KIT_PERTURB` makes the
stage take the perturbed value inside as well. It is JSON `{axis: value}`, set by `reproduce` alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

VARIABLE = "MLOPS_KIT_PERTURB"

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
            "LOKY_MAX_CPU_COUNT", "ARROW_NUM_THREADS")  # fmt: skip
_NOISE = {"COLUMNS": "57", "LINES": "13", "EDITOR": "ed", "PAGER": "more", "TERM": "vt100", "JOB_ID": "4242", "BUILD_NUMBER": "17",
          "NOISE": "x" * 2_000}  # fmt: skip


def variables_of(axes: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that the perturbed `axes` (name -> value) mean."""
    made: dict[str, str] = {}
    if "threads" in axes:
        made.update(dict.fromkeys(_THREADS, axes["threads"]))
    if "hashseed" in axes:
        made["PYTHONHASHSEED"] = axes["hashseed"]
    if "zone" in axes:
        made["TZ"] = axes["zone"]
    if "locale" in axes:
        # In the plain C locale Python would read and write UTF-8 all the same, unless told not to.
        plain = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"} if axes["locale"] == "C" else {}
        made.update({"LC_ALL": axes["locale"], "LANG": axes["locale"], **plain})
    if "noise" in axes:
        made.update(_NOISE)
    if axes:
        made[VARIABLE] = json.dumps(dict(axes), sort_keys=True)
    return made


def perturbed_variables(base: Mapping[str, str]) -> dict[str, str]:
    """Return what the environment `base` asks a stage to take instead of its fixed values; empty outside of `reproduce`."""
    if not base.get(VARIABLE):
        return {}
    axes = {str(name): str(value) for name, value in json.loads(base[VARIABLE]).items()}
    preload = {name: base[name] for name in ("LD_PRELOAD", "FAKETIME", "FAKETIME_DONT_RESET") if name in base}
    return {**variables_of(axes), **(preload if "clock" in axes else {})}
