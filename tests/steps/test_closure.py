"""The import closure: what Python would load, found without running anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.errors import SpecError
from mlops_kit.steps import imports
from mlops_kit.steps.closure import find_closure, import_roots
from mlops_kit.steps.imports import parse_imports, read_imports
from mlops_kit.steps.quickread import read_plain

PACKAGE = Path(__file__).resolve().parents[2] / "mlops_kit"


def write(root: Path, **files: str) -> None:
    """Write files; `__` in a name stands for a slash, `INIT` for `__init__`."""
    for name, text in files.items():
        path = root / (name.replace("__", "/").replace("INIT", "__init__") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def local(root: Path, start: str = "steps/a.py") -> list[str]:
    return [path.removesuffix(".py") for path in find_closure(root, start).local if path != start]


@pytest.mark.parametrize(
    ("line", "reached"),
    [
        ("import steps.b", ["steps/b"]),
        ("from steps.b import x", ["steps/b"]),
        ("from . import b", ["steps/b"]),
        ("from .b import x as y", ["steps/b"]),
        ("from .. import lib", ["lib/__init__"]),
        ("from ..lib.deep import core", ["lib/__init__", "lib/deep/__init__", "lib/deep/core"]),
        ("import lib.deep.core as c", ["lib/__init__", "lib/deep/__init__", "lib/deep/core"]),
        ("from lib import *", ["lib/__init__", "lib/listed"]),
        ("from space.inner import part", ["space/inner/part"]),
        ("import space.inner.part", ["space/inner/part"]),
        ("def f():\n    import steps.b", ["steps/b"]),
        ("class C:\n    from steps.b import x", ["steps/b"]),
        ("try:\n    import absent\nexcept ImportError:\n    import steps.b", ["steps/b"]),
        ("with open(1):\n    import steps.b", ["steps/b"]),
        ("match 1:\n    case 1:\n        import steps.b", ["steps/b"]),
        ("if x: import steps.b", ["steps/b"]),
        ("x = 1; import steps.b", ["steps/b"]),
        ("from steps.b import (\n    x,  # one\n    y,\n)", ["steps/b"]),
        ("from \\\n  steps.b import x", ["steps/b"]),
        ("import importlib\nimportlib.import_module('steps.b')", ["steps/b"]),
        ("from importlib import import_module as im\nim('.b', 'steps')", ["steps/b"]),
        ("__import__('steps.b')", ["steps/b"]),
        ("import importlib\nimportlib.import_module(f'lib.deep.{name}')", ["lib/__init__", "lib/deep/__init__", "lib/deep/core"]),
        ("if __name__ == '__main__':\n    import steps.b", ["steps/b"]),
        ("import top", ["top"]),
        ("import outer", []),
        ("if TYPE_CHECKING:\n    import steps.b", []),
        ("import typing\nif typing.TYPE_CHECKING:\n    import steps.b\nelse:\n    import top", ["top"]),
        ("if not TYPE_CHECKING:\n    import steps.b", ["steps/b"]),
        ("if False:\n    import steps.b", []),
        ("'''\nimport steps.b\n'''", []),
        ("# import steps.b", []),
        ("x = '''a''' # '''\nimport steps.b", ["steps/b"]),
        ("import mainly", ["mainly"]),
    ],
)  # fmt: skip
def test_imports_are_followed_as_python_would(tmp_path: Path, line: str, reached: list[str]) -> None:
    write(
        tmp_path, steps__b="", top="", lib__INIT="__all__ = ['listed']", lib__listed="", lib__other="", lib__deep__INIT="",
        lib__deep__core="", space__inner__part="", src__outer="", mainly="if __name__ == '__main__':\n    import steps.b\n",
    )  # fmt: skip
    write(tmp_path, steps__a=line + "\n")
    assert local(tmp_path) == reached


def test_package_of_the_step_itself_runs_first(tmp_path: Path) -> None:
    write(tmp_path, steps__INIT="import top\n", top="", steps__a="")
    assert local(tmp_path) == ["steps/__init__", "top"]


def test_src_counts_when_the_project_is_a_package(tmp_path: Path) -> None:
    write(
        tmp_path,
        steps__a="import inner.x\n",
        src__inner__INIT="",
        src__inner__x="from . import y\n",
        src__inner__y="",
    )
    assert local(tmp_path) == []
    (tmp_path / "pyproject.toml").write_text("[build-system]\n")
    assert import_roots(tmp_path) == ("", "src")
    assert local(tmp_path) == ["src/inner/__init__", "src/inner/x", "src/inner/y"]


def test_members_of_a_workspace_count(tmp_path: Path) -> None:
    write(tmp_path, steps__a="import tool\n", packages__one__src__tool__INIT="")
    (tmp_path / "pyproject.toml").write_text("[tool.uv.workspace]\nmembers = ['packages/*']\n")
    assert local(tmp_path) == ["packages/one/src/tool/__init__"]


def test_folder_with_data_does_not_hide_a_package(tmp_path: Path) -> None:
    (tmp_path / "yaml").mkdir()
    write(tmp_path, steps__a="from yaml import safe_load\n")
    assert "yaml" in {name.partition(".")[0] for name in find_closure(tmp_path, "steps/a.py").external}


def test_way_to_a_file_is_told(tmp_path: Path) -> None:
    write(tmp_path, steps__a="\nimport steps.b\n", steps__b="from . import c\n", steps__c="")
    via = find_closure(tmp_path, "steps/a.py").via
    assert (via["steps/b.py"], via["steps/c.py"]) == ("steps/a.py:2", "steps/b.py:1")


@pytest.mark.parametrize(
    "line",
    [
        "importlib.import_module(name)", "__import__(name)", "exec(text)", "eval(text)", "runpy.run_path('x.py')", "sys.path.insert(0, 'lib')",
        "sys.path += ['lib']", "sys.path[:0] = ['lib']", "spec_from_file_location('x', path)", "load = importlib.import_module",
        "for m in pkgutil.walk_packages(p): pass", "importlib.import_module(f'{a}.b')",
    ],
)  # fmt: skip
def test_what_cannot_be_known_is_reported_with_its_place(tmp_path: Path, line: str) -> None:
    write(tmp_path, steps__a="from steps import b\n", steps__b=f"import importlib\n\n{line}\n")
    notes = find_closure(tmp_path, "steps/a.py").notes
    assert [note.where for note in notes] == ["steps/b.py:3"]


@pytest.mark.parametrize(
    "line", ["frame.eval('a + b')", "model.exec_all()", "os.path.join('a')", "re.compile('exec(')"]
)
def test_likely_looking_code_is_not_reported(tmp_path: Path, line: str) -> None:
    write(tmp_path, steps__a=f"{line}\n")
    assert find_closure(tmp_path, "steps/a.py").notes == ()


def test_file_that_is_not_python_is_named(tmp_path: Path) -> None:
    write(tmp_path, steps__a="try:\n    import x\nexept:\n")
    with pytest.raises(SpecError, match=r"steps/a\.py:3"):
        find_closure(tmp_path, "steps/a.py")


def test_quick_reading_gives_what_the_tree_gives() -> None:
    plain = 0
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_bytes()
        quick, tree = read_plain(source), parse_imports(source, path.name)
        if quick is not None and not imports._is_dynamic(source):
            plain += 1
            assert sorted(quick) == sorted((i.level, i.module, i.names, i.line) for i in tree.imports)
    assert plain > 150


LINES = st.sampled_from(
    ["import a", "from b import c", "from . import d", "x = 1", "'''", '"""', "# '''", "x = 'import q'", "if TYPE_CHECKING:", "    import e",
     "try:", "except ImportError:", "    from .f import (g,", "      h)", "def f():", "    '''import z'''", "else:", "    pass", "import i; import j",
     "if x: import k", "raise X from e", "    return 1", "from l import *", "x = 'a\\", "import m'"]
)  # fmt: skip


