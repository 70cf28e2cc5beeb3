"""Every kind of file, written in processes that differ in all that may differ between two machines: all bytes are equal."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.perturb import sweep

UNSTABLE = """
import datetime, json, locale, os, pathlib, random, socket, sys, time
locale.setlocale(locale.LC_ALL, "")
out = pathlib.Path(sys.argv[1])
words = ["a", "b", "c", "d", "e"]
values = {
    "rerun": time.time_ns(),
    "hash seed": list(set(words)),
    "time zone": datetime.datetime.fromtimestamp(0).hour,
    "path": str(out.name),
    "user": os.environ.get("EXTRA"),
    "4 threads": os.environ.get("OMP_NUM_THREADS") == "4",
    "order": random.Random(7).sample(words, 5) if os.environ.get("SHUFFLE") else words,
    "LC_ALL=C": sys.getfilesystemencoding(),
    "host name": socket.gethostname(),
    "one processor": hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) == 1,
    "de_DE": locale.format_string("%.1f", 1.5),
    "tr_TR": locale.strxfrm("i") < locale.strxfrm("I"),
    "clock": time.time() // 86400,
    "no network": len(os.listdir("/sys/class/net")) if os.path.isdir("/sys/class/net") else 0,
    "nothing": sorted(words),
}
for name, value in values.items():
    (out / f"{name}.json").write_text(json.dumps(value))
out.joinpath("umask.json").write_text(str((out / "rerun.json").stat().st_mode))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="umask and processors are set before a program starts")
def test_every_kind_has_the_same_bytes_under_every_perturbation(tmp_path: Path) -> None:
    results, absent = sweep(Path(__file__).with_name("everything.py"), tmp_path)
    assert len(results) >= 56
    assert {name: changed for name, changed in results.items() if changed} == {}
    assert set(absent) <= {
        "clock",
        "tr_TR",
        "de_DE",
        "host name",
        "no network",
        "no randomised addresses",
        "one processor",
    }


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="umask and processors are set before a program starts")
def test_each_perturbation_changes_what_depends_on_it(tmp_path: Path) -> None:
    """A sweep that changed nothing would find everything stable."""
    program = tmp_path / "unstable.py"
    program.write_text(UNSTABLE)
    results, absent = sweep(program, tmp_path / "runs")
    assert results.pop("nothing.json") == []
    assert len(results.pop("rerun.json")) >= 12
    seen = {path.removesuffix(".json"): under for path, under in results.items()}
    sysfs = {
        "no network",
        "tr_TR",
    }  # an old /sys shows the networks of the host; strxfrm differs between versions of libc
    for name, under in seen.items():
        assert name in under or name in absent or name in sysfs, (name, under)
