"""From what scripts read and write to stages that DVC accepts: no output twice, none inside another, no cycle."""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mlops_kit.artifacts.values import flatten, parse_values
from mlops_kit.errors import SpecError
from mlops_kit.outside import git
from mlops_kit.project.adopt.flow import Record
from mlops_kit.project.adopt.model import Basis, Output, StageProposal, Survey
from mlops_kit.project.adopt.scripts import Script

PICTURES = (".png", ".svg", ".jpg", ".jpeg", ".gif")
NUMBERS = (".json", ".yaml", ".yml", ".toml")
_METRIC_NAME = re.compile(r"metric|score|eval|accura|perf|result|report|loss|stats|summary", re.IGNORECASE)
_PARAM_NAME = re.compile(r"param|conf|setting|hyper|option|cfg", re.IGNORECASE)
_NOISE = re.compile(
    r"(.*\.(log|lock|tmp|pid|pyc|swp|db-journal)|.*(^|/)(__pycache__|\.git|\.dvc|mlruns|wandb|lightning_logs|\.cache|logs?|runs)(/.*)?)"
)
_SOURCES = frozenset(
    ("dvc.yaml", "dvc.lock", ".gitignore", ".gitkeep", ".keep", "Dockerfile", "Makefile", "requirements.txt")
)
_WRITTEN_BY_HAND = (".toml", ".cfg", ".ini", ".md", ".rst", ".sql", ".tex")
MAX_METRIC_BYTES = 1 << 16
MAX_LEAVES = 200


@dataclass(frozen=True)
class Proposals:
    """Stages, and what is to be said about scripts that are none."""

    stages: tuple[StageProposal, ...]
    """In the order of the data flow."""
    notes: tuple[str, ...]
    """Why scripts and files were left out."""


@dataclass
class _Draft:
    script: Script
    outputs: dict[str, Record] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)


def propose_stages(
    survey: Survey,
    scripts: Sequence[Script],
    data: Sequence[str],
    *,
    observed: frozenset[str] = frozenset(),
    metrics: frozenset[str] = frozenset(),
) -> Proposals:
    """Return the stages that `scripts` would be.

    `data` are the paths that .dvc files track; `observed` the scripts whose files are known from a run, `metrics` the files that held
    numbers after it.
    """
    notes = [f"{one.path}: {one.refused}" for one in scripts if one.refused]
    notes += [
        f"{one.path}: writes sources ({', '.join(written_sources(one)[:3])}), so it is no step of a pipeline"
        for one in scripts
        if not one.refused and written_sources(one)
    ]
    fit = [one for one in scripts if not one.refused and not written_sources(one)]
    drafts = [_draft(survey, one, data, notes) for one in fit]
    drafts = [draft for draft in drafts if draft.outputs or _said_idle(draft.script, notes)]
    drafts = _without_shared(drafts, notes)
    while True:
        reads = {draft.script.path: _reads(survey, draft, drafts) for draft in drafts}
        order, cyclic = _sorted(drafts, reads)
        if not cyclic:
            break
        names = ", ".join(draft.script.path for draft in cyclic)
        notes.append(
            f"{names}: each reads what another one of them writes; a pipeline has no cycles, so none is a stage"
        )
        drafts = [draft for draft in drafts if draft not in cyclic]
    for draft in order:
        notes += draft.script.notes
        notes += reads[draft.script.path].notes
    titles = _stage_names([draft.script.path for draft in order])
    stages = [
        _stage(survey, draft, reads[draft.script.path], name, metrics)
        for draft, name in zip(order, titles, strict=True)
    ]
    stages = [replace(one, basis=Basis.RUN) if one.source in observed else one for one in stages]
    notes += _existing(survey, stages)
    return Proposals(tuple(stages), tuple(dict.fromkeys(notes)))


def _said_idle(script: Script, notes: list[str]) -> bool:
    if script.files.reads or script.files.lists or script.notes:
        notes.append(
            f"{script.path}: writes no file that was seen; a stage needs an output, such as metrics.json"
        )
        notes += script.notes
    return False


