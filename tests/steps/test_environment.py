"""The stage environment: fixed values, a short list of passed names, one restart."""

from __future__ import annotations

import os
import subprocess
import sys

from mlops_kit.steps.environment import stage_environment

SHOW = """
import os, sys, time, locale
from mlops_kit.steps.environment import ensure_stage_environment
print("start")
ensure_stage_environment(threads=1)
print(hash("a"), time.tzname[0], sys.flags.utf8_mode, os.environ.get("LEAK"), os.environ["OMP_NUM_THREADS"])
"""


def test_fixed_values_win_over_the_callers() -> None:
    made = stage_environment(
        {"PATH": "/bin", "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "AWS_SECRET": "x"}, threads=2
    )
    assert made["PATH"] == "/bin"
    assert made["TZ"] == "UTC"
    assert made["PYTHONHASHSEED"] == "0"
    assert made["OMP_NUM_THREADS"] == "2"
    assert "AWS_SECRET" not in made


def test_named_variables_are_passed() -> None:
    made = stage_environment({"MLOPS_KIT_PASS": "TOKEN,ABSENT", "TOKEN": "t"})
    assert made["TOKEN"] == "t"
    assert "ABSENT" not in made


def test_two_callers_with_other_environments_get_the_same_world() -> None:
    outputs = []
    for seed, zone in (("1", "Asia/Tokyo"), ("2", "America/New_York")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LEAK": "secret"}
        done = subprocess.run(
            [sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, check=True
        )
        outputs.append(done.stdout.splitlines())
    assert outputs[0] == outputs[1]
    assert outputs[0].count("start") == 2, "restarted exactly once"
    assert "None 1" in outputs[0][-1]
