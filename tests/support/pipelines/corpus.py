"""The corpus: small pipelines, each for something that DVC treats in a way of its own."""

from __future__ import annotations

from tests.support.pipelines.case import Case, replacing, writing

RAW = {"raw.txt": "one\n", "params.yaml": "lr: 1\ntrain:\n  epochs: 3\n  layers: [4, 5]\n"}
LONG = "echo " + " ".join(f"--option-number-{n}=value-{n}" for n in range(12))
VALUES = """\
big: 1_000
tiny: 1e-05
half: .5
whole: 3.0
yes_text: yes
none: null
text: "3"
empty: ''
lines: |
  one
  two
shared: &s [1, 2]
same: *s
many: [1.0e+3, 1e400, -0.0, 0x1F, 012, .inf, 123456789.123456789, 1e22, 'é', "a\tb", '- x', 'a: b']
"""
TOOL = """\
import json, os, sys
import yaml
value = {"argv": sys.argv, "raw": open("raw.txt").read(), "params": yaml.safe_load(open("params.yaml"))}
value["stage"] = os.environ["DVC_STAGE"]
json.dump(value, open(sys.argv[2], "w"), sort_keys=True)
"""
JOIN = """\
import json, sys
json.dump({str(n): len(open(name).read()) for n, name in enumerate(sys.argv[1:])}, open("m.json", "w"))
"""


def _stages(text: str) -> str:
    return "stages:\n" + "\n".join(f"  {line}" for line in text.strip("\n").splitlines()) + "\n"


def _case(name: str, stages: str, **more: object) -> Case:
    files = {**RAW, "dvc.yaml": _stages(stages), **more.pop("files", {})}  # type: ignore[dict-item]
    return Case(name, files, **more)  # type: ignore[arg-type]


CHAIN = """
first:
  cmd: cat raw.txt > a.txt
  deps: [raw.txt]
  outs: [a.txt]
second:
  cmd: cat a.txt params.yaml > renamed.txt
  deps: [a.txt]
  params: [lr]
  outs: [renamed.txt]
last:
  cmd: wc -c < a.txt > size.json
  deps: [a.txt]
  metrics:
  - size.json:
      cache: false
"""

