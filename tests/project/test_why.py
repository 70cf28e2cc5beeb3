"""Sixty ways to change a project: each makes exactly the right stages stale, and says why."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_kit.errors import StaleError, UsageError
from mlops_kit.generate import plan
from mlops_kit.project.why import explain_stages
from mlops_kit.steps.catalog import module_file
from mlops_kit.steps.contract import read_contract
from tests.support.recorded import generate, install, record_run, write_project
from tests.support.world import edit

FILES = {
    "mlops.yaml": """\
version: 1
project: {name: p}
task: {kind: regression, target: y, key: [id]}
runtime: {lock: none}
steps:
  load: {uses: steps/load.py}
  fit: {uses: steps/fit.py, deps: [data/extra]}
  judge: {uses: steps/judge.py}
  policy: {uses: retrain.policy, inputs: {drift: fitting, labelling: fitting, alerts: model, verdict: judge}}
  shell: {cmd: python scripts/tool.py, deps: [scripts/tool.py, reports/model.json], outs: [out.txt], params: [shell]}
""",
    "params.yaml": "load: {source: data/rows.csv, rows: 3}\nfit: {depth: 2, rates: {fast: 0.5}}\nshell: {}\npolicy: {}\nunused: {a: 1}\n",
    "kpis.yaml": "kpis: []\n",
    "data/rows.csv": "a,b\n1,2\n",
    "data/extra/one.txt": "1\n",
    "data/extra/two.txt": "2\n",
    "data/other.csv": "a\n",
    "README.md": "# p\n",
    "steps/__init__.py": "",
    "steps/load.py": """\
from dataclasses import dataclass
from mlops_kit import Document, InputFile, run, step
from steps import common
@dataclass(frozen=True)
class LoadParams:
    source: InputFile
    rows: int
@step
def load(*, params: LoadParams) -> Document:
    '''Load.'''
    import tables_lib
""",
    "steps/fit.py": """\
from typing import NamedTuple, TYPE_CHECKING
from mlops_kit import Document, Metrics, run, step
from lib.maths import solve
if TYPE_CHECKING:
    from lib import typing_only
class Fit(NamedTuple):
    model: Document
    fitting: Metrics
@step
def fit(load: Document, *, params, task) -> Fit:
    import learn
    try:
        import booster
    except ImportError:
        booster = None
