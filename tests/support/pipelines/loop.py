"""The smallest runner: one stage after another, with the books kept by us."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from mlops_kit.artifacts.freshness import Freshness
from mlops_kit.artifacts.ledger import Ledger


def run_serially(root: Path) -> list[str]:
    """Bring the pipelines of `root` up to date; return the stages whose commands ran."""
    freshness = Freshness(root, quiet_comments=False)
    stages = freshness.pipelines.stages
    ledger = Ledger(root, freshness, tuple(stages))
    ran = []
    for name, stage in stages.items():
        if not stage.commands or not ledger.judge(name).would_run:
            ledger.settle(name)
            continue
        if stage.handed:
            raise AssertionError(f"{name} would be handed over: {stage.handed}")
        if not stage.frozen:
            for out in stage.outs:
                _remove(root / out.path, keep=out.persist)
            if ledger.restore(name):
                continue
            ledger.prepare(name)
            for command in stage.commands if stage.listed else stage.cmd.splitlines():
                environment = {**os.environ, "DVC_ROOT": str(root), "DVC_STAGE": name}
                subprocess.run(
                    ["/bin/sh", "-c", command],
                    cwd=root / stage.base,
                    env=environment,
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
            ran.append(name)
        ledger.record(name)
    ledger.flush()
    freshness.save()
    return ran


def _remove(path: Path, *, keep: bool) -> None:
    if keep:
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
