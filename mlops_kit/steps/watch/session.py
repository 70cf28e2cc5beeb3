"""One watched run of a stage: what the mechanisms see becomes findings, which are told or refused."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TextIO

from mlops_kit.errors import StaleError
from mlops_kit.outside.inotify import TreeEvent
from mlops_kit.steps.watch.audit import AuditWatch, is_code
from mlops_kit.steps.watch.declared import OWN_FILES, OWN_FOLDERS, Declared
from mlops_kit.steps.watch.files import FILE_WATCHES, FileWatch, choose_file_watch, clock_ns, survey_tree
from mlops_kit.steps.watch.findings import Finding, FindingKind, describe_finding, unique_findings
from mlops_kit.steps.watch.frames import Origin, Side, Stack
from mlops_kit.steps.watch.mode import WatchMode
from mlops_kit.steps.watch.places import Places
from mlops_kit.steps.watch.probes import ProbeWatch
from mlops_kit.steps.watch.trace import trace_file
from mlops_kit.steps.watch.variables import VariableWatch

SHOWN = 20


class _Closable(Protocol):
    def close(self) -> None: ...


@dataclass
class Session:
    """Watches this process from `start` to `finish`. Findings collect in between."""

    root: Path
    declared: Declared
    mode: WatchMode
    places: Places
    portable: bool = False
    fixed_variables: frozenset[str] = frozenset()
    """Environment variables that every stage gets with a fixed value."""
    mechanisms: list[str] = field(default_factory=list)
    _found: list[Finding] = field(default_factory=list)
    _own: set[str] = field(default_factory=set)
    """Files and folders that the runner or the import system used in this process."""
    _hints: dict[str, str] = field(default_factory=dict)
    """Path -> line of code that asked for it before something opened it below Python."""
    _programs: list[tuple[str, str]] = field(default_factory=list)
    """Command line and line of code of each program that was started."""
    _parts: list[_Closable] = field(default_factory=list)
    _files: FileWatch | None = None
    _temporary: Path | None = None
    _trace: TextIO | None = None
    _keeps_trace: bool = False
    _started: int = 0
    _busy: bool = False
    """Whether the watch itself is looking at files."""

    def start(self, *, python: bool = True) -> None:
        """Begin; `python` is whether the stage runs in this very process, else only files are watched."""
        self._started = clock_ns()
        if os.environ.get("MLOPS_KIT_TRACE"):
            # Opened now: a confined process could not.
            self._trace = Path(os.environ["MLOPS_KIT_TRACE"]).open("a", encoding="utf-8", newline="\n")  # noqa: SIM115
        self._keeps_trace = (self.root / ".dvc").is_dir()
        if self._keeps_trace:
            trace_file(self.root, self.declared.stage).parent.mkdir(parents=True, exist_ok=True)
        name = choose_file_watch(portable=self.portable)
        self._files = FILE_WATCHES[name](survey_tree(self.places, self.declared))
        self._parts.append(self._files)
        self.mechanisms.append(name)
        with self._looking():
            if python:
                self._watch_python()
            if self.mode is WatchMode.REFUSE and not self.portable:
                self._confine()

    def check(self) -> None:
        """Raise StaleError in the mode `refuse` when something was found so far. To be called before anything is written."""
        self._collect()
        if self.mode is WatchMode.REFUSE and self.findings:
            raise self._refusal()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return what was found so far: reads that are nothing but temporary files left out."""
        return unique_findings(
            f for f in self._found if f.kind is not FindingKind.WRITE or self._exists(f.name)
        )

    def finish(self, error: BaseException | None = None) -> None:
        """End, write the trace, and tell what was found; `error` is what ended the stage.

        Raises StaleError in the mode `refuse` when something was found, and does not return to what `error` was.
        """
        if self._files is None:
            return
        self._collect()
        with self._looking():
            self._learn_from(error)
        incomplete = self._files.incomplete
        self._files = None
        for part in self._parts:
            part.close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
        found = self.findings
        self._write_trace(found)
        if found and self.mode is WatchMode.REFUSE:
            raise self._refusal() from error
        if found or incomplete:
            sys.stderr.write(_block(self.declared.stage, found, incomplete))

    def used_file(self, path: str, origin: Origin, how: str) -> None:
        """Note that the file or folder at absolute `path` is about to be used; refuse it where that is the mode."""
        if self._busy:
            return
        inner = self._inner(path)
        if inner is None:
            self._used_outside(path, origin, how)
            return
        if origin.side is Side.OWN or (how == "listed" and origin.importing):
            self._own.add(inner)
            return
        written = how == "written"
        if how == "listed" and not is_code(origin):
            return
        if self.declared.may_write(inner) if written else self.declared.may_read(inner):
            return
        if written and _is_byte_code(path):
            return
        name = f"{inner}/".lstrip("/") or "./" if how == "listed" else inner
        self._note(Finding(FindingKind.WRITE if written else FindingKind.READ, name, origin.where, how), path)

    def asked(self, path: str, origin: Origin) -> None:
        """Note a question about a file of the project: whether it exists, how large it is."""
        inner = None if self._busy or not is_code(origin) else self._inner(path)
        if inner is None or self.declared.may_read(inner) or self.declared.leads_to(inner):
            return
        self._hints.setdefault(inner, origin.where)
        if origin.direct and not origin.importing:
            self._found.append(Finding(FindingKind.READ, inner, origin.where, "looked for"))

    def used_network(self, address: str, origin: Origin) -> None:
        """Note a connection; refuse it where that is the mode."""
        if not self._busy and not self.declared.network and origin.side is not Side.OWN:
            self._note(Finding(FindingKind.NETWORK, address, origin.where, "connected"), address)

    def started(self, command: str, origin: Origin) -> None:
        """Note a program, whose reads the kernel will show without a line."""
        if is_code(origin):
            self._programs.append((command, origin.where))

    def read_variable(self, name: str, origin: Origin) -> None:
        """Note the read of an environment variable by the project's code."""
        if not self._busy and name not in self.fixed_variables and name not in self.declared.environment:
            self._found.append(Finding(FindingKind.ENVIRONMENT, name, origin.where, "read"))

    def learn(self, complaints: str) -> None:
        """Add what the kernel refused to another program, as far as its `complaints` name it."""
        for line in complaints.splitlines():
            if "ermission denied" in line:
                self._learn_paths(re.split(r"[\s'\"`:(),]+", line))

    def _watch_python(self) -> None:
        stack = Stack(self.places)
        self._parts.append(AuditWatch(self, self.places, stack))
        self._parts.append(ProbeWatch(self.asked, self.places, stack))
        self._parts.append(VariableWatch(self.read_variable, stack))
        self.mechanisms += ["audit", "probes", "environment"]

    def _confine(self) -> None:
        from mlops_kit.steps.watch.confine import can_confine, confine_stage

        if can_confine():
            self._temporary = confine_stage(self.places, self.declared)
            self.mechanisms.append("landlock")

    def _note(self, finding: Finding, what: str) -> None:
        self._found.append(finding)
        if self.mode is WatchMode.REFUSE and self._files is not None:
            raise PermissionError(errno.EACCES, f"stage {self.declared.stage} does not declare this", what)

    def _used_outside(self, path: str, origin: Origin, how: str) -> None:
        """Note a file outside of the project when the project's own code asks for it and it is not the system's."""
        if self.places.is_inside(path) or origin.importing or origin.side is not Side.USER or how == "listed":
            return
        if self.places.is_system(path) or self.declared.may_read(path) or self._is_declared_elsewhere(path):
            return
        self._note(
            Finding(FindingKind.WRITE if how == "written" else FindingKind.READ, path, origin.where, how),
            path,
        )

    def _is_declared_elsewhere(self, path: str) -> bool:
        """Return whether `path` is the target of a declared link, or a declared path that leaves the project by `..`."""
        return any(
            os.path.realpath(self.root / name) == os.path.realpath(path)
            for name in self.declared.reads
            if name.startswith("..") or (self.root / name).is_symlink()
        )

    def _inner(self, path: str) -> str | None:
        inner = self.places.relative(path)
        if inner is None and not self.places.is_inside(path) and not self.places.is_system(path):
            inner = self.places.relative(os.path.realpath(path))
        return inner

    def _collect(self) -> None:
        with self._looking():
            for event in self._files.events() if self._files is not None else ():
                finding = self._judge(event)
                if finding is not None:
                    self._found.append(finding)

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """Note nothing of what this thread does meanwhile: it is the watch's own doing."""
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before

    def _judge(self, event: TreeEvent) -> Finding | None:
        """Return what a kernel event says about the stage; None when it is declared, the runner's own or of no consequence."""
        inner = self.places.relative(event.path)
        if inner is None or (_is_byte_code(event.path) and event.written):
            return None
        if event.folder and not event.written:
            return self._judge_listing(inner)
        if self.declared.may_read(inner) and (not event.written or self.declared.may_write(inner)):
            return None
        if event.folder and self.declared.leads_to(inner):
            return None
        if not event.written and inner in self._own:
            return None
        if self._is_closed_to_us(inner):
            return None
        if (
            inner in OWN_FILES
            or inner.split("/")[0] in OWN_FOLDERS
            or inner.startswith(("requirements", "pylock"))
        ):
            return None
        try:
            changed = os.lstat(event.path).st_mtime_ns >= self._started
        except OSError:
            return None  # a temporary file
        if event.written and (changed or event.folder):
            return Finding(FindingKind.WRITE, inner, self._line_of(inner), "written")
        if self.declared.may_read(inner):
            return None
        return Finding(
            FindingKind.READ, inner, self._line_of(inner), "read" if self._line_of(inner) else "seen"
        )

    def _is_closed_to_us(self, inner: str) -> bool:
        """Return whether the kernel keeps this stage from `inner`, so that somebody else (an editor, an indexer) used it."""
        if "landlock" not in self.mechanisms:
            return False
        folders = {name.rpartition("/")[0] for name in self.declared.writes}
        return not any(not folder or f"{inner}/".startswith(f"{folder}/") for folder in folders)

    def _judge_listing(self, inner: str) -> Finding | None:
        """Judge an opened folder. Every Python that is started lists the folders that it imports from; those do not count here."""
        imports = any(
            name.endswith(".py") and name.rpartition("/")[0] == inner for name in self.declared.reads
        )
        if (
            not inner
            or imports
            or inner in self._own
            or self.declared.may_read(inner)
            or inner.endswith("__pycache__")
        ):
            return None
        if self.declared.leads_to(inner) and self.declared.may_write(inner):
            return None
        return Finding(FindingKind.READ, f"{inner}/", "", "listed")

    def _line_of(self, inner: str) -> str:
        if inner in self._hints:
            return self._hints[inner]
        name = inner.rpartition("/")[2]
        return next((where for command, where in self._programs if name in command), "")

    def _learn_from(self, error: BaseException | None) -> None:
        """Add what the kernel refused to code below Python, as the error that came of it names it."""
        seen: set[int] = set()
        while error is not None and id(error) not in seen and self.mode is WatchMode.REFUSE:
            seen.add(id(error))
            if "ermission denied" in str(error):
                self._learn_paths(_named_paths(error))
            error = error.__cause__ or error.__context__

    def _learn_paths(self, paths: Iterable[str]) -> None:
        for path in paths:
            inner = self._inner(os.path.normpath(os.path.join(self.root, path))) if path else None  # noqa: PTH118
            if inner and (self.root / inner).is_file() and not self.declared.may_read(inner):
                self._found.append(Finding(FindingKind.READ, inner, self._line_of(inner), "read"))

    def _exists(self, name: str) -> bool:
        return os.path.lexists(self.root / name)

    def _refusal(self) -> StaleError:
        lines = "".join(f"\n  {describe_finding(finding)}" for finding in self.findings[:SHOWN])
        return StaleError(f"it uses what it does not declare:{lines}", fix=FIX)

    def _write_trace(self, found: tuple[Finding, ...]) -> None:
        record: dict[str, Any] = {
            "stage": self.declared.stage,
            "mechanisms": sorted(self.mechanisms),
            "findings": [finding.as_json() for finding in found],
        }
        line = json.dumps(record, sort_keys=True) + "\n"
        if self._trace is not None:
            with self._trace as file:
                file.write(line)
        if self._keeps_trace:
            kept = trace_file(self.root, self.declared.stage)
            kept.write_text(line, encoding="utf-8", newline="\n")


FIX = (
    "declare it with `deps:`, `environment:` or `network: true` under the step in mlops.yaml "
    "(`mlops-kit generate --from-trace` proposes how), or do not use it"
)


def _block(stage: str, found: tuple[Finding, ...], incomplete: str) -> str:
    lines = [f"  {describe_finding(finding)}\n" for finding in found[:SHOWN]]
    more = [f"  and {len(found) - SHOWN} more\n"] if len(found) > SHOWN else []
    head = (
        [f"warning: stage {stage} uses what it does not declare:\n", *lines, *more, f"  fix: {FIX}\n"]
        if found
        else []
    )
    return "".join([*head, *([f"warning: stage {stage}: {incomplete}\n"] if incomplete else [])])


def _named_paths(error: BaseException) -> list[str]:
    named = [
        os.fsdecode(name) for name in (getattr(error, "filename", None),) if isinstance(name, str | bytes)
    ]
    return named + [one or other for one, other in re.findall(r"'([^'\n]+)'|\"([^\"\n]+)\"", str(error))]


def _is_byte_code(path: str) -> bool:
    return "__pycache__" in path
