"""`mlops-kit fsck`: is everything that the locks name there and whole, in the work tree, the cache and the remotes?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.evidence import read_evidence
from mlops_kit.artifacts.examine import Examination, Examiner, Finding
from mlops_kit.artifacts.inventory import Inventory, read_inventory
from mlops_kit.artifacts.places import Place, Places, read_places
from mlops_kit.artifacts.scope import find_scope
from mlops_kit.artifacts.statcache import StatCache
from mlops_kit.errors import ExitCode
from mlops_kit.outside import git
from mlops_kit.outside.remote_objects import RemoteObject
from mlops_kit.project.mending import Mender


@dataclass(frozen=True)
class FsckOptions:
    """What to check and whether to mend it."""

    remote: bool = False
    """Re-hash the objects on the remotes too."""
    repair: bool = False
    """Mend what is wrong."""
    everything: bool = False
    """Check every object that is present, named or not."""


@dataclass(frozen=True)
class FsckReport:
    """What a check found and did."""

    found: tuple[Finding, ...]
    """What was wrong when it started."""
    left: tuple[Finding, ...]
    """What is still wrong."""
    absent: tuple[str, ...] = ()
    """Paths whose content is on a remote alone."""
    mended: tuple[str, ...] = ()
    """What was done, in words."""
    quarantined: tuple[str, ...] = ()
    """Files that were moved out of the way, below the root."""
    complaints: tuple[str, ...] = ()
    """Why something could not be mended, and pipeline files that cannot be understood."""
    files: int = 0
    """Files that were read."""
    bytes: int = 0
    """Their size together."""
    remotes: tuple[str, ...] = ()
    """Remotes that were gone through."""

    @property
    def exit_code(self) -> ExitCode:
        """Return 0 when everything is whole, 4 when something is wrong or cannot be read."""
        return ExitCode.UNREADABLE if self.left or self.complaints else ExitCode.OK


def check_storage(
    root: Path,
    options: FsckOptions,
    *,
    on_total: Callable[[int], None] = lambda count: None,
    on_bytes: Callable[[int], None] = lambda count: None,
    say: Callable[[str], None] = lambda line: None,
) -> FsckReport:
    """Re-hash what dvc.lock and the .dvc files of the work tree and of HEAD name, by MD5 and against the recorded SHA-256.

    With `repair`, wrong files go to `.dvc/tmp/mlops-kit/quarantine`, whole ones come from the work tree, a remote or a run of the stage
    that wrote them, and the remotes get what the cache has. `on_total` and `on_bytes` hear how much is to be read and was read.
    Raises OutsideError when a remote does not answer.
    """
    inventories = _inventories(root)
    places, memory = read_places(root), StatCache(root)
    shown = inventories[0]
    seen: dict[str, dict[str, RemoteObject]] = {}

    def examine(*, trust: bool) -> tuple[Examiner, Examination]:
        scope = find_scope(root, inventories, read_evidence(root), _local(places))
        examiner = Examiner(
            root, shown, scope, read_evidence(root), places, memory, trust=trust,
            remote=options.remote, everything=options.everything, on_total=on_total, on_bytes=on_bytes, seen=seen,
        )  # fmt: skip
        return examiner, examiner.examine()

    try:
        examiner, first = examine(trust=False)
        problems = tuple(problem for inventory in inventories for problem in inventory.problems)
        remotes = tuple(remote.name for remote in examiner.remotes())
        if not options.repair or not first.findings:
            return FsckReport(
                first.findings, first.findings, first.absent, complaints=problems, files=first.files,
                bytes=first.bytes, remotes=remotes,
            )  # fmt: skip
        mender, last = _repair(root, shown, first, examine, examiner, say)
        complaints = (*problems, *(mender.complaints if last.findings else ()))
        return FsckReport(
            first.findings, last.findings, last.absent, tuple(mender.done), tuple(dict.fromkeys(mender.moved)),
            tuple(dict.fromkeys(complaints)), first.files, first.bytes, remotes,
        )  # fmt: skip
    finally:
        memory.save()


_ROUNDS = 3


def _repair(
    root: Path,
    inventory: Inventory,
    first: Examination,
    examine: Callable[..., tuple[Examiner, Examination]],
    examiner: Examiner,
    say: Callable[[str], None],
) -> tuple[Mender, Examination]:
    """Mend until nothing changes: a listing that is back names files that were not known to be missing."""
    mender = Mender(root, inventory, examiner.scope, examiner.evidence, examiner.places, say)
    last = first
    for _ in range(_ROUNDS):
        mender.scope = examiner.scope
        mender.complaints.clear()
        mender.mend(last.findings)
        examiner, found = examine(trust=True)
        done = not found.findings or found.findings == last.findings
        last = found
        if done:
            break
    return mender, last


def _inventories(root: Path) -> list[Inventory]:
    """Return what the work tree names, and what HEAD names where that differs."""
    present = read_inventory(root)
    if git.find_commit(root, "HEAD") is None:
        return [present]
    committed = read_inventory(root, "HEAD")
    return [present] if committed.outs == present.outs else [present, committed]


def _local(places: Places) -> list[Place]:
    return [places.cache, *(remote.place for remote in places.remotes if remote.place)]
