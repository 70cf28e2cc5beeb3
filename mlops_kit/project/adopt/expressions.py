"""The kinds of expressions that can be evaluated without running anything, a function each."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mlops_kit.project.adopt.values import (
    External,
    Items,
    Table,
    Values,
    add,
    combine,
    interpolate,
    join,
    merge,
)

if TYPE_CHECKING:
    from mlops_kit.project.adopt.evaluate import Evaluator
    from mlops_kit.project.adopt.scope import Scope


def _constant(_: Evaluator, node: Any, __: Scope) -> Values:
    return (node.value,) if isinstance(node.value, str | int | float | bool) or node.value is None else ()


def _name(evaluator: Evaluator, node: Any, scope: Scope) -> Values:
    return evaluator.lookup(node.id, scope)


def _attribute(evaluator: Evaluator, node: Any, scope: Scope) -> Values:
    return merge(evaluator.attribute(value, node.attr) for value in evaluator.values(node.value, scope))


def _binary(evaluator: Evaluator, node: Any, scope: Scope) -> Values:
    operation = {ast.Add: add, ast.Div: join}.get(type(node.op))
    if operation is None:
        return ()
    return combine(operation, [evaluator.values(node.left, scope), evaluator.values(node.right, scope)])


def _fstring(evaluator: Evaluator, node: Any, scope: Scope) -> Values:
    parts: list[Values] = []
    for one in node.values:
        plain = isinstance(one, ast.FormattedValue) and one.format_spec is None and one.conversion == -1
        parts.append(
            (one.value,)
            if isinstance(one, ast.Constant)
            else evaluator.values(one.value, scope)
            if plain
            else ()
        )
    return combine(lambda *chosen: interpolate(chosen), parts)


def _sequence(evaluator: Evaluator, node: Any, scope: Scope) -> Values:
    return (Items(tuple(evaluator.values(one, scope) for one in node.elts)),)


def _dict(evaluator: Evaluator, node: Any, scope: Scope) -> Values:
    pairs: Sequence[tuple[ast.expr | None, ast.expr]] = list(zip(node.keys, node.values, strict=True))
    entries = {
        key.value: evaluator.values(value, scope)
        for key, value in pairs
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }
    return (Table(entries),)


def _subscript(evaluator: Evaluator, node: Any, scope: Scope) -> Values:
    keys = evaluator.values(node.slice, scope)
    found: list[Values] = []
    for value in evaluator.values(node.value, scope):
        for key in keys:
            if isinstance(value, Table) and isinstance(key, str):
                found.append(value.entries.get(key, ()))
            elif (
                isinstance(value, Items)
                and isinstance(key, int)
                and -len(value.items) <= key < len(value.items)
            ):
                found.append(value.items[key])
            elif value == External("sys.argv") and isinstance(key, int) and 0 < key <= len(evaluator.argv):
                found.append((evaluator.argv[key - 1],))
    return merge(found)


def _choice(evaluator: Evaluator, node: Any, scope: Scope) -> Values:
    decided = evaluator.truth(node.test, scope)
    chosen = [node.body, node.orelse] if decided is None else [node.body if decided else node.orelse]
    return merge(evaluator.values(one, scope) for one in chosen)


def _either(evaluator: Evaluator, node: Any, scope: Scope) -> Values:
    values = [evaluator.values(one, scope) for one in node.values]
    if isinstance(node.op, ast.Or):
        return merge(tuple(value for value in group if value) for group in values)
    return values[-1]


def _inner(evaluator: Evaluator, node: Any, scope: Scope) -> Values:
    return evaluator.values(node.value, scope)


def _call(evaluator: Evaluator, node: Any, scope: Scope) -> Values:
    return evaluator.call(node, scope)


HANDLERS: dict[type[ast.AST], Callable[[Evaluator, Any, Scope], Values]] = {
    ast.Attribute: _attribute,
    ast.Await: _inner,
    ast.BinOp: _binary,
    ast.BoolOp: _either,
    ast.Call: _call,
    ast.Constant: _constant,
    ast.Dict: _dict,
    ast.IfExp: _choice,
    ast.JoinedStr: _fstring,
    ast.List: _sequence,
    ast.Name: _name,
    ast.NamedExpr: _inner,
    ast.Set: _sequence,
    ast.Subscript: _subscript,
    ast.Tuple: _sequence,
}
