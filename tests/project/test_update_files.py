"""What becomes of one file, over all situations; and which stages run again, from what they declare before and after."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.project.update.files import Choice, Decision, Situation, decide_file
from mlops_kit.project.update.merge import has_markers
from mlops_kit.project.update.model import Outcome
from mlops_kit.project.update.stale import Snapshot, stale_stages
from mlops_kit.spec.yamlfile import dump_yaml
from tests.support.shapes import write

texts = st.one_of(
    st.none(),
    st.lists(st.sampled_from("abcdef"), max_size=5).map(lambda lines: "".join(f"{x}\n" for x in lines)),
)


def apply(now: Situation, decision: Decision) -> Situation:
    """Return the situation of the next update with the same template."""
    yours = None if decision.remove else decision.text if decision.text is not None else now.yours
    proposal = None if decision.solved else decision.proposal or now.proposal
    return replace(now, base=decision.base, yours=yours, pending=decision.pending, proposal=proposal)


@settings(max_examples=150, deadline=None)
@given(texts, texts, texts)
def test_updating_twice_is_updating_once_and_nothing_of_yours_is_lost(
    base: str | None, yours: str | None, theirs: str | None
) -> None:
    now = Situation("notes.md", base, yours, theirs)
    first = decide_file(now, Choice())
    after = apply(now, first)
    if first.pending is not None:
        assert after.yours == yours
        assert has_markers(first.proposal or "")
    if yours is not None and yours != base and theirs != yours:
        kept = after.yours is not None and set((yours or "").splitlines()) - set(
            (base or "").splitlines()
        ) <= set(after.yours.splitlines())
        assert kept, "every line that only you have is there"
    if yours is None and base is not None:
        assert after.yours is None, "deleted stays deleted"
    second = decide_file(after, Choice())
    assert apply(after, second) == after
    assert (second.change is None) == (first.pending is None)


@given(texts, texts)
def test_an_untouched_file_becomes_the_template_s(base: str | None, theirs: str | None) -> None:
    now = Situation("notes.md", base, base, theirs)
    assert apply(now, decide_file(now, Choice())).yours == theirs


@settings(max_examples=60, deadline=None)
@given(texts, texts, texts, st.sampled_from(["keep", "take"]))
def test_saying_whose_is_right_ends_every_conflict(
    base: str | None, yours: str | None, theirs: str | None, which: str
) -> None:
    now = Situation("notes.md", base, yours, theirs)
    chosen = {which: frozenset({"notes.md"})}
    decision = decide_file(now, Choice(**chosen))
    assert decision.pending is None
    assert decision.change is None or decision.change.outcome is not Outcome.CONFLICT
    if yours is not None and theirs is not None:
        assert apply(now, decision).yours == (yours if which == "keep" else theirs)


def project(
    root: Path, *, contract: int = 1, sklearn: str = "1.8", rich: str = "14", seed: int = 0, code: str = "1"
) -> Snapshot:
    """A pipeline in which train reads data and evaluate reads the model."""
    provenance = {
        "contracts": {"evaluate": contract},
        "packages": {"scikit-learn": sklearn, "rich": rich},
        "runtime": {"threads": 1},
    }
    stages = {
        "train": {
            "cmd": "python -m steps.train",
            "deps": ["steps/train.py", "data/train.parquet"],
            "params": ["train", {".mlops/provenance.yaml": ["packages.scikit-learn", "runtime.threads"]}],
            "outs": ["models/model.skops"],
        },
        "evaluate": {
            "cmd": "python -m evaluate",
            "deps": ["models/model.skops"],
            "params": [{".mlops/provenance.yaml": ["contracts.evaluate", "packages.scikit-learn"]}],
            "metrics": [{"metrics/evaluation.json": {"cache": False}}],
        },
        "validate": {
            "cmd": "python -m validate",
            "deps": ["metrics/evaluation.json"],
            "outs": ["verdict.json"],
        },
    }
    files = {"dvc.yaml": dump_yaml({"stages": stages}), ".mlops/provenance.yaml": dump_yaml(provenance)}
    write(root, {**files, "params.yaml": f"train:\n  seed: {seed}\nother: 1\n", "steps/train.py": code})
    return Snapshot.of(root)


def test_stages_that_run_again_are_named_with_their_causes_and_those_behind_them(tmp_path: Path) -> None:
    before = project(tmp_path)
    kits = ("0.1", "0.2")
    ran, following = stale_stages(before, project(tmp_path, contract=2), kits=kits)
    assert {change.name: change.reasons for change in ran} == {
        "evaluate": ("contract 1 -> 2 (mlops-kit 0.1 -> 0.2)",)
    }
    assert following == ("validate",)
    ran, following = stale_stages(before, project(tmp_path, sklearn="1.9", seed=3, code="2"), kits=kits)
    assert {change.name: change.reasons for change in ran} == {
        "evaluate": ("scikit-learn 1.8 -> 1.9",),
        "train": ("steps/train.py", "scikit-learn 1.8 -> 1.9", "train.seed"),
    }
    assert following == ("validate",)
    assert stale_stages(before, project(tmp_path, rich="15"), kits=kits) == ((), ())
    assert stale_stages(before, project(tmp_path, code="1  # said better\n"), kits=kits) == ((), ())


def test_a_project_without_a_pipeline_has_nothing_to_run(tmp_path: Path) -> None:
    assert Snapshot.of(tmp_path).stages == {}
    (tmp_path / "dvc.yaml").write_text("stages: [")
    assert Snapshot.of(tmp_path).stages == {}
