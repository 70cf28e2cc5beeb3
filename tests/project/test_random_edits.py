"""Five hundred random edits: no rerun is missed, and next to none is needless."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from mlops_kit.project.why import explain_stages
from mlops_kit.steps.contract import read_contract
from tests.support.randomproject import draw_edit, make_project
from tests.support.recorded import record_run, write_project

PROJECTS, EDITS = 10, 50
NEEDLESS = 0.02


@pytest.mark.slow
def test_random_edits_rerun_what_they_can_influence_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missed: list[str] = []
    needless: list[str] = []
    right = 0
    for seed in range(PROJECTS):
        rng = random.Random(seed)
        folder, site, kept = (tmp_path / f"{name}{seed}" for name in ("project", "site", "kept"))
        with monkeypatch.context() as context:
            context.syspath_prepend(str(site))
            made = make_project(rng, site)
            write_project(folder, made.files)
            record_run(folder)
            shutil.copytree(site, kept)
            for _ in range(EDITS):
                edit = draw_edit(made, rng)
                path = folder / (edit.path or "README.md")
                before = path.read_bytes() if path.exists() else None
                edit.apply(folder, site)
                read_contract.cache_clear()
                stale = {found.stage for found in explain_stages(folder).stages if found.state == "run"}
                missed += [f"project {seed}, {edit.what}: {stage}" for stage in edit.stages - stale]
                needless += [f"project {seed}, {edit.what}: {stage}" for stage in stale - edit.stages]
                right += len(stale & edit.stages)
                _undo(path, before)
                if not edit.path:
                    shutil.rmtree(site)
                    shutil.copytree(kept, site)
            assert {found.state for found in explain_stages(folder).stages} == {"fresh"}
    print(f"{right} reruns, {len(needless)} needless, {len(missed)} missed")
    assert missed == []
    assert len(needless) <= NEEDLESS * (right + len(needless)), needless
    assert right > PROJECTS * EDITS / 2


def _undo(path: Path, before: bytes | None) -> None:
    if before is None:
        path.unlink()
    else:
        path.write_bytes(before)
