"""Run the whole corpus: `python -m tests.support.pipelines [NAME ...] [--only=RUNNER ...]`, with all runners by default."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

from tests.support.pipelines.case import steps
from tests.support.pipelines.contract import differences
from tests.support.pipelines.corpus import CASES
from tests.support.pipelines.runners import RUNNERS, with_this_python


def main() -> int:
    """Print a table; return 1 when something differs."""
    warnings.simplefilter("ignore")
    os.environ["PATH"] = with_this_python()
    wanted = [word for word in sys.argv[1:] if not word.startswith("--only=")]
    chosen = [word.removeprefix("--only=") for word in sys.argv[1:] if word.startswith("--only=")]
    runners = {name: run for name, run in RUNNERS.items() if not chosen or name in chosen}
    bad = 0
    for case in CASES:
        if wanted and case.name not in wanted:
            continue
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            found = []
            try:
                found = list(differences(case, Path(folder), runners))
                state = f"{len(found)} differences" if found else "same"
            except Exception as error:  # noqa: BLE001 - the table says so and goes on
                state = f"{type(error).__name__}: {error}"
        bad += state != "same"
        print(
            f"{case.name:24} {len(list(steps(case))):3} runs {time.monotonic() - began:6.1f} s  {state}",
            flush=True,
        )
        for item in found[: 6 if not wanted else 40]:
            print(
                f"    {item.runner}, {item.step}: {item.path}\n      dvc: {item.expected!r}\n      kit: {item.found!r}"
            )
    print(f"{bad} of {len(CASES)} differ" if bad else "all the same")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
