"""A random DVC pipeline of cheap shell stages, and random edits of it: what is planned for it is compared with what DVC does."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.support.tiny import dvc
from tests.support.world import git


@dataclass
class RandomPipeline:
    """The files of a repository, and what can be edited in it."""

    stages: dict[str, dict[str, object]] = field(default_factory=dict)
    params: dict[str, int] = field(default_factory=dict)
    plain: list[str] = field(default_factory=list)
    """Data in git."""
    tracked: list[str] = field(default_factory=list)
    """Data of .dvc files."""
    outs: list[str] = field(default_factory=list)
    """Outputs, folders with a file `x` in them end with `/`."""
    frozen: list[str] = field(default_factory=list)
    """Stages that are frozen once they have run."""
    kept: list[str] = field(default_factory=list)
    """Those of them that git does not track."""


def make_pipeline(rng: random.Random, count: int = 8) -> RandomPipeline:
    """Return a random pipeline. Outputs lose much of what goes into them, so that stages often write what they wrote before."""
    made = RandomPipeline(plain=["src/a.txt", "src/b.txt"], tracked=["raw/c.txt", "raw/d.txt"])
    for number in range(count):
        name = f"s{number}"
        sources = [*made.plain, *made.tracked, *(out.rstrip("/") for out in made.outs), *made.outs[-2:]]
        deps = sorted({rng.choice(sources).rstrip("/") for _ in range(rng.randint(1, 3))})
        out, folder = f"out/{name}", rng.random() < 0.25
        key, digits = f"k{number}", rng.choice([1, 1, 2, 8])
        made.params[key] = 1
        reads = "; ".join(f"cat {dep} {dep}/x 2>/dev/null" for dep in deps)
        target = f"{out}/x" if folder else out
        stage: dict[str, object] = {
            "cmd": f"mkdir -p {out if folder else 'out'}; ({reads}; grep {key}: params.yaml) | cksum | cut -c1-{digits} > {target}",
            "deps": deps,
            "params": [key],
        }
        cached = rng.random() < 0.75
        stage["outs" if rng.random() < 0.7 or folder else "metrics"] = [
            out if cached else {out: {"cache": False}}
        ]
        if rng.random() < 0.08:
            stage["always_changed"] = True
        elif rng.random() < 0.08:
            made.frozen.append(name)
        made.stages[name] = stage
        made.outs.append(f"{out}/" if folder else out)
        if cached:
            made.kept.append(made.outs[-1])
    return made


def write_pipeline(made: RandomPipeline, root: Path, remote: Path) -> None:
    """Write the repository, run it once, push its data and commit."""
    for path in (*made.plain, *made.tracked):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"{path}\n")
    git(root, "init", "-q")
    dvc(root, "init", "-q")
    (root / ".dvc/config").write_text(f"[core]\n    remote = r\n['remote \"r\"']\n    url = {remote}\n")
    _write_stages(made, root)
    _write_params(made, root)
    dvc(root, "add", "-q", *made.tracked)
    dvc(root, "repro", "-q")
    for name in made.frozen:
        made.stages[name]["frozen"] = True
    _write_stages(made, root)
    dvc(root, "push", "-q")
    commit(root)


def commit(root: Path) -> None:
    """Commit all."""
    git(root, "add", "-A")
    git(root, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x")


def edit_pipeline(made: RandomPipeline, rng: random.Random, root: Path, *, clone: bool = False) -> str:
    """Change something at random and return what; in a `clone`, whose data is not here, only what is there."""
    kind = rng.choice(
        [
            "param",
            "param",
            "param",
            "back",
            "plain",
            "cmd",
            *([] if clone else ["tracked", "lost", "edited", "uncached"]),
        ]
    )
    stage = rng.choice(list(made.stages))
    if kind in ("param", "back"):
        key = rng.choice(list(made.params))
        made.params[key] = 1 if kind == "back" else rng.randint(1, 3)
        _write_params(made, root)
        return f"{key} = {made.params[key]}"
    if kind in ("plain", "tracked"):
        path = rng.choice(made.plain if kind == "plain" else made.tracked)
        (root / path).write_text(f"{rng.randint(1, 3)}\n")
        return f"{kind} {path}"
    if kind == "cmd":
        made.stages[stage]["cmd"] = (
            f"{str(made.stages[stage]['cmd']).partition(' #')[0]} #{rng.randint(1, 3)}"
        )
        _write_stages(made, root)
        return f"command of {stage}"
    out = rng.choice(made.kept or made.outs)
    path = root / out.rstrip("/")
    if kind == "uncached" and path.is_file():
        shutil.rmtree(root / ".dvc/cache/files/md5" / _md5(path)[:2], ignore_errors=True)
    elif kind == "edited":
        (path / "x" if path.is_dir() else path).unlink(missing_ok=True)
        (path / "x" if out.endswith("/") else path).parent.mkdir(parents=True, exist_ok=True)
        (path / "x" if out.endswith("/") else path).write_text(f"{rng.random()}\n")
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return f"{kind} {out}"


def _write_stages(made: RandomPipeline, root: Path) -> None:
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": made.stages}, sort_keys=False))


def _write_params(made: RandomPipeline, root: Path) -> None:
    (root / "params.yaml").write_text("".join(f"{key}: {value}\n" for key, value in made.params.items()))


def _md5(path: Path) -> str:
    import hashlib

    return hashlib.md5(path.read_bytes()).hexdigest()
