"""What is imported before stages start, and that steps of the library do the same in a fork of it."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.outside.warm import WATCHING_SHELL, can_start_warm, python_program, shell_environment
from mlops_kit.spec.load import read_lifecycle
from mlops_kit.steps.preload import (
    PythonProgram,
    WarmStarts,
    choose_forks,
    find_programs,
    preload_modules,
    program_modules,
)
from mlops_kit.steps.sandbox import LAUNCHER
from tests.support.world import run_kit

FILES = {
    "mlops.yaml": """\
        version: 1
        project: {name: small}
        task: {kind: regression, target: y, key: [id]}
        runtime: {lock: none}
        steps:
          make: {uses: steps/make.py}
          fit: {uses: steps/fit.py}
          watched: {uses: steps/watched.py}
          broken: {uses: steps/broken.py}
          plain: {cmd: python plain.py, deps: [plain.py]}
    """,
    "params.yaml": "make: {rows: 40}\n",
    "kpis.yaml": "kpis: []\n",
    "schema.yaml": "columns: {}\n",
    "seen.txt": "3",
    "plain.py": "import pandas\nprint(len(open('seen.txt').read()))\n",
    "steps/__init__.py": "",
    "steps/make.py": """\
        import pandas as pd
        from mlops_kit import Table, run, step

        @step
        def make() -> Table:
            "Make rows; the hash of a text is the seed's."
            print("made")
            return pd.DataFrame({"id": range(40), "y": [hash(str(i)) % 7 / 3 for i in range(40)]})

        if __name__ == "__main__":
            run(make)
    """,
    "steps/fit.py": """\
        import pandas as pd
        from mlops_kit import Model, run, step

        @step
        def fit() -> Model:
            "Fit a model, without a random state of its own."
            import numpy as np
            from sklearn.linear_model import LinearRegression
            return LinearRegression().fit(np.arange(20.0).reshape(10, 2), np.arange(10.0))

        if __name__ == "__main__":
            run(fit)
    """,
    "steps/watched.py": """\
        import pandas as pd
        from mlops_kit import Document, run, step

        @step
        def watched() -> Document:
            "Read what it does not declare."
            return {"seen": open("seen.txt").read(), "frame": len(pd.DataFrame({"a": [1]}))}

        if __name__ == "__main__":
            run(watched)
    """,
    "steps/broken.py": """\
        import pandas as pd
        from mlops_kit import Table, run, step

        @step
        def broken() -> Table:
            "Fail in the middle."
            return pd.DataFrame({"a": [1]})["b"]

        if __name__ == "__main__":
            run(broken)
    """,
}


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")


def test_modules_of_a_program_are_those_of_its_closure_outside_of_the_project(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"a.py": "import b, numpy.linalg\n", "b.py": "def late():\n    from sklearn.svm import SVC\n"},
    )
    assert program_modules(["python", "a.py"], tmp_path) == {"numpy.linalg", "sklearn.svm.SVC"}
    assert program_modules(["python", "-m", "b"], tmp_path) == {"sklearn.svm.SVC"}
    assert preload_modules(tmp_path, {"one": ["python a.py", "echo x"]}) == (
        "numpy.linalg",
        "sklearn.svm.SVC",
    )


def test_program_that_may_import_from_elsewhere_starts_afresh(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "import sys\nsys.path.insert(0, 'vendored')\nimport numpy\n"})
    assert find_programs("one", ["python a.py", "python -m a"], tmp_path) == []


def test_module_that_the_project_does_not_have_starts_afresh(tmp_path: Path) -> None:
    assert (
        find_programs("one", ["python -m json.tool", "python none.py", "python -m mlops_kit"], tmp_path) == []
    )


def test_steps_start_warm_below_the_shell_that_watches_others(tmp_path: Path) -> None:
    assert WATCHING_SHELL == LAUNCHER
    variables = shell_environment({"A": "b"}, folder=tmp_path, shell=str(tmp_path / LAUNCHER))
    assert variables == {"A": "b", "PWD": str(tmp_path.resolve())}


def test_package_runs_its_main_module(tmp_path: Path) -> None:
    write(tmp_path, {"p/__init__.py": "import yaml\n", "p/__main__.py": "import numpy\n"})
    assert program_modules(["python", "-m", "p"], tmp_path) == {"yaml", "numpy"}


def test_built_in_step_imports_its_runner_and_what_its_artifacts_take(tmp_path: Path) -> None:
    modules = program_modules(["python", "-m", "mlops_kit.steps.model.train_boosting"], tmp_path)
    assert {"mlops_kit.steps.runner", "pandas", "skops.io"} <= modules
    assert "mlops_kit.steps.model.train_boosting" not in modules, "runpy warns of a program that is imported"


PACKAGES = st.frozensets(st.sampled_from(["numpy", "pandas", "sklearn", "scipy", "torch"]))


@given(st.lists(PACKAGES, max_size=8))
def test_forks_have_only_what_two_programs_ask_for(sets: list[frozenset[str]]) -> None:
    programs = [
        PythonProgram(str(number), ("python", "a.py"), modules) for number, modules in enumerate(sets)
    ]
    forks = choose_forks(programs)
    assert len(set(forks)) == len(forks)
    for fork in forks:
        assert fork
        assert sum(fork <= program.packages for program in programs) >= 2
    for one in sets:
        if sets.count(one) > 1 and one:
            assert one in forks


def run_both(
    root: Path, starts: WarmStarts, stage: str, command: str, **variables: str
) -> tuple[bool, list[object]]:
    """Run a stage warm and afresh; return whether it was warm and, for both, its exit code, what it printed and what it wrote."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "HOME": str(root), "DVC_STAGE": stage, **variables}
    results: list[object] = []
    read, written = os.pipe()
    bare = shell_environment(environment, folder=root, shell="/bin/sh")
    assert bare is not None
    child = starts.start(python_program(command) or [], cwd=root, environment=bare, stdout=written)
    os.close(written)
    if child is not None:
        with os.fdopen(read, "rb") as stream:
            printed = stream.read()
        while (ended := child.poll()) is None:
            select.select([child], [], [])
        child.close()
        results.append((ended.code, printed, outputs(root)))
    else:
        os.close(read)
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    results.append((done.returncode, done.stdout, outputs(root)))
    return child is not None and child.warm, results


