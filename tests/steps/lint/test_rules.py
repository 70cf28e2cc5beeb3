"""Each rule finds what it is for and leaves its stable twin alone; clean code and our own steps are not accused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlops_kit
from mlops_kit.errors import SpecError
from mlops_kit.steps.lint import RULES, describe, lint_source
from tests.steps.lint.snippets import CLEAN, FOUND, NOT_FOUND

STEPS = Path(mlops_kit.__file__).parent / "steps"
ROOT = STEPS.parent.parent
# What starts a stage reads the environment in order to replace it.
OWN = [
    path for folder in ("data", "labels", "model", "post") for path in sorted((STEPS / folder).rglob("*.py"))
]


def rules_in(text: str) -> set[str]:
    return {finding.rule for finding in lint_source(text, "x.py")}


def test_every_rule_has_both_kinds_of_example_and_says_why() -> None:
    assert set(RULES) == set(FOUND) == set(NOT_FOUND)
    assert all(describe(rule).endswith(".") and rule.fix for rule in RULES.values())
    assert len(CLEAN) >= 30


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in FOUND.items() for text in texts])
def test_rule_finds_the_unstable_way(rule: str, text: str) -> None:
    assert rule in rules_in(text)


@pytest.mark.parametrize(
    ("rule", "text"), [(rule, text) for rule, texts in NOT_FOUND.items() for text in texts]
)
def test_rule_leaves_the_stable_way_alone(rule: str, text: str) -> None:
    assert rule not in rules_in(text)


@pytest.mark.parametrize("text", CLEAN)
def test_clean_code_is_not_accused(text: str) -> None:
    assert lint_source(text, "x.py") == ()


@pytest.mark.parametrize("path", [*OWN, *sorted((ROOT / "steps").glob("*.py"))], ids=lambda path: path.name)
def test_own_steps_are_not_accused(path: Path) -> None:
    assert lint_source(path.read_text(encoding="utf-8"), path.name) == ()


def test_finding_names_place_code_and_both_ways() -> None:
    (finding,) = lint_source("import os\n\nrows = [\n    f for f in os.listdir('d')\n]\n", "steps/a.py")
    assert (finding.path, finding.line, finding.column, finding.rule) == ("steps/a.py", 4, 16, "file-order")
    assert finding.code == "os.listdir('d')"
    assert "file system" in finding.why
    assert "sorted" in finding.fix


@pytest.mark.parametrize(
    "comment",
    ["# mlops-kit: ignore[hash-seed]", "# mlops-kit:ignore", "# why  # mlops-kit: ignore[clock, hash-seed]"],
)
def test_comment_silences_its_line_only(comment: str) -> None:
    assert lint_source(f"a = hash(x)  {comment}\n", "x.py") == ()
    assert [f.line for f in lint_source(f"a = hash(x)  {comment}\nb = hash(x)\n", "x.py")] == [2]
    assert lint_source(f"a = hash(\n    x  {comment}\n)\n", "x.py") == ()


def test_comment_silences_no_other_rule_and_text_is_no_comment() -> None:
    assert rules_in("a = hash(x)  # mlops-kit: ignore[clock]\n") == {"hash-seed"}
    assert rules_in("a = hash(x), '# mlops-kit: ignore'\n") == {"hash-seed"}


def test_comment_with_an_unknown_rule_is_refused_with_its_line() -> None:
    with pytest.raises(SpecError, match=r"x\.py:2.*clocks"):
        lint_source("a = 1\nb = 2  # mlops-kit: ignore[clocks]\n", "x.py")


@pytest.mark.parametrize("text", ["def f(:\n", "a = '\0'\n"])
def test_text_that_is_no_python_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(SpecError, match=r"x\.py:1"):
        lint_source(text, "x.py")


@given(
    st.lists(
        st.sampled_from([t for texts in (*FOUND.values(), *NOT_FOUND.values(), CLEAN) for t in texts]),
        max_size=5,
    )
)
def test_findings_are_sorted_and_the_same_again(texts: list[str]) -> None:
    text = "\n".join(texts)
    found = lint_source(text, "x.py")
    assert list(found) == sorted(found)
    assert found == lint_source(text, "x.py")


def test_deeply_nested_and_circular_names_end() -> None:
    assert lint_source("a = b\nb = a\nfor x in a:\n    print(x)\n", "x.py") == ()
    assert rules_in("a = a | set(b)\nfor x in a:\n    print(x)\n") <= {"set-order"}
