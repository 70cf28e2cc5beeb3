"""What came of reproducing a commit, as one frozen value. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mlops_kit.compare.ladder import Ladder, Rung, StageResult, exit_code
from mlops_kit.errors import ExitCode


@dataclass(frozen=True)
class Reproduction:
    """A commit's stages, run again."""

    rev: str
    """The revision as it was named."""
    sha: str
    """Its full commit id."""
    stages: tuple[StageResult, ...]
    """The stages that were run again, in the order of the pipeline."""
    known: int
    """Number of all stages of the commit."""
    chosen: str
    """In words, why these stages; `all` when it was all of them."""
    ladder: Ladder
    """The rung that was reached."""
    required: Rung
    """The rung that was demanded."""
    environment: str
    """`locked`: installed in the clone from the commit's lock file; `unlocked`: installed there without one; `current`: what was here."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Versions that decide: `python`, `packages`, `blas`, `system`, `processor`, `libc`."""
    perturb: str = "none"
    """`none`, `quick` or `full`."""
    axes: Mapping[str, str] = field(default_factory=dict)
    """Axis -> the value that it was perturbed to."""
    impossible: Mapping[str, str] = field(default_factory=dict)
    """Axis -> why it could not be perturbed here."""
    notes: tuple[str, ...] = ()
    """Further remarks."""

    @property
    def exit_code(self) -> ExitCode:
        """Return 0 when the demanded rung is reached, else 4, 5, 6 or 8 by what stopped it."""
        return exit_code(self.stages, self.ladder, self.required)

    @property
    def partial(self) -> bool:
        """Return whether some stages were left out, so that the rung is theirs alone."""
        return len(self.stages) < self.known

    def as_value(self) -> dict[str, Any]:
        """Return everything as plain values for JSON: `level` is the rung's name, `reached` whether it is the demanded one or higher."""
        value = asdict(self)
        ladder = value.pop("ladder")
        required = value.pop("required")
        return {
            "version": 1,
            "level": self.ladder.rung.name,
            "meaning": self.ladder.meaning,
            "stopped": list(ladder["stopped"]),
            "required": Rung(required).name,
            "reached": self.ladder.rung >= self.required,
            "partial": self.partial,
            "exit_code": int(self.exit_code),
            "seconds": round(sum(stage.seconds for stage in self.stages), 3),
            **value,
        }
