"""Ejecting: a built-in step becomes a file of the project, unchanged, and mlops.yaml uses the file."""

from __future__ import annotations

import re
from pathlib import Path

from mlops_kit.errors import RefusedError, UsageError
from mlops_kit.spec.load import LIFECYCLE, load_lifecycle
from mlops_kit.spec.yamlfile import compose_yaml
from mlops_kit.steps.catalog import CATALOG, module_file


def eject_step(root: Path, stage: str) -> Path:
    """Copy the built-in step of `stage` to steps/<stage>.py and let mlops.yaml use it; return the new file.

    One line of mlops.yaml changes. Raises UsageError when the stage does not use a built-in step, RefusedError when the file exists.
    """
    text = (root / LIFECYCLE).read_text(encoding="utf-8")
    lifecycle = load_lifecycle(text)
    if stage not in lifecycle.steps:
        raise UsageError(f"no stage `{stage}` in mlops.yaml", fix=f"one of: {', '.join(lifecycle.steps)}")
    uses = lifecycle.steps[stage].uses
    if uses not in CATALOG:
        raise UsageError(f"stage `{stage}` uses {uses or 'a command'}, which is yours already")
    target = root / "steps" / f"{stage}.py"
    if target.exists():
        raise RefusedError(
            f"{target} exists and is not overwritten",
            fix=f"move it away, or set `uses: steps/{stage}.py` yourself",
        )
    changed = _flip(text, stage, uses, f"steps/{stage}.py")
    target.parent.mkdir(exist_ok=True)
    target.write_text(module_file(CATALOG[uses]).read_text(encoding="utf-8"), encoding="utf-8", newline="\n")
    (root / LIFECYCLE).write_text(changed, encoding="utf-8", newline="\n")
    return target


def _flip(text: str, stage: str, old: str, new: str) -> str:
    line = compose_yaml(text, where=LIFECYCLE).lines[("steps", stage, "uses")] - 1
    lines = text.splitlines(keepends=True)
    lines[line] = re.sub(
        rf"(uses:\s*['\"]?){re.escape(old)}(?=['\"\s,}}#]|$)", rf"\g<1>{new}", lines[line], count=1
    )
    return "".join(lines)
