"""The contract of a step, read from its source without importing it: what it reads, what it writes, what it depends on."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mlops_kit.artifacts.kinds import KINDS
from mlops_kit.errors import SpecError

SPEC_INPUTS = ("task", "schema", "kpis", "labelling")
MANIFEST = "manifest"
SOURCE = "source"


@dataclass(frozen=True)
class ArtifactRef:
    """A named artifact of a kind, as a step's signature declares it."""

    name: str
    kind: str

    @property
    def path(self) -> str:
        """Return where the artifact lives, relative to the project."""
        return KINDS[self.kind].locate(self.name)


@dataclass(frozen=True)
class StepContract:
    """What the signature of one step says."""

    function: str
    """Name of the step function."""
    summary: str
    """First line of its docstring, or of its module's."""
    version: int
    """Contract version: raised when the same inputs can give other outputs."""
    inputs: tuple[ArtifactRef, ...]
    """Artifacts that it reads."""
    outputs: tuple[ArtifactRef, ...]
    """Artifacts that it writes."""
    params_class: str | None
    """Name of the dataclass of its params section; `Mapping` for an unchecked one; None without params."""
    input_files: tuple[str, ...]
    """Params fields that name files which the stage reads."""
    input_rules: tuple[str, ...]
    """Params fields with rules, which may name functions of the project."""
    input_code: tuple[tuple[str, str], ...]
    """Params fields that name a Python file of the project whose functions the step calls, each with its default."""
    spec_inputs: tuple[str, ...]
    """Which of task, schema, kpis, labelling it reads."""
    imports: tuple[str, ...]
    """Top-level names of the modules that its file imports, inside functions too."""
    frozen: bool = False
    """Whether it runs on purpose only: what it writes is fetched by `mlops-kit acquire`, from what the function `source` of its file names."""


