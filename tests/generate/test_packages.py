"""The packages of a stage: what its imports require, from the lock or from what is installed."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from mlops_kit.artifacts.conditions import holds
from mlops_kit.artifacts.pins import read_pins
from mlops_kit.errors import SpecError, StaleError
from mlops_kit.generate.packages import Packages, find_packages
from mlops_kit.outside.distributions import Installation

UV = """\
version = 1
requires-python = ">=3.11"

[[package]]
name = "shop"
version = "0"
source = { virtual = "." }
dependencies = [{ name = "learn" }]

[[package]]
name = "learn"
version = "2.0"
source = { registry = "there" }
sdist = { url = "x", hash = "sha256:00" }
dependencies = [
    { name = "num" },
    { name = "win", marker = "sys_platform == 'win32'" },
    { name = "fast", extra = ["gpu"] },
]
wheels = [
    { url = "x", hash = "sha256:00", size = 1 },
]

[package.optional-dependencies]
plot = [{ name = "draw" }]

[[package]]
name = "num"
version = "1.5"
source = { registry = "there" }

[[package]]
name = "win"
version = "0.4"
source = { registry = "there" }

[[package]]
name = "fast"
version = "3.0"
source = { git = "there?rev=main#abc123" }

[package.optional-dependencies]
gpu = [{ name = "cuda", marker = "sys_platform == 'linux' and platform_machine == 'x86_64'" }]

[[package]]
name = "cuda"
version = "12.1"
source = { registry = "there" }

