"""What a reproduction showed, as an in-toto statement with SLSA provenance: the same facts give the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlops_kit.compare.ladder import OutputLevel, StageResult
from mlops_kit.compare.reproduction import Reproduction

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:mlops-kit:reproduce:v1"
BUILDER = "urn:mlops-kit:builder:"
FOLDER = "attestations"
SIGNATURE = ".sig"
NAMESPACE = "mlops-kit-reproduce"
UNNAMED = "unnamed"


def attest(made: Reproduction, *, builder: str = "") -> dict[str, Any]:
    """Return the statement: subjects are the outputs that the rerun wrote, dependencies the commit and the recorded inputs.

    Nothing in it names this machine or the time; `builder` is whoever wants to answer for it.
    """
    from mlops_kit import __version__

    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": sha}} for name, sha in sorted(_subjects(made))],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "commit": made.sha,
                    "stages": [stage.stage for stage in made.stages],
                    "perturb": made.perturb,
                },
                "internalParameters": {
                    "environment": {"kind": made.environment, **made.facts},
                    "axes": dict(made.axes),
                },
                "resolvedDependencies": [
                    {"name": "commit", "digest": {"gitCommit": made.sha}},
                    *({"name": name, "digest": {"sha256": sha}} for name, sha in sorted(_inputs(made))),
                ],
            },
            "runDetails": {
                "builder": {"id": f"{BUILDER}{builder or UNNAMED}", "version": {"mlops-kit": __version__}},
            },
            "mlopskit_level": made.ladder.rung.name,
            "mlopskit_stopped": list(made.ladder.stopped),
            "mlopskit_partial": made.partial,
            "mlopskit_stages": {stage.stage: _verdict(stage) for stage in made.stages},
            "mlopskit_untried": dict(made.impossible),
        },
    }


def dumps(statement: Mapping[str, Any]) -> str:
    """Return the statement as canonical JSON text."""
    return json.dumps(statement, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def default_place(root: Path, sha: str) -> Path:
    """Return where the attestation of a commit is kept."""
    return root / FOLDER / f"{sha}.json"


def write_attestation(statement: Mapping[str, Any], place: Path) -> None:
    """Write the statement to `place`, replacing an older one in one step; a signature of the older one goes."""
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_name(f".{place.name}.new")
    fresh.write_text(dumps(statement), encoding="utf-8", newline="\n")
    place.with_name(place.name + SIGNATURE).unlink(missing_ok=True)
    fresh.replace(place)


def _subjects(made: Reproduction) -> Iterator[tuple[str, str]]:
    for stage in made.stages:
        for out in stage.outputs:
            if out.files:
                yield from ((f"{out.path}/{name}", sha) for name, sha in out.files.items())
            elif out.sha256:
                yield out.path, out.sha256


def _inputs(made: Reproduction) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for stage in made.stages:
        for one in stage.inputs:
            if not one.in_git:
                files = {f"{one.path}/{name}": sha for name, sha in one.files.items()} or {
                    one.path: one.sha256
                }
                found |= set(files.items())
    return found


def _verdict(stage: StageResult) -> dict[str, Any]:
    said: dict[str, Any] = {"outcome": stage.outcome.value}
    if stage.problem:
        said["problem"] = stage.problem
    different = {out.path: out.level.value for out in stage.outputs if out.level is not OutputLevel.IDENTICAL}
    if different:
        said["outputs"] = different
    broken = [
        {
            "axes": list(one.axes),
            "outputs": list(one.breaks),
            **({"problem": one.problem} if one.problem else {}),
        }
        for one in stage.swept
        if not one.passed
    ]
    if broken:
        said["broken"] = broken
    if stage.findings:
        said["undeclared"] = [f"{one['kind']} {one['name']}" for one in stage.findings]
    return said
