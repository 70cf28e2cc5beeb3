"""Figures of agreement by scikit-learn, statsmodels and nltk. Runs in the environment `reference`: JSON in, JSON out."""

import itertools
import json
import sys
import warnings

import numpy as np
from nltk.metrics import jaccard_distance
from nltk.metrics.agreement import AnnotationTask
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa, fleiss_kappa

warnings.simplefilter("ignore")
WEIGHTS = {"none": None, "linear": "linear", "quadratic": "quadratic"}


def ordinal_distance(votes: list[list[int]]):
    """Krippendorff's distance of ranks, from the answers of items that two or more annotators answered."""
    counts: dict[int, int] = {}
    for item in itertools.groupby(sorted(votes), key=lambda vote: vote[0]):
        values = [vote[2] for vote in item[1]]
        for value in values if len(values) > 1 else ():
            counts[value] = counts.get(value, 0) + 1

    def distance(a: int, b: int) -> float:
        low, high = min(a, b), max(a, b)
        between = sum(counts.get(value, 0) for value in range(low, high + 1))
        return float((between - (counts.get(low, 0) + counts.get(high, 0)) / 2) ** 2)

    return distance


def both_empty_are_equal(a: frozenset, b: frozenset) -> float:
    return jaccard_distance(a, b) if a or b else 0.0


def figures(case: dict) -> dict:
    votes = case["votes"]
    data = [(f"a{who}", f"i{item}", value) for item, who, value in votes]
    found: dict = {}
    distances = {"ordinal": ordinal_distance(votes), "interval": lambda a, b: float((a - b) ** 2)}
    found["nominal"] = AnnotationTask(data=data).alpha()
    for level, distance in distances.items():
        found[level] = AnnotationTask(data=data, distance=distance).alpha()
    # Values as sets: the ones among their binary digits.
    sets = [(who, item, frozenset(n for n in range(8) if value >> n & 1)) for who, item, value in data]
    found["sets"] = AnnotationTask(data=sets, distance=both_empty_are_equal).alpha()
    items = sorted({vote[0] for vote in votes})
    table = np.zeros((len(items), case["categories"]))
    for item, _, value in votes:
        table[items.index(item), value] += 1
    if len(set(table.sum(axis=1))) == 1:
        found["fleiss"] = float(fleiss_kappa(table, method="fleiss"))
    found["pairs"] = []
    for first, second in itertools.combinations(sorted({vote[1] for vote in votes}), 2):
        a, b = ({item: v for item, who, v in votes if who == one} for one in (first, second))
        both = sorted(a.keys() & b.keys())
        pair = {"first": first, "second": second, "items": len(both)}
        for name, weights in WEIGHTS.items():
            labels = list(range(case["categories"]))
            x, y = [a[i] for i in both], [b[i] for i in both]
            pair[name] = float(cohen_kappa_score(x, y, labels=labels, weights=weights)) if both else None
            crossed = np.zeros((case["categories"],) * 2)
            np.add.at(crossed, (x, y), 1)
            kind = {"none": None, "linear": "linear", "quadratic": "quadratic"}[name]
            pair[f"{name} error"] = float(cohens_kappa(crossed, wt=kind).std_kappa) if both else None
        found["pairs"].append(pair)
    return found


print(json.dumps([figures(case) for case in json.load(sys.stdin)]))
