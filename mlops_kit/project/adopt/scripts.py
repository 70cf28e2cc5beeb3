"""Scripts and notebooks: which there are, what each reads and writes, and how it is started."""

from __future__ import annotations

import ast
import posixpath
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_kit.project.adopt.calls import SERVERS, Touch
from mlops_kit.project.adopt.flow import Traced, trace_program
from mlops_kit.project.adopt.model import Survey
from mlops_kit.project.adopt.notebook import notebook_source
from mlops_kit.project.adopt.options import Start, find_starts
from mlops_kit.project.adopt.paths import Files, is_absolute, locate
from mlops_kit.project.adopt.program import Module, Program, collect_names, parse

# Python files that are no steps of a pipeline, by name and by folder.
_NOT_STEPS = re.compile(
    r"(test_.*|.*_test|conftest|setup|noxfile|tasks|manage|fabfile|gunicorn.*|__init__|__main__|versioneer|wsgi|asgi|conf)\.py"
)
_NOT_STEP_FOLDERS = frozenset(
    (
        "tests",
        "test",
        "docs",
        "doc",
        "examples",
        "migrations",
        "alembic",
        ".github",
        ".dvc",
        ".mlops",
        ".devcontainer",
    )
)


@dataclass(frozen=True)
class Script:
    """A script or notebook that could be a stage."""

    path: str
    """Relative to the DVC root."""
    wdir: str
    """Folder it is started in, relative to the DVC root."""
    cmd: str
    """How it is started there."""
    modules: tuple[str, ...]
    """Local modules that it imports, itself left out."""
    files: Files
    """What it reads and writes."""
    external: frozenset[str]
    """Top-level names of libraries that it imports."""
    calls: frozenset[str]
    """Library functions that it calls."""
    notes: tuple[str, ...]
    """What was not understood, beginning with the path."""
    refused: str = ""
    """Why it can be no stage as it is; empty when it can."""
    needs_arguments: bool = False
    """Whether it does not run without arguments."""


def read_scripts(survey: Survey) -> tuple[Script, ...]:
    """Return every script below the DVC root that is more than a library, with what it reads and writes."""
    sources: dict[str, ast.Module | None] = {}
    starts = find_starts(survey.root, survey.files)
    found = [path for path in survey.files if path.endswith(".py") and _may_be_step(survey.root, path)]
    made = []
    for path in found:
        tree = sources.setdefault(path, parse(survey.root, path))
        if tree is None:
            made.append(_unparsed(survey.root, path))
        elif _does_something(tree):
            script = _read_script(survey, path, sources)
            if script.needs_arguments and path in starts:
                script = _read_script(survey, path, sources, starts[path])
            made.append(script)
    return tuple(made)


def read_notebooks(survey: Survey) -> tuple[Script, ...]:
    """Return every notebook below the DVC root, with what its code cells read and write."""
    sources: dict[str, ast.Module | None] = {}
    found = [path for path in survey.files if path.endswith(".ipynb")]
    return tuple(_read_notebook(survey, path, sources) for path in found)


def _may_be_step(root: Path, path: str) -> bool:
    *folders, name = path.split("/")
    return not _NOT_STEPS.fullmatch(name) and not _NOT_STEP_FOLDERS & set(folders) and (root / path).is_file()


def _does_something(tree: ast.Module) -> bool:
    """Return whether a file does more at its top level than to define things."""
    passive = (
        ast.Import,
        ast.ImportFrom,
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
        ast.Assign,
        ast.AnnAssign,
        ast.Pass,
    )
    for node in tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.If) and not _is_main_guard(node):
            continue
        if not isinstance(node, passive) or (
            isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        ):
            return True
    return False


def _is_main_guard(node: ast.If) -> bool:
    return any(isinstance(one, ast.Name) and one.id == "__name__" for one in ast.walk(node.test))


def _unparsed(root: Path, path: str) -> Script:
    try:
        ast.parse((root / path).read_bytes())
        reason = "too large to be read"
    except SyntaxError as error:
        reason = f"not valid Python, line {error.lineno}: {error.msg}"
    except (ValueError, OSError, RecursionError, MemoryError) as error:
        reason = f"cannot be read: {error}"
    return Script(path, "", "", (), Files(), frozenset(), frozenset(), (), refused=reason)


def _read_script(
    survey: Survey, path: str, sources: dict[str, ast.Module | None], start: Start | None = None
) -> Script:
    program = Program(survey.root, path, sources)
    main = program.load(path, "__main__")
    assert main is not None
    arguments = start.arguments if start else ()
    traced = trace_program(program, main, arguments)
    wdir = "" if start else _working_folder(survey.root, path, traced)
    files = locate(survey.root, wdir, traced.records)
    cmd, wdir, problem = _command(program, wdir)
    cmd = " ".join((cmd, *map(shlex.quote, arguments)))
    refused = _refusal(program, traced) or problem
    script = _script(path, wdir, cmd, program, traced, files, refused)
    notes = (*script.notes, f"{path}: started as {start.where} says, {cmd}") if start else script.notes
    return replace(script, notes=notes, needs_arguments=bool(traced.required))