def _draft(survey: Survey, script: Script, data: Sequence[str], notes: list[str]) -> _Draft:
    draft = _Draft(script)
    for path, record in script.files.writes.items():
        problem = _unfit(survey, path, data)
        if problem:
            notes.append(f"{record.file}:{record.line}: writes {path}, {problem}")
        elif not _NOISE.fullmatch(path):
            draft.outputs[path] = record
            if record.conditional:
                notes.append(
                    f"{record.file}:{record.line}: {path} is written under a condition; DVC fails a run that does not write it"
                )
    for path, record in script.files.changes.items():
        if not _NOISE.fullmatch(path):
            notes.append(
                f"{record.file}:{record.line}: changes {path} in place; neither output (DVC deletes those before a run) nor dependency"
            )
    for path, record in script.files.fills.items():
        if _NOISE.fullmatch(f"{path}/"):
            continue
        here = survey.root / path
        fresh = not here.exists() or (here.is_dir() and not any(here.iterdir()))
        inside = [one for one in draft.outputs if one.startswith(f"{path}/")]
        if fresh and not _unfit(survey, path, data) and not any(_is_number_file(one) for one in inside):
            draft.outputs = {one: kept for one, kept in draft.outputs.items() if one not in inside} | {
                path: record
            }
            draft.folders.add(path)
            notes.append(
                f"{record.file}:{record.line}: the names in {path}/ are made at run time; the folder as a whole is the output"
            )
        else:
            notes.append(
                f"{record.file}:{record.line}: writes files into {path}/ whose names are made at run time; they are no outputs"
            )
    return draft


def _is_number_file(path: str) -> bool:
    return path.endswith(NUMBERS) and bool(_METRIC_NAME.search(posixpath.basename(path)))


def written_sources(script: Script) -> list[str]:
    """Return the sources that a script writes, such as one that sets a project up."""
    return [path for path in script.files.writes if _is_source(path)]


def _is_source(path: str) -> bool:
    return path.endswith((".py", ".ipynb", ".dvc", ".sh")) or posixpath.basename(path) in _SOURCES


def _unfit(survey: Survey, path: str, data: Sequence[str]) -> str:
    """Return why a path can be no output, empty when it can."""
    if path.endswith((".py", ".ipynb", ".dvc")) or posixpath.basename(path) in (
        "dvc.yaml",
        "dvc.lock",
        ".gitignore",
    ):
        return "which is source"
    owner = next((one for one in data if _overlap(one, path)), None)
    if owner:
        return f"which belongs to {owner}.dvc"
    inside = any(name.startswith(f"{path}/") for name in survey.tracked)
    return (
        "a folder in which git tracks files"
        if inside or ((survey.root / path).is_dir() and path in survey.tracked)
        else ""
    )


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _without_shared(drafts: list[_Draft], notes: list[str]) -> list[_Draft]:
    """Drop scripts that write what another one writes: those that import it, else the later ones."""
    kept: list[_Draft] = []
    paths = {draft.script.path for draft in drafts}

    def rank(draft: _Draft) -> tuple[int, str]:
        return len(paths.intersection(draft.script.modules)), draft.script.path

    for draft in sorted(drafts, key=rank):
        clash = next(
            (
                (mine, other, theirs)
                for mine in draft.outputs
                for other in kept
                for theirs in other.outputs
                if _overlap(mine, theirs)
            ),
            None,
        )
        if clash:
            notes.append(
                f"{draft.script.path}: writes {clash[0]}, as {clash[1].script.path} does; an output has one stage, so it is left out"
            )
        else:
            kept.append(draft)
    return kept


@dataclass(frozen=True)
class _Reads:
    deps: tuple[str, ...]
    params: tuple[str, ...]
    notes: tuple[str, ...]


def _reads(survey: Survey, draft: _Draft, drafts: Sequence[_Draft]) -> _Reads:
    """Return what a script depends on, given which scripts are stages."""
    made = {path for other in drafts if other is not draft for path in other.outputs}
    deps: list[str] = []
    params: list[str] = []
    notes: list[str] = []
    for path, record in script_reads(draft.script):
        here = (survey.root / path).exists()
        produced = any(_overlap(path, one) for one in made)
        listed = path in draft.script.files.lists and path not in draft.script.files.reads
        if any(_overlap(path, one) for one in draft.outputs):
            if listed:
                notes.append(
                    f"{record.file}:{record.line}: looks into {path}/, where it writes itself; no dependency"
                )
        elif not here and not produced and (record.conditional or listed):
            continue
        elif _is_params(survey, path) and not produced:
            params.append(path)
        else:
            deps.append(path)
            if not here and not produced:
                notes.append(
                    f"{record.file}:{record.line}: reads {path}, which is not here and no script writes; `dvc repro` needs it"
                )
            elif not produced:
                notes += _unkept(survey, path)
    return _Reads(tuple(dict.fromkeys(deps)), tuple(dict.fromkeys(params)), tuple(notes))


def script_reads(script: Script) -> Iterable[tuple[str, Record]]:
    """Yield what a script reads: files, then folders, without noise."""
    for group in (script.files.reads, script.files.lists):
        for path, record in group.items():
            if not _NOISE.fullmatch(path) and path not in script.files.changes:
                yield path, record


def _unkept(survey: Survey, path: str) -> list[str]:
    """Say that data is kept by nobody: ignored by git, and not tracked by DVC."""
    if path in survey.tracked or any(name.startswith(f"{path}/") for name in survey.tracked):
        return []
    if any(f"{folder}.dvc" in survey.files for folder in (path, *_parents(path))):
        return []
    return [f"{path} is neither in git nor in DVC, so only this machine has it: dvc add {path}"]


