"""A stage that does not run again: what its last lines say about why."""

from __future__ import annotations

import re
from pathlib import Path

from mlops_kit.compare.causes import Cause, CauseKind
from mlops_kit.compare.ladder import StageOutcome, StageResult
from mlops_kit.project.reproduce.isolate import Origin

_FILE = re.compile(
    r"(?:No such file or directory|does not exist|no such file|cannot open)[^'\"\n]*['\"]([^'\"\n]+)['\"]",
    re.IGNORECASE,
)
_SHELL_FILE = re.compile(
    r"^(?:\S+: )*(?:can't open |cannot open )?['\"]?([^\s:'\"]+)['\"]?: No such file or directory",
    re.MULTILINE,
)
_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
_VARIABLE = re.compile(r"KeyError: '([A-Za-z_]\w*)'")
_NETWORK = re.compile(
    r"ConnectionRefusedError|ConnectionError|URLError|gaierror|Connection refused|Name or service not known|Permission denied.*connect"
)
_LINE = re.compile(r'File "([^"]+)", line (\d+)')
_PLAIN = (
    (re.compile(r"Unicode(?:En|De)codeError"), CauseKind.LOCALE),
    (re.compile(r"PackageNotFoundError|cannot import name|has no attribute '__version__'"), CauseKind.PACKAGE_VERSION),
)  # fmt: skip


def explain_failure(result: StageResult, origin: Origin | None) -> Cause:
    """Return why a stage did not run, or failed."""
    if result.outcome is StageOutcome.ENVIRONMENT:
        return Cause(CauseKind.PACKAGE_VERSION, result.problem)
    if result.outcome in (StageOutcome.STALE, StageOutcome.NOT_RUN):
        return Cause(CauseKind.DAMAGED_RECORD, result.problem)
    text = "\n".join(result.tail)
    kind, evidence = _read(text, origin) or (CauseKind.UNKNOWN, result.problem)
    return Cause(kind, evidence, source=_line_of(text))


def _read(text: str, origin: Origin | None) -> tuple[CauseKind, str] | None:
    module = _MODULE.search(text)
    if module:
        local = _in_work_tree(module[1].replace(".", "/"), origin) or _in_work_tree(
            module[1].replace(".", "/") + ".py", origin
        )
        if local:
            return (
                CauseKind.HIDDEN_INPUT,
                f"it imports {module[1]}, which is in the work tree and not in the commit",
            )
        return CauseKind.PACKAGE_VERSION, f"the package that holds {module[1]} is not installed"
    if _NETWORK.search(text):
        return CauseKind.NETWORK, "it cannot connect"
    file = _FILE.search(text) or _SHELL_FILE.search(text)
    if file:
        where = ", which is in the work tree and not in the commit" if _in_work_tree(file[1], origin) else ""
        return CauseKind.HIDDEN_INPUT, f"it reads {file[1]}{where}; the stage does not declare it"
    variable = _VARIABLE.search(text)
    if variable and ("environ" in text or "getenv" in text):
        return CauseKind.ENVIRONMENT_VARIABLE, f"{variable[1]} is not set"
    return next(
        ((kind, match[0]) for pattern, kind in _PLAIN if (match := pattern.search(text)) is not None), None
    )


def _in_work_tree(name: str, origin: Origin | None) -> bool:
    return origin is not None and not Path(name).is_absolute() and (origin.root / name).exists()


def _line_of(text: str) -> str:
    """Return the last line of the project's own code in a traceback."""
    own = [
        f"{Path(file).name}:{line}"
        for file, line in _LINE.findall(text)
        if "site-packages" not in file and not file.startswith("<") and "/lib/python" not in file
    ]
    return own[-1] if own else ""
