"""Repositories that people have: each shape of a DVC repository, rebuilt in two commits, with the numbers that a comparison must find."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlops_kit.outside import git
from mlops_kit.outside.dvc import dvc_environment

Numbers = Mapping[str, tuple[float | None, float | None]]


@dataclass(frozen=True)
class Shape:
    """One shape, and what `compare BASE HEAD` must say about it."""

    build: Callable[[Path], Path]
    """Makes the repository below an empty folder; returns the folder in which a user stands."""
    metrics: Numbers = field(default_factory=dict)
    """Metric -> (base, head)."""
    params: Mapping[str, tuple[object, object]] = field(default_factory=dict)
    """Parameters that differ."""
    lost: tuple[str, ...] = ()
    """What cannot be read (exit code 4)."""
    says: str = ""
    """A part of the reason, or of a note."""
    dvc_reads: bool = True
    """Whether today's DVC reads it too, so that its numbers can be compared."""
    base: str = "HEAD~1"
    """Revision of the base."""


def write(root: Path, files: Mapping[str, str]) -> None:
    """Write text files."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8", newline="\n")


def dvc(root: Path, *args: str) -> None:
    """Run DVC."""
    subprocess.run(
        [sys.executable, "-m", "dvc", *args, "-q"],
        cwd=root,
        check=True,
        env=dvc_environment(),
        capture_output=True,
    )


def start(root: Path) -> Path:
    """Make a git repository with the files of `dvc init`, without the second that it costs."""
    root.mkdir(parents=True, exist_ok=True)
    git.init_repository(root, "main")
    write(
        root,
        {".dvc/config": "", ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n", ".dvcignore": "# none\n"},
    )
    return root


def two(root: Path, first: Mapping[str, str], second: Mapping[str, str]) -> Path:
    """Commit two states of a repository."""
    start(root)
    for files in (first, second):
        write(root, files)
        git.commit_all(root, "state")
    return root


def cached(root: Path, text: str, *, layout: str = "files/md5") -> str:
    """Put a text into the DVC cache and return its hash."""
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    write(root, {f".dvc/cache/{layout}/{digest[:2]}/{digest[2:]}".replace("//", "/"): text})
    return digest


def numbers(**values: float) -> str:
    """Return a JSON metrics file."""
    return json.dumps(values) + "\n"


def _in_git(stage: str = "", *, metric: str = "metrics.json") -> str:
    return f"stages:\n  train:\n    cmd: python train.py\n{stage}    metrics:\n      - {metric}: {{cache: false}}\n"


def _simple(pipeline: str, old: Mapping[str, str], new: Mapping[str, str]) -> Callable[[Path], Path]:
    return lambda root: two(root, {"dvc.yaml": pipeline, **old}, new)


def _several(root: Path) -> Path:
    sub = _in_git()
    return two(
        root,
        {"dvc.yaml": _in_git(), "metrics.json": numbers(f1=0.5), "a/dvc.yaml": sub, "a/metrics.json": numbers(f1=0.6),
         "b/deep/dvc.yaml": sub, "b/deep/metrics.json": numbers(f1=0.7, auc=0.9)},
        {"b/deep/metrics.json": numbers(f1=0.8, auc=0.95)},
    )  # fmt: skip


FOREACH = """\
vars: [conf.yaml, {out: results}]
stages:
  fit:
    foreach: ${models}
    do:
      cmd: python train.py ${item.name} > ${out}/${key}.json
      metrics: ["${out}/${key}.json": {cache: false}]
  score:
    foreach: [fast, 2, true]
    do:
      cmd: echo ${item}
      metrics:
        - ${out}/score-${item}.yaml: {cache: false}
"""
MATRIX = """\
stages:
  grid:
    matrix:
      model: [cnn, tree]
      depth: ${depths}
      data: [{name: a}]
    cmd: python train.py ${item.model} ${item.depth} ${item.data.name}
    wdir: runs
    params: [lr]
    metrics:
      - ${key}.json: {cache: false}
"""
TEMPLATED = """\
stages:
  train:
    cmd: python train.py --depth ${train.depth} --out ${paths[0].out}
    wdir: ${where}
    vars: [{local: inner}]
    params: [../params.yaml: [train.depth]]
    metrics:
      - ${local}/${paths[0].out}: {cache: false}
