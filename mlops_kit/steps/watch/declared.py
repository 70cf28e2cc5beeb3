"""What a stage declares: the paths that it may read and write, as dvc.yaml names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.declared import MANIFEST_ENDING

PIPELINE = "dvc.yaml"

# What the runner itself reads. A step's own code that reads one of them without declaring it is found all the same.
OWN_FILES = (
    "mlops.yaml", "params.yaml", "kpis.yaml", "schema.yaml", "dvc.yaml", "dvc.lock", "pyproject.toml", "uv.lock", "pylock.toml",
    "requirements.txt", "requirements.lock", "requirements.in",
)  # fmt: skip
OWN_FOLDERS = (".mlops", ".dvc")


@dataclass(frozen=True)
class Declared:
    """The declarations of one stage."""

    stage: str
    reads: frozenset[str]
    """Files and folders, relative with forward slashes or absolute: dependencies, parameter files, outputs."""
    writes: frozenset[str]
    """Outputs."""
    environment: frozenset[str] = frozenset()
    """Environment variables that the stage may read beside the fixed ones."""
    network: bool = False
    """Whether it may use the network."""

    def may_read(self, path: str) -> bool:
        """Return whether `path`, or a folder that holds it, is declared."""
        return _covered(path, self.reads)

    def may_write(self, path: str) -> bool:
        """Return whether `path`, or a folder that holds it, is an output."""
        return _covered(path, self.writes)

    @property
    def gathers(self) -> bool:
        """Return whether it only puts together what the manifest beside its output has the hashes of: whatever it reads, nothing else comes out."""
        return any(f"{path}{MANIFEST_ENDING}" in self.reads for path in self.writes)

    def leads_to(self, folder: str) -> bool:
        """Return whether `folder` holds something declared, so that its existence is nothing new."""
        prefix = f"{folder}/" if folder else ""
        return any(path.startswith(prefix) for path in self.reads)


def declare(
    stage: str,
    *,
    deps: Iterable[str],
    outs: Iterable[str],
    environment: Iterable[str] = (),
    network: bool = False,
) -> Declared:
    """Return the declarations of `stage` from the paths of its dependencies and outputs."""
    written = frozenset(_plain(path) for path in outs)
    reads = written | {_plain(path) for path in deps}
    return Declared(stage, reads, written, frozenset(environment), network)


def declared_in_pipeline(root: Path, stage: str) -> Declared | None:
    """Return what dvc.yaml of the project at `root` declares for `stage`; None when it has no such stage.

    `folder/dvc.yaml:name` names a stage of another file. Environment variables and network come from mlops.yaml.
    """
    from mlops_kit.artifacts.dvcfiles import read_pipeline
    from mlops_kit.errors import SpecError

    file, _, name = stage.rpartition(":")
    path = root / (file or PIPELINE)
    if not path.is_file():
        return None
    folder = "" if path.parent == root else path.parent.relative_to(root).as_posix()

    def read(other: str) -> bytes | None:
        return (root / other).read_bytes() if (root / other).is_file() else None

    try:
        entry = (
            read_pipeline(path.read_bytes(), folder, file or PIPELINE, read=read).resolved["stages"].get(name)
        )
    except SpecError:
        return None
    if entry is None:
        return None
    environment, network = _permissions(root, stage)
    base = "/".join(part for part in (folder, str(entry.get("wdir") or "")) if part)
    deps = [*_paths(entry.get("deps"), base), *_param_files(entry.get("params"), base)]
    outs = [path for section in ("outs", "metrics", "plots") for path in _paths(entry.get(section), base)]
    return declare(stage, deps=deps, outs=outs, environment=environment, network=network)


def _permissions(root: Path, stage: str) -> tuple[tuple[str, ...], bool]:
    from mlops_kit.errors import MlopsKitError
    from mlops_kit.spec.load import LIFECYCLE, read_lifecycle

    if not (root / LIFECYCLE).is_file():
        return (), False
    try:
        use = read_lifecycle(root).steps.get(stage)
    except MlopsKitError:
        return (), False
    return (use.environment, use.network) if use else ((), False)


def _paths(section: Any, base: str) -> list[str]:
    entries = section if isinstance(section, list) else list(section or ())
    names = [next(iter(entry)) if isinstance(entry, Mapping) else entry for entry in entries]
    return [_below(base, str(name)) for name in names]


def _param_files(section: Any, base: str) -> list[str]:
    files = ["params.yaml"] if any(not isinstance(entry, Mapping) for entry in section or ()) else []
    for entry in section or ():
        files += list(entry) if isinstance(entry, Mapping) else []
    return [_below(base, str(name)) for name in files]


def _below(base: str, name: str) -> str:
    return name if name.startswith("/") or not base else f"{base}/{name}"


def _plain(path: str) -> str:
    import posixpath

    plain = posixpath.normpath(path.replace("\\", "/"))
    return "" if plain == "." else plain


def _covered(path: str, declared: frozenset[str]) -> bool:
    if not declared:
        return False
    if "" in declared:
        return not path.startswith("/")
    while path:
        if path in declared:
            return True
        path = path.rpartition("/")[0]
    return False
