"""Runs the corpus through the real `reproduce` and says what was found."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mlops_kit.compare.causes import CauseKind
from mlops_kit.compare.ladder import StageResult
from mlops_kit.compare.reproduction import Reproduction
from mlops_kit.project.reproduce.session import ReproduceOptions, reproduce_revision
from tests.support.faults.model import Fault
from tests.support.faults.plain import FAULTS, RECORDED
from tests.support.faults.project import build_clean, build_faults, make_package, served
from tests.support.faults.stepped import CLEAN, STEP_FAULTS, build_steps


@dataclass(frozen=True)
class Finding:
    """What was said of one planted fault."""

    fault: Fault
    """The fault."""
    result: StageResult
    """What came of its stage."""

    @property
    def found(self) -> bool:
        """Return whether the stage was pointed at."""
        return is_alarm(self.result)

    @property
    def named(self) -> frozenset[CauseKind]:
        """Return the causes that were named."""
        return frozenset(cause.kind for cause in self.result.causes)

    @property
    def right(self) -> bool:
        """Return whether a planted cause was named."""
        return bool(self.named & self.fault.causes)


@dataclass(frozen=True)
class Outcome:
    """What came of the whole corpus."""

    findings: tuple[Finding, ...]
    """One for each fault."""
    alarms: tuple[str, ...]
    """Stages without a fault that something was said of."""
    clean: int = 0
    """Clean stages."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """What took how long."""

    @property
    def found(self) -> int:
        """Return how many faults were found."""
        return sum(one.found for one in self.findings)

    @property
    def right(self) -> int:
        """Return for how many a planted cause was named."""
        return sum(one.right for one in self.findings)

    def table(self) -> str:
        """Return the corpus as a table."""
        lines = []
        for one in self.findings:
            verdict = "right" if one.right else "WRONG" if one.found else "MISSED"
            named = ", ".join(sorted(one.named)) or "-"
            wanted = " | ".join(sorted(one.fault.causes))
            lines.append(f"{verdict:6} {one.fault.name:20} {wanted:28} {named}")
            lines += [f"         {cause}"[:170] for cause in one.result.causes[:3]]
            if not one.found:
                lines.append(f"         {one.result.outcome} {one.result.problem}")
        times = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self.seconds.items())
        total = len(self.findings)
        lines += [
            f"{self.found} of {total} found, {self.right} ({self.right / max(total, 1):.0%}) with the right stage and cause; {times}",
            f"{len(self.alarms)} false alarms on {self.clean} clean stages: {', '.join(self.alarms) or 'none'}",
        ]
        return "\n".join(lines)


def is_alarm(result: StageResult) -> bool:
    """Return whether anything is said of a stage."""
    return not result.identical or bool(result.causes) or any(not one.passed for one in result.swept)


@contextmanager
def _environment(**values: str | None) -> Iterator[None]:
    before = dict(os.environ)
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def reproduce_all(root: Path, perturb: str = "quick") -> Reproduction:
    """Run `reproduce` on the project in the current environment."""
    return reproduce_revision(root, ReproduceOptions(environment="current", perturb=perturb))


def run_corpus(folder: Path, faults: Sequence[Fault] = FAULTS, *, steps: bool = True) -> Outcome:
    """Build the projects below `folder`, run all of it again, and return what was found."""
    seconds: dict[str, float] = {}
    start = time.monotonic()
    old, new = (make_package(folder / f"packages-{v}", v, int(v[-1]) + 41) for v in ("1.0", "1.1"))
    alarms: list[str] = []
    with served() as address:
        recorded = {**RECORDED, "PYTHONPATH": str(old)}
        build_faults(folder / "faults", faults, recorded=recorded, address=address)
        seconds["recording"] = time.monotonic() - start
        start = time.monotonic()
        with _environment(PYTHONPATH=str(new), **dict.fromkeys(RECORDED)):
            made = reproduce_all(folder / "faults")
        seconds["faults"] = time.monotonic() - start
    results = {result.stage: result for result in made.stages}
    alarms += [_describe(results[name]) for name in ("writer", "summary") if is_alarm(results[name])]
    findings = [Finding(one, results[one.name]) for one in faults]
    start = time.monotonic()
    if steps:
        untouched = build_steps(folder / "steps")
        with _environment(**dict.fromkeys(RECORDED)):
            results = {result.stage: result for result in reproduce_all(folder / "steps").stages}
        findings += [Finding(one, results[one.name]) for one in STEP_FAULTS]
        alarms += [_describe(results[name]) for name in untouched if is_alarm(results[name])]
        seconds["steps"] = time.monotonic() - start
        start = time.monotonic()
    build_clean(folder / "clean")
    clean = reproduce_all(folder / "clean")
    seconds["clean"] = time.monotonic() - start
    alarms += [_describe(result) for result in clean.stages if is_alarm(result)]
    return Outcome(tuple(findings), tuple(alarms), len(clean.stages) + 2 + len(CLEAN) + 1, seconds)


def _describe(result: StageResult) -> str:
    return f"{result.stage}: {'; '.join(map(str, result.causes)) or result.swept or result.problem}"
