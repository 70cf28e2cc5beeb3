"""What `why` says is what DVC does: the same edits, judged by DVC itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_kit.project.why import explain_stages
from tests.project.test_why import CHANGES, COUNT, FILES, site
from tests.support.recorded import generate, record_run, write_project

__all__ = ["site"]


def dvc_status(root: Path) -> set[str]:
    """Return the stages that `dvc status` would run, in this process: a start of DVC costs a second."""
    from dvc.repo import Repo

    repo: Any = Repo(str(root))
    try:
        return set(repo.status())
    finally:
        repo.close()


@pytest.fixture
def root(tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "project"
    write_project(folder, FILES)
    record_run(folder)
    monkeypatch.chdir(folder)
    return folder


# What DVC calls changed because a stage before it would run, or would bring it back; and what it cannot know.
ALSO = {
    "missing output": {"fit"},
    "edited output": {"shell", "policy", COUNT},
}  # fmt: skip
UNSEEN = {"same size and time"}
# A third of the ways, and those that ask most of the reading of locks: DVC takes half a second for each.
SAMPLE = {
    *sorted(set(CHANGES) - UNSEEN)[::3],
    *ALSO,
    "cache that is gone",
    "parameter written otherwise",
    "order of sections",
    "task",
}


@pytest.mark.slow
def test_dvc_calls_a_recorded_project_up_to_date(root: Path) -> None:
    assert dvc_status(root) == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SAMPLE))
def test_why_says_what_dvc_does(name: str, root: Path, site: Path) -> None:
    change, expected = CHANGES[name]
    change(root, site)
    plain = {found.stage for found in explain_stages(root, plain=True).stages if found.state == "run"}
    assert plain | ALSO.get(name, set()) == {
        stage for stage in dvc_status(root) if not stage.endswith(".dvc")
    }
    generate(root)
    found = dvc_status(root)
    quiet = {s.stage for s in explain_stages(root).stages if any("only comments" in r for r in s.remarks)}
    assert expected <= found
    assert found - expected <= quiet | ALSO.get(name, set())
