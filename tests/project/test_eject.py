"""Ejecting and going back: byte for byte, nothing lost; the distance in between."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mlops_kit.errors import RefusedError, UsageError
from mlops_kit.project.distance import step_distances
from mlops_kit.project.eject import eject_step, restore_step
from mlops_kit.project.record import RECORD, read_record
from mlops_kit.spec.load import read_lifecycle
from mlops_kit.steps.catalog import CATALOG, module_file
from tests.support.world import edit, run_kit

SPLIT = f"s{list(CATALOG).index('split.time')}"
LIFECYCLE = """\
# how we do it
version: 1
project:
  name: x
task: {kind: classification, target: late, key: [id]}
steps:
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one stage for each built-in step, written in several styles, and no record yet."""
    styles = (
        "  s{0}:\n    uses: {1}  # as it comes\n",
        "  s{0}: {{uses: '{1}', owner: ana}}\n",
        '  s{0}:\n    uses: "{1}"\n',
    )
    stages = "".join(styles[number % 3].format(number, uses) for number, uses in enumerate(CATALOG))
    (tmp_path / "mlops.yaml").write_bytes((LIFECYCLE + stages).encode())
    return tmp_path


def contents(project: Path) -> dict[str, bytes]:
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in project.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("crlf", [False, True])
def test_every_built_in_step_goes_out_and_back_byte_for_byte(project: Path, crlf: bool) -> None:
    if crlf:
        path = project / "mlops.yaml"
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    before = contents(project)
    for number, uses in enumerate(CATALOG):
        file = eject_step(project, f"s{number}")
        assert file.read_bytes() == module_file(CATALOG[uses]).read_bytes()
        assert read_lifecycle(project).steps[f"s{number}"].uses == f"steps/s{number}.py"
    assert len(step_distances(project)) == len(CATALOG)
    for number in range(len(CATALOG)):
        restore_step(project, f"s{number}")
    assert contents(project) == before
    assert sorted(path.name for path in project.iterdir()) == ["mlops.yaml"]


def test_going_back_refuses_an_edited_file_and_keeps_it_on_demand(project: Path) -> None:
    eject_step(project, SPLIT)
    edit(project / f"steps/{SPLIT}.py", "run(split)", "run(split)  # mine")
    before = contents(project)
    with pytest.raises(RefusedError) as refused:
        restore_step(project, SPLIT)
    assert contents(project) == before
    assert f"--undo --keep moves it to {SPLIT}.py.orig" in refused.value.fix
    assert restore_step(project, SPLIT, keep=True).kept == f"steps/{SPLIT}.py.orig"
    assert "# mine" in (project / f"steps/{SPLIT}.py.orig").read_text()
    assert read_lifecycle(project).steps[SPLIT].uses == "split.time"
    assert not (project / RECORD).exists()


def test_going_back_works_for_a_file_that_is_gone_or_has_other_line_ends(project: Path) -> None:
    before = contents(project)
    eject_step(project, SPLIT).unlink()
    restore_step(project, SPLIT)
    path = eject_step(project, SPLIT)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    restore_step(project, SPLIT)
    assert contents(project) == before


def test_going_back_says_what_it_cannot_know(project: Path) -> None:
    with pytest.raises(UsageError, match="uses the built-in step split.time already"):
        restore_step(project, SPLIT)
    eject_step(project, SPLIT)
    shutil.rmtree(project / ".mlops")
    with pytest.raises(RefusedError) as refused:
        restore_step(project, SPLIT)
    assert f"set `uses:` of {SPLIT}" in refused.value.fix


def test_distance_counts_your_lines_and_those_of_the_built_in_step_since(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlops_kit.project import distance

    eject_step(project, SPLIT)
    edit(project / f"steps/{SPLIT}.py", "    run(split)\n", "    print('mine')\n    run(split)\n")
    (alone,) = step_distances(project, SPLIT)
    assert (alone.yours.added, alone.yours.removed, alone.upstream.diff, alone.distance) == (1, 0, "", 1)
    now = module_file(CATALOG["split.time"]).read_text().replace("from __future__ import annotations\n", "")
    monkeypatch.setattr(distance, "built_in_text", lambda uses: now)
    monkeypatch.setattr(distance, "contract_of", lambda uses: 9)
    (moved,) = step_distances(project)
    assert (moved.upstream.added, moved.upstream.removed, moved.contract_now) == (0, 1, 9)
    assert moved.distance == 2
    assert "-from __future__ import annotations" in moved.upstream.diff
    assert "+    print('mine')" in moved.yours.diff


def test_distance_of_what_was_not_ejected_is_a_usage_error(project: Path) -> None:
    assert step_distances(project) == ()
    for stage, said in (("nowhere", "no stage"), (SPLIT, "nothing to compare")):
        with pytest.raises(UsageError, match=said):
            step_distances(project, stage)


def test_a_step_of_a_version_without_it_keeps_its_record(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eject_step(project, SPLIT)
    monkeypatch.delitem(CATALOG, "split.time")
    (alone,) = step_distances(project)
    assert (alone.contract_now, alone.distance) == (None, 0)


def test_the_commands_say_what_they_did_and_how_to_go_back(tmp_path: Path) -> None:
    run_kit("init", "x", "--yes", cwd=tmp_path)
    project = tmp_path / "x"
    before = contents(project)
    assert "mlops-kit eject split --undo" in run_kit("eject", "split", cwd=project).stdout
    record = read_record(project)
    assert record is not None
    assert record.ejected["split"].uses == "split.time"
    edit(project / "steps/split.py", "    run(split)\n", "    run(split)  # mine\n")
    shown = run_kit("diff", "split", cwd=project).stdout
    assert all(part in shown for part in ("+1 -1", "distance  2 lines", "+    run(split)  # mine"))
    plain = json.loads(run_kit("diff", "--json", cwd=project).stdout)["steps"]
    assert [(step["stage"], step["distance"]) for step in plain] == [("split", 2), ("train", 0)]
    assert run_kit("eject", "split", "--undo", cwd=project, check=False).returncode == 7
    assert run_kit("eject", "split", "--keep", cwd=project, check=False).returncode == 2
    edit(project / "steps/split.py", "    run(split)  # mine\n", "    run(split)\n")
    assert "built-in step split.time again" in run_kit("eject", "split", "--undo", cwd=project).stdout
    assert contents(project) == before
    edit(project / "dvc.yaml", "stages:", "stages: # mine")
    before = contents(project)
    assert run_kit("eject", "split", cwd=project, check=False).returncode == 6
    assert contents(project) == before, "what could not be finished was not begun"