""",
    "steps/judge.py": "from mlops_kit import Document, Metrics, run, step\n@step\ndef judge(fitting: Metrics, *, kpis) -> Document:\n    import importlib\n    importlib.import_module('lib.lazy')\n",
    "steps/common.py": "from lib import deep\nPATH = 'data/other.csv'\n",
    "lib/__init__.py": "",
    "lib/maths.py": "from . import deep\nfrom space.plug import part\ndef solve():\n    from .late import later\n",
    "lib/deep.py": "VALUE = 1\n",
    "lib/late.py": "later = 1\n",
    "lib/lazy.py": "",
    "lib/typing_only.py": "",
    "lib/unused.py": "",
    "space/plug/part.py": "",
    "scripts/tool.py": "import helper\n",
    "scripts/helper.py": "",
    "extra/dvc.yaml": "stages:\n  count:\n    cmd: wc ../reports/model.json > n.txt\n    deps: [../reports/model.json]\n    params: [top.level, other.yaml: [a.b]]\n    outs: [n.txt]\n",
    "extra/params.yaml": "top: {level: 1, other: 2}\n",
    "extra/other.yaml": "a: {b: 1, c: 2}\n",
}  # fmt: skip
PYTHON = {"load", "fit", "judge", "policy"}
COUNT = "extra/dvc.yaml:count"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    install(folder, "learn", "1.0", "num>=1", "draw; extra == 'plot'", "legacy; python_version < '3'")
    install(folder, "num", "1.0")
    install(folder, "draw", "1.0")
    install(folder, "tables_lib", "1.0", "num")
    install(folder, "legacy", "1.0")
    install(folder, "unrelated", "1.0", "num")
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def root(tmp_path: Path, site: Path) -> Path:
    folder = tmp_path / "project"
    write_project(folder, FILES)
    record_run(folder)
    return folder


def stale(root: Path, *, plain: bool = False) -> set[str]:
    read_contract.cache_clear()
    return {found.stage for found in explain_stages(root, plain=plain).stages if found.state == "run"}


def write(path: str, text: str) -> Callable[[Path, Path], None]:
    def change(root: Path, site: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)

    return change


def replace(path: str, old: str, new: str) -> Callable[[Path, Path], None]:
    return lambda root, site: edit(root / path, old, new)


def append(path: str, text: str) -> Callable[[Path, Path], None]:
    def change(root: Path, site: Path) -> None:
        (root / path).write_text((root / path).read_text() + text)

    return change


def remove(path: str) -> Callable[[Path, Path], None]:
    return lambda root, site: (root / path).unlink()


def package(name: str, version: str, *requires: str) -> Callable[[Path, Path], None]:
    return lambda root, site: install(site, name, version, *requires)


def lock(text: str) -> Callable[[Path, Path], None]:
    def change(root: Path, site: Path) -> None:
        edit(root / "mlops.yaml", "lock: none", "lock: r.lock")
        (root / "r.lock").write_text(text)

    return change


def touch(root: Path, site: Path) -> None:
    os.utime(root / "steps/fit.py", (1, 1))


def keep_size_and_time(root: Path, site: Path) -> None:
    path = root / "data/rows.csv"
    before = path.stat()
    path.write_text("a,b\n9,2\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def drop_cache(root: Path, site: Path) -> None:
    shutil.rmtree(root / ".dvc/cache")


CHANGES: dict[str, tuple[Callable[[Path, Path], None], set[str]]] = {
    "step file": (append("steps/fit.py", "X = 1\n"), {"fit"}),
    "helper": (append("lib/maths.py", "X = 1\n"), {"fit"}),
    "helper of two helpers": (append("lib/deep.py", "X = 1\n"), {"load", "fit"}),
    "helper imported in a function": (append("lib/late.py", "X = 1\n"), {"fit"}),
    "helper in a namespace package": (append("space/plug/part.py", "X = 1\n"), {"fit"}),
    "helper imported by its name as a text": (append("lib/lazy.py", "X = 1\n"), {"judge"}),
    "__init__ of a helper's package": (append("lib/__init__.py", "X = 1\n"), {"load", "fit", "judge"}),
    "__init__ of the steps": (append("steps/__init__.py", "X = 1\n"), {"load", "fit", "judge"}),
    "helper of a script": (append("scripts/helper.py", "X = 1\n"), {"shell"}),
    "script": (append("scripts/tool.py", "X = 1\n"), {"shell"}),
    "module for types alone": (append("lib/typing_only.py", "X = 1\n"), set()),
    "module that nobody imports": (append("lib/unused.py", "X = 1\n"), set()),
    "comment in a step": (append("steps/fit.py", "# why\n"), set()),
    "layout of a helper": (replace("lib/deep.py", "VALUE = 1", "VALUE   =  (1)"), set()),
    "docstring of a helper": (write("lib/deep.py", "'''Deep.'''\nVALUE = 1\n"), {"load", "fit"}),
    "time of a file": (touch, set()),
    "new import in a helper": (append("lib/late.py", "from lib import unused\n"), {"fit"}),
    "new module that hides another": (write("lib/deep/__init__.py", "VALUE = 2\n"), {"load", "fit"}),
    "new __init__ in a namespace": (write("space/__init__.py", ""), {"fit"}),
    "new module that nobody imports": (write("lib/more.py", ""), set()),
    "removed module that nobody imports": (remove("lib/unused.py"), set()),
    "parameter": (replace("params.yaml", "depth: 2", "depth: 3"), {"fit"}),
    "nested parameter": (replace("params.yaml", "fast: 0.5", "fast: 0.25"), {"fit"}),
    "new parameter": (replace("params.yaml", "depth: 2", "depth: 2, width: 1"), {"fit"}),
    "parameter written otherwise": (replace("params.yaml", "0.5", "5.0e-1"), set()),
    "parameter in an unused section": (replace("params.yaml", "a: 1", "a: 2"), set()),
    "parameter of a command": (replace("params.yaml", "shell: {}", "shell: {n: 1}"), {"shell"}),
    "order of sections": (write("params.yaml", "unused: {a: 1}\nshell: {}\npolicy: {}\nfit: {rates: {fast: 0.5}, depth: 2}\nload: {rows: 3, source: data/rows.csv}\n"), set()),
    "comment in params.yaml": (append("params.yaml", "# note\n"), set()),
    "file that a parameter names": (write("data/rows.csv", "a,b\n1,3\n"), {"load"}),
    "same size and time": (keep_size_and_time, {"load"}),
    "another file named by the parameter": (replace("params.yaml", "rows.csv", "other.csv"), {"load"}),
    "file in a folder": (write("data/extra/one.txt", "3\n"), {"fit"}),
    "new file in a folder": (write("data/extra/three.txt", "3\n"), {"fit"}),
    "removed file in a folder": (remove("data/extra/two.txt"), {"fit"}),
    "file that a helper merely names": (write("data/other.csv", "b\n"), set()),
    "KPI contract": (append("kpis.yaml", "confidence: 0.9\n"), {"judge"}),
    "task": (replace("mlops.yaml", "target: y", "target: z"), {"fit"}),
    "name of the project": (replace("mlops.yaml", "name: p", "name: q"), set()),
    "owner of a stage": (replace("mlops.yaml", "steps/judge.py}", "steps/judge.py, owner: '@a'}"), set()),
    "threads": (replace("mlops.yaml", "lock: none", "lock: none, threads: 2"), {*PYTHON, "shell"}),
    "used package": (package("learn", "1.1", "num>=1"), {"fit"}),
    "package that used ones require": (package("num", "1.1"), {"load", "fit"}),
    "package of an extra that nobody asks for": (package("draw", "1.1"), set()),
    "package for another Python": (package("legacy", "1.1"), set()),
    "package that nobody uses": (package("unrelated", "2.0", "num"), set()),
    "package that a used one requires now": (package("learn", "1.0", "num>=1", "draw"), {"fit"}),
    "package that was tried in vain": (package("booster", "1.0"), {"fit"}),
    "new package that nobody uses": (package("more", "1.0"), set()),
    "lock with another version": (lock("learn==1.0\nnum==1.9\n"), {"load", "fit"}),
    "lock with the same versions": (lock("learn==1.0\nnum==1.0\ntables-lib==1.0\n"), set()),
    "minor version of Python": (write(".python-version", "3.8\n"), PYTHON),
    "command": (replace("mlops.yaml", "tool.py, deps", "tool.py -v, deps"), {"shell"}),
    "new output of a command": (replace("mlops.yaml", "outs: [out.txt]", "outs: [out.txt, more.txt]"), {"shell"}),
    "missing output": (remove("reports/load.json"), {"load"}),
    "edited output": (append("reports/model.json", " "), {"fit"}),
    "cache that is gone": (drop_cache, {"shell", COUNT}),
    "environment variable": (lambda root, site: os.environ.update(STRANGE="1"), set()),
    "file outside of the project": (write("../outside.txt", "x"), set()),
    "README": (append("README.md", "more\n"), set()),
    "key of a hand-written stage": (replace("extra/params.yaml", "level: 1", "level: 2"), {COUNT}),
    "neighbour of that key": (replace("extra/params.yaml", "other: 2", "other: 3"), set()),
    "key in a file that it names": (replace("extra/other.yaml", "b: 1", "b: 2"), {COUNT}),
    "neighbour of that one": (replace("extra/other.yaml", "c: 2", "c: 3"), set()),
    "hand-written command": (replace("extra/dvc.yaml", "wc ..", "wc -l .."), {COUNT}),
    "new stage": (append("mlops.yaml", "  again: {uses: steps/judge.py, outputs: {judge: again}}\n"), {"again"}),
}  # fmt: skip


def test_nothing_is_stale_after_a_run(root: Path) -> None:
    assert stale(root) == set()
    assert stale(root, plain=True) == set()


@pytest.mark.parametrize("name", CHANGES)
def test_change_makes_exactly_the_right_stages_stale(
    name: str, root: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRANGE", "0")
    change, expected = CHANGES[name]
    change(root, site)
    assert stale(root) == expected


def test_contract_of_a_library_step_reruns_it_alone(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "policy.py"
    copy.write_text(
        module_file("mlops_kit.steps.post.retrain_policy")
        .read_text()
        .replace("@step\n", "@step(contract=9)\n")
        .replace("@step(contract=1)", "@step(contract=9)")
    )
    monkeypatch.setattr(plan, "module_file", lambda module: copy)
    found = explain_stages(root, ["policy"]).stages[0]
    assert stale(root) == {"policy"}
    assert "the step's contract 1 -> 9" in found.line


def line(root: Path, stage: str) -> str:
    read_contract.cache_clear()
    return explain_stages(root, [stage]).stages[0].line


def test_way_to_a_changed_helper_is_told(root: Path) -> None:
    edit(root / "lib/deep.py", "VALUE = 1", "VALUE = 2")
    assert (
        line(root, "load")
        == "load: would run: lib/deep.py changed (imported at steps/common.py:1 <- steps/load.py:3); steps/common.py:2: names data/other.csv; if step `load` reads it, add it under `deps:` of the step in mlops.yaml"
    )
    assert line(root, "judge") == "judge: waits: fit would run and writes metrics/fitting.json"


def test_values_are_told_as_they_were_and_are(root: Path, site: Path) -> None:
    install(site, "learn", "1.1", "num>=1")
    edit(root / "params.yaml", "fast: 0.5", "fast: 0.25")
    assert "fit.rates.fast 0.5 -> 0.25; learn 1.0 -> 1.1" in line(root, "fit")
    assert explain_stages(root).outdated == (".mlops/provenance.yaml",)


def test_stage_that_would_refuse_says_so(root: Path, site: Path) -> None:
    (root / "r.lock").write_text("learn==1.5\nnum==1.0\n")
    edit(root / "mlops.yaml", "lock: none", "lock: r.lock")
    found = explain_stages(root, ["fit"]).stages[0]
    assert "learn 1.0 (recorded 1.5)" in found.refusal
    assert "uv pip install -r r.lock" in found.refusal


def test_plain_dvc_knows_neither_comments_nor_generated_files(root: Path, site: Path) -> None:
    (root / "lib/deep.py").write_text("VALUE = 1  # one\n")
    install(site, "num", "1.1")
    assert stale(root, plain=True) == {"load", "fit"}
    assert stale(root) == {"load", "fit"}
    install(site, "num", "1.0")
    assert (stale(root, plain=True), stale(root)) == ({"load", "fit"}, set())


def test_unknown_stage_and_edited_pipeline_are_errors(root: Path) -> None:
    with pytest.raises(UsageError, match="no stage `nope`"):
        explain_stages(root, ["nope"])
    edit(root / "dvc.yaml", "python scripts/tool.py", "python scripts/tool.py -v")
    with pytest.raises(StaleError, match="edited by hand"):
        explain_stages(root)


def test_project_that_has_never_run_is_all_new(tmp_path: Path, site: Path) -> None:
    root = tmp_path / "fresh"
    write_project(root, FILES)
    generate(root)
    assert {found.stage for found in explain_stages(root).stages if "has not run yet" in found.line} == {
        *PYTHON,
        "shell",
        COUNT,
    }
