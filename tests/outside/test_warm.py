"""Warm starts against fresh ones: the same little programs, and all that they can tell about themselves."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from mlops_kit.outside.warm import can_start_warm, python_program, shell_environment
from tests.support.programs import AS_MODULES, PROGRAMS
from tests.support.warm_lab import Lab

pytestmark = pytest.mark.skipif(not can_start_warm(), reason="forks, pidfd and memfd of Linux")

PRELOAD = ("json", "csv", "random", "logging", "multiprocessing.pool", "numpy")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("programs with ü"), PRELOAD)
    (made.folder / "beside.py").write_text("")
    (made.folder / "package").mkdir()
    (made.folder / "package/__init__.py").write_text("")
    (made.folder / "package/inner.py").write_text("")
    yield made
    made.server.close()


def in_a_fork(lab: Lab, *argv: str, **variables: str) -> None:
    """Assert that a program is the same both ways, and that it did run in a fork."""
    assert lab.compare(*argv, **variables)[1]


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_in_a_file_is_the_same_in_a_fork(lab: Lab, name: str) -> None:
    (lab.folder / "program.py").write_text(dedent(PROGRAMS[name]), encoding="utf-8")
    in_a_fork(lab, "program.py", "an argument", "--option=ü", DVC_STAGE=name)


@pytest.mark.parametrize("name", AS_MODULES)
def test_program_as_a_module_is_the_same_in_a_fork(lab: Lab, name: str) -> None:
    (lab.folder / "program.py").write_text(dedent(PROGRAMS[name]), encoding="utf-8")
    in_a_fork(lab, "-m", "program", "-m", DVC_STAGE=name)


def test_fork_has_no_module_that_a_fresh_process_does_not_have(tmp_path: Path) -> None:
    lab = Lab(tmp_path, ())
    lab.write(own="import sys; print(sorted(sys.modules))")
    lab.warm("own.py")  # the server needs some to report an end
    in_a_fork(lab, "own.py")
    in_a_fork(lab, "-m", "own")
    lab.server.close()


@pytest.mark.parametrize(
    ("name", "text"), [("random", "value = 4\n"), ("sklearn", "value = 5\n"), ("csv", "value = 6\n")]
)
def test_local_module_that_hides_an_imported_or_missed_one_is_found(
    lab: Lab, tmp_path: Path, name: str, text: str
) -> None:
    folder = lab.folder / f"hiding {name}"
    folder.mkdir()
    (folder / f"{name}.py").write_text(text)
    (folder / "own.py").write_text(f"import {name}\nprint({name}.value, {name}.__file__)\n")
    assert lab.compare(f"{folder.name}/own.py")[1] is (name == "sklearn")


def test_optional_module_that_the_folder_has_is_not_missed_in_a_fork(tmp_path: Path) -> None:
    lab = Lab(tmp_path, ["json", "tomllib", "nowhere_to_be_found"])
    lab.write(nowhere_to_be_found="print('here')", own="import nowhere_to_be_found")
    assert not lab.compare("own.py")[1] or lab.warm("own.py")[1] == "here\n"
    lab.server.close()


def test_another_version_on_the_import_path_is_the_one_that_is_used(tmp_path: Path) -> None:
    write_version = tmp_path / "vendored/yaml/__init__.py"
    write_version.parent.mkdir(parents=True)
    write_version.write_text("__version__ = 'mine'\n")
    lab = Lab(tmp_path, ["yaml", "json"], PYTHONPATH=str(tmp_path / "vendored"))
    lab.write(own="import yaml; print(yaml.__version__)")
    assert lab.compare("own.py") == ("mine\n", True)
    lab.server.close()


def test_code_of_a_project_is_never_run_by_the_server(tmp_path: Path) -> None:
    (tmp_path / "side.py").write_text("open('ran', 'a').write('x')\n")
    lab = Lab(tmp_path, ["side", "json"], PYTHONPATH=str(tmp_path))
    lab.write(own="print(1)")
    in_a_fork(lab, "own.py")
    assert not (tmp_path / "ran").exists()
    lab.server.close()


def site(folder: Path, **modules: str) -> str:
    """Make a folder of installed packages and return it for PYTHONPATH."""
    packages = folder / "site-packages"
    packages.mkdir()
    for name, text in modules.items():
        (packages / f"{name}.py").write_text(dedent(text))
    return str(packages)


NOTICED = {
    "prints": "print('loaded')",
    "warns": "import warnings; warnings.warn('loaded')",
    "threads": "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()",
    "ends": "import sys; sys.exit(3)",
    "fails": "raise RuntimeError('broken')",
    "traces": "import sys; sys.setprofile(lambda *a: None)",
}


@pytest.mark.parametrize("name", NOTICED)
def test_module_that_a_fork_would_notice_is_not_imported_before(tmp_path: Path, name: str) -> None:
    lab = Lab(
        tmp_path, ["json", f"{name}_module"], PYTHONPATH=site(tmp_path, **{f"{name}_module": NOTICED[name]})
    )
    lab.write(
        own=f"import sys\nprint('{name}_module' in sys.modules)\nimport {name}_module", plain="print(1)"
    )
    in_a_fork(lab, "own.py")
    in_a_fork(lab, "plain.py")
    lab.server.close()


def test_program_in_a_branch_has_what_the_branch_imported_and_no_other(tmp_path: Path) -> None:
    packages = site(tmp_path, one="import time; at = time.time_ns()", two="import one; at = one.at")
    lab = Lab(tmp_path, ["one"], PYTHONPATH=packages)
    lab.write(own="import sys; print('two' in sys.modules); import two; print(two.at)")
    branch = lab.server.branch(["two"])
    assert branch is not None
    first, lab.server, base = lab.warm("own.py")[1].split(), branch, lab.server
    again = lab.warm("own.py")[1].split()
    assert (first[0], again[0], first[1] == again[1]) == ("False", "True", True)
    branch.close()
    base.close()


def test_nothing_is_started_warm_that_could_be_told_from_a_fresh_process(lab: Lab) -> None:
    def starts(*argv: str, cwd: Path = lab.folder, **variables: str) -> bool:
        environment = {**lab.environment, **variables}
        child = lab.server.start(argv, cwd=cwd, environment=environment, stdout=2)
        if child is not None:
            child.close()
        return child is not None

    assert not starts("python", "beside.py", NUMEXPR_MAX_THREADS="2")
    assert not starts("python", "beside.py", PYTHONHASHSEED="8")
    assert not starts("python", "beside.py", cwd=lab.folder.parent)
    assert not starts("python3", "beside.py")
    assert starts("python", "beside.py", DVC_STAGE="other", PWD=str(lab.folder))


def test_environment_is_observed_by_nothing_else_in_a_fork(tmp_path: Path) -> None:
    lab = Lab(tmp_path, ["json"], PYTHONVERBOSE="1")
    lab.write(own="print(1)")
    _, printed, warm = lab.warm("own.py")
    assert "import 'site'" in printed
    assert not warm
    lab.server.close()


COMMANDS = {
    "python a.py": ["python", "a.py"],
    "python3 -m a.b c 'd e' \"f g\" --h=i": ["python3", "-m", "a.b", "c", "d e", "f g", "--h=i"],
    "python 'a $b.py'": ["python", "a $b.py"],
    "/usr/bin/python3.11 ./a.py": ["/usr/bin/python3.11", "./a.py"],
    "python -u a.py": None, "python -m": None, "python -mjson a": None, "python -X utf8 a.py": None, "python -c 1": None,
    "A=1 python a.py": None, "python a.py > b": None, "python a.py && c": None, "python a.py $B": None, "python a.py *": None,
    "python a.py ~": None, "cd b; python a.py": None, "python": None, "python a": None, "poetry run python a.py": None,
    "python a.py 'open": None, "python a.py # c": None, "python a.py {b,c}": None, "python a.py\npython b.py": None, "": None,
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_command_is_a_python_program_where_the_shell_does_nothing_to_it(command: str) -> None:
    words = COMMANDS[command]
    assert python_program(command) == words
    if words is not None:
        shown = subprocess.run(
            ["sh", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, check=True
        )
        assert shown.stdout.splitlines() == words


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"SHLVL": "3", "OLDPWD": "/", "_": "/x", "A": "b"},
        {"PWD": "/nowhere", "OLDPWD": "/nowhere"},
        {"PWD": "link"},
    ],
)
def test_shell_hands_on_the_environment_that_is_expected(
    tmp_path: Path, shell: str, given: dict[str, str]
) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    link = tmp_path / "link"
    link.symlink_to(tmp_path, target_is_directory=True)
    environment = {
        **given,
        **({"PWD": str(link)} if given.get("PWD") == "link" else {}),
        "PATH": "/usr/bin:/bin",
    }
    shown = subprocess.run(
        [program, "-c", "env"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    expected = shell_environment(environment, folder=tmp_path, shell=program)
    assert expected is not None
    found = dict(line.split("=", 1) for line in shown.stdout.splitlines())
    assert {**expected, "_": ""} == {**found, "_": ""}
