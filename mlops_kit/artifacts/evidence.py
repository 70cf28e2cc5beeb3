"""Evidence: the SHA-256 of every input and output that dvc.lock names, in `.mlops/evidence.json`, which git tracks.

DVC names content by MD5, for which a second file is made in seconds. An entry here counts only while its MD5 is the one in dvc.lock.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.hashing import FileHash, fold_folder
from mlops_kit.artifacts.statcache import StatCache, replace_text

EVIDENCE = Path(".mlops/evidence.json")
_VERSION = 1


@dataclass(frozen=True)
class FileEvidence:
    """What one input or output of a stage was."""

    md5: str
    """As dvc.lock has it."""
    sha256: str
    """Of a folder over its sorted `path\\0sha256\\n` lines."""
    size: int
    """Bytes."""
    code: str = ""
    """Of Python files the hash of the code without comments and layout; empty for others."""


@dataclass(frozen=True)
class StageEvidence:
    """Inputs and outputs of a stage, by path."""

    deps: Mapping[str, FileEvidence] = field(default_factory=dict)
    """Inputs."""
    outs: Mapping[str, FileEvidence] = field(default_factory=dict)
    """Outputs."""


Evidence = Mapping[str, StageEvidence]
"""Stage -> its evidence; a .dvc file counts as a stage of its path."""


def read_evidence(root: Path) -> dict[str, StageEvidence]:
    """Return the evidence of the project at `root`; empty when there is none, or when it cannot be understood."""
    try:
        return parse_evidence((root / EVIDENCE).read_bytes())
    except OSError:
        return {}


def parse_evidence(content: bytes) -> dict[str, StageEvidence]:
    """Return the evidence that a file's content holds; empty when it is of another version or damaged (a merge's conflict marks)."""
    try:
        value = json.loads(content)
        if value["version"] != _VERSION:
            return {}
        return {
            str(stage): StageEvidence(_files(both.get("deps")), _files(both.get("outs")))
            for stage, both in value["stages"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def write_evidence(root: Path, evidence: Evidence) -> bool:
    """Write the evidence in one step and return whether that changed anything; the same evidence is always the same bytes."""
    text = render_evidence(evidence)
    path = root / EVIDENCE
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    replace_text(path, text)
    return True


def render_evidence(evidence: Evidence) -> str:
    """Return the text of the evidence: sorted, one file a line, so that git merges what two branches learned."""
    stages = []
    for stage in sorted(evidence):
        groups = []
        for name, files in (("deps", evidence[stage].deps), ("outs", evidence[stage].outs)):
            lines = [f"        {json.dumps(path)}: {_line(files[path])}" for path in sorted(files)]
            groups.append(f'      "{name}": {{' + ("\n" + ",\n".join(lines) + "\n      }" if lines else "}"))
        stages.append(f"    {json.dumps(stage)}: {{\n" + ",\n".join(groups) + "\n    }")
    inner = "{\n" + ",\n".join(stages) + "\n  }" if stages else "{}"
    return f'{{\n  "version": {_VERSION},\n  "stages": {inner}\n}}\n'


def hash_path(path: Path, cache: StatCache, *, members: Mapping[str, str] | None = None) -> FileHash | None:
    """Return the hashes of a file or folder, None when it is not there or cannot be read.

    `members` are the files of the folder that count (path -> MD5, as DVC's listing names them); all files when None, or when one of
    them is missing.
    """
    try:
        if path.is_file():
            return cache.hash(path)
        if not path.is_dir():
            return None
        names = list(members or ())
        if not names or any(not (path / name).is_file() for name in names):
            names = folder_files(path)
        cache.warm(path / name for name in names)
        return fold_folder({name: cache.hash(path / name) for name in names})
    except OSError:
        return None


def folder_files(path: Path) -> list[str]:
    """Return the files below a folder, relative to it with `/`, sorted."""
    return sorted(found.relative_to(path).as_posix() for found in path.rglob("*") if found.is_file())


def _files(value: Any) -> dict[str, FileEvidence]:
    return {
        str(path): FileEvidence(
            str(item["md5"]), str(item["sha256"]), int(item["size"]), str(item.get("code", ""))
        )
        for path, item in (value or {}).items()
    }


def _line(file: FileEvidence) -> str:
    value: dict[str, str | int] = {"md5": file.md5, "sha256": file.sha256, "size": file.size}
    if file.code:
        value["code"] = file.code
    return json.dumps(value)
