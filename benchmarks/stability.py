"""How many outputs are the same again on another machine or another day: written as usual, and written canonically. One run.

python benchmarks/stability.py

Both programs (unfixed.py, and everything.py of the tests) run once for each perturbation: a plain rerun, hash seed, time zone, locales (C,
Turkish, German), threads, one processor, BLAS kernel, CPU features, path, umask, user, host name, network, clock, order of files, addresses.
An output is stable when all its bytes are equal under all of them. What this machine cannot do is named.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.support.perturb import ROOT, sweep

PROGRAMS = {
    "as usual": ROOT / "benchmarks/unfixed.py",
    "canonical": ROOT / "tests/artifacts/canonical/everything.py",
}


def main() -> int:
    unstable = 0
    for name, program in PROGRAMS.items():
        start = time.perf_counter()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            results, absent = sweep(program, Path(folder))
        changed = {path: under for path, under in results.items() if under}
        rerun = sum("rerun" in under for under in changed.values())
        stable = len(results) - len(changed)
        print(
            f"{name:<10} {stable:3d} of {len(results)} outputs are stable ({stable / len(results):.0%}); "
            f"{rerun} differ on a plain rerun ({time.perf_counter() - start:.0f} s)"
        )
        if absent:
            print(f"           not tried, this machine cannot: {', '.join(absent)}")
        for perturbation, count in Counter(p for under in changed.values() for p in under).most_common():
            print(f"             {perturbation:<24} changes {count}")
        for path, under in sorted(changed.items()):
            said = "every rerun" if "rerun" in under else ", ".join(under)
            print(f"             {path:<24} {said}")
        unstable = len(changed)
    print(f"goal: every canonical output is stable{', not reached' if unstable else ''}")
    return int(bool(unstable))


if __name__ == "__main__":
    sys.exit(main())
