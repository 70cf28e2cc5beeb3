"""The line of code behind a cause, where the lint sees one."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from mlops_kit.compare.causes import Cause, CauseKind
from mlops_kit.errors import SpecError
from mlops_kit.project.reproduce.drift import code_files
from mlops_kit.project.reproduce.isolate import Origin
from mlops_kit.project.reproduce.sources import StageSource

_MOST_LINES = 3
# Rule of the lint -> causes that code of this kind brings about.
OF_RULE: dict[str, tuple[CauseKind, ...]] = {
    **dict.fromkeys(
        ("unseeded", "unseeded-sample", "numpy-random", "random", "torch-random", "uuid", "styled-table"),
        (CauseKind.RANDOMNESS,),
    ),
    **dict.fromkeys(("clock", "packed-table", "archive", "array-archive", "workbook"), (CauseKind.CLOCK,)),
    **dict.fromkeys(("set-order", "hash-seed", "json-order"), (CauseKind.HASH_SEED,)),
    **dict.fromkeys(("processors", "n-jobs"), (CauseKind.THREADS,)),
    "dated-figure": (CauseKind.CLOCK, CauseKind.RANDOMNESS),
    "pickle": (CauseKind.HASH_SEED, CauseKind.ADDRESS),
    "address": (CauseKind.ADDRESS,),
    "file-order": (CauseKind.FILE_ORDER,),
    "completion-order": (CauseKind.PROCESS_ORDER,),
    "local-time": (CauseKind.TIME_ZONE, CauseKind.CLOCK),
    "locale": (CauseKind.LOCALE,),
    "machine": (CauseKind.USER, CauseKind.PROCESS_ID),
    "environment": (CauseKind.ENVIRONMENT_VARIABLE,),
    "place-in-output": (CauseKind.PATH,),
}


def point_at_lines(causes: Iterable[Cause], source: StageSource, origin: Origin) -> list[Cause]:
    """Return `causes` with the lines that the lint finds for them, where no run showed one and no more than three come into question."""
    made = list(causes)
    if all(cause.source for cause in made):
        return made
    root = origin.clone / origin.prefix
    lines: dict[CauseKind, list[str]] = {}
    for path in code_files(source, root):
        for kind, where in _lint(path, path.relative_to(root).as_posix()):
            lines.setdefault(kind, []).append(where)
    return [_pointed(cause, list(dict.fromkeys(lines.get(cause.kind, ())))) for cause in made]


def _pointed(cause: Cause, lines: list[str]) -> Cause:
    if cause.source or not 0 < len(lines) <= _MOST_LINES:
        return cause
    return replace(cause, source=" or ".join(lines))


def _lint(path: Path, name: str) -> Iterable[tuple[CauseKind, str]]:
    from mlops_kit.steps.lint import lint_source

    with suppress(OSError, UnicodeDecodeError, SpecError):
        for finding in lint_source(path.read_text(encoding="utf-8"), name):
            for kind in OF_RULE.get(finding.rule, ()):
                yield kind, f"{name}:{finding.line}"
