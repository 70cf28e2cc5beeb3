"""Every kind of file, written in processes that differ in all that may differ between two machines: all bytes are equal."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.perturb import sweep


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
