"""What a repository's DVC files say: stages, metrics with their likely direction, parameters, plots, data."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from typing import Any

from mlops_kit.artifacts.belonging import pipeline_files
from mlops_kit.artifacts.dvcfiles import Pipeline, read_pipeline
from mlops_kit.artifacts.side import read_side
from mlops_kit.artifacts.trees import WorkTree
from mlops_kit.artifacts.values import load_foreign_yaml
from mlops_kit.compare.metrics import guess_direction
from mlops_kit.errors import MlopsKitError, SpecError
from mlops_kit.project.adopt.model import MetricSeen, PipelineSeen, StageSeen, Survey

MAX_BYTES = 4 << 20


def understand_pipeline(survey: Survey) -> PipelineSeen:
    """Return what the dvc.yaml and .dvc files below the DVC root say; what cannot be understood is named in the notes."""
    tree = WorkTree(survey.root)
    own = set(pipeline_files(tree))
    found = [name for name in survey.files if posixpath.basename(name) == "dvc.yaml" and name in own]
    stages: list[StageSeen] = []
    pipelines: list[Pipeline] = []
    notes: list[str] = []
    for path in found:
        try:
            content = _read(survey, path)
            stages += _stages(path, load_foreign_yaml(content, path) or {})
            pipelines.append(read_pipeline(content, posixpath.dirname(path), path, read=tree.read_one))
        except (SpecError, AttributeError, KeyError, TypeError, ValueError, OSError) as error:
            notes.append(f"{path} cannot be understood: {_message(error)}")
    notes += [note for pipeline in pipelines for note in pipeline.problems]
    outputs = [output for pipeline in pipelines for output in pipeline.outputs]
    metrics, unread = _metrics(survey) if found else ((), [])
    data, broken = _data(survey)
    return PipelineSeen(
        files=tuple(found),
        stages=tuple(stages),
        metrics=metrics,
        metric_files=_unique(output.path for output in outputs if output.section == "metrics"),
        params=_unique(name for pipeline in pipelines for name in pipeline.param_files),
        plots=_unique(output.path for output in outputs if output.section == "plots"),
        data=data,
        notes=_unique([*notes, *unread, *broken]),
    )


def _read(survey: Survey, path: str) -> bytes:
    file = survey.root / path
    if file.stat().st_size > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES:,} bytes")
    return file.read_bytes()


def _stages(path: str, value: Mapping[str, Any]) -> Iterable[StageSeen]:
    folder = posixpath.dirname(path)
    lead = f"{path}:" if folder else ""
    for name, stage in (value.get("stages") or {}).items():
        if not isinstance(stage, dict):
            continue
        templated = next((key for key in ("foreach", "matrix") if key in stage), "")
        body = stage.get("do") if templated == "foreach" else stage
        cmd = (body or {}).get("cmd", "")
        text = "; ".join(map(str, cmd)) if isinstance(cmd, list) else str(cmd)
        yield StageSeen(f"{lead}{name}", " ".join(text.split()), templated)


def _metrics(survey: Survey) -> tuple[tuple[MetricSeen, ...], list[str]]:
    """Return the metrics of the work tree, as `compare` reads them, and why others cannot be read."""
    try:
        side = read_side(survey.root, None, fetch=False)
    except MlopsKitError as error:  # a kpis.yaml that is not ours; the plan names it as being in the way
        return (), [f"the metrics cannot be read: {error.message}"]
    seen = tuple(MetricSeen(name, value, guess_direction(name)) for name, value in side.metrics.items())
    # `mlops-kit run` is for projects of ours; here DVC itself runs the stages.
    return seen, [
        f"{item.what} {item.reason}: {item.fix.replace('mlops-kit run', 'dvc repro')}"
        for item in side.unreadable
    ]


def _data(survey: Survey) -> tuple[tuple[str, ...], list[str]]:
    """Return the paths that .dvc files track, and what is wrong with .dvc files."""
    found: list[str] = []
    broken: list[str] = []
    for path in survey.files:
        if not path.endswith(".dvc") or not (survey.root / path).is_file():
            continue
        try:
            value = load_foreign_yaml(_read(survey, path), path) or {}
            folder = posixpath.join(posixpath.dirname(path), str(value.get("wdir") or ""))
            found += [
                posixpath.normpath(posixpath.join(folder, out["path"])) for out in value.get("outs") or []
            ]
        except (SpecError, AttributeError, KeyError, TypeError, ValueError, OSError) as error:
            broken.append(f"{path} cannot be understood: {_message(error)}")
    return tuple(found), broken


def _message(error: Exception) -> str:
    return getattr(error, "message", str(error)) or type(error).__name__


def _unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