CASES: tuple[Case, ...] = (
    _case("chain", CHAIN, lost="a.txt"),
    _case("lost metric", CHAIN, lost="size.json", only=("no change", "lost output")),
    _case(
        "folders",
        """
make:
  cmd: mkdir -p d/e d/empty && cp raw.txt d/x && cp raw.txt d/e/y && touch d/e/zero
  deps: [raw.txt]
  outs: [d]
use:
  cmd: find d -type f | sort > list.txt
  deps: [d]
  outs: [list.txt]
part:
  cmd: cat d/e/y > part.txt
  deps: [d/e/y]
  outs: [part.txt]
""",
        lost="d",
        edits={"edited in the folder": writing("d/x", "edited\n")},
    ),
    _case(
        "empty outputs", "make:\n  cmd: mkdir -p d && touch e\n  deps: [raw.txt]\n  outs: [d, e]", lost="e"
    ),
    _case(
        "metrics and plots",
        """
make:
  cmd: echo '{"a":1}' > m.json && cp m.json p.json && cp m.json c.json && cp raw.txt q.csv
  deps: [raw.txt]
  params: [train]
  metrics: [m.json: {cache: false}, c.json]
  plots: [p.json: {cache: false}, q.csv: {x: a}]
""",
        lost="p.json",
    ),
    _case(
        "uncached out", "make:\n  cmd: cp raw.txt o\n  deps: [raw.txt]\n  outs: [o: {cache: false}]", lost="o"
    ),
    _case(
        "metric folder",
        "make:\n  cmd: mkdir -p m && cp raw.txt m/a && cp raw.txt m/b\n  deps: [raw.txt]\n  metrics: [m: {cache: false}]",
        lost="m",
    ),
    _case(
        "params of many kinds",
        "make:\n  cmd: echo 1 > o\n  params:\n  - v.yaml: [big, tiny, half, whole, yes_text, none, text, lines, many]\n  outs: [o: {cache: false}]",
        files={"v.yaml": VALUES},
    ),
    _case(
        "aliases in params",
        "make:\n  cmd: echo 1 > o\n  params: [v.yaml: [shared, same, empty]]\n  outs: [o]",
        files={"v.yaml": VALUES},
    ),
    _case(
        "params of other files",
        """
make:
  cmd: echo 1 > o
  params:
  - train.epochs
  - train.layers.1
  - more.json: [a.b, c]
  - whole.toml:
  - conf/deep.yaml: [x]
  outs: [o]
""",
        files={
            "more.json": '{"a": {"b": [1, {"z": 2.5}]}, "c": "t"}',
            "whole.toml": 'b = 1\na = "x"\n[t]\nk = [1.5, 2]\n',
            "conf/deep.yaml": "x: {b: 1, a: {c: [], d: {}}}\n",
        },
    ),
    _case(
        "python params",
        "make:\n  cmd: echo 1 > o\n  params: [p.py: [A, B.c]]\n  outs: [o]",
        files={"p.py": "A = 1\nclass B:\n    c = 'x'\n"},
    ),
    _case(
        "whole params file",
        "make:\n  cmd: echo 1 > o\n  params: [{params.yaml: null}]\n  outs: [o]",
        lost="o",
    ),
    _case("long command", f"make:\n  cmd: {LONG} > o\n  deps: [raw.txt]\n  outs: [o]", lost="o"),
    _case(
        "commands",
        """
list:
  cmd:
  - cp raw.txt o
  - echo "more; $(cat raw.txt)" >> o
  deps: [raw.txt]
  outs: [o]
lines:
  cmd: |
    cp raw.txt p
    echo "x: y # z" >> p
  deps: [raw.txt]
  outs: [p]
quoted:
  cmd: "echo 'a: b' > \\"q\\" && echo é >> q"
  deps: [raw.txt]
  outs: [q]
""",
        edits={"changed command": replacing("dvc.yaml", "echo é", "echo ü")},
    ),
    _case(
        "foreach list",
        "each:\n  foreach: [a, b, 3]\n  do:\n    cmd: echo ${item} > o-${item}\n    deps: [raw.txt]\n    outs: ['o-${item}']",
        edits={"one more": replacing("dvc.yaml", "[a, b, 3]", "[a, z, b, 3]")},
        only=("no change", "changed dep", "reverted dep", "one more", "lost output"),
        lost="o-b",
    ),
    _case(
        "foreach mapping",
        """
each:
  foreach: ${folds}
  do:
    cmd: echo ${item.n} ${key} > o-${key}
    deps: [raw.txt]
    outs: ['o-${key}']
join:
  cmd: cat o-x o-y > all
  deps: [o-x, o-y]
  outs: [all]
""",
        files={"params.yaml": "folds:\n  x: {n: 1}\n  y: {n: 2}\nlr: 1\n"},
        edits={"one fold": replacing("params.yaml", "n: 2", "n: 7")},
        only=("no change", "changed dep", "reverted dep", "one fold"),
    ),
    _case(
        "matrix",
        "m:\n  matrix:\n    a: [x, y]\n    b: [1, 2.5]\n  cmd: echo ${item.a} ${item.b} > o-${item.a}-${item.b}\n  deps: [raw.txt]\n  outs: ['o-${item.a}-${item.b}']",
        only=("no change", "changed dep", "reverted dep"),
    ),
    _case(
        "templates",
        "make:\n  cmd: echo ${train.epochs} ${name} > ${name}.txt\n  deps: [raw.txt]\n  params: [lr]\n  outs: ['${name}.txt']",
        files={
            "dvc.yaml": "vars:\n- name: renamed\n"
            + _stages(
                "make:\n  cmd: echo ${train.epochs} ${name} > ${name}.txt\n  deps: [raw.txt]\n  params: [lr]\n  outs: ['${name}.txt']"
            )
        },
    ),
    _case(
        "wdir",
        "make:\n  wdir: sub/deep\n  cmd: cat ../../raw.txt in > o\n  deps: [../../raw.txt, in]\n  params: [../../params.yaml: [lr]]\n  outs: [o]\nuse:\n  cmd: cat sub/deep/o > u\n  deps: [sub/deep/o]\n  outs: [u]",
        files={"sub/deep/in": "in\n"},
        lost="sub/deep/o",
    ),
    Case(
        "several files",
        {
            **RAW,
            "dvc.yaml": _stages(CHAIN),
            "z/dvc.yaml": _stages(
                "zed:\n  cmd: cat ../a.txt > o\n  deps: [../a.txt]\n  params: [k]\n  outs: [o]"
            ),
            "z/params.yaml": "k: 5\n",
            "b/c/dvc.yaml": _stages(
                "cee:\n  cmd: cat ../../z/o > o\n  deps: [../../z/o]\n  outs: [o]\nfree:\n  cmd: echo 1 > f\n  outs: [f]"
            ),
        },
        lost="z/o",
    ),
    _case(
        "persist",
        "make:\n  cmd: cat raw.txt >> log\n  deps: [raw.txt]\n  outs: [log: {persist: true}]\nmore:\n  cmd: mkdir -p d && cp log d/l\n  deps: [log]\n  outs: [d: {persist: true}]",
        edits={"kept file edited": writing("d/own", "own\n")},
    ),
    _case(
        "frozen",
        "make:\n  cmd: cp raw.txt o\n  deps: [raw.txt]\n  outs: [o]\nuse:\n  cmd: cat o > u\n  deps: [o]\n  outs: [u]",
        edits={
            "freeze": replacing("dvc.yaml", "cmd: cat o", "frozen: true\n    cmd: cat o"),
            "dep of frozen": writing("raw.txt", "frozen now\n"),
            "thaw": replacing("dvc.yaml", "    frozen: true\n", ""),
        },
    ),
    _case(
        "always changed",
        "make:\n  always_changed: true\n  cmd: cp raw.txt o\n  deps: [raw.txt]\n  outs: [o]\nuse:\n  cmd: cat o > u\n  deps: [o]\n  outs: [u]",
        lost="o",
    ),
    _case(
        "callback", "call:\n  cmd: echo called\nmake:\n  cmd: cp raw.txt o\n  deps: [raw.txt]\n  outs: [o]"
    ),
    _case(
        "no dependencies",
        "make:\n  cmd: echo 1 > o\n  outs: [o]\nuse:\n  cmd: cat o > u\n  deps: [o]\n  outs: [u]",
        lost="o",
    ),
    _case(
        "no outputs",
        "check:\n  cmd: grep -q . raw.txt\n  deps: [raw.txt]\nafter:\n  cmd: cp raw.txt o\n  deps: [raw.txt]\n  outs: [o]",
    ),
    _case("only params", "make:\n  cmd: echo 1 > o\n  params: [lr]\n  outs: [o]", lost="o"),
    _case(
        "executables",
        "make:\n  cmd: ./tool.sh o && chmod 755 o && mkdir -p d && cp o d/run && chmod 750 d/run\n  deps: [tool.sh, raw.txt]\n  outs: [o, d]",
        files={"tool.sh": "#!/bin/sh\ncat raw.txt > $1\n"},
        lost="o",
    ),
    _case(
        "odd modes",
        "make:\n  cmd: cp raw.txt o && chmod 600 o && mkdir -p d && cp raw.txt d/x && chmod 400 d/x && cp raw.txt m && chmod 640 m\n  deps: [raw.txt]\n  outs: [o, d]\n  metrics: [m: {cache: false}]",
    ),
    _case(
        "links written",
        "make:\n  cmd: ln -s raw.txt s && ln raw.txt h && mkdir -p d && ln -s ../raw.txt d/s && cp raw.txt d/f\n  deps: [raw.txt]\n  outs: [s, h, d]",
        only=("no change", "changed dep"),
    ),
    _case(
        "spaces and letters",
        "ma-ke_1:\n  cmd: mkdir -p 'ä b' && cat 'in put.txt' > 'ä b/ö.txt' && cp raw.txt '[x]!.txt'\n  deps: ['in put.txt', raw.txt]\n  outs: ['ä b/ö.txt', '[x]!.txt']\nuse:\n  cmd: cat 'ä b/ö.txt' > 'u u.json'\n  deps: ['ä b']\n  metrics: ['u u.json': {cache: false}]",
        files={"in put.txt": "Zürich\n"},
        lost="ä b/ö.txt",
    ),
    _case(
        "spelled paths",
        "make:\n  cmd: cp raw.txt o && mkdir -p d && cp raw.txt d/x\n  deps: [./raw.txt]\n  outs: [./o, d/]\nuse:\n  cmd: cat o > u\n  deps: [o, d//x]\n  outs: [u]",
    ),
    _case(
        "ignored already",
        "make:\n  cmd: mkdir -p keep && cp raw.txt o.bin && cp raw.txt keep/x && cp raw.txt p\n  deps: [raw.txt]\n  outs: [o.bin, keep/x, p]",
        files={".gitignore": "*.bin\nkeep/\n!p\nno newline"},
    ),
    _case(
        "dvcignore",
        "make:\n  cmd: mkdir -p d && cp raw.txt d/x && cp raw.txt d/x.tmp\n  deps: [raw.txt]\n  outs: [d]\nuse:\n  cmd: cat in/a > u\n  deps: [in]\n  outs: [u]",
        files={".dvcignore": "*.tmp\n", "in/a": "a\n", "in/b.tmp": "b\n"},
        edits={"ignored file": writing("in/b.tmp", "c\n")},
    ),
    _case(
        "python stages",
        """
each:
  foreach: [a, b, c]
  do:
    cmd: python tool.py ${item} o-${item}.json
    deps: [tool.py, raw.txt]
    params: [train]
    outs: ['o-${item}.json']
join:
  cmd: python -m pack.join o-a.json o-b.json o-c.json
  deps: [pack/join.py, o-a.json, o-b.json, o-c.json]
  metrics: [m.json: {cache: false}]
""",
        files={"tool.py": TOOL, "pack/__init__.py": "", "pack/join.py": JOIN},
        only=("no change", "changed dep", "reverted dep", "lost output"),
        lost="o-b.json",
    ),
    _case(
        "same content",
        "make:\n  cmd: cp raw.txt a && cp raw.txt b && mkdir -p d && cp raw.txt d/c\n  deps: [raw.txt]\n  outs: [a, b, d]",
        lost="b",
    ),
    _case(
        "early cutoff",
        "make:\n  cmd: head -c 1 raw.txt > o\n  deps: [raw.txt]\n  outs: [o]\nuse:\n  cmd: date +%s%N > /dev/null; cat o > u\n  deps: [o]\n  outs: [u]",
        edits={"same first letter": writing("raw.txt", "other\n")},
    ),
    _case(
        "diamond",
        "end:\n  cmd: cat l r > e\n  deps: [l, r]\n  outs: [e]\nright:\n  cmd: cat top > r\n  deps: [top]\n  outs: [r]\nleft:\n  cmd: cat top > l\n  deps: [top]\n  outs: [l]\ntop:\n  cmd: cat raw.txt > top\n  deps: [raw.txt]\n  outs: [top]",
        lost="top",
    ),
    _case(
        "described",
        "make:\n  desc: what it does\n  meta: {mlops-kit: {cpu: 2}}\n  cmd: cp raw.txt o\n  deps: [raw.txt]\n  outs:\n  - o:\n      desc: an output\n      type: model\n      labels: [x]\n      push: false",
    ),
    _case(
        "tracked data",
        "use:\n  cmd: cat data.txt > u\n  deps: [data.txt]\n  outs: [u]",
        files={
            "data.txt": "d\n",
            "data.txt.dvc": "outs:\n- md5: e29311f6f1bf1af907f9ef9f44b8328b\n  size: 2\n  hash: md5\n  path: data.txt\n",
            ".gitignore": "/data.txt\n",
        },
    ),
    _case(
        "numbers in hashes",
        "make:\n  cmd: mkdir -p d && for n in 0 1 2 3 4 5 6 7 8 9; do echo $n > d/$n; done\n  deps: [raw.txt]\n  outs: [d]",
    ),
    _case(
        "stage names",
        "a-b_c:\n  cmd: cp raw.txt o\n  deps: [raw.txt]\n  outs: [o]\n'1':\n  cmd: cp raw.txt p\n  deps: [raw.txt]\n  outs: [p]\n'true':\n  cmd: cp raw.txt q\n  deps: [raw.txt]\n  outs: [q]",
    ),
    _case(
        "dependency outside",
        "make:\n  cmd: cat ../outside.txt > o\n  deps: [../outside.txt]\n  outs: [o]",
        files={"../outside.txt": "out\n"},
        folder="inner",
        edits={"changed outside": writing("../outside.txt", "changed\n")},
        lost="o",
    ),
    _case("sub-folder of git", CHAIN, folder="projects/my one", lost="a.txt"),
    _case(
        "hard links",
        CHAIN
        + "\nfolder:\n  cmd: mkdir -p d && cp raw.txt d/x && touch d/zero\n  deps: [raw.txt]\n  outs: [d]\nkept:\n  cmd: cat raw.txt >> log\n  deps: [raw.txt]\n  outs: [log: {persist: true}]",
        config="[cache]\n    type = hardlink\n",
        lost="d",
    ),
    _case(
        "symbolic links",
        CHAIN
        + "\nfolder:\n  cmd: mkdir -p d && cp raw.txt d/x && touch d/zero\n  deps: [raw.txt]\n  outs: [d]\nkept:\n  cmd: cat raw.txt >> log\n  deps: [raw.txt]\n  outs: [log: {persist: true}]",
        config="[cache]\n    type = symlink\n",
        lost="d",
    ),
    _case(
        "links, best first",
        CHAIN,
        config='[cache]\n    type = "reflink,hardlink,symlink,copy"\n',
        lost="a.txt",
    ),
    _case(
        "copies",
        CHAIN + "\nmode:\n  cmd: cp raw.txt o && chmod 755 o\n  deps: [raw.txt]\n  outs: [o]",
        config="[cache]\n    type = copy\n",
        lost="a.txt",
    ),
    _case("cache elsewhere", CHAIN, config="[cache]\n    dir = ../../the cache\n", lost="a.txt"),
    _case(
        "shared cache", CHAIN, config="[cache]\n    dir = ../../shared\n    shared = group\n", lost="a.txt"
    ),
    _case(
        "staged by itself",
        CHAIN,
        config="[core]\n    autostage = true\n",
        lost="a.txt",
        only=("no change", "changed dep"),
    ),
)
