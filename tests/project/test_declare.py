"""Adding declarations to mlops.yaml: what is asked for, and not a byte more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.errors import UsageError
from mlops_kit.project.declare import add_to_step, propose_declarations
from mlops_kit.spec.load import load_lifecycle
from mlops_kit.steps.watch.trace import trace_file

HEAD = "version: 1\nproject: {name: x}\ntask: {kind: classification, target: y, key: [id]}\nsteps:\n"
FORMS = (
    "  train: {uses: steps/train.py}  # ours\n",
    "  train: {uses: steps/train.py, deps: [a.csv]}\n",
    "  train: {uses: steps/train.py, deps: []}\n",
    "  train:\n    uses: steps/train.py  # ours\n",
    "  train:\n    deps: [a.csv]   # the rows\n    uses: steps/train.py\n",
    "  train:\n    deps:\n      - a.csv  # the rows\n    uses: steps/train.py\n",
    "  train:\n    deps:\n    - a.csv\n    uses: steps/train.py\n",
    "  train:\n    uses: steps/train.py\n    inputs:\n      rows: table\n",
    '  "train": {"uses": "steps/train.py"}\n',
    "  train:\n    uses: steps/train.py\n    deps:\n      [a.csv,\n       b.csv]\n",
)
AFTER = "  # the next one\n  split: {uses: split.time}\n"


@pytest.mark.parametrize("form", FORMS[:-1])
@pytest.mark.parametrize("after", ["", AFTER])
def test_a_dependency_is_added_in_every_form(form: str, after: str) -> None:
    text = HEAD + form + after
    before = load_lifecycle(text).steps
    changed = add_to_step(text, "train", "deps", ("cfg/x.json",))
    assert load_lifecycle(changed).steps["train"].deps == (*before["train"].deps, "cfg/x.json")
    assert changed.endswith(after)
    kept = [line for line in text.splitlines() if line in changed.splitlines()]
    assert len(text.splitlines()) - len(kept) <= 1, "at most one line changed"
    assert all(comment in changed for comment in ("# ours", "# the rows") if comment in text)


def test_a_form_that_cannot_be_changed_safely_is_refused_with_what_to_write() -> None:
    assert add_to_step(HEAD + FORMS[-1], "train", "deps", ()) == HEAD + FORMS[-1]
    with pytest.raises(UsageError) as caught:
        add_to_step(HEAD + FORMS[-1], "train", "deps", ("c.csv",))
    assert "deps: [a.csv, b.csv, c.csv]" in caught.value.fix


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12))
def test_any_name_survives(name: str) -> None:
    try:
        changed = add_to_step(HEAD + FORMS[3], "train", "deps", (name,))
    except UsageError:
        return
    assert load_lifecycle(changed).steps["train"].deps == (name,)


def keep_trace(root: Path, stage: str, *findings: dict[str, str]) -> None:
    path = trace_file(root, stage)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"stage": stage, "mechanisms": ["audit"], "findings": list(findings)}))


def test_traces_become_dependencies_and_the_rest_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlops.yaml").write_text(HEAD + FORMS[0])
    (tmp_path / "cfg").mkdir()
    (tmp_path / "cfg" / "a.json").touch()
    keep_trace(
        tmp_path,
        "train",
        {"kind": "read", "name": "cfg/", "where": "", "how": "listed"},
        {"kind": "read", "name": "cfg/a.json", "where": "steps/train.py:3", "how": "read"},
        {"kind": "read", "name": "cfg/absent", "where": "", "how": "looked for"},
        {"kind": "environment", "name": "TOKEN", "where": "steps/train.py:4", "how": "read"},
        {"kind": "network", "name": "example.org:443", "where": "", "how": "connected"},
        {"kind": "write", "name": "cfg/a.json", "where": "", "how": "written"},
    )
    proposal = propose_declarations(tmp_path)
    assert "+  train: {uses: steps/train.py, deps: [cfg]}  # ours" in proposal.diff
    reasons = " ".join(reason for _, _, reason in proposal.left)
    assert all(
        part in reasons for part in ("must exist", "environment: [TOKEN]", "network: true", "signature")
    )
    (tmp_path / "mlops.yaml").write_text(proposal.text)
    assert propose_declarations(tmp_path).diff == ""


def test_without_a_watched_run_the_command_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlops.yaml").write_text(HEAD + FORMS[0])
    with pytest.raises(UsageError) as caught:
        propose_declarations(tmp_path)
    assert caught.value.fix == "mlops-kit run --force"
