"""Reading step files for what makes outputs differ from run to run. Text in, findings out: nothing is imported, run or read from disk."""

from __future__ import annotations

import ast
import io
import re
import tokenize

from mlops_kit.errors import SpecError
from mlops_kit.steps.lint.clock import Clock, Locale, LocalTime
from mlops_kit.steps.lint.files import (
    Archive,
    ArrayArchive,
    DatedFigure,
    PackedTable,
    Pickle,
    StyledTable,
    Workbook,
)
from mlops_kit.steps.lint.finding import Finding, Rule
from mlops_kit.steps.lint.machine import Address, AllJobs, Environment, Machine, PlaceInOutput, Processors
from mlops_kit.steps.lint.module import Module
from mlops_kit.steps.lint.order import CompletionOrder, FileOrder, HashSeed, JsonOrder, SetOrder
from mlops_kit.steps.lint.randomness import (
    FreshName,
    GlobalNumpy,
    GlobalRandom,
    UnseededModel,
    UnseededSample,
    UnseededTorch,
)

RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        UnseededModel(), UnseededSample(), GlobalNumpy(), GlobalRandom(), UnseededTorch(), FreshName(),
        FileOrder(), SetOrder(), CompletionOrder(), JsonOrder(), HashSeed(),
        Clock(), LocalTime(), Locale(),
        PackedTable(), Pickle(), Archive(), ArrayArchive(), DatedFigure(), StyledTable(), Workbook(),
        Processors(), AllJobs(), Machine(), Environment(), Address(), PlaceInOutput(),
    )
}  # fmt: skip

_IGNORE = re.compile(r"#\s*mlops-kit:\s*ignore(?:\[(?P<rules>[^\]]*)\])?")
SHOWN = 70


def lint_source(text: str, path: str) -> tuple[Finding, ...]:
    """Return what makes outputs of the Python file `path` with the content `text` differ from run to run, in the order of its lines.

    A comment `# mlops-kit: ignore[rule]` on one of an expression's lines silences that rule there, without brackets all rules. Raises
    SpecError with file and line for text that is not valid Python, and for a comment that names a rule which does not exist.
    """
    try:
        module = Module(ast.parse(text))
    except (SyntaxError, ValueError) as error:
        raise SpecError(
            f"not valid Python: {error}", where=f"{path}:{getattr(error, 'lineno', None) or 1}"
        ) from error
    ignored = _ignored_lines(text, path) if "mlops-kit:" in text else {}
    found = set()
    for rule in RULES.values():
        for node in rule.find(module):
            lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            if not any(rule.id in ignored.get(line, ()) for line in lines) and not module.is_said(node):
                found.add(_finding(rule, node, path))
    return tuple(sorted(found))


def describe(rule: Rule) -> str:
    """Return why a rule exists, in one line."""
    return " ".join((rule.__doc__ or "").split())


def _finding(rule: Rule, node: ast.expr, path: str) -> Finding:
    code = " ".join(ast.unparse(node).split())
    short = code if len(code) <= SHOWN else code[: SHOWN - 1] + "…"
    return Finding(path, node.lineno, node.col_offset + 1, rule.id, short, describe(rule), rule.fix)


def _ignored_lines(text: str, path: str) -> dict[int, frozenset[str]]:
    """Return line -> rules that a comment on it silences."""
    ignored: dict[int, frozenset[str]] = {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT or not (match := _IGNORE.search(token.string)):
            continue
        named = match["rules"]
        rules = frozenset(RULES if named is None else (name.strip() for name in named.split(",")))
        unknown = sorted(rules - set(RULES))
        if unknown:
            raise SpecError(
                f"the comment silences {', '.join(map(repr, unknown))}, which is no rule",
                where=f"{path}:{token.start[0]}",
                fix="mlops-kit lint --list",
            )
        ignored[token.start[0]] = rules
    return ignored