def _parents(path: str) -> Iterable[str]:
    while path := posixpath.dirname(path):
        yield path


def _is_params(survey: Survey, path: str) -> bool:
    if not path.endswith(NUMBERS) or path not in survey.files or not _PARAM_NAME.search(path):
        return False
    return isinstance(_parsed(survey, path), dict)


def _parsed(survey: Survey, path: str) -> object:
    file = survey.root / path
    try:
        if file.is_file() and file.stat().st_size <= MAX_METRIC_BYTES:
            return parse_values(path, file.read_bytes())
    except (SpecError, ValueError, OSError, RecursionError):
        return None
    return None


def numbers_of(survey: Survey, path: str) -> dict[str, float]:
    """Return the numbers in a small JSON, YAML or TOML file by dotted name; empty when it is not mostly numbers."""
    value = _parsed(survey, path)
    if not isinstance(value, dict):
        return {}
    leaves = [(str(name), leaf) for name, leaf in flatten(value)]
    found = {
        name: float(leaf)
        for name, leaf in leaves
        if isinstance(leaf, int | float) and not isinstance(leaf, bool) and math.isfinite(leaf)
    }
    return found if found and len(leaves) <= MAX_LEAVES and 2 * len(found) >= len(leaves) else {}


def _sorted(drafts: Sequence[_Draft], reads: Mapping[str, _Reads]) -> tuple[list[_Draft], list[_Draft]]:
    """Return the drafts in the order of the data flow, and those that lie on cycles."""
    needs = {
        draft.script.path: {
            other.script.path
            for other in drafts
            if other is not draft
            and any(_overlap(dep, out) for dep in reads[draft.script.path].deps for out in other.outputs)
        }
        for draft in drafts
    }
    order: list[_Draft] = []
    left = sorted(drafts, key=lambda one: one.script.path)
    while left:
        ready = next(
            (one for one in left if not needs[one.script.path] & {other.script.path for other in left}), None
        )
        if ready is None:
            return order, [one for one in left if _reaches(one.script.path, one.script.path, needs)]
        order.append(ready)
        left.remove(ready)
    return order, []


def _reaches(start: str, goal: str, needs: Mapping[str, set[str]]) -> bool:
    seen: set[str] = set()
    queue = list(needs[start])
    while queue:
        path = queue.pop()
        if path == goal:
            return True
        if path not in seen:
            seen.add(path)
            queue.extend(needs[path])
    return False


def _stage_names(paths: Sequence[str]) -> list[str]:
    """Return a stage name for each script: its own name, with its folder when two are alike."""
    plain = [_clean(posixpath.splitext(posixpath.basename(path))[0]) for path in paths]
    names: list[str] = []
    for path, name in zip(paths, plain, strict=True):
        chosen = name if plain.count(name) == 1 else _clean(posixpath.splitext(path)[0])
        number = 2
        base = chosen
        while chosen in names:
            chosen, number = f"{base}-{number}", number + 1
        names.append(chosen)
    return names


def _clean(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name).strip("-_") or "stage"


def _stage(survey: Survey, draft: _Draft, reads: _Reads, name: str, metrics: frozenset[str]) -> StageProposal:
    script = draft.script
    ignored = git.ignored_paths(survey.root, [*draft.outputs])
    return StageProposal(
        name=name,
        source=script.path,
        cmd=script.cmd,
        wdir=script.wdir,
        deps=tuple(dict.fromkeys((script.path, *script.modules, *reads.deps))),
        params=reads.params,
        outputs=tuple(
            Output(path, "outs", cache=True)
            if path in draft.folders
            else _output(survey, path, path in ignored, path in metrics)
            for path in sorted(draft.outputs)
        ),
    )


def _output(survey: Survey, path: str, ignored: bool, numbers: bool) -> Output:
    tracked = path in survey.tracked
    if path.lower().endswith(PICTURES):
        return Output(path, "plots", not tracked)
    if path.endswith(NUMBERS):
        here = (survey.root / path).is_file()
        named = not here and bool(_METRIC_NAME.search(posixpath.basename(path)))
        if numbers or numbers_of(survey, path) or named:
            return Output(path, "metrics", ignored and not tracked)  # what git ignores, DVC must keep
    return Output(path, "outs", not tracked)


def _existing(survey: Survey, stages: Iterable[StageProposal]) -> list[str]:
    here = [out.path for stage in stages for out in stage.outputs if (survey.root / out.path).exists()]
    if not here:
        return []
    shown = ", ".join(here[:5]) + (f" and {len(here) - 5} more" if len(here) > 5 else "")
    fate = "are deleted and written anew by the first `dvc repro`; `dvc commit --force` takes them as they are instead"
    return [f"outputs that are here now ({shown}) {fate}"]
