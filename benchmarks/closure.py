"""How long the import closure of a project with 2,000 modules takes, against parsing all of its files.

python benchmarks/closure.py
"""

from __future__ import annotations

import ast
import random
import sys
import tempfile
import time
from pathlib import Path

from mlops_kit.steps.closure import find_closure

MODULES, FOLDERS, RUNS = 2_000, 40, 5


def make(root: Path) -> int:
    """Write modules whose bodies are those of mlops_kit itself; return their number of lines."""
    rng = random.Random(0)
    sources = [p.read_text(encoding="utf-8") for p in sorted(Path("mlops_kit").rglob("*.py"))]
    head = "from __future__ import annotations\n"
    bodies = [
        s.replace("from mlops_kit", "from foreign") for s in sources if head in s and 60 < s.count("\n") < 150
    ]
    lines = 0
    for number in range(MODULES):
        path = root / "lib" / f"p{number % FOLDERS}" / f"m{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        inner = [n for n in (2 * number + 1, 2 * number + 2) if n < MODULES]
        imports = "".join(f"from lib.p{n % FOLDERS} import m{n}\n" for n in inner)
        text = rng.choice(bodies).replace(head, head + imports, 1)
        lines += text.count("\n")
        path.write_text(text, encoding="utf-8")
    (root / "steps").mkdir()
    (root / "steps/start.py").write_text("import lib.p0.m0\n")
    return lines


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        lines = make(root)
        ours, theirs = [], []
        for _ in range(RUNS):
            start = time.process_time()
            found = find_closure(root, "steps/start.py")
            ours.append(time.process_time() - start)
            start = time.process_time()
            for path in found.local:
                ast.walk(ast.parse((root / path).read_bytes()))
            theirs.append(time.process_time() - start)
            sys.modules["mlops_kit.steps.imports"].read_imports.cache_clear()
    print(
        f"{len(found.local)} files, {lines:,} lines: closure {min(ours):.2f} s, parsing alone {min(theirs):.2f} s"
    )
    print(f"ratio {min(theirs) / min(ours):.1f}")
    return 0 if min(ours) < min(theirs) else 1


if __name__ == "__main__":
    sys.exit(main())
