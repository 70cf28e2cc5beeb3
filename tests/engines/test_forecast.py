"""What is forecast of a run is what DVC does."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from mlops_kit.artifacts.freshness import NOT_CACHED
from mlops_kit.artifacts.inventory import read_inventory
from mlops_kit.artifacts.places import read_places
from mlops_kit.engines.forecast import Expected, Forecast, forecast_run
from mlops_kit.outside.dvc import ReproResult, reproduce
from tests.support.randompipeline import commit, edit_pipeline, make_pipeline, write_pipeline
from tests.support.world import clone

PROJECTS, EDITS = 2, 3


def wrong(forecast: Forecast, done: ReproResult) -> list[str]:
    """Return the stages that did otherwise than forecast. A stage behind one that ran may do anything."""
    ran = {stage for stage, _ in done.ran}
    found: list[str] = []
    for one in forecast.stages:
        if one.stage.endswith(".dvc") or one.expected is Expected.PERHAPS:
            continue
        state = "ran" if one.stage in ran else "cached" if one.stage in done.cached else "unchanged"
        wanted = {Expected.RUN: "ran", Expected.CACHED: "cached"}.get(one.expected, "unchanged")
        # What is not in the cache may be written to it by a stage that runs before.
        back = state == "unchanged" and ran and all(cause.new == NOT_CACHED for cause in one.causes)
        if state != wanted and not back and not (one.upstream and wanted == "ran" and state == "cached"):
            found.append(f"{one.stage}: forecast {wanted} for {one.causes}, {state}")
    return found


def play(seed: int, folder: Path, edits: int) -> tuple[int, list[str]]:
    """Make a random pipeline, edit it, forecast and run; return how often something else than nothing was right, and what was wrong."""
    rng = random.Random(seed)
    made = make_pipeline(rng)
    root = folder / f"p{seed}"
    root.mkdir()
    write_pipeline(made, root, folder / f"r{seed}")
    bad: list[str] = []
    right = 0
    for number in range(edits):
        what = [edit_pipeline(made, rng, root) for _ in range(rng.randint(1, 2))]
        forecast = forecast_run(root)
        done = reproduce(root)
        assert done.code == 0, (seed, number, what, done.tail)
        bad += [f"seed {seed}, edit {number} {what}: {words}" for words in wrong(forecast, done)]
        right += len(forecast.of(Expected.RUN, Expected.CACHED))
        after = forecast_run(root)
        bad += [
            f"seed {seed}, after {number} {what}: {one.stage} {one.expected} {one.causes}"
            for one in after.of(Expected.CACHED, Expected.MISSING, Expected.RECORD)
        ]
    return right, bad


def play_clone(seed: int, folder: Path, edits: int) -> tuple[int, list[str]]:
    """The same in clones without data, against `dvc repro --pull --allow-missing`, with the bytes that come from the remote."""
    rng = random.Random(seed)
    made = make_pipeline(rng)
    root = folder / f"p{seed}"
    root.mkdir()
    write_pipeline(made, root, folder / f"r{seed}")
    bad: list[str] = []
    right = 0
    for number in range(edits):
        here = clone(str(root), folder / f"c{seed}-{number}", "c")
        what = [edit_pipeline(made, rng, here, clone=True) for _ in range(rng.randint(0, 2))]
        forecast = forecast_run(here, pull=True)
        remote = {path.name for path in (folder / f"r{seed}").rglob("*") if path.is_file()}
        done = reproduce(here, pull=True, allow_missing=True)
        if done.code:
            bad += (
                []
                if any(one.lost for one in forecast.stages)
                else [f"seed {seed}, clone {number} {what}: {done.tail[-5:]}"]
            )
            continue
        written = _written(here, {stage for stage, _ in done.ran})
        moved = [
            path
            for path in (here / ".dvc/cache/files").rglob("*")
            if path.is_file() and path.name in remote and path.parent.name + path.name not in written
        ]
        size = sum(path.stat().st_size for path in moved if not path.name.endswith(".dir"))
        if size > forecast.bytes_fetched(perhaps=True):
            bad.append(
                f"seed {seed}, clone {number} {what}: {size} bytes came, {forecast.bytes_fetched(perhaps=True)} forecast"
            )
        bad += [f"seed {seed}, clone {number} {what}: {words}" for words in wrong(forecast, done)]
        right += len(forecast.stages) - len(forecast.of(Expected.PERHAPS))
    commit(root)
    return right, bad


def _written(root: Path, stages: set[str]) -> set[str]:
    """Return the objects that these stages have written: they are in the cache without having been fetched."""
    place = read_places(root).cache
    digests = {out.digest for out in read_inventory(root).outs if out.stage in stages}
    return digests | {member for digest in digests for member in (place.members(digest) or {}).values()}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(PROJECTS))
def test_forecast_of_random_edits_is_what_dvc_does(seed: int, tmp_path: Path) -> None:
    right, bad = play(seed, tmp_path, EDITS)
    assert bad == []
    assert right


@pytest.mark.slow
def test_forecast_in_a_clone_without_data_is_what_dvc_does(tmp_path: Path) -> None:
    right, bad = play_clone(3, tmp_path, 3)
    assert bad == []
    assert right
