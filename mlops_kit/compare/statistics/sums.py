"""Metrics that are functions of sums over rows: what a row adds, and the metric from the sums."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_kit.compare.metrics import BINS, calibration_bins, log_losses, pinball_losses
from mlops_kit.compare.statistics.arrange import Paired
from mlops_kit.compare.statistics.cells import confusion_columns
from mlops_kit.compare.statistics.fixed import exact_mean, sum_groups, to_fixed

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

Sums = Mapping[str, Any]


@dataclass(frozen=True)
class Options:
    """What the metrics need to know beyond the rows."""

    threshold: float = 0.5
    """Probability from which a row counts as positive."""
    quantile: float | None = None
    """Level of predicted quantiles."""
    center: float = 0.0
    """Taken off the true values before they are squared: R2 does not change, and no digits are lost."""


@dataclass(frozen=True)
class Layout:
    """Columns to be summed, and where each side's sums stand."""

    columns: Array
    """Units x columns; sums of as many rows of it as it has are exact."""
    places: tuple[tuple[Mapping[str, int], ...], tuple[Mapping[str, int], ...]]
    """For old and new: for each run, name of the sum -> column."""
    rows: int

    def columns_named(self, prefix: str) -> list[int]:
        """Return the columns whose sums are named so, on any side."""
        return sorted(
            {
                at
                for side in self.places
                for run in side
                for name, at in run.items()
                if name.startswith(prefix)
            }
        )


def lay_out(names: Sequence[str], paired: Paired, options: Options) -> Layout:
    """Return the columns behind the metrics `names`; a column that both sides share is there once."""
    import numpy as np

    columns: list[Array] = []
    labels: list[str] = []
    sizes = {} if paired.codes is None else {"n": np.ones(len(paired.old.actual))}

    def place(label: str, values: Array) -> int:
        for number, known in enumerate(labels):
            if known == label and np.array_equal(columns[number], values):
                return number
        labels.append(label)
        columns.append(values)
        return len(columns) - 1

    places = tuple(
        tuple(
            {
                label: place(
                    label, to_fixed(sum_groups(values.astype(np.float64), paired.codes, paired.units))
                )
                for label, values in (sizes | _parts(names, side.actual, score, options)).items()
            }
            for score in side.score.T
        )
        for side in (paired.old, paired.new)
    )
    return Layout(np.array(columns).T, (places[0], places[1]), len(paired.old.actual))


def values_of(name: str, layout: Layout, sums: Array) -> tuple[list[Array], list[Array]]:
    """Return the metric for each line of `sums` (draws x columns): for old and new, one array for each run."""
    old, new = (
        [
            FROM_SUMS[name]({"n": float(layout.rows)} | {key: sums[:, at] for key, at in run.items()})
            for run in side
        ]
        for side in layout.places
    )
    return old, new


def options_for(paired: Paired, threshold: float, quantile: float | None) -> Options:
    """Return the options for these rows."""
    center = (exact_mean(paired.old.actual) + exact_mean(paired.new.actual)) / 2
    return Options(threshold, quantile, center)


def safe_ratio(part: Any, whole: Any) -> Array:
    """Return part / whole, 0 where the whole is 0."""
    import numpy as np

    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    found = np.zeros(np.broadcast_shapes(part.shape, whole.shape))
    np.divide(part, whole, out=found, where=whole != 0)
    return found


def _parts(names: Sequence[str], actual: Array, score: Array, options: Options) -> dict[str, Array]:
    """Return what each row adds to the sums behind the metrics."""
    found: dict[str, Array] = {}
    for name in names:
        if name in ("brier", "rmse", "r2"):
            found["square"] = (score - actual) ** 2
        if name == "r2":
            found |= {"y": actual - options.center, "yy": (actual - options.center) ** 2}
        elif name == "log_loss":
            found["log"] = log_losses(actual, score)
        elif name == "mae":
            found["abs"] = abs(actual - score)
        elif name == "quantile_loss" and options.quantile is not None:
            found["pinball"] = pinball_losses(actual, score, options.quantile)
        elif name == "calibration_error":
            bins, gap = calibration_bins(score), actual - score
            found |= {f"gap{number}": gap * (bins == number) for number in range(BINS)}
        elif name in COUNTED:
            found |= confusion_columns(actual, score, options.threshold)
    return found


def _f_beta(beta: float) -> Callable[[Sums], Array]:
    """Return F-beta of counts: the harmonic mean of precision and recall, recall weighing beta**2 (van Rijsbergen 1979, chapter 7)."""
    square = beta**2
    return lambda s: safe_ratio((1 + square) * s["tp"], (1 + square) * s["tp"] + square * s["fn"] + s["fp"])


COUNTED: dict[str, Callable[[Sums], Array]] = {
    "accuracy": lambda s: 1 - (s["fp"] + s["fn"]) / s["n"],
    "f0_5": _f_beta(0.5),
    "f1": _f_beta(1),
    "f2": _f_beta(2),
    "precision": lambda s: safe_ratio(s["tp"], s["tp"] + s["fp"]),
    "recall": lambda s: safe_ratio(s["tp"], s["tp"] + s["fn"]),
}
FROM_SUMS: dict[str, Callable[[Sums], Array]] = COUNTED | {
    "brier": lambda s: s["square"] / s["n"],
    "calibration_error": lambda s: sum(abs(s[f"gap{number}"]) for number in range(BINS)) / s["n"],
    "log_loss": lambda s: s["log"] / s["n"],
    "mae": lambda s: s["abs"] / s["n"],
    "quantile_loss": lambda s: s["pinball"] / s["n"],
    "r2": lambda s: 1 - safe_ratio(s["square"], s["yy"] - s["y"] ** 2 / s["n"]),
    "rmse": lambda s: (s["square"] / s["n"]) ** 0.5,
}
