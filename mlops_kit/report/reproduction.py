"""A reproduction as lines for a terminal, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

from mlops_kit.compare.ladder import (
    LEVEL_WORDS,
    MEANINGS,
    OutputLevel,
    OutputResult,
    Rung,
    StageOutcome,
    StageResult,
    describe_axis,
)
from mlops_kit.compare.reproduction import Reproduction
from mlops_kit.report.text import visible

MOST_DETAIL = 5


def to_json(made: Reproduction) -> str:
    """Return the reproduction as canonical JSON."""
    return json.dumps(made.as_value(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def as_lines(made: Reproduction) -> Iterator[tuple[str, str]]:
    """Yield (style, line): the environment, what is not as recorded, the ladder."""
    yield "", ""
    yield "dim", f"{_environment(made)}"
    for note in made.notes:
        yield "yellow", f"! {visible(note)}"
    for stage in made.stages:
        yield from _stage(stage)
    if made.perturb != "none":
        yield from _sweep(made)
    yield "", ""
    yield from _ladder(made)


def _environment(made: Reproduction) -> str:
    facts = made.facts
    packages = " ".join(
        f"{name} {version}" for name, version in sorted(dict(facts.get("packages", {})).items())
    )
    parts = [f"python {facts.get('python', '?')}", packages, facts.get("blas", ""), facts.get("system", ""),
             facts.get("processor", ""), facts.get("libc", "")]  # fmt: skip
    return f"{made.environment} environment: {visible(', '.join(str(part) for part in parts if part))}"


def _stage(stage: StageResult) -> Iterator[tuple[str, str]]:
    if stage.outcome is not StageOutcome.RAN:
        yield "bold red", f"✗ {visible(stage.stage)} {stage.outcome.value}: {visible(stage.problem)}"
        if stage.mend:
            yield "", f"    fix: {visible(stage.mend)}"
        for line in stage.tail[-10:]:
            yield "dim", f"    | {visible(line)}"
    for out in stage.outputs:
        if out.level is not OutputLevel.IDENTICAL:
            yield from _output(stage.stage, out)
    for cause in stage.causes:
        yield "", f"    because: {visible(str(cause))}"
    for finding in stage.findings:
        where = f" ({finding['where']})" if finding.get("where") else ""
        yield (
            "yellow",
            f"! {visible(stage.stage)} undeclared {finding['kind']}: {visible(finding['name'])}{visible(where)}",
        )
    for note in stage.notes:
        yield "yellow", f"! {visible(stage.stage)}: {visible(note)}"


def _output(stage: str, out: OutputResult) -> Iterator[tuple[str, str]]:
    style = "yellow" if out.level in (OutputLevel.EQUAL, OutputLevel.INTERVAL) else "bold red"
    size = "" if out.largest is None else f", largest deviation {out.largest:.3g}"
    yield style, f"✗ {visible(stage)}: {visible(out.path)} {LEVEL_WORDS[out.level]}{size}"
    for line in out.detail[:MOST_DETAIL]:
        yield "", f"    {visible(line)}"


def _sweep(made: Reproduction) -> Iterator[tuple[str, str]]:
    for stage in made.stages:
        for result in stage.swept:
            if not result.passed:
                yield "bold red", f"✗ {visible(describe_axis(stage.stage, result))}"
    yield "dim", "perturbed: " + ", ".join(f"{name}={value}" for name, value in made.axes.items())
    for name, reason in made.impossible.items():
        yield "yellow", f"! {name} was not perturbed: {reason}"


def _ladder(made: Reproduction) -> Iterator[tuple[str, str]]:
    for rung in (Rung.R5, Rung.R4, Rung.R3, Rung.R2, Rung.R1, Rung.R0):
        reached = rung <= made.ladder.rung
        yield ("green" if reached else "dim"), f"{'✓' if reached else '·'} {rung.name} {MEANINGS[rung]}"
        if rung == made.ladder.rung + 1:
            for reason in made.ladder.stopped[:MOST_DETAIL]:
                yield "", f"      {visible(reason)}"
            if len(made.ladder.stopped) > MOST_DETAIL:
                yield "", f"      and {len(made.ladder.stopped) - MOST_DETAIL} more"
    some = f" of {len(made.stages)} of {made.known} stages ({visible(made.chosen)})" if made.partial else ""
    verdict = "reached" if made.ladder.rung >= made.required else "NOT reached"
    name = "nothing" if made.ladder.rung is Rung.NONE else made.ladder.rung.name
    yield (
        "bold green" if verdict == "reached" else "bold red",
        f"{made.sha[:12]}: {name}{some}; {made.required.name} is required and {verdict}",
    )