def outputs(root: Path) -> dict[str, bytes]:
    """Return what is in the folders of outputs, which is removed."""
    found: dict[str, bytes] = {}
    for folder in ("data", "models", "metrics"):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file():
                found[path.relative_to(root).as_posix()] = path.read_bytes()
        shutil.rmtree(root / folder, ignore_errors=True)
    return found


STEPS = ("make", "fit", "watched", "broken")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("steps")
    write(root, FILES)
    (root / ".dvc").mkdir()
    run_kit("generate", cwd=root)
    return root


@pytest.fixture(scope="module")
def starts(project: Path) -> Iterator[WarmStarts]:
    made = WarmStarts(project, read_lifecycle(project))
    stages = [(stage, [f"python -m steps.{stage}"], project) for stage in STEPS]
    made.expect([*stages, ("plain", ["python plain.py"], project)])
    yield made
    made.close()


needs_forks = pytest.mark.skipif(not can_start_warm(), reason="forks, pidfd and memfd of Linux")


@needs_forks
@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "mode"), [*((stage, "warn") for stage in STEPS), ("watched", "refuse"), ("fit", "refuse")]
)
def test_step_is_the_same_in_a_fork(project: Path, starts: WarmStarts, stage: str, mode: str) -> None:
    warm, results = run_both(project, starts, stage, f"python -m steps.{stage}", MLOPS_KIT_WATCH=mode)
    assert warm
    assert results[0] == results[1]


@needs_forks
def test_other_command_that_is_watched_starts_afresh(project: Path, starts: WarmStarts) -> None:
    assert not run_both(project, starts, "plain", "python plain.py", MLOPS_KIT_WATCH="warn")[0]


@needs_forks
def test_stage_that_was_not_expected_starts_afresh(project: Path, starts: WarmStarts) -> None:
    assert not run_both(project, starts, "other", "python plain.py", MLOPS_KIT_WATCH="off")[0]
