"""What a stage's start is checked against: the environment and the code that were recorded when its dvc.yaml was generated.

DVC compares what dvc.yaml names. So whoever starts a stage (plain `dvc repro` too), it refuses to run when dvc.yaml does not name
everything that it is about to use.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlops_kit.errors import StaleError
from mlops_kit.spec.model import StepUse
from mlops_kit.steps.closure import ImportClosure, find_closure, merge_closures
from mlops_kit.steps.contract import StepContract
from mlops_kit.steps.declared import declared_files

PROVENANCE = Path(".mlops/provenance.yaml")
PIPELINE = Path("dvc.yaml")
GENERATE = "mlops-kit generate"


def check_environment(root: Path, stage: str) -> None:
    """Check that Python and the packages recorded for `stage` in .mlops/provenance.yaml are those that it runs with.

    Raises StaleError naming each that differs. A project without the file is not checked.
    """
    if (root / PROVENANCE).exists():
        check_recorded((root / PROVENANCE).read_text(encoding="utf-8"), stage)


def check_recorded(provenance: str, stage: str) -> None:
    """Do what check_environment does, by the text of .mlops/provenance.yaml."""
    recorded = _parse(provenance, str(PROVENANCE))
    _check_python(str((recorded.get("runtime") or {}).get("python") or ""))
    names = (recorded.get("stages") or {}).get(stage, [])
    versions = recorded.get("packages") or {}
    different = _describe({name: versions.get(name, "") for name in names}, recorded.get("platforms") or {})
    if different:
        raise StaleError(
            f"the installed packages are not the recorded ones: {different}",
            fix=f"install the recorded versions ({install_command(recorded.get('lock'))}), or accept others with `{GENERATE}`",
        )
    appeared = _importable((recorded.get("absent") or {}).get(stage, []))
    if appeared:
        raise StaleError(
            f"{', '.join(appeared)} can be imported now; it could not when the versions were recorded, and the code tries to",
            fix=f"{GENERATE}, or uninstall it",
        )


def check_code(root: Path, stage: str, use: StepUse, contract: StepContract, section: Any) -> None:
    """Check that dvc.yaml names all that `stage` reads, writes and imports, by its code as it is now; `section` is its params section.

    Raises StaleError naming what is missing. A project without a dvc.yaml, or whose dvc.yaml does not have the stage, is not checked.
    """
    declared = ((_read(root / PIPELINE) or {}).get("stages") or {}).get(stage)
    recorded = _read(root / PROVENANCE) or {}
    if not isinstance(declared, Mapping):
        return
    files = declared_files(contract, use, section)
    code: tuple[str, ...] = ()
    imports: set[str] = set()
    own = [use.uses] if use.uses and use.uses.endswith(".py") else []
    starts = [*own, *(path for path in files.functions if (root / path).is_file())]
    if starts:
        closure = merge_closures([find_closure(root, path) for path in starts])
        code = closure.local
        imports = set(foreign_modules(closure)) - set((recorded.get("imports") or {}).get(stage, []))
    deps = _paths(declared.get("deps"))
    outs = {path for part in ("outs", "metrics", "plots") for path in _paths(declared.get(part))}
    missing = [path for path in (*code, *files.reads) if path not in deps]
    missing += [path for path in files.writes if path not in outs]
    if missing:
        raise StaleError(f"dvc.yaml misses {', '.join(missing)}", fix=GENERATE)
    if imports and recorded.get("imports") is not None:
        raise StaleError(
            f"no version is recorded for what it imports: {', '.join(sorted(imports))}", fix=GENERATE
        )


def foreign_modules(closure: ImportClosure) -> tuple[str, ...]:
    """Return the top-level names of the modules that a closure takes from installed packages, sorted."""
    tops = {name.partition(".")[0] for name in closure.external}
    return tuple(sorted(tops - sys.stdlib_module_names - {"mlops_kit"}))


def install_command(lock: str | None) -> str:
    """Return the command that installs what the lock file says; without one, the common one."""
    name = (lock or "uv.lock").rpartition("/")[2]
    if name == "uv.lock":
        return "uv sync"
    return f"uv pip sync {lock}" if name.endswith(".toml") else f"uv pip install -r {lock}"


def _check_python(recorded: str) -> None:
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if recorded and recorded != here:
        raise StaleError(
            f"this is Python {here}, recorded is {recorded}",
            fix=f"make the environment with it (uv venv --python {recorded}), or accept {here} with `{GENERATE}`",
        )


def _describe(versions: Mapping[str, str], platforms: Mapping[str, Sequence[str]]) -> str:
    from mlops_kit.outside.distributions import describe_mismatch

    return describe_mismatch(versions, platforms)


def _importable(names: Iterable[str]) -> list[str]:
    from importlib.util import find_spec

    return [name for name in names if find_spec(name) is not None]


def _paths(section: Any) -> set[str]:
    return {str(path) for item in section or [] for path in (item if isinstance(item, dict) else [item])}


def _read(path: Path) -> dict[str, Any] | None:
    return _parse(path.read_text(encoding="utf-8"), path.name) if path.exists() else None


def _parse(text: str, where: str) -> dict[str, Any]:
    from mlops_kit.spec.yamlfile import parse_yaml

    value = parse_yaml(text, where=where)
    return value if isinstance(value, dict) else {}
