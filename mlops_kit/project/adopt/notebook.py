"""The source of a notebook."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

MAX_NOTEBOOK_BYTES = 32 << 20
_MAGIC = re.compile(r"^\s*(%%?|!|\?)")


def notebook_source(path: Path) -> tuple[str | None, str]:
    """Return the code cells of a notebook as one source, and what was left out; None, and why, when it cannot be read."""
    try:
        if path.stat().st_size > MAX_NOTEBOOK_BYTES:
            return None, "larger than 32 MB"
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = [cell for cell in notebook["cells"] if cell.get("cell_type") == "code"]
        texts = ["".join(cell["source"]) for cell in cells]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return None, f"not a notebook of format 4: {type(error).__name__}"
    language = str(
        ((notebook.get("metadata") or {}).get("kernelspec") or {}).get("language") or "python"
    ).lower()
    if language != "python":
        return None, f"written in {language}, not Python"
    kept, left = [], 0
    for text in texts:
        plain = (
            ""
            if text.lstrip().startswith("%%")
            else "\n".join(_without_magic(line) for line in text.split("\n"))
        )
        try:
            ast.parse(plain)
        except (SyntaxError, ValueError):
            plain, left = "", left + 1
        kept.append(plain)
    return "\n".join(kept), f"{left} cells are not valid Python and were not read" if left else ""


def _without_magic(line: str) -> str:
    return f"{line[: len(line) - len(line.lstrip())]}pass" if _MAGIC.match(line) else line
