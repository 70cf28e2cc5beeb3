"""A small project whose stages count as run: dvc.lock and cache as DVC would leave them, packages that are nothing but metadata."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mlops_kit.artifacts.code import file_code_hash
from mlops_kit.artifacts.evidence import FileEvidence, StageEvidence, folder_files, hash_path, write_evidence
from mlops_kit.artifacts.statcache import StatCache
from mlops_kit.project.desired import desired_files
from mlops_kit.project.write import write_files
from mlops_kit.spec.yamlfile import parse_yaml
from mlops_kit.steps.contract import read_contract
from tests.support.world import git


def install(site: Path, name: str, version: str, *requires: str) -> None:
    """Install the metadata of a package that has a module of its name; an older version goes."""
    for old in site.glob(f"{name}-*.dist-info"):
        shutil.rmtree(old)
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = [f"Requires-Dist: {line}" for line in requires]
    (info / "METADATA").write_text(
        "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines, ""])
    )
    (info / "RECORD").write_text(f"{name}/__init__.py,,\n{name}-{version}.dist-info/METADATA,,\n")


def write_project(root: Path, files: Mapping[str, str]) -> None:
    """Write a project's files into a new git and DVC repository."""
    for name, text in {**files, ".dvc/config": "", ".dvc/.gitignore": "/tmp\n/cache\n"}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(root, "init", "-q")


def generate(root: Path) -> None:
    """Write the generated files."""
    read_contract.cache_clear()
    write_files(root, desired_files(root))


def record_run(root: Path) -> None:
    """Generate, write something for every output, and record all stages as run: dvc.lock, cache and evidence."""
    generate(root)
    evidence: dict[str, StageEvidence] = {}
    for pipeline in sorted(root.rglob("dvc.yaml")):
        stages = yaml.safe_load(pipeline.read_text())["stages"]
        for name, stage in stages.items():
            for path, _ in _entries(stage, "outs", "metrics", "plots"):
                out = pipeline.parent / path
                out.parent.mkdir(parents=True, exist_ok=True)
                if not out.exists():
                    out.write_text(f'{{"written": "{name}:{path}"}}\n')
        locked = {name: _lock_stage(root, pipeline.parent, stage) for name, stage in stages.items()}
        text = yaml.safe_dump({"schema": "2.0", "stages": locked}, sort_keys=False)
        (pipeline.parent / "dvc.lock").write_text(text)
        prefix = (
            "" if pipeline.parent == root else f"{pipeline.parent.relative_to(root).as_posix()}/dvc.yaml:"
        )
        for name, stage in locked.items():
            evidence[prefix + name] = StageEvidence(
                {
                    dep["path"]: FileEvidence(
                        dep["md5"], "", dep["size"], file_code_hash(pipeline.parent / dep["path"])
                    )
                    for dep in stage.get("deps", [])
                }
            )
    write_evidence(root, evidence)


def _lock_stage(root: Path, folder: Path, stage: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"cmd": stage["cmd"]}
    if stage.get("deps"):
        found["deps"] = [_content(root, folder, path) for path in sorted(stage["deps"])]
    params: dict[str, dict[str, Any]] = {}
    for item in stage.get("params", []):
        for file, keys in item.items() if isinstance(item, dict) else [("params.yaml", [item])]:
            values = parse_yaml((folder / file).read_text(), where=file)
            for key in keys:
                value = values
                for part in key.split("."):
                    value = value[part]
                params.setdefault(file, {})[key] = value
    if params:
        found["params"] = params
    outs = []
    for path, cached in _entries(stage, "outs", "metrics", "plots"):
        entry = _content(root, folder, path)
        outs.append(entry)
        if cached:
            keep(root, folder / path, entry["md5"])
    if outs:
        found["outs"] = sorted(outs, key=lambda entry: str(entry["path"]))
    return found


def _entries(stage: Mapping[str, Any], *parts: str) -> list[tuple[str, bool]]:
    return [
        (path, (options or {}).get("cache", True))
        for part in parts
        for item in stage.get(part, [])
        for path, options in (item.items() if isinstance(item, dict) else [(item, {})])
    ]


def _content(root: Path, folder: Path, path: str) -> dict[str, Any]:
    found = hash_path(folder / path, StatCache(root))
    assert found is not None, path
    entry: dict[str, Any] = {"path": path, "hash": "md5", "md5": found.md5, "size": found.size}
    return {**entry, "nfiles": len(folder_files(folder / path))} if found.md5.endswith(".dir") else entry


def keep(root: Path, path: Path, digest: str) -> None:
    """Put a file into DVC's cache."""
    content = path.read_bytes()
    assert hashlib.md5(content).hexdigest() == digest
    home = root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    home.parent.mkdir(parents=True, exist_ok=True)
    home.write_bytes(content)
