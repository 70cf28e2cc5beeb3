"""The documentation of the project files, read from the docstrings under the fields of their dataclasses."""

from __future__ import annotations

import ast
import inspect
from functools import cache


@cache
def field_docs(cls: type) -> dict[str, str]:
    """Return field name -> its docstring, on one line."""
    tree = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(tree, ast.ClassDef)
    found: dict[str, str] = {}
    for item, following in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(item, ast.AnnAssign)
            and isinstance(item.target, ast.Name)
            and isinstance(following, ast.Expr)
        ):
            value = following.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                found[item.target.id] = " ".join(value.value.split())
    return found


def class_doc(cls: type) -> str:
    """Return the first line of a class's docstring."""
    return (inspect.getdoc(cls) or "").split("\n", 1)[0]