def _script(
    path: str, wdir: str, cmd: str, program: Program, traced: Traced, files: Files, *rest: str
) -> Script:
    modules = tuple(sorted(one for one in program.modules if one != path))
    return Script(
        path=path,
        wdir=wdir,
        cmd=cmd,
        modules=modules,
        files=files,
        external=frozenset(program.external),
        calls=frozenset(traced.calls),
        notes=tuple(_notes(path, program, traced, files)),
        refused=rest[0] if rest else "",
    )


def _read_notebook(survey: Survey, path: str, sources: dict[str, ast.Module | None]) -> Script:
    wdir = posixpath.dirname(path)
    code, skipped = notebook_source(survey.root / path)
    if code is None:
        return Script(path, wdir, "", (), Files(), frozenset(), frozenset(), (), refused=skipped)
    program = Program(survey.root, path, sources)
    tree = ast.parse(code)
    main = Module(path, "__main__", tree, collect_names(tree.body))
    program.modules[path] = main
    traced = trace_program(program, main)
    name = shlex.quote(_plain(posixpath.basename(path)))
    cmd = f"jupyter nbconvert --to notebook --execute --stdout {name} > {_sink()}"
    files = locate(survey.root, wdir, traced.records)
    made = _script(path, wdir, cmd, program, traced, files)
    extra = (f"{path}: {skipped}",) if skipped else ()
    return replace(made, notes=(*made.notes, *extra))


def _sink() -> str:
    return "/dev/null"


def _refusal(program: Program, traced: Traced) -> str:
    servers = sorted(program.external & SERVERS)
    if servers:
        return f"a server or an app ({', '.join(servers)}), not a step"
    if traced.required:
        names = ", ".join(dict.fromkeys(traced.required))
        return f"does not run without arguments ({names}); write its stage with the command that you use"
    return (
        "changes its working folder (os.chdir), so its paths are not known" if traced.changes_folder else ""
    )


def _working_folder(root: Path, path: str, traced: Traced) -> str:
    """Return the folder that makes most of a script's relative paths exist: the root, or its own folder."""
    home = posixpath.dirname(path)
    relative = [one for one in traced.records if not is_absolute(one.path)]

    def score(folder: str) -> tuple[int, int]:
        reads = {one.path for one in relative if one.touch in (Touch.READ, Touch.LIST)}
        writes = {posixpath.dirname(one.path) for one in relative if one.touch in (Touch.WRITE, Touch.FILL)}
        here = root / folder
        return sum((here / one).exists() for one in reads), sum(
            bool(one) and (here / one).is_dir() for one in writes
        )

    outside = any(posixpath.normpath(one.path).startswith("..") for one in relative)
    if home and (score(home) > score("") or (outside and score(home) == score(""))):
        return home
    return ""


def _command(program: Program, wdir: str) -> tuple[str, str, str]:
    """Return how a script is started, in which folder, and why it cannot be (empty when it can).

    A file is run by its path; as a module (`-m`) when its imports start at the root.
    """
    path = program.script
    home = posixpath.dirname(path)
    dotted = posixpath.splitext(path)[0].replace("/", ".")
    needs_root = "" in program.anchors and home != ""
    if program.relative or (needs_root and home not in program.anchors):
        if wdir:
            return "", wdir, f"its imports start at the root, its paths in {wdir}"
        if not all(part.isidentifier() for part in dotted.split(".")):
            return "", wdir, "its imports start at the root and its path is no module name"
        return f"python -m {dotted}", wdir, ""
    if needs_root:
        return "", wdir, "some of its imports start at the root, others in its own folder"
    return f"python {shlex.quote(_plain(posixpath.relpath(path, wdir or '.')))}", wdir, ""


def _plain(path: str) -> str:
    """Return a path that no program takes for an option."""
    return f"./{path}" if path.startswith("-") else path


def _notes(path: str, program: Program, traced: Traced, files: Files) -> Iterable[str]:
    yield from files.notes
    for what, places in (
        ("the path is made at run time and not known", traced.dynamic),
        ("starts another program; what that reads and writes is not seen", traced.started),
    ):
        distinct = list(dict.fromkeys(places))
        if distinct:
            more = f" and {len(distinct) - 3} more" if len(distinct) > 3 else ""
            yield f"{', '.join(distinct[:3])}{more}: {what}"
    secret = sorted(name for name in traced.variables if _SECRET.search(name))
    if secret:
        yield f"{path}: reads {', '.join(secret)} from the environment; CI needs that as a secret"
    for file in dict.fromkeys(program.broken):
        yield f"{file}: not valid Python; what it does for {path} is not known"


_SECRET = re.compile(r"(TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY|ACCESS_KEY|CONNECTION_STRING)", re.IGNORECASE)
