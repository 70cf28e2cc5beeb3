"""`python -m tests.support.crash [--points 300] [run push pull]`: hit the commands and count what was lost."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.support.crash.interleave import Interleavings
from tests.support.crash.trials import COMMANDS, Trial, Trials


def main() -> int:
    """Hit each command at its share of the points; return 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", nargs="*", default=list(COMMANDS))
    parser.add_argument("--points", type=int, default=300)
    parser.add_argument("--share", default="1/1", help="which part of the points: 2/3 is the second third")
    parser.add_argument("--mixed", type=int, default=0, help="so many random interleavings instead")
    options = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="crash-") as place:
        _settle(Path(place))
        if options.mixed:
            return _mix(Path(place) / "mixed", options.mixed)
        for name in options.commands:
            bad += _hit(name, Path(place) / name, options.points // len(options.commands), options.share)
    return 1 if bad else 0


def _settle(place: Path) -> None:
    """Take nothing of this machine's settings."""
    os.environ |= {
        "HOME": str(place), "GIT_CONFIG_NOSYSTEM": "1", "DVC_SITE_CACHE_DIR": str(place / "site"), "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
        "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
    }  # fmt: skip


def _mix(folder: Path, number: int) -> int:
    interleavings, bad = Interleavings(folder), 0
    for seed in range(number):
        wrong = interleavings.mix(seed)
        bad += bool(wrong)
        print(f"  interleaving {seed}:", *(wrong or ["fine"]), sep="\n      ", flush=True)
    print(f"{number} interleavings, {bad} with a fault", flush=True)
    return 1 if bad else 0


def _hit(name: str, folder: Path, number: int, share: str) -> int:
    trials = Trials(COMMANDS[name], folder)
    part, of = map(int, share.split("/"))
    points = trials.points(number)[part - 1 :: of]
    print(f"{name}: {trials.calls} calls that change something, hit at {len(points)}", flush=True)
    done: list[Trial] = []
    start = time.monotonic()
    for point in points:
        done.append(trials.try_at(point))
        if len(done) % 20 == 0:
            print(f"  {len(done)} hits in {time.monotonic() - start:.0f} s", flush=True)
        if done[-1].code == 1:
            print(f"  {point}: an unexpected error: {done[-1].said[-300:]}", flush=True)
        if done[-1].wrong:
            print(f"  {point} (exit code {done[-1].code})", *done[-1].wrong, sep="\n      ", flush=True)
    wrong = [trial for trial in done if trial.wrong]
    codes = Counter(trial.code for trial in done)
    print(
        f"{name}: {len(done)} hits ({sum(trial.struck for trial in done)} struck), {len(wrong)} with a fault, exit codes {dict(codes)}, {time.monotonic() - start:.0f} s",
        flush=True,
    )
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