@given(st.lists(LINES, max_size=12))
def test_quick_reading_never_says_other_than_the_tree(lines: list[str]) -> None:
    source = "\n".join(lines).encode()
    try:
        tree = parse_imports(source, "x.py").imports
    except SpecError:
        return
    assert {(i.level, i.module, i.names, i.line) for i in read_imports(source, "x.py").imports} == {
        (i.level, i.module, i.names, i.line) for i in tree
    }


def test_closure_holds_what_a_run_really_loads(tmp_path: Path) -> None:
    write(
        tmp_path, steps__a="from lib import first\nfrom lib.deep import second\nimport importlib\nimportlib.import_module('lib.third')\n",
        lib__INIT="from .first import *\n", lib__first="from . import fourth\n__all__ = []\n", lib__fourth="", lib__third="import top\n",
        lib__deep__INIT="", lib__deep__second="from ..first import fourth\n", top="", unused="",
    )  # fmt: skip
    show = "import runpy, sys; runpy.run_module('steps.a'); print(*sorted(m.__file__ for m in sys.modules.values() if (getattr(m, '__file__', None) or '').startswith(sys.argv[1])))"
    done = subprocess.run(
        [sys.executable, "-c", show, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    loaded = {Path(path).relative_to(tmp_path).as_posix() for path in done.stdout.split()}
    assert loaded == set(find_closure(tmp_path, "steps/a.py").local) - {"steps/a.py"}
