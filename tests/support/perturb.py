"""Running a program again under another environment, which must not change what it writes.

Each perturbation is what differs between two machines or two days: reprotest varies the same (hostname, zone, locale, path, user, umask,
processors, clock, order of files) for Debian's packages. What a machine cannot do (no locale, no libfaketime, no namespaces) is left out and
named, never passed over.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FAKETIME = ("/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime", "/usr/lib/faketime")


@dataclass(frozen=True)
class Perturbation:
    """One thing that is different from the first run."""

    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that are set."""
    before: tuple[str, ...] = ()
    """Program that starts the real one."""
    folder: str = "out"
    """Name of the folder that is written to; the program gets it as a relative path."""
    place: str = ""
    """Folder in whose file system the program runs, when not in the one that all others run in."""
    umask: int = 0o022
    one_processor: bool = False


def known_perturbations(scratch: Path) -> tuple[dict[str, Perturbation], list[str]]:
    """Return the perturbations that this machine can do, and the names of those it cannot; `scratch` is for compiled locales."""
    found = {
        "rerun": Perturbation(),
        "hash seed": Perturbation({"PYTHONHASHSEED": "4242"}),
        "time zone": Perturbation({"TZ": "Pacific/Kiritimati"}),
        "LC_ALL=C": Perturbation({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
        "4 threads": Perturbation({"OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4"}),
        "1 thread": Perturbation({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}),
        "BLAS kernel": Perturbation({"OPENBLAS_CORETYPE": "Nehalem"}),
        "CPU features": Perturbation({"NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3"}),
        "path": Perturbation(folder="a folder ü"),
        "umask": Perturbation(umask=0o077),
        "user": Perturbation({"HOME": str(scratch / "home"), "USER": "somebody", "LOGNAME": "somebody", "EXTRA": "1"}),
        "order": Perturbation({"SHUFFLE": "1"}, place="/dev/shm" if os.access("/dev/shm", os.W_OK) else ""),
    }  # fmt: skip
    absent = []
    tools = {
        "one processor": (hasattr(os, "sched_setaffinity"), Perturbation(one_processor=True)),
        "no randomised addresses": (_works("setarch", "-R"), Perturbation(before=("setarch", "-R"))),
        "host name": (_works(*UTS, "true"), Perturbation(before=(*UTS, "sh", "-c", 'hostname elsewhere; exec "$@"', "-"))),
        "no network": (_works(*NET), Perturbation(before=NET)),
    }  # fmt: skip
    for name in ("tr_TR", "de_DE"):
        tools[name] = (_compile_locale(name, scratch), Perturbation({"LC_ALL": f"{name}.UTF-8", "LOCPATH": str(scratch), "PYTHONUTF8": "0"}))  # fmt: skip
    library = _find_faketime()
    # Without NO_CACHE and with DONT_FAKE_MONOTONIC threads of OpenMP fail, as measured.
    tools["clock"] = (library is not None, Perturbation({"LD_PRELOAD": str(library), "FAKETIME": "+398d"}))
    for name, (possible, perturbation) in tools.items():
        if possible:
            found[name] = perturbation
        else:
            absent.append(name)
    return found, absent


UTS = ("unshare", "--user", "--map-root-user", "--uts")
NET = ("unshare", "--user", "--map-root-user", "--net")


def run_program(
    program: Path, place: Path, perturbation: Perturbation, *, environment: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Run `program FOLDER` in `place` and return path -> SHA-256 of what it wrote.

    Raises AssertionError with its last words when it fails. `environment` replaces that of this process.
    """
    # A tmpfs lists files in the reverse of the order in which they were made, ext4 by a hash of their names.
    place = Path(tempfile.mkdtemp(dir=perturbation.place)) if perturbation.place else place
    folder = place / perturbation.folder
    folder.mkdir(parents=True)
    base = dict(os.environ if environment is None else environment)
    command = [*perturbation.before, sys.executable, str(program), perturbation.folder]

    def prepare() -> None:
        os.umask(perturbation.umask)
        if perturbation.one_processor:
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    done = subprocess.run(
        command,
        cwd=place,
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT), **base, **perturbation.environment},
        capture_output=True,
        preexec_fn=prepare,
    )
    if done.returncode:
        raise AssertionError(
            f"{program.name} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}"
        )
    written = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    shutil.rmtree(place, ignore_errors=True)
    return written


def sweep(program: Path, place: Path, **options: Mapping[str, str]) -> tuple[dict[str, list[str]], list[str]]:
    """Run `program` once for each perturbation, two at a time.

    Returns path -> names of the perturbations under which it differs from the first run (empty when it is stable), and the
    perturbations that this machine cannot do.
    """
    place.mkdir(parents=True, exist_ok=True)
    perturbations, absent = known_perturbations(place / "locales")
    first = run_program(program, place / "first", Perturbation(), **options)
    results: dict[str, list[str]] = {name: [] for name in first}

    def run(item: tuple[str, Perturbation]) -> tuple[str, dict[str, str]]:
        name, perturbation = item
        return name, run_program(program, place / name.replace("=", " "), perturbation, **options)

    with ThreadPoolExecutor(2) as pool:
        for name, made in pool.map(run, perturbations.items()):
            for path in sorted({*first, *made}):
                if first.get(path) != made.get(path):
                    results.setdefault(path, []).append(name)
    return results, absent


def _works(*command: str) -> bool:
    with contextlib.suppress(OSError):
        return subprocess.run([*command, "true"], capture_output=True).returncode == 0
    return False


def _compile_locale(name: str, scratch: Path) -> bool:
    scratch.mkdir(parents=True, exist_ok=True)
    command = ["localedef", "-i", name, "-f", "UTF-8", "--no-archive", str(scratch / f"{name}.UTF-8")]
    with contextlib.suppress(OSError):
        return subprocess.run(command, capture_output=True).returncode == 0
    return False


def _find_faketime() -> Path | None:
    folders = (*filter(None, [os.environ.get("FAKETIME_FOLDER")]), *FAKETIME)
    return next((p for f in folders if (p := Path(f) / "libfaketimeMT.so.1").is_file()), None)
