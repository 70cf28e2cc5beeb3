"""What a rerun wrote, compared with what is recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from mlops_kit.artifacts.fingerprint import fingerprint
from mlops_kit.compare.deviation import Margins, Tolerance, explain_output, metric_margins
from mlops_kit.compare.ladder import AxisResult, OutputLevel, OutputResult
from mlops_kit.errors import MlopsKitError
from mlops_kit.project.reproduce.isolate import StageRerun
from mlops_kit.project.reproduce.sources import Recorded, StageSource
from mlops_kit.project.reproduce.supply import Supply

GONE = "the recorded content is neither in the DVC cache nor on a remote; only identical or different can be said"
PREDICTIONS = "predictions"


class OutputComparer:
    """Compares outputs with the recorded ones, which it looks up in `supply`; `stated` is metric -> difference that does not matter."""

    def __init__(self, supply: Supply, tolerance: Tolerance, stated: Mapping[str, float]) -> None:
        self._supply = supply
        self._tolerance = tolerance
        self._stated = stated

    def compare(self, source: StageSource, rerun: StageRerun, scratch: Path) -> tuple[OutputResult, ...]:
        """Return how each recorded output of the stage compares with what the rerun wrote; `scratch` is a folder for recorded content."""
        margins: list[Margins] = []

        def lazily() -> Margins:
            if not margins:
                margins.append(self._margins(source, rerun, scratch))
            return margins[0]

        return tuple(self._compare(out, rerun.outs.get(out.path), scratch, lazily) for out in source.outs)

    def compare_again(
        self, source: StageSource, first: tuple[OutputResult, ...], second: StageRerun, scratch: Path
    ) -> AxisResult:
        """Return what the perturbation of a second run changed: the outputs that are not those of the first, bit by bit."""
        axes = tuple(second.axes)
        if not second.ran:
            return AxisResult(axes, problem=second.problem)
        found = {path: fingerprint(place) for path, place in second.outs.items()}
        shas = {path: one.hash.sha256 for path, one in found.items() if one}
        broken = tuple(out.path for out in first if shas.get(out.path, "") != out.sha256)
        recorded = {out.path: out for out in source.outs}
        steady = {out.path for out in first if out.level is OutputLevel.IDENTICAL}
        detail: tuple[str, ...] = ()
        for path in broken:
            old = self._find(recorded[path], scratch) if path in steady else None
            if old is not None and path in second.outs and not detail:
                detail = explain_output(path, old, second.outs[path], tolerance=self._tolerance).detail[:3]
        return AxisResult(axes, broken, detail=detail)

    def _compare(
        self, recorded: Recorded, fresh: Path | None, scratch: Path, margins: Callable[[], Margins]
    ) -> OutputResult:
        found = fingerprint(fresh) if fresh else None
        if fresh is None or found is None:
            return OutputResult(recorded.path, OutputLevel.MISSING, recorded=recorded.digest)

        def result(level: OutputLevel, *detail: str, largest: float | None = None) -> OutputResult:
            return OutputResult(
                recorded.path,
                level,
                largest,
                detail,
                recorded.digest,
                found.hash.md5,
                found.hash.sha256,
                found.files,
            )

        if not recorded.hashed:
            return result(OutputLevel.UNKNOWN, "dvc.lock records no MD5 of it")
        if found.is_recorded_as(recorded.digest):
            if recorded.sha256 and recorded.sha256 != found.hash.sha256:
                return result(
                    OutputLevel.DIFFERENT,
                    "the recorded MD5 and another SHA-256: one of both is a forged twin",
                )
            return result(OutputLevel.IDENTICAL)
        old = self._find(recorded, scratch)
        if old is None:
            return result(OutputLevel.DIFFERENT, GONE)
        said = explain_output(
            recorded.path,
            old,
            fresh,
            tolerance=self._tolerance,
            margins=margins() if recorded.section == "metrics" else None,
        )
        level = OutputLevel(said.level.value)
        if level is OutputLevel.IDENTICAL:  # the recorded content that was found is not what dvc.lock names
            return result(OutputLevel.UNKNOWN, "what the store holds as the recorded content is damaged")
        return result(level, *said.detail, largest=said.largest)

    def _find(self, recorded: Recorded, scratch: Path) -> Path | None:
        place = scratch / recorded.digest / Path(recorded.path).name
        return self._supply.materialize(recorded.path, recorded.digest, place)

    def _margins(self, source: StageSource, rerun: StageRerun, scratch: Path) -> Margins:
        out = next((one for one in source.outs if one.type == PREDICTIONS and one.path in rerun.outs), None)
        try:
            old = self._find(out, scratch) if out else None
            return metric_margins(old, rerun.outs[out.path] if out else None, stated=self._stated)
        except MlopsKitError:
            return Margins(stated=self._stated)
