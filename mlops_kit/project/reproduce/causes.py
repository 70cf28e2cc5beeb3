"""Why a stage does not give the same again: what was seen in its reruns, and further runs where that does not say.

First a plain second run. Where two runs differ, chance is at work, and `pinning` takes one source of it away at a time. Where they
agree and differ from the record, something outside is not as it was: versions, undeclared files and variables, what an axis can
bring back. What the sweep breaks is named by its axis. A cause is named for what was seen, or it is `unknown`, with what was tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlops_kit.compare.causes import Cause, CauseKind
from mlops_kit.compare.deviation import explain_output
from mlops_kit.compare.ladder import AxisResult, OutputLevel, StageOutcome, StageResult
from mlops_kit.outside.machine import installed_locales
from mlops_kit.project.reproduce.drift import code_files, find_drift
from mlops_kit.project.reproduce.failing import explain_failure
from mlops_kit.project.reproduce.laboratory import Laboratory, SpentError, Trial, affordable_runs
from mlops_kit.project.reproduce.lines import point_at_lines
from mlops_kit.project.reproduce.pinning import find_chance
from mlops_kit.project.reproduce.probing import Hidden, find_hidden
from mlops_kit.project.reproduce.sources import StageSource
from mlops_kit.spec.model import Reproduce

OF_AXIS: dict[str, CauseKind] = {
    "threads": CauseKind.THREADS,
    "hashseed": CauseKind.HASH_SEED,
    "path": CauseKind.PATH,
    "files": CauseKind.FILE_ORDER,
    "clock": CauseKind.CLOCK,
    "network": CauseKind.NETWORK,
    "zone": CauseKind.TIME_ZONE,
    "locale": CauseKind.LOCALE,
    "user": CauseKind.USER,
    "noise": CauseKind.ENVIRONMENT_VARIABLE,
    "cpus": CauseKind.THREADS,
    "aslr": CauseKind.ADDRESS,
}
_OF_FINDING = {
    "read": CauseKind.HIDDEN_INPUT,
    "environment": CauseKind.ENVIRONMENT_VARIABLE,
    "network": CauseKind.NETWORK,
}
_ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Europe/London", "America/Los_Angeles", "America/Chicago", "Asia/Tokyo",
          "Asia/Shanghai", "Asia/Kolkata", "Australia/Sydney", "America/Sao_Paulo")  # fmt: skip
_OF_FORM = (
    ("a date or time", CauseKind.CLOCK),
    ("a uuid", CauseKind.RANDOMNESS),
    ("a memory address", CauseKind.ADDRESS),
    ("a temporary path", CauseKind.PATH),
    ("an absolute path", CauseKind.PATH),
)
_MANY_AXES = 3


def find_causes(
    source: StageSource,
    result: StageResult,
    axes: Mapping[str, str],
    place: Callable[[Mapping[str, str]], Path],
) -> tuple[Cause, ...]:
    """Return what explains that the stage failed, that its outputs are not the recorded ones, or that the sweep breaks them.

        `axes` are those of the sweep with their values, empty when there was none; then nothing is looked for in a stage whose outputs are
        identical. `place` returns a new empty folder for a run. Makes at most 60 runs, and of a stage that takes long no more than ten minutes'
    worth.
    """
    if result.outcome is not StageOutcome.RAN:
        return (explain_failure(result, source.origin),)
    lab = Laboratory(source, place, most=affordable_runs(result.seconds))
    try:
        found = dict.fromkeys(_Search(lab, source, result, axes).run())
    finally:
        lab.close()
    return tuple(point_at_lines(found, source, source.origin) if source.origin else found)


@dataclass
class _Search:
    lab: Laboratory
    source: StageSource
    result: StageResult
    axes: Mapping[str, str]
    tried: list[str] = field(default_factory=list)

    def run(self) -> Iterator[Cause]:
        yield from self._seen()
        differing = [out.path for out in self.result.outputs if out.level is not OutputLevel.IDENTICAL]
        by_itself = any(not one.axes and not one.passed for one in self.result.swept)
        unstable: dict[str, str] = {}
        try:
            if differing or by_itself:
                unstable = self._unstable()
            if unstable:
                yield from self._chance(unstable)
            hidden = self._hidden(unstable)
            yield from (cause for cause in hidden.causes if not self._is_seen(cause))
            broken = [] if unstable else list(self._broken())
            stable = [path for path in differing if path not in unstable]
            found = list(self._otherwise(stable, hidden)) if stable else []
            if broken:  # what the sweep says is more than that nothing was found
                found = [cause for cause in found if cause.kind is not CauseKind.UNKNOWN]
            yield from (*found, *broken)
        except SpentError as error:
            yield Cause(CauseKind.UNKNOWN, f"not found: {error}")

    def _seen(self) -> Iterator[Cause]:
        """Yield what the watcher saw in the plain rerun."""
        for one in self.result.findings:
            kind = _OF_FINDING.get(one["kind"])
            if kind:
                yield Cause(
                    kind, f"it uses {one['name']} and does not declare it", source=one.get("where", "")
                )

    def _is_seen(self, cause: Cause) -> bool:
        """Return whether the watcher saw the same line already."""
        return bool(cause.source) and any(one.get("where") == cause.source for one in self.result.findings)

    def _unstable(self) -> dict[str, str]:
        """Return the outputs that come out differently in plain runs: path -> first line of how."""
        trials = [self.lab.run({}, keep=True) for _ in range(2)]
        if trials[0].prints == trials[1].prints:
            trials.append(self.lab.run({}, keep=True))
        found: dict[str, str] = {}
        for other in trials[1:]:
            for path, one in trials[0].prints.items():
                if path in other.prints and other.prints[path] != one and path not in found:
                    found[path] = self._first_line(path, trials[0], other)
        return found

    def _first_line(self, path: str, one: Trial, other: Trial) -> str:
        rules = self.source.origin.rules if self.source.origin else Reproduce()
        made = explain_output(path, one.rerun.outs[path], other.rerun.outs[path], tolerance=rules.tolerance)
        return made.detail[0] if made.detail else ""

    def _chance(self, unstable: Mapping[str, str]) -> Iterator[Cause]:
        causes, tried = find_chance(self.lab, unstable, ("threads", "hashseed", *self._machine()))
        yield from causes
        explained = {cause.output for cause in causes}
        for path in sorted(unstable.keys() - explained):
            place = unstable[path]
            said = f"two runs differ, also {', '.join(tried)}"
            kinds = [kind for words, kind in _OF_FORM if f"({words})" in place]
            if kinds:  # a program that is not Python cannot be pinned
                said = f"by its form alone, as the program cannot be held still: {said}"
            yield Cause(kinds[0] if kinds else CauseKind.UNKNOWN, said, path, place)

    def _machine(self) -> tuple[str, ...]:
        from mlops_kit.project.reproduce.perturb import plan_sweep

        return tuple(name for name in ("cpus", "aslr") if name in plan_sweep(1).values)

    def _hidden(self, unstable: Mapping[str, str]) -> Hidden:
        differs = any(out.level is not OutputLevel.IDENTICAL for out in self.result.outputs)
        if not (self.axes or differs) or self.source.origin is None:
            return Hidden()
        prints = {out.path: out.sha256 for out in self.result.outputs if out.path not in unstable}
        return find_hidden(self.lab, self.source, self.source.origin, prints)

    def _otherwise(self, paths: Sequence[str], hidden: Hidden) -> Iterator[Cause]:
        """Yield why outputs that repeat themselves are not the recorded ones."""
        damaged = [out for out in self.result.outputs if out.path in paths and _is_damaged(out.detail)]
        for out in damaged:
            yield Cause(CauseKind.DAMAGED_RECORD, out.detail[0], out.path)
        left = [path for path in paths if path not in {out.path for out in damaged}]
        drift = find_drift(self.source, self.source.origin) if self.source.origin else []
        drift += list(self._written_by(left))
        matches = list(self._matches(left)) if left and not drift and not hidden.files else []
        yield from (*drift, *matches)
        if not left or drift or matches or hidden.files:
            return
        if hidden.variables:
            for name, where in hidden.variables.items():
                yield Cause(
                    CauseKind.ENVIRONMENT_VARIABLE,
                    f"it reads {name}, whose recorded value is not known",
                    source=where,
                )
            return
        for out in self.result.outputs:
            if out.path in left:
                yield self._last(out.path, out.level, out.detail)

    def _last(self, path: str, level: OutputLevel, detail: Sequence[str]) -> Cause:
        place = detail[0] if detail else ""
        if level is OutputLevel.EQUAL and "written otherwise" in " ".join(detail):
            return Cause(
                CauseKind.NUMBER_FORMAT, "the numbers are the recorded ones, their text is not", path, place
            )
        tried = ", ".join(
            [
                "a second run",
                "packages that are locked",
                "files and variables that are not declared",
                *self.tried,
            ]
        )
        return Cause(
            CauseKind.UNKNOWN,
            f"reruns agree with each other and not with the record; tried: {tried}",
            path,
            place,
        )

    def _written_by(self, paths: Sequence[str]) -> Iterator[Cause]:
        for out in self.result.outputs:
            lines = [
                line
                for line in out.detail
                if "version" in line.partition(": ")[0] or line.startswith("written by: ")
            ]
            if out.path in paths and lines:
                yield Cause(
                    CauseKind.PACKAGE_VERSION,
                    "the output names the version that wrote it",
                    out.path,
                    lines[0],
                )

    def _matches(self, paths: Sequence[str]) -> Iterator[Cause]:
        """Yield what brings the recorded outputs back."""
        recorded = {out.path: out.recorded for out in self.result.outputs if out.path in paths}
        for kind, words, axes in self._candidates():
            self.tried.append(words)
            trial = self.lab.run(axes)
            back = [
                path
                for path in paths
                if path in trial.found and trial.found[path].is_recorded_as(recorded[path])
            ]
            if back:
                yield Cause(kind, f"MATCHES RECORDED under {words}", back[0])
                return

    def _candidates(self) -> Iterator[tuple[CauseKind, str, Mapping[str, str]]]:
        broken = {one.axes[0] for one in self.result.swept if len(one.axes) == 1 and not one.passed}
        asked = broken or (set() if self.axes else {"zone", "threads", "hashseed"})
        if "zone" in asked:
            yield from ((CauseKind.TIME_ZONE, f"TZ={zone}", {"zone": zone}) for zone in _ZONES)
        if "threads" in asked:
            yield from (
                (CauseKind.THREADS, f"{count} threads", {"threads": str(count)}) for count in (1, 2, 4, 8, 16)
            )
        if "cpus" in asked:
            yield from ((CauseKind.THREADS, f"{count} processors", {"cpus": str(count)}) for count in (1, 2))
        if "locale" in asked:
            names = [name for name in sorted(installed_locales()) if name != "C"][:5]
            yield from ((CauseKind.LOCALE, f"LC_ALL={name}", {"locale": name}) for name in ("C", *names))
        if "hashseed" in asked:
            yield CauseKind.HASH_SEED, "PYTHONHASHSEED=0", {"hashseed": "0"}
        if self._asserts():
            for level in ("1", "2"):
                variables = f'{{"PYTHONOPTIMIZE": "{level}"}}'
                yield CauseKind.ENVIRONMENT_VARIABLE, f"PYTHONOPTIMIZE={level}", {"variables": variables}

    def _asserts(self) -> bool:
        if self.source.origin is None:
            return False
        root = self.source.origin.clone / self.source.origin.prefix
        texts = [path.read_text(encoding="utf-8", errors="replace") for path in code_files(self.source, root)]
        return any(
            word in text for text in texts for word in ("assert ", "__debug__", "flags.optimize", "__doc__")
        )

    def _broken(self) -> Iterator[Cause]:
        """Yield what the sweep broke."""
        failed = [one for one in self.result.swept if one.axes and not one.passed]
        alone = [one for one in failed if len(one.axes) == 1]
        if any(one.axes == ("noise",) for one in alone) or len(alone) >= _MANY_AXES:
            control = self.lab.run({"pin": "none"})
            same = {out.path: out.sha256 for out in self.result.outputs}
            if control.prints != same:
                evidence = "it changes with any variable that is added to the environment"
                yield Cause(CauseKind.ENVIRONMENT_VARIABLE, evidence, _first(alone))
                return
        for one in alone:
            yield Cause(OF_AXIS[one.axes[0]], _said(one, self.axes), _first([one]))
        for one in failed:
            if len(one.axes) > 1:
                yield Cause(
                    CauseKind.UNKNOWN,
                    f"{_said(one, self.axes)}, and none of them alone does it",
                    _first([one]),
                )


def _said(one: AxisResult, axes: Mapping[str, str]) -> str:
    values = ", ".join(f"{name}={axes.get(name, '')}" for name in one.axes)
    return f"it fails under {values}: {one.problem}" if one.problem else f"it differs under {values}"


def _first(results: Sequence[AxisResult]) -> str:
    return next((one.breaks[0] for one in results if one.breaks), "")


def _is_damaged(detail: Sequence[str]) -> bool:
    return any("store holds" in line or "another SHA-256" in line for line in detail)
