"""Metrics of many commits: the same numbers as one commit at a time, each version parsed once, and nothing lost in silence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.artifacts.dvcfiles import read_lock
from mlops_kit.artifacts.history import HistoryReader, count_looks
from mlops_kit.artifacts.locks import LockReader
from mlops_kit.artifacts.metric_state import MetricState
from mlops_kit.artifacts.side import read_side
from mlops_kit.outside import gitlog
from mlops_kit.outside.gitobjects import ObjectReader
from tests.support.histories import Changes, import_history

PIPELINE = """\
stages:
  train:
    cmd: x
    metrics:
      - m.json: {cache: false}
      - cached.json
"""


def lock(**digests: str) -> str:
    outs = "".join(
        f"    - path: {name}.json\n      hash: md5\n      md5: {value}\n" for name, value in digests.items()
    )
    return f"schema: '2.0'\nstages:\n  train:\n    cmd: x\n    outs:\n{outs}"


def read_all(root: Path) -> list[MetricState]:
    """Return the states, oldest first."""
    place = gitlog.locate(root)
    with ObjectReader(root) as objects:
        commits = list(gitlog.walk_commits(root, gitlog.Walk()))
        reader = HistoryReader(root, objects, place.prefix)
        return reader.at_commits([commit.tree for commit in commits])[::-1]


def values_of(state: MetricState) -> dict[str, float]:
    return {key: value for (_, key), value in state.values.items()}


def put_into_cache(root: Path, value: Mapping[str, float]) -> str:
    content = json.dumps(value).encode()
    digest = hashlib.md5(content).hexdigest()
    file = root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return digest


def test_each_commit_has_the_values_that_one_side_has(tmp_path: Path) -> None:
    root = tmp_path / "r"
    digests = [put_into_cache(root, {"rows": number}) for number in range(5)]
    commits: list[Changes] = [
        {"dvc.yaml": PIPELINE, "m.json": json.dumps({"auc": number / 10}), "dvc.lock": lock(cached=digest)}
        for number, digest in enumerate(digests)
    ]
    import_history(root, commits)
    states = read_all(root)
    for number, state in enumerate(states):
        assert values_of(state) == dict(read_side(root, f"HEAD~{4 - number}").metrics)
        assert state.lost == ()


def test_commit_that_changes_no_metric_costs_no_parsing(tmp_path: Path) -> None:
    commits: list[Changes] = [
        {"dvc.yaml": PIPELINE.replace("      - cached.json\n", ""), "m.json": '{"a": 1}'}
    ]
    import_history(tmp_path / "r", commits + [{"code.py": str(number)} for number in range(20)])
    states = read_all(tmp_path / "r")
    assert len({id(state) for state in states}) == 1


def test_content_that_is_not_here_is_lost_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    import_history(
        tmp_path / "r", [{"dvc.yaml": PIPELINE, "m.json": "{}", "dvc.lock": lock(cached="a" * 32)}]
    )
    (lost,) = read_all(tmp_path / "r")[0].lost
    assert (lost.path, lost.fix, lost.content) == (
        "cached.json",
        "dvc fetch --all-commits cached.json",
        "a" * 32,
    )


@pytest.mark.parametrize(
    ("changes", "path", "key"),
    [
        ({"dvc.yaml": "stages: ["}, "dvc.yaml", ""),
        ({"dvc.yaml": "stages: [1]\n"}, "dvc.yaml", ""),
        ({"dvc.lock": "<<<<<<< HEAD\n"}, "dvc.lock", ""),
        ({"m.json": "{broken"}, "m.json", ""),
        ({"m.json": b"\xff\xfe"}, "m.json", ""),
        ({"m.json": "[" * 100_000}, "m.json", ""),
        ({"m.json": '{"a": {"b": NaN}, "c": 1}'}, "m.json", "a.b"),
    ],
)
def test_what_cannot_be_understood_is_named(tmp_path: Path, changes: Changes, path: str, key: str) -> None:
    import_history(tmp_path / "r", [{"dvc.yaml": PIPELINE, "m.json": "{}", "dvc.lock": lock()}, changes])
    good, bad = read_all(tmp_path / "r")
    assert good.lost == ()
    assert [(lost.path, lost.key) for lost in bad.lost] == [(path, key)]
    assert bad.lost[0].reason
    assert bad.lost[0].fix == f"git show {{sha}}:{path}"


def test_declared_metric_before_its_first_run_is_not_lost(tmp_path: Path) -> None:
    import_history(tmp_path / "r", [{"dvc.yaml": PIPELINE}])
    (state,) = read_all(tmp_path / "r")
    assert (dict(state.values), state.lost) == ({}, ())
    assert set(state.unrecorded) == {"m.json", "cached.json"}


def test_root_in_a_sub_folder_with_a_metric_beside_it_and_pipelines_below(tmp_path: Path) -> None:
    files = {
        "ml/dvc.yaml": "metrics: [../top.json, deep/../m.json]\n",
        "top.json": '{"t": 1}',
        "ml/m.json": '{"m": 2}',
        "ml/a/b/dvc.yaml": "metrics: [n.yaml]\n",
        "ml/a/b/n.yaml": "n: 3\n",
        "dvc.yaml": "metrics: [never.json]\n",
        "never.json": '{"no": 0}',
    }
    import_history(tmp_path / "r", [files])
    (state,) = read_all(tmp_path / "r/ml")
    assert dict(state.values) == {("../top.json", "t"): 1, ("m.json", "m"): 2, ("a/b/n.yaml", "n"): 3}


def test_path_through_a_file_and_submodule_are_no_files(tmp_path: Path) -> None:
    files = {"dvc.yaml": "metrics: [m.json/x, m.json]\n", "m.json": '{"a": 1}'}
    import_history(tmp_path / "r", [files])
    (state,) = read_all(tmp_path / "r")
    assert dict(state.values) == {("m.json", "a"): 1}
    assert state.unrecorded == ("m.json/x",)


def test_work_tree_has_the_state_of_its_commit_until_it_is_edited(tmp_path: Path) -> None:
    root = tmp_path / "r"
    import_history(root, [{"dvc.yaml": "metrics: [m.json]\n", "m.json": '{"a": 1}'}])
    with ObjectReader(root) as objects:
        reader = HistoryReader(root, objects, "")
        (commit,) = gitlog.walk_commits(root, gitlog.Walk())
        assert reader.at_work_tree() is reader.at_commits([commit.tree])[0]
        (root / "m.json").write_text('{"a": 2}')
        assert values_of(reader.at_work_tree()) == {"a": 2}
        (root / "m.json").unlink()
        assert reader.at_work_tree().unrecorded == ("m.json",)


def test_thousands_of_commits_are_read_in_one_go(tmp_path: Path) -> None:
    commits: list[Changes] = [{"dvc.yaml": "metrics: [m/m.json]\n", "dvc.lock": lock()}]
    commits += [{"m/m.json": json.dumps({"a": number})} for number in range(3000)]
    import_history(tmp_path / "r", commits)
    states = read_all(tmp_path / "r")
    assert [value for state in states for value in state.values.values()] == list(range(3000))


STAGES = st.dictionaries(
    st.sampled_from(["a", "b c", "d@1", "é", "#x", "- y", "quoted: z"]),
    st.fixed_dictionaries(
        {
            "cmd": st.sampled_from(["x", "a\nb", "  lead", "long " * 40, "schema: '2.0'\nstages:\n  z:"]),
            "deps": st.lists(
                st.fixed_dictionaries({"path": st.sampled_from("pq"), "md5": st.text("0f", min_size=3)}),
                max_size=2,
            ),
        }
    ),
    max_size=4,
)


@given(st.lists(STAGES, min_size=1, max_size=3), st.sampled_from(["", "sub"]))
@settings(max_examples=60, deadline=None)
def test_lock_in_parts_is_the_lock_in_one(versions: list[dict[str, object]], folder: str) -> None:
    import yaml

    reader = LockReader()
    for stages in versions:
        for flow in (False, None):
            text = b"schema: '2.0'\nstages:\n" + (
                b"".join(
                    b"  " + line
                    for line in yaml.safe_dump(stages, allow_unicode=True, default_flow_style=flow)
                    .encode()
                    .splitlines(True)
                )
                if stages
                else b"  {}\n"
            )
            assert reader.read(text, folder, "l") == read_lock(text, folder, "l")


@pytest.mark.parametrize(
    "end", ["x: 1\n", "  train:\n    cmd: y\n", "<<<<<<< HEAD\n", "  t:\n\tcmd: x\n", "  &a t: *a\n"]
)
def test_lock_that_is_not_as_dvc_writes_it_is_read_as_a_whole(end: str) -> None:
    def outcome(read: object) -> object:
        try:
            return read((lock(m="a") + end).encode(), "", "dvc.lock")  # type: ignore[operator]
        except Exception as error:  # noqa: BLE001 - whatever it is, it must be the same
            return str(error)

    assert outcome(LockReader().read) == outcome(read_lock)


def evaluated(test: str, model: str, result: str) -> str:
    deps = f"    - path: test.csv\n      md5: {test}\n    - path: model\n      md5: {model}\n"
    return f"schema: '2.0'\nstages:\n  evaluate:\n    cmd: x\n    deps:\n{deps}    outs:\n    - path: p.csv\n      md5: {result}\n"


def test_looks_at_a_test_set_are_its_distinct_results(tmp_path: Path) -> None:
    states = [
        ("t1", "m1", "r1"),
        ("t1", "m2", "r2"),
        ("t1", "m2", "r2"),
        ("t1", "m1", "r1"),
        ("t2", "m3", "r3"),
        ("t1", "m4", "r2"),
    ]
    import_history(
        tmp_path / "r", [{"dvc.lock": evaluated(*state), "n": str(i)} for i, state in enumerate(states)]
    )
    assert count_looks(tmp_path / "r", "t1") == 2
    assert count_looks(tmp_path / "r", "t2", outputs=["p.csv"]) == 1
    assert count_looks(tmp_path / "r", "t1", outputs=["other.csv"]) == 0
    assert count_looks(tmp_path / "r", "never") == 0
    assert count_looks(tmp_path / "r", "t1", rev="HEAD~5") == 1


def test_looks_survive_a_lock_that_cannot_be_read_and_other_schemas(tmp_path: Path) -> None:
    old = (
        "evaluate:\n  cmd: x\n  deps:\n  - path: test.csv\n    md5: t\n  outs:\n  - path: p.csv\n    md5: r\n"
    )
    import_history(
        tmp_path / "r",
        [{"ml/dvc.lock": old}, {"ml/dvc.lock": "["}, {"ml/dvc.lock": evaluated("t", "m", "s")}],
    )
    assert count_looks(tmp_path / "r/ml", "t", outputs=["p.csv"]) == 2
