"""Print what `reproduce` finds of the planted faults: `python -m tests.support.faults [NAME ...]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.support.faults.corpus import run_corpus
from tests.support.faults.plain import FAULTS

if __name__ == "__main__":
    chosen = [one for one in FAULTS if not sys.argv[1:] or one.name in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as folder:
        outcome = run_corpus(Path(folder), chosen, steps=len(chosen) == len(FAULTS))
    print(outcome.table())
