"""The graph of stages: edges from recorded outputs to recorded dependencies, in an order that follows them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.artifacts.dvcfiles import LockedStage
from mlops_kit.compare.changes import compare_stages
from mlops_kit.compare.model import PipelineNode
from mlops_kit.compare.pipeline import build_pipeline


def stage(deps: str = "", outs: str = "", cmd: str = "run", content: str = "1") -> LockedStage:
    return LockedStage(
        cmd, dict.fromkeys(deps.split(), content), {}, dict.fromkeys(outs.split(), f"{content}{cmd}")
    )


def graph(old: dict[str, LockedStage], new: dict[str, LockedStage]) -> dict[str, PipelineNode]:
    return {node.name: node for node in build_pipeline(old, new, compare_stages(old, new))}


def test_edges_follow_files_folders_and_files_inside_folders() -> None:
    stages = {
        "make": stage(outs="data/raw data/clean/a.csv"),
        "one": stage(deps="data/raw/part.csv", outs="one.txt"),
        "folder": stage(deps="data/clean"),
        "file": stage(deps="one.txt src/one.txt"),
        "other": stage(deps="data/raw2 dat"),
    }
    made = graph(stages, stages)
    assert {name: node.after for name, node in made.items()} == {
        "make": (), "one": ("make",), "folder": ("make",), "file": ("one",), "other": (),
    }  # fmt: skip
    assert {node.state for node in made.values()} == {"same"}


def test_states_say_what_became_of_each_stage() -> None:
    old = {"gone": stage(outs="a"), "rerun": stage(deps="x"), "output": stage(outs="o"), "same": stage()}
    new = {
        "rerun": stage(deps="x", content="2"),
        "output": LockedStage("run", {}, {}, {"o": "3"}),
        "same": stage(),
        "fresh": stage(),
    }
    made = graph(old, new)
    assert {name: node.state for name, node in made.items()} == {
        "gone": "removed", "rerun": "rerun", "output": "output", "same": "same", "fresh": "added",
    }  # fmt: skip
    assert made["rerun"].reasons == ("x",)


def test_a_ring_of_stages_ends() -> None:
    ring = {
        "a": stage(deps="c.out", outs="a.out"),
        "b": stage(deps="a.out", outs="b.out"),
        "c": stage(deps="b.out", outs="c.out"),
        "d": stage(deps="c.out", outs="d.out"),
        "self": stage(deps="s", outs="s"),
    }
    assert list(graph(ring, ring)) == ["self", "a", "b", "c", "d"]


paths = st.sampled_from(["a", "a/b", "a/b/c", "d", "d/e", "../f"])
stages = st.dictionaries(
    st.sampled_from("uvwxyz"),
    st.builds(
        LockedStage, st.just("run"), st.dictionaries(paths, st.just("1")), st.just({}), st.dictionaries(paths, st.just("1")),
    ),
)  # fmt: skip


@given(stages, stages)
def test_every_stage_stands_once_and_reads_from_stages_that_exist(
    old: dict[str, LockedStage], new: dict[str, LockedStage]
) -> None:
    nodes = build_pipeline(old, new, compare_stages(old, new))
    assert sorted(node.name for node in nodes) == sorted({*old, *new})
    assert all(set(node.after) <= {*old, *new} - {node.name} for node in nodes)
    assert nodes == build_pipeline(dict(reversed(old.items())), new, compare_stages(old, new))