metrics: ["${where}/top.json"]
params: ["${where}/extra.toml"]
"""


def _lock_1(root: Path) -> Path:
    start(root)
    for value in (0.5, 0.75):
        text = numbers(f1=value)
        digest = cached(root, text, layout="")
        write(root, {
            "dvc.yaml": "stages:\n  train:\n    cmd: python train.py\n    metrics: [m.json]\n",
            "dvc.lock": f"train:\n  cmd: python train.py\n  outs:\n  - path: m.json\n    md5: {digest}\n",
            ".gitignore": "/m.json\n",
        })  # fmt: skip
        git.commit_all(root, "state")
    return root


def _cached_by_dvc(root: Path, remote: str = "") -> Path:
    start(root)
    if remote:
        dvc(root, "remote", "add", "-d", "store", remote)
    write(root, {
        "dvc.yaml": "stages:\n  train:\n    cmd: python train.py\n    deps: [train.py]\n    params: [depth]\n    metrics: [m.json]\n    outs: [out]\n"
        "metrics: [out/sub/more.json]\n",
        "train.py": "import json, os, yaml\nd = yaml.safe_load(open('params.yaml'))['depth']\njson.dump({'auc': d / 10}, open('m.json', 'w'))\n"
        "os.makedirs('out/sub', exist_ok=True)\njson.dump({'loss': 1 / d}, open('out/sub/more.json', 'w'))\nopen('out/big.txt', 'w').write('x' * 1000)\n",
    })  # fmt: skip
    for depth in (2, 4):
        write(root, {"params.yaml": f"depth: {depth}\n"})
        dvc(root, "repro")
        if remote:
            dvc(root, "push")
        git.commit_all(root, "state")
    return root


def _cached_below_wdir(root: Path) -> Path:
    start(root)
    write(root, {
        "pipe/dvc.yaml": "stages:\n  train:\n    wdir: work\n    cmd: python train.py\n    deps: [train.py]\n    params: [depth]\n    metrics: [m.json]\n",
        "pipe/work/train.py": "import json, yaml\njson.dump({'auc': yaml.safe_load(open('params.yaml'))['depth'] / 10}, open('m.json', 'w'))\n",
    })  # fmt: skip
    for depth in (2, 4):
        write(root, {"pipe/work/params.yaml": f"depth: {depth}\n"})
        dvc(root, "repro", "--all-pipelines")
        git.commit_all(root, "state")
    return root


def remote_only(root: Path, remote: str = "") -> Path:
    """Make a repository whose cached metrics are on a remote alone."""
    _cached_by_dvc(root, remote or str(root.parent / "remote"))
    subprocess.run(
        ["rm", "-rf", str(root / ".dvc/cache"), str(root / "m.json"), str(root / "out")], check=True
    )
    return root


def _gone(root: Path) -> Path:
    _cached_by_dvc(root)
    subprocess.run(["rm", "-rf", str(root / ".dvc/cache")], check=True)
    return root


def _damaged(root: Path) -> Path:
    _lock_1(root)
    for file in (root / ".dvc/cache").rglob("*"):
        if file.is_file():
            file.write_text(file.read_text().replace("0.75", "0.95"))
    return root


def _added(root: Path) -> Path:
    start(root)
    for value in (1.0, 2.0):
        write(root, {"report/m.json": numbers(loss=value), "dvc.yaml": "metrics: [report/m.json]\n"})
        dvc(root, "add", "report/m.json")
        git.commit_all(root, "state")
    return root


def _directory(root: Path) -> Path:
    pipeline = "stages:\n  train:\n    cmd: python train.py\n    metrics:\n      - evals: {cache: false}\n"
    return two(
        root,
        {"dvc.yaml": pipeline, "evals/a.json": numbers(f1=0.1), "evals/deep/b.json": numbers(auc=0.2)},
        {"evals/deep/b.json": numbers(auc=0.3)},
    )


def _sub_folder(root: Path) -> Path:
    inner = two(root, {"ml/.dvc/config": "", "ml/dvc.yaml": _in_git(), "ml/metrics.json": numbers(f1=0.5), "README": "x"},
                {"ml/metrics.json": numbers(f1=0.6)})  # fmt: skip
    subprocess.run(["rm", "-rf", str(inner / ".dvc"), str(inner / ".dvcignore")], check=True)
    git.commit_all(inner, "only ml is a DVC repository")
    return inner


def _nested(root: Path) -> Path:
    return two(
        root,
        {"dvc.yaml": _in_git(), "metrics.json": numbers(f1=0.5), "vendor/.dvc/config": "", "vendor/dvc.yaml": _in_git(),
         "vendor/metrics.json": numbers(f1=0.1), ".dvcignore": "examples/\n", "examples/dvc.yaml": "stages: {bad: [}\n", "b/.dvcignore": "/old\n", "b/old/dvc.yaml": "{"},
        {"metrics.json": numbers(f1=0.55)},
    )  # fmt: skip


def _detached(root: Path) -> Path:
    _simple(_in_git(), {"metrics.json": numbers(f1=0.5)}, {"metrics.json": numbers(f1=0.6)})(root)
    subprocess.run(["git", "checkout", "-q", "--detach", "HEAD"], cwd=root, check=True)
    return root


def _linked(root: Path) -> Path:
    _cached_by_dvc(root)
    subprocess.run(
        ["git", "worktree", "add", "-q", "--detach", str(root.parent / "linked")], cwd=root, check=True
    )
    return root.parent / "linked"


def _submodule(root: Path) -> Path:
    inner = root.parent / "inner"
    _simple(_in_git(), {"metrics.json": numbers(f1=0.5)}, {"metrics.json": numbers(f1=0.6)})(inner)
    start(root)
    write(root, {"dvc.yaml": "metrics: [model/metrics.json]\n"})
    for rev in ("HEAD~1", "HEAD"):
        if rev == "HEAD~1":
            subprocess.run(
                ["git", "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "model"],
                cwd=root, check=True, capture_output=True,
            )  # fmt: skip
        tip = git.resolve(inner, rev)
        subprocess.run(["git", "checkout", "-q", tip], cwd=root / "model", check=True)
        git.commit_all(root, "state")
    return root


def _inside_submodule(root: Path) -> Path:
    return _submodule(root) / "model"


def _shallow(root: Path) -> Path:
    _simple(_in_git(), {"metrics.json": numbers(f1=0.5)}, {"metrics.json": numbers(f1=0.6)})(root / "origin")
    subprocess.run(
        ["git", "clone", "-q", "--depth=1", f"file://{root / 'origin'}", str(root / "clone")], check=True
    )
    return root / "clone"


LIVE = "stages:\n  train:\n    cmd: python train.py\n    live:\n      {0}:\n        summary: true\n        html: true\n"
ALIAS = "stages:\n  a: &a\n    cmd: x\n    metrics: [{m.json: {cache: false}}]\n  b:\n    <<: *a\n    metrics: [{n.yaml: {cache: false}}]\n"
FORMATS = (
    "stages:\n  train:\n    cmd: x\n    params:\n      - config.toml:\n      - settings.py:\n      - deep.json: [a.b]\n"
    "    metrics:\n"
    + "".join(
        f"      - {name}: {{cache: false}}\n" for name in ("m.json", "m.yaml", "m.toml", "m.csv", "pairs.tsv")
    )
)

SHAPES: dict[str, Shape] = {
    "plain": Shape(
        _simple(_in_git("    params: [lr]\n"), {"metrics.json": numbers(f1=0.5), "params.yaml": "lr: 1e-3\n"},
                {"metrics.json": numbers(f1=0.6), "params.yaml": "lr: 2e-3\n"}),
        {"f1": (0.5, 0.6)}, {"params.yaml:lr": (0.001, 0.002)},
    ),
    "several pipelines": Shape(
        _several,
        {"metrics:f1": (0.5, 0.5), "a/metrics:f1": (0.6, 0.6), "b/deep/metrics:f1": (0.7, 0.8), "auc": (0.9, 0.95)},
    ),
    "wdir": Shape(
        _simple(_in_git("    wdir: src/model\n    params: [depth]\n", metric="../out/m.json"),
                {"src/out/m.json": numbers(f1=0.5), "src/model/params.yaml": "depth: 1\n"},
                {"src/out/m.json": numbers(f1=0.6), "src/model/params.yaml": "depth: 2\n"}),
        {"f1": (0.5, 0.6)}, {"src/model/params.yaml:depth": (1, 2)},
    ),
    "wdir, metrics in the cache": Shape(
        _cached_below_wdir, {"auc": (0.2, 0.4)}, {"pipe/work/params.yaml:depth": (2, 4)},
    ),
    "templated": Shape(
        _simple(TEMPLATED,
                {"params.yaml": "train: {depth: 1}\nwhere: work\npaths: [{out: m.json}]\n", "work/inner/m.json": numbers(f1=0.5),
                 "work/top.json": numbers(top=1), "work/extra.toml": "k = 1\n"},
                {"params.yaml": "train: {depth: 3}\nwhere: work\npaths: [{out: m.json}]\n", "work/inner/m.json": numbers(f1=0.6)}),
        {"f1": (0.5, 0.6), "top": (1, 1)}, {"params.yaml:train.depth": (1, 3)},
    ),
    "foreach": Shape(
        _simple(FOREACH,
                {"conf.yaml": "models: {a: {name: tree}, b: {name: net}}\n", "results/a.json": numbers(acc=0.1), "results/b.json": numbers(acc=0.2),
                 "results/score-fast.yaml": "s1: 1\n", "results/score-2.yaml": "s2: 1e-05\n", "results/score-true.yaml": "s3: .5\n"},
                {"results/b.json": numbers(acc=0.3)}),
        {"a:acc": (0.1, 0.1), "b:acc": (0.2, 0.3), "s1": (1, 1), "s2": (0.00001, 0.00001), "s3": (0.5, 0.5)},
    ),
    "matrix": Shape(
        _simple(MATRIX,
                {"params.yaml": "depths: [1, 2]\n", "runs/params.yaml": "lr: 1\n",
                 **{f"runs/{model}-{depth}-data0.json": numbers(acc=depth / 10) for model in ("cnn", "tree") for depth in (1, 2)}},
                {"runs/tree-2-data0.json": numbers(acc=0.9)}),
        {f"{model}-{depth}-data0:acc": (depth / 10, 0.9 if (model, depth) == ("tree", 2) else depth / 10)
         for model in ("cnn", "tree") for depth in (1, 2)},
    ),
    "formats": Shape(
        _simple(FORMATS,
                {"m.json": numbers(j=1), "m.yaml": "y: {z: 1.5}\nt: 2020-01-01\nname: net\n", "m.toml": "[a]\nb = 2\n", "m.csv": "c,d\n1,2\n",
                 "pairs.tsv": "name\tvalue\nloss\t0.5\nacc\t0.7\n", "config.toml": "depth = 3\n", "settings.py": "class A:\n    lr = 0.1\nN = 4\n",
                 "deep.json": '{"a": {"b": 1}}'},
                {"m.csv": "c,d\n1,2\n3,4\n", "settings.py": "class A:\n    lr = 0.2\nN = 4\n"}),
        {"j": (1, 1), "y.z": (1.5, 1.5), "a.b": (2, 2), "c": (1, 3), "d": (2, 4), "loss": (0.5, 0.5), "acc": (0.7, 0.7)},
        {"settings.py:A.lr": (0.1, 0.2)}, dvc_reads=False,
    ),
    "anchors": Shape(_simple(ALIAS, {"m.json": numbers(a=1), "n.yaml": "x: &v 2\ny: *v\n"}, {"m.json": numbers(a=3)}),
                     {"a": (1, 3), "x": (2, 2), "y": (2, 2)}),
    "lock of schema 1.0": Shape(_lock_1, {"f1": (0.5, 0.75)}, dvc_reads=False),
    "live of old DVC": Shape(_simple(LIVE.format("logs"), {"logs.json": numbers(loss=2), "logs/loss.tsv": "step\tloss\n1\t2\n"}, {"logs.json": numbers(loss=1)}),
                             {"loss": (2, 1)}, dvc_reads=False),
    "live of newer DVC": Shape(_simple(LIVE.format("dvclive"), {"dvclive/metrics.json": numbers(loss=2)}, {"dvclive/metrics.json": numbers(loss=1)}),
                               {"loss": (2, 1)}, dvc_reads=False),
    "Windows separators": Shape(_simple(_in_git("    wdir: src\n    params: ['cfg\\p.yaml': [a]]\n", metric="out\\m.json"),
                                        {"src/out/m.json": numbers(f1=0.5), "src/cfg/p.yaml": "a: 1\n"},
                                        {"src/out/m.json": numbers(f1=0.6), "src/cfg/p.yaml": "a: 2\n"}),
                                {"f1": (0.5, 0.6)}, {"src/cfg/p.yaml:a": (1, 2)}, dvc_reads=False),
    "names with spaces": Shape(_simple(_in_git(metric="out put/mé trics.json"), {"out put/mé trics.json": numbers(f1=0.5)}, {"out put/mé trics.json": numbers(f1=0.6)}),
                               {"f1": (0.5, 0.6)}),
    "folder of metrics": Shape(_directory, {"f1": (0.1, 0.1), "auc": (0.2, 0.3)}),
    "cached": Shape(_cached_by_dvc, {"auc": (0.2, 0.4), "loss": (0.5, 0.25)}, {"params.yaml:depth": (2, 4)}),
    "only on a remote": Shape(remote_only, {"auc": (0.2, 0.4), "loss": (0.5, 0.25)}, {"params.yaml:depth": (2, 4)}),
    "tracked by a .dvc file": Shape(_added, {"loss": (1, 2)}),
    "DVC root in a sub-folder": Shape(_sub_folder, {"f1": (0.6, 0.6)}, dvc_reads=False),
    "nested and ignored": Shape(_nested, {"f1": (0.5, 0.55)}),
    "detached head": Shape(_detached, {"f1": (0.5, 0.6)}),
    "linked work tree": Shape(_linked, {"auc": (0.2, 0.4), "loss": (0.5, 0.25)}, {"params.yaml:depth": (2, 4)}, dvc_reads=False),
    "metrics in a submodule": Shape(_submodule, {"f1": (0.5, 0.6)}, dvc_reads=False),
    "inside a submodule": Shape(_inside_submodule, {"f1": (0.5, 0.6)}),
    "shallow clone": Shape(_shallow, {"f1": (0.5, 0.6)}),
    "machine noise": Shape(
        _simple(_in_git("    params: [run_id, lr]\n"), {"metrics.json": numbers(f1=0.5, train_time=12.5, latency=3), "params.yaml": "run_id: a1\nlr: 1\n"},
                {"metrics.json": numbers(f1=0.6, train_time=13.5, latency=4), "params.yaml": "run_id: b2\nlr: 2\n"}),
        {"f1": (0.5, 0.6), "latency": (3, 4)}, {"params.yaml:lr": (1, 2)}, says="folded as machine noise: train_time, params.yaml:run_id", dvc_reads=False,
    ),
    "conflict markers": Shape(_simple(_in_git(), {"metrics.json": numbers(f1=0.5)}, {"metrics.json": "<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> x\n"}),
                              {"f1": (0.5, None)}, lost=("metrics.json",), says="conflict markers", dvc_reads=False),
    "variable that does not exist": Shape(_simple(_in_git(metric="${nowhere}/m.json"), {"x": "1"}, {"x": "2"}), lost=("dvc.yaml", "dvc.yaml"), says="${nowhere}", dvc_reads=False),
    "metric that is nowhere": Shape(_simple(_in_git(), {"x": "1"}, {"x": "2"}), lost=("metrics.json", "metrics.json"), says="neither in git nor", dvc_reads=False),
    "cached and gone": Shape(_gone, params={"params.yaml:depth": (2, 4)}, lost=("m.json", "out/sub/more.json") * 2, says="no remote is configured", dvc_reads=False),
    "damaged cache": Shape(_damaged, {"f1": (0.5, None)}, lost=("m.json",), says="damaged", dvc_reads=False),
    "lock of a schema to come": Shape(_simple(_in_git(), {"metrics.json": numbers(f1=0.5), "dvc.lock": "schema: '9.0'\nstages: {}\n"}, {"metrics.json": numbers(f1=0.6)}),
                                      {"f1": (0.5, 0.6)}, lost=("dvc.lock", "dvc.lock"), says="schema 9.0", dvc_reads=False),
    "not a number": Shape(_simple(_in_git(), {"metrics.json": numbers(f1=0.5)}, {"metrics.json": '{"f1": NaN, "big": 1e999, "ok": 1}'}),
                          {"f1": (0.5, None), "ok": (None, 1)}, lost=("metrics.json: f1", "metrics.json: big"), says="not a finite number", dvc_reads=False),
}  # fmt: skip
