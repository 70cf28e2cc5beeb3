"""What a person's answer is to the model: 1 or 0 for classification, a number for regression."""

from __future__ import annotations

from mlops_kit.artifacts.duck import literal
from mlops_kit.errors import SpecError
from mlops_kit.spec.labels import LabelTask
from mlops_kit.spec.model import Task

_WHERE = "params.yaml (label)"


def target_sql(task: Task, question: LabelTask, *, positive: str | None, at_least: float | None) -> str:
    """Return SQL of the target that `value` of a consensus stands for, NULL where it stands for none.

    Classification: 1 where the class is `positive`, where `positive` is among the classes or labels a span or box, or where the number is at
    least `at_least`. A question with the classes `0` and `1` needs no `positive`. Regression: the number itself, or a class that is one.
    Raises SpecError when the params do not say it.
    """
    if task.kind == "regression":
        if question.type not in ("number", "class"):
            raise SpecError(
                f"an answer of type `{question.type}` is no number to predict", where=_WHERE, fix=_STEP
            )
        return "TRY_CAST(value AS DOUBLE)"
    if question.type == "number":
        bound = 1.0 if at_least is None else float(at_least)
        return f"CAST(TRY_CAST(value AS DOUBLE) >= {bound!r}::DOUBLE AS TINYINT)"
    if question.type == "json":
        raise SpecError("an answer of type `json` is no class to predict", where=_WHERE, fix=_STEP)
    wanted = "1" if positive is None and set(question.classes) == {"0", "1"} else positive
    if wanted not in question.classes:
        said = (
            "`positive` is not set"
            if positive is None
            else f"`positive: {positive}` is no class of the question"
        )
        raise SpecError(said, where=_WHERE, fix=f"set positive to one of {', '.join(question.classes)}")
    if question.type == "class":
        return f"CAST(value = {literal(wanted)} AS TINYINT)"
    names = "value" if question.type == "classes" else "json_extract_string(value, '$[*].label')"
    listed = f"CAST({names} AS JSON)::VARCHAR[]" if question.type == "classes" else names
    return f"CAST(list_contains({listed}, {literal(wanted)}) AS TINYINT)"


_STEP = "write a step that makes the target from `consensus`"
