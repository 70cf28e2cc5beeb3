"""What this machine is and allows: processors, locales, limits, the versions that decide results."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from mlops_kit.errors import OutsideError
from mlops_kit.outside.isolated import LAUNCHER, Limits
from mlops_kit.outside.process import run_command

_FAKETIME = (
    "faketime/libfaketimeMT.so.1",
    "libfaketimeMT.so.1",
    "faketime/libfaketime.so.1",
    "libfaketime.so.1",
)
_LIBRARIES = (
    "/usr/lib",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/local/lib",
)
_PROBE = """\
import json, sys
from importlib import metadata
facts = {"python": ".".join(map(str, sys.version_info[:3])), "implementation": sys.implementation.name, "packages": {}}
for name in ("numpy", "scipy", "scikit-learn", "pandas", "pyarrow", "torch", "tensorflow", "xgboost", "lightgbm", "mlops-kit", "dvc-mlops-kit"):
    try:
        facts["packages"][name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
try:
    import numpy
    blas = numpy.__config__.CONFIG["Build Dependencies"]["blas"]
    facts["blas"] = f"{blas['name']} {blas['version']}"
except Exception:
    facts["blas"] = ""
print(json.dumps(facts))
"""


@cache
def can_set(limits: Limits) -> bool:
    """Return whether this system lets a process put itself under `limits`."""
    if os.name == "nt":
        return False
    command = [
        sys.executable,
        "-I",
        "-S",
        str(LAUNCHER),
        limits.as_json(),
        sys.executable,
        "-I",
        "-S",
        "-c",
        "",
    ]
    return run_command(command, cwd=Path(sys.prefix)).code == 0


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def usable_processors() -> int:
    """Return how many processors' worth of time this process may use: `processors`, or less where its control group allows less."""
    shares = [quota / period for quota, period in _quotas() if quota > 0 and period > 0]
    return max(1, min([processors(), *(round(share + 0.49) for share in shares)]))


def available_memory() -> int:
    """Return the bytes that programs can use now without anything being swapped or killed; 0 when the system does not say."""
    found = [free for group in _groups("memory") if (free := _free_memory(group)) is not None]
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    return max(0, min(found, default=0))


def _quotas() -> Iterator[tuple[int, int]]:
    for group in _groups("cpu"):
        with suppress(OSError, ValueError):
            quota, period = (group / "cpu.max").read_text(encoding="ascii").split()
            yield int(quota), int(period)
        with suppress(OSError, ValueError):
            names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            quota, period = ((group / name).read_text(encoding="ascii") for name in names)
            yield int(quota), int(period)


def _free_memory(group: Path) -> int | None:
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        with suppress(OSError, ValueError):
            allowed, taken = (int((group / name).read_text(encoding="ascii")) for name in (limit, used))
            return allowed - taken
    return None


def _groups(controller: str) -> Iterator[Path]:
    """Yield the folders of the control groups (versions 2 and 1) that this process is in, from the inside out."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = Path("/sys/fs/cgroup") / (controller if controllers else "")
        inner = top / path.lstrip("/")
        # In a container the path may be that of the host, and what is seen here begins at the top.
        yield from (folder for folder in (inner, *inner.parents) if folder == top or top in folder.parents)


@cache
def installed_locales() -> tuple[str, ...]:
    """Return the names of the installed locales; empty where the system cannot list them."""
    try:
        return tuple(run_command(["locale", "-a"], cwd=Path(sys.prefix)).text.splitlines())
    except OutsideError:
        return ()


@cache
def find_faketime() -> Path | None:
    """Return the library of libfaketime, which shifts the clock of any program, None when it is not installed."""
    if sys.platform != "linux":
        return None
    places = (Path(folder) / name for folder in _LIBRARIES for name in _FAKETIME)
    return next((place for place in places if place.is_file()), None)


def other_file_system(size: int) -> Path | None:
    """Return a folder on another file system than the temporary one, with room for `size` bytes; None when there is none."""
    folder = Path("/dev/shm")  # noqa: S108 - not for a fixed name in it
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        return None
    state = os.statvfs(folder)
    roomy = state.f_bavail * state.f_frsize > 4 * size + (256 << 20)
    return folder if roomy and not state.f_flag & os.ST_NOEXEC else None


def describe_machine() -> dict[str, str]:
    """Return what of this machine can decide a result: system, processor, C library."""
    libc = " ".join(platform.libc_ver()).strip()
    return {"system": f"{platform.system()} {platform.machine()}", "processor": _processor(), "libc": libc}


def describe_interpreter(python: Path) -> Mapping[str, object]:
    """Return what of the interpreter `python` can decide a result: its version, `packages` (name -> version), `blas`.

    Raises OutsideError when it does not run.
    """
    done = run_command([str(python), "-c", _PROBE], cwd=python.parent)
    if done.code != 0:
        raise OutsideError(
            f"{python} does not run: {done.complaint}", fix="check the environment that the commit asks for"
        )
    value: Mapping[str, object] = json.loads(done.stdout)
    return value


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )
