"""Finding what a script reads and writes without running it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.project.adopt.flow import trace_program
from mlops_kit.project.adopt.program import Program
from mlops_kit.project.adopt.values import Partial, interpolate, join
from tests.project.adopting import make_repository


def touched(root: Path, script: str) -> set[str]:
    """Return `touch path` of everything in a script."""
    program = Program(root, script)
    main = program.load(script, "__main__")
    assert main is not None
    return {
        f"{one.touch} {one.path}{'*' if one.partial else ''}" for one in trace_program(program, main).records
    }


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("open('a')", {"read a"}),
        ("open('a', mode='wb')", {"write a"}),
        ("open('a', 'a')", {"append a"}),
        ("import pandas as pd\npd.read_csv(filepath_or_buffer='a')", {"read a"}),
        ("from pandas import read_parquet as r\nr('a').to_csv('b')", {"read a", "write b"}),
        ("import numpy as np\nnp.save('a', 1)", {"write a.npy"}),
        ("import joblib\njoblib.dump(1, filename='a')", {"write a"}),
        ("import matplotlib.pyplot as plt\nf, x = plt.subplots()\nf.savefig('a')", {"write a.png"}),
        ("from pathlib import Path\nP = Path('d')\n(P / 'a').write_text('')", {"write d/a"}),
        ("from pathlib import Path\nopen(Path(__file__).resolve().parents[1] / 'a')", {"read \0/a"}),
        ("import os\nD = 'd'\nopen(os.path.join(D, 'a'))", {"read d/a"}),
        ("D = {'x': {'y': 'a'}}\nopen(D['x']['y'])", {"read a"}),
        ("for n in ['a', 'b']:\n    open(f'{n}.txt', 'w')", {"write a.txt", "write b.txt"}),
        ("for n in range(3):\n    open(f'd/m{n}.txt', 'w')", {"write d/m*"}),
        ("open('%s' % 1, 'w')", set()),
        ("open('{}/{n}'.format('d', n='a'))", {"read d/a"}),
        ("import os\nopen(os.environ.get('X', 'a'))", {"read a"}),
        ("import os\nif os.path.exists('m'):\n    open('m')", {"read m"}),
        ("if False:\n    open('a')", set()),
        ("def f(p, q='b'):\n    open(p)\n    open(q)\nf('a')", {"read a", "read b"}),
        ("def f(p):\n    open(p)\n", set()),
        ("def f(d, n):\n    open(d + n)\nf('x/', 'a')\nf('y/', 'b')", {"read x/a", "read y/b"}),
        ("def f():\n    return 'a', 'b'\nx, y = f()\nopen(y)", {"read b"}),
        ("class C:\n    def __init__(self, p):\n        self.p = p\n    def go(self):\n        open(self.p, 'w')\nC('a').go()", {"write a"}),
        ("from dataclasses import dataclass\n@dataclass\nclass C:\n    p: str = 'a'\nc = C()\nopen(c.p)", {"read a"}),
        ("import click\n@click.command()\n@click.option('--p', default='a')\ndef f(p):\n    open(p)\nf()", {"read a"}),
        ("import typer\nt = typer.Typer()\n@t.command()\ndef f(p: str = typer.Option('a')):\n    open(p)\nt()", {"read a"}),
        ("import yaml\nc = yaml.safe_load(open('params.yaml'))\nopen(c['data']['path'])", {"read params.yaml", "read in.csv"}),
        ("import hydra\n@hydra.main(config_path='.', config_name='params')\ndef f(cfg):\n    open(cfg.data.path)\nf()", {"read \0/s/./params.yaml"}),
        ("from lib import OUT\nopen(OUT, 'w')", {"write o.txt"}),
        ("import lib as l\nl.save(l.OUT)", {"write o.txt"}),
        ("from lib import *\nsave(OUT)", {"write o.txt"}),
        ("import os\nopen('t', 'w')\nos.remove('t')", {"write t", "remove t"}),
    ],
)  # fmt: skip
def test_touched_files_are_found(tmp_path: Path, source: str, found: set[str]) -> None:
    lib = "OUT = 'o.txt'\ndef save(path):\n    open(path, 'w')\n"
    root = make_repository(tmp_path, {"s/lib.py": lib, "params.yaml": "data: {path: in.csv}\n"}, commit=False)
    (root / "s/main.py").write_text(source)
    assert touched(root, "s/main.py") == found


def test_names_that_refer_to_each_other_take_no_time(tmp_path: Path) -> None:
    lines = [
        "d = e = f = 1",
        *("d = d[e].x(f)\ne = f + d\nf = (d, e)" for _ in range(300)),
        "open(d)",
        "open('a')",
    ]
    (tmp_path / "s.py").write_text("\n".join(lines))
    assert touched(tmp_path, "s.py") == {"read a"}


@given(st.lists(st.text(st.characters(exclude_characters="\\\n\0"), max_size=8), min_size=1, max_size=4))
def test_join_is_the_join_of_the_language(parts: list[str]) -> None:
    import posixpath

    assert join(*parts) == posixpath.join(*parts)


@given(
    st.lists(
        st.one_of(st.text(max_size=5), st.integers(), st.builds(Partial, st.text(max_size=5))), max_size=5
    )
)
def test_known_beginning_of_a_text_is_its_beginning(parts: list[object]) -> None:
    made = interpolate(parts)
    whole = "".join(one.head if isinstance(one, Partial) else str(one) for one in parts)
    assert whole.startswith(made.head if isinstance(made, Partial) else made)