@cache
def read_contract(path: Path) -> StepContract:
    """Read the contract of the one step in the file `path`.

    Raises SpecError, naming file and line, when the file has no step or more than one, or when its signature uses
    something that is not an artifact kind.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SpecError(
            "no such step file", where=str(path), fix="create it, or change `uses:` in mlops.yaml"
        ) from None
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise SpecError(f"not valid Python: {error}", where=f"{path}:{line}") from error
    return _Reader(path, tree).read()


@dataclass(frozen=True)
class _Reader:
    path: Path
    tree: ast.Module

    def read(self) -> StepContract:
        function = self._step()
        frozen = self._frozen(function)
        doc = ast.get_docstring(function) or ast.get_docstring(self.tree) or ""
        params = self._params_class(function)
        return StepContract(
            function=function.name,
            summary=doc.split("\n", 1)[0],
            version=self._version(function),
            inputs=tuple(
                self._ref(a.arg, a.annotation, a) for a in (*function.args.posonlyargs, *function.args.args)
            ),
            outputs=self._outputs(function),
            params_class=params,
            input_files=self._fields_of(params, "InputFile"),
            input_rules=self._fields_of(params, "InputRules"),
            input_code=self._code_of(params),
            spec_inputs=tuple(a.arg for a in function.args.kwonlyargs if a.arg in SPEC_INPUTS),
            imports=tuple(sorted(_top_level_imports(self.tree))),
            frozen=frozen,
        )

    def _error(self, message: str, node: ast.AST, fix: str = "") -> SpecError:
        return SpecError(message, where=f"{self.path}:{getattr(node, 'lineno', 1)}", fix=fix)

    def _step(self) -> ast.FunctionDef:
        steps = [
            n
            for n in self.tree.body
            if isinstance(n, ast.FunctionDef) and any(map(_is_step, n.decorator_list))
        ]
        if len(steps) != 1:
            found = (
                "no function" if not steps else f"{len(steps)} functions ({', '.join(s.name for s in steps)})"
            )
            raise self._error(
                f"{found} decorated with @step; a step file has exactly one",
                self.tree.body[0] if self.tree.body else self.tree,
            )
        return steps[0]

    def _version(self, function: ast.FunctionDef) -> int:
        decorator = next(d for d in function.decorator_list if _is_step(d))
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else []:
            if (
                keyword.arg == "contract"
                and isinstance(keyword.value, ast.Constant)
                and isinstance(keyword.value.value, int)
            ):
                return keyword.value.value
        return 1

    def _frozen(self, function: ast.FunctionDef) -> bool:
        decorator = next(d for d in function.decorator_list if _is_step(d))
        keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
        frozen = any(
            k.arg == "frozen" and isinstance(k.value, ast.Constant) and k.value.value is True
            for k in keywords
        )
        named = {argument.arg for argument in function.args.kwonlyargs}
        if frozen and not any(isinstance(n, ast.FunctionDef) and n.name == SOURCE for n in self.tree.body):
            raise self._error(
                f"a frozen step needs a function `{SOURCE}` beside it, which says where `mlops-kit acquire` fetches from",
                function,
                fix=f"def {SOURCE}(params, task): return a source, as the step acquire.files does",
            )
        if frozen and MANIFEST not in named:
            raise self._error(
                f"a frozen step takes `*, {MANIFEST}: Manifest`, which its data are put together from",
                function,
            )
        if MANIFEST in named and not frozen:
            raise self._error(f"`{MANIFEST}` is for frozen steps", function, fix="@step(frozen=True)")
        return frozen

    def _ref(self, name: str, annotation: ast.expr | None, node: ast.AST) -> ArtifactRef:
        kind = _name(annotation)
        if kind not in KINDS:
            known = ", ".join(sorted(KINDS))
            raise self._error(
                f"`{name}` is annotated `{kind or 'nothing'}`, which is no artifact kind",
                node,
                fix=f"use one of {known}",
            )
        return ArtifactRef(name, kind)

    def _outputs(self, function: ast.FunctionDef) -> tuple[ArtifactRef, ...]:
        returned = _name(function.returns)
        if returned in KINDS:
            return (ArtifactRef(function.name, returned),)
        for node in self.tree.body:
            if (
                isinstance(node, ast.ClassDef)
                and node.name == returned
                and "NamedTuple" in map(_name, node.bases)
            ):
                return tuple(
                    self._ref(item.target.id, item.annotation, item)
                    for item in node.body
                    if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
                )
        raise self._error(
            f"`{function.name}` returns `{returned or 'nothing'}`",
            function,
            fix="return an artifact kind (-> Model), or a NamedTuple of this file whose fields are artifact kinds",
        )

    def _params_class(self, function: ast.FunctionDef) -> str | None:
        known = {*SPEC_INPUTS, "params", MANIFEST}
        for argument in function.args.kwonlyargs:
            if argument.arg not in known:
                raise self._error(
                    f"unknown keyword parameter `{argument.arg}`",
                    argument,
                    fix=f"use {', '.join(sorted(known))}",
                )
        return next(
            (_name(a.annotation) or "Mapping" for a in function.args.kwonlyargs if a.arg == "params"), None
        )

    def _fields_of(self, params: str | None, kind: str) -> tuple[str, ...]:
        return tuple(name for name, item in self._annotated(params) if kind in ast.unparse(item.annotation))

    def _code_of(self, params: str | None) -> tuple[tuple[str, str], ...]:
        """Return the fields of kind InputCode with their default, empty without one."""
        wanted = set(self._fields_of(params, "InputCode"))
        found = [(name, item.value) for name, item in self._annotated(params) if name in wanted]
        return tuple((name, _name(value) if isinstance(value, ast.Constant) else "") for name, value in found)

    def _annotated(self, params: str | None) -> list[tuple[str, ast.AnnAssign]]:
        """Return the annotated fields of the params class of this file."""
        classes = [n for n in self.tree.body if isinstance(n, ast.ClassDef) and n.name == params]
        items = [item for node in classes[:1] for item in node.body if isinstance(item, ast.AnnAssign)]
        return [(item.target.id, item) for item in items if isinstance(item.target, ast.Name)]


def _is_step(node: ast.expr) -> bool:
    return _name(node.func if isinstance(node, ast.Call) else node) == "step"


def _name(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _top_level_imports(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found