[[package]]
name = "draw"
version = "9"
source = { registry = "there" }
"""
PYLOCK = 'lock-version = "1.0"\n[[packages]]\nname = "Learn"\nversion = "2.0"\nwheels = [{url = "x", hashes = {sha256 = "00"}}]\n[[packages.wheels]]\n[[packages]]\nname = "num"\nversion = "1.5"\n'
PYLOCK = PYLOCK.replace("[[packages.wheels]]\n", "")
REQUIREMENTS = "# made by a tool\nlearn==2.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:01\n    # via -r x\nnum==1.5 ; python_version >= '3.9' --hash=sha256:02\nwin==0.4 ; sys_platform == 'win32'\n"


def install(folder: Path, dists: Mapping[str, tuple[str, list[str]]]) -> Installation:
    """Fake distributions: name -> (version, requirements); each has a package of its own name."""
    for name, (version, requires) in dists.items():
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        lines = [f"Requires-Dist: {line}" for line in requires]
        (info / "METADATA").write_text(
            "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines, "", "text"])
        )
        (info / "RECORD").write_text(f"{name}/__init__.py,sha256=0,1\n")
    return Installation([str(folder)])


@pytest.fixture
def installed(tmp_path: Path) -> Installation:
    return install(
        tmp_path / "site",
        {"learn": ("2.0", ["num>=1", "draw; extra == 'plot'", "old; python_version < '3'", "win; sys_platform == 'win32'"]), "num": ("1.5", []),
         "draw": ("9", ["learn[plot]"]), "rich": ("1", ["num"]), "data": ("7", ["rich"])},
    )  # fmt: skip


def test_packages_of_a_stage_are_those_that_its_imports_require(installed: Installation) -> None:
    used = Packages(None, "3.11", installed).used_by(["learn.tree", "json", "mlops_kit"], [], [])
    assert used.names == ("learn", "num")
    assert Packages(None, "3.11", installed).used_by(["draw"], [], []).names == ("draw", "learn", "num")


def test_package_whose_data_alone_is_read_brings_nothing_with_it(installed: Installation) -> None:
    assert Packages(None, "3.11", installed).used_by([], [], [], ["data"]).names == ("data",)


def test_module_that_is_not_there_is_unknown_or_absent(installed: Installation) -> None:
    used = Packages(None, "3.11", installed).used_by(["nowhere.x", "maybe"], ["maybe"], [])
    assert (used.unknown, used.absent) == (("nowhere",), ("maybe",))


def test_package_that_a_stage_needs_and_nobody_has_is_an_error(installed: Installation) -> None:
    with pytest.raises(StaleError, match="pandas is not installed"):
        Packages(None, "3.11", installed).used_by([], [], ["pandas"])


def test_uv_lock_decides_names_versions_and_platforms(installed: Installation) -> None:
    packages = Packages(read_pins(UV, "uv.lock"), "3.11", installed)
    assert packages.used_by(["learn"], [], []).names == ("cuda", "fast", "learn", "num", "win")
    assert packages.version("fast") == "3.0 @ abc123"
    assert packages.platforms("win") == ("win32-AMD64",)
    assert packages.platforms("cuda") == ("linux-x86_64",)
    assert packages.platforms("num") == ()


@pytest.mark.parametrize(
    ("name", "text"), [("uv.lock", UV), ("pylock.toml", PYLOCK), ("requirements.txt", REQUIREMENTS)]
)
def test_lock_is_found_and_wins_over_what_is_installed(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text.replace('"2.0"', '"2.1"').replace("learn==2.0", "learn==2.1"))
    packages = find_packages(tmp_path, None, "3.11")
    assert packages.lock is not None
    assert packages.lock.path == name
    packages.installation = install(tmp_path / "site", {"learn": ("2.0", ["num"]), "num": ("1.5", [])})
    assert {"learn", "num"} <= set(packages.used_by(["learn"], [], []).names)
    assert packages.version("learn") == "2.1"
    assert packages.disagreements(["learn", "num"]) == (f"{name} has learn 2.1, installed is 2.0",)


def test_lock_that_git_does_not_have_decides_nothing(git_repo: Path) -> None:
    (git_repo / "uv.lock").write_text(UV)
    found = find_packages(git_repo, None, "3.11")
    assert (found.lock, found.passed_over) == (None, ("uv.lock",))
    subprocess.run(["git", "add", "uv.lock"], cwd=git_repo, check=True)
    assert find_packages(git_repo, None, "3.11").lock is not None


def test_requirements_with_open_versions_are_no_lock_unless_named(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("learn==2.0\nnum>=1\n")
    assert find_packages(tmp_path, None, "3.11").lock is None
    named = find_packages(tmp_path, "requirements.txt", "3.11")
    named.installation = install(tmp_path / "site", {"learn": ("2.0", ["num"]), "num": ("1.7", [])})
    assert named.used_by(["learn"], [], []).names == ("learn", "num")
    assert named.version("num") == "1.7"
    assert "does not have it" in named.disagreements(["num"])[0]
    with pytest.raises(SpecError, match="which does not exist"):
        find_packages(tmp_path, "absent.lock", "3.11")


def test_lock_of_two_versions_takes_the_one_for_this_platform(tmp_path: Path) -> None:
    lock = read_pins("num==1 ; python_version < '3'\nnum==2 ; python_version >= '3'\n", "requirements.lock")
    assert Packages(lock, "3.11", Installation([])).version("num") == "2"


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        ("python_version >= '3.9'", True), ("python_version < '3.9'", False), ("python_full_version < '3.12'", True), ("extra == 'a'", True),
        ("extra == 'b'", False), ("sys_platform == 'win32' or os_name == 'posix'", True), ("extra == 'a' and sys_platform == 'win32'", False),
        ("(python_version >= '3.9' and sys_platform == 'linux') or extra == 'b'", True), ("python_version in '3.10 3.11'", True),
        ("python_version == '3.11.*'", True), ("implementation_name == 'nothing'", False),
    ],
)  # fmt: skip
def test_conditions_are_judged_as_packaging_does(marker: str, expected: bool) -> None:
    from packaging.markers import Marker

    facts = (("sys_platform", "linux"), ("os_name", "posix"), ("platform_system", "Linux"))
    assert holds(marker, ("a",), "3.11", facts) is expected
    environment = {**dict(facts), "python_version": "3.11", "python_full_version": "3.11.7"}
    assert any(Marker(marker).evaluate({**environment, "extra": extra}) for extra in ("", "a")) is expected
