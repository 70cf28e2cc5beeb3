"""What is checked round every run of DVC: nothing is hidden from it before, and nothing of what it says is taken on trust after."""

from __future__ import annotations

from pathlib import Path

from mlops_kit.artifacts.aftermath import Fault, find_faults, learn_evidence
from mlops_kit.artifacts.evidence import read_evidence, write_evidence
from mlops_kit.artifacts.hidden_edits import show_hidden_edits
from mlops_kit.artifacts.inventory import Inventory, read_inventory
from mlops_kit.artifacts.places import read_places
from mlops_kit.artifacts.statcache import StatCache
from mlops_kit.errors import OutsideError
from mlops_kit.outside.dvc import ReproResult

_SHOWN = 5


def prepare_run(root: Path) -> tuple[str, ...]:
    """Make edits visible that DVC would not see and return their paths; an edit that keeps size and time is one.

    Nothing that has not changed since the last run is read. Raises BadDataError for a file that was replaced by another one of the
    same MD5.
    """
    cache = StatCache(root)
    try:
        return show_hidden_edits(
            root, read_inventory(root), read_evidence(root), read_places(root).cache, cache
        )
    finally:
        cache.save()


def confirm_run(root: Path, repro: ReproResult, *, whole: bool, elsewhere: bool) -> bool:
    """Check that all is there that DVC says it made, record its SHA-256 and return whether the record changed.

    `whole` says that every stage was asked for, not some; `elsewhere` that unchanged outputs may be on the remote alone.
    Raises OutsideError naming what is not as dvc.lock records; then nothing is recorded.
    """
    inventory = check_run(root, repro, whole=whole, elsewhere=elsewhere)
    cache = StatCache(root)
    try:
        place = read_places(root).cache
        return write_evidence(root, learn_evidence(root, inventory, place, cache, read_evidence(root)))
    finally:
        cache.save()


def check_run(root: Path, repro: ReproResult, *, whole: bool, elsewhere: bool) -> Inventory:
    """Check as `confirm_run` does, record nothing, and return what the locks name now."""
    inventory, place, cache = read_inventory(root), read_places(root).cache, StatCache(root)
    ran = frozenset(stage for stage, _ in repro.ran)
    checked = None if whole else frozenset((*ran, *repro.cached, *repro.skipped))
    try:
        faults = find_faults(root, inventory, place, cache, ran=ran, checked=checked, elsewhere=elsewhere)
    finally:
        cache.save()
    if faults:
        raise _not_as_recorded(faults)
    return inventory


def _not_as_recorded(faults: tuple[Fault, ...]) -> OutsideError:
    lines = [f"  {fault.path} {fault.what}" for fault in faults[:_SHOWN]]
    more = [f"  … and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
    return OutsideError(
        "\n".join(
            ["DVC ended without an error, but not everything that dvc.lock names is whole:", *lines, *more]
        ),
        fix="make sure that the disk is not full, then `mlops-kit fsck --repair` and `mlops-kit run`",
    )
