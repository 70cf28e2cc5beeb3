"""What a sweep is and what its trials gave, kept beside DVC's temporary files: one line for each finished trial."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mlops_kit.artifacts.statcache import replace_text
from mlops_kit.errors import UsageError
from mlops_kit.project.sweep.space import Point

FOLDER = Path(".dvc/tmp/mlops-kit/sweeps")
_SPEC = "sweep.json"
_TRIALS = "trials.jsonl"


@dataclass(frozen=True)
class SweepSpec:
    """What makes a sweep this one and no other."""

    base: str
    """Full id of the commit that trials start from."""
    space: tuple[str, ...]
    """The parameters and values as given."""
    search: str
    """`grid`, `random` or `optuna`."""
    seed: int
    metric: str
    """The score."""
    file: str
    """The file that has it."""
    stage: str
    """The stage that writes it."""
    higher: bool
    """Whether a higher score is better."""

    @property
    def id(self) -> str:
        """Return eight signs that name the sweep; the same command on the same commit goes on with it."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Trial:
    """One finished trial."""

    number: int
    """0 are the params as committed."""
    point: Point
    """What was set."""
    score: float | None
    """The score; None when the trial failed or did not write it."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """All metrics that trials write without seeing test rows."""
    ran: tuple[str, ...] = ()
    """Stages that ran."""
    cached: tuple[str, ...] = ()
    """Stages that came from the cache of earlier runs."""
    seconds: float = 0.0
    """Wall time of all of it."""
    failed: str = ""
    """The stage that failed; empty when none did."""
    tail: tuple[str, ...] = ()
    """Last lines of a failed trial."""


@dataclass(frozen=True)
class Sweep:
    """A sweep and its finished trials."""

    spec: SweepSpec
    trials: tuple[Trial, ...]
    """By number."""

    @property
    def best(self) -> Trial | None:
        """Return the trial with the best score, the first of equals; None without one."""
        scored = [trial for trial in self.trials if trial.score is not None]
        return min(scored, key=self.rank, default=None)

    def rank(self, trial: Trial) -> tuple[bool, float, int]:
        """Return the place of a trial among the others: by score, the first of equals first, those without a score last."""
        sign = -1 if self.spec.higher else 1
        return (trial.score is None, sign * (trial.score or 0.0), trial.number)

    def find(self, number: int | None) -> Trial:
        """Return the trial `number`, the best one when None. Raises UsageError when there is none."""
        found = self.best if number is None else next((t for t in self.trials if t.number == number), None)
        if found is None:
            raise UsageError("no such trial with a score", fix="mlops-kit sweep show")
        return found


def open_sweep(root: Path, spec: SweepSpec) -> Path:
    """Return the folder of the sweep, made when it is a new one."""
    folder = root / FOLDER / spec.id
    folder.mkdir(parents=True, exist_ok=True)
    replace_text(folder / _SPEC, json.dumps(asdict(spec), indent=2, sort_keys=True) + "\n")
    return folder


def add_trial(folder: Path, trial: Trial) -> None:
    """Add a finished trial; on disk when this returns."""
    with (folder / _TRIALS).open("a", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(asdict(trial), sort_keys=True) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_sweep(root: Path, name: str = "") -> Sweep:
    """Return the sweep whose id starts with `name`, the newest one when empty. Raises UsageError when there is none."""
    folders = sorted((root / FOLDER).glob(f"*/{_SPEC}"), key=lambda path: path.stat().st_mtime_ns)
    fitting = [path.parent for path in folders if path.parent.name.startswith(name)]
    if not fitting or (name and len(fitting) > 1):
        known = ", ".join(path.parent.name for path in folders)
        raise UsageError(
            f"no sweep `{name}` here" if name else "no sweep was run here",
            fix=f"one of: {known}" if known else "mlops-kit sweep run",
        )
    value = json.loads((fitting[-1] / _SPEC).read_text(encoding="utf-8"))
    return Sweep(SweepSpec(**{**value, "space": tuple(value["space"])}), read_trials(fitting[-1]))


def read_trials(folder: Path) -> tuple[Trial, ...]:
    """Return the finished trials by number; of a number that was tried again the last one. A half-written line is left out."""
    found: dict[int, Trial] = {}
    path = folder / _TRIALS
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            value = json.loads(line)
            lists = {key: tuple(value[key]) for key in ("ran", "cached", "tail")}
            found[value["number"]] = Trial(**{**value, **lists})
        except (ValueError, KeyError, TypeError):
            continue
    return tuple(found[number] for number in sorted(found))
