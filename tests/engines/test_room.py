"""What runs side by side."""

from __future__ import annotations

from typing import Any

import pytest

from mlops_kit.artifacts.declared import DeclaredStage
from mlops_kit.engines._base import Resources
from mlops_kit.engines.room import Room, parse_size, read_resources
from mlops_kit.errors import SpecError


def stage(meta: dict[str, Any]) -> DeclaredStage:
    return DeclaredStage("s", "dvc.yaml", ("true",), False, (), {}, (), meta=meta)


@pytest.mark.parametrize(
    ("text", "size"), [("512M", 512 << 20), ("8 GiB", 8 << 30), ("1.5k", 1536), (100, 100), ("2gb", 2 << 30)]
)
def test_sizes_are_read(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "many", "-1", "1x", True, "nan", None])
def test_other_sizes_are_refused(text: object) -> None:
    with pytest.raises(ValueError):
        parse_size(text)


def test_hints_come_from_meta_and_memory_else_from_the_recorded_peak() -> None:
    hints = stage({"mlops-kit": {"cpu": 2, "group": "gpu"}})
    assert read_resources(hints, peak=7) == Resources(2.0, 7, "gpu")
    assert read_resources(stage({"owner": "me"})) == Resources()


@pytest.mark.parametrize("hints", [[1], {"cpu": 0}, {"cpu": "x"}, {"memory": "lots"}])
def test_hints_of_another_form_are_an_error_that_names_the_stage(hints: object) -> None:
    with pytest.raises(SpecError, match="`s`"):
        read_resources(stage({"mlops-kit": hints}))


def test_groups_keep_each_other_out_and_others_run() -> None:
    room = Room(4, 0)
    room.take("a", Resources(group="gpu"))
    assert not room.fits(Resources(group="gpu"))
    assert room.fits(Resources(group="db"))
    room.leave("a")
    assert room.fits(Resources(group="gpu"))


def test_processors_and_memory_are_not_promised_twice() -> None:
    room = Room(4, 100)
    room.take("a", Resources(3.0, 80))
    assert not room.fits(Resources(2.0))
    assert not room.fits(Resources(1.0, 30))
    assert room.fits(Resources(1.0, 20))


def test_stage_that_asks_for_more_than_there_is_runs_alone() -> None:
    room = Room(2, 100)
    assert room.fits(Resources(16.0, 1 << 40))
    room.take("a", Resources(16.0))
    assert not room.fits(Resources())


def test_hints_of_mlops_yaml_reach_the_pipeline_file() -> None:
    from mlops_kit.generate.plan import _hints
    from mlops_kit.spec.model import StepResources, StepUse

    hints = _hints(StepUse(cmd="x", resources=StepResources(cpu=2, memory="8G", group="gpu")))
    assert hints == {"cpu": 2, "memory": "8G", "group": "gpu"}
    assert _hints(StepUse(cmd="x")) == {}
    assert read_resources(stage({"mlops-kit": hints})) == Resources(2.0, 8 << 30, "gpu")
