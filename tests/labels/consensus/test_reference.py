"""Consensus held against crowd-kit, which runs in an environment of its own.

Items with a tie are left out of the comparison of values: crowd-kit says only that equal ties are decided equally, ours takes the class
that stands first. Probabilities are compared for all.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlops_kit.artifacts.duck import open_duck
from mlops_kit.labels.consensus.dawid_skene import estimate
from mlops_kit.labels.consensus.deciding import decide
from mlops_kit.labels.consensus.model import ConsensusOptions, Method
from mlops_kit.labels.events.counting import counted_votes
from mlops_kit.spec.labels import Annotator, Labelling, LabelTask
from tests.support.anaesthetists import anaesthetist_votes
from tests.support.crowds import crowd
from tests.support.environments import program
from tests.support.votes import event_files

pytestmark = pytest.mark.slow

ROUNDS = 20
"""Rounds that both estimate; the reference's own rule to stop can end it while it still moves."""

REFERENCE = """
import json, sys
import pandas as pd
from crowdkit.aggregation import DawidSkene, MajorityVote
found = {}
for name, case in json.load(open(sys.argv[1])).items():
    frame = pd.DataFrame(case["votes"], columns=["task", "worker", "label"])
    table = lambda p: {str(t): {str(l): v for l, v in row.items()} for t, row in p.to_dict("index").items()}
    found[name] = {
        "dawid_skene": table(DawidSkene(n_iter=20, tol=-1).fit_predict_proba(frame)),
        "majority": table(MajorityVote().fit_predict_proba(frame.drop_duplicates(["task", "worker"]))),
        "weighted": table(MajorityVote().fit_predict_proba(frame.drop_duplicates(["task", "worker"]), pd.Series({int(w): s for w, s in case["skills"].items()}))),
    }
json.dump(found, open(sys.argv[2], "w"))
"""


def _cases() -> dict[str, dict[str, Any]]:
    doc = [(0, 0, 0), (0, 1, 0), (0, 2, 1), (1, 0, 1), (1, 1, 0), (1, 2, 1)]  # of crowd-kit's own pages
    found: dict[str, dict[str, Any]] = {
        "pages": {"votes": doc, "skills": {0: 0.5, 1: 0.7, 2: 0.4}},
        "anaesthetists": {"votes": anaesthetist_votes(), "skills": {n: 0.5 + n / 10 for n in range(5)}},
    }
    for seed, (votes, items, annotators, classes) in enumerate(
        ((1000, 200, 10, 3), (2000, 400, 40, 2), (500, 200, 5, 4))
    ):
        drawn = crowd(votes, items=items, annotators=annotators, classes=classes, seed=seed)
        skills = np.random.default_rng(seed).uniform(0.1, 2, annotators).round(4).tolist()
        rows = np.array(drawn[:3]).T.tolist()
        found[f"crowd of {annotators}"] = {"votes": rows, "skills": dict(enumerate(skills))}
    return found


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("reference")
    (folder / "cases.json").write_text(json.dumps(_cases()), encoding="utf-8")
    command = [program("reference"), "-W", "ignore", "-c", REFERENCE]
    subprocess.run([*command, folder / "cases.json", folder / "found.json"], check=True)
    found: dict[str, Any] = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("case", list(_cases()))
def test_estimates_are_those_of_crowd_kit(case: str, reference: dict[str, Any]) -> None:
    items, annotators, answers = np.array(sorted(map(tuple, _cases()[case]["votes"]))).T
    sizes = (items.max() + 1, annotators.max() + 1, answers.max() + 1)
    made = estimate(items, annotators, answers, sizes=sizes, tolerance=-1, most_rounds=ROUNDS)
    for item, shares in reference[case]["dawid_skene"].items():
        for label, share in shares.items():
            assert made.probabilities[int(item), int(label)] == pytest.approx(share, abs=1e-9)


@pytest.mark.parametrize("method", ["majority", "weighted"])
@pytest.mark.parametrize("case", list(_cases()))
def test_values_and_probabilities_are_those_of_crowd_kit(
    case: str, method: Method, reference: dict[str, Any], tmp_path: Path
) -> None:
    given = _cases()[case]
    first = {(item, who): answer for item, who, answer in reversed(given["votes"])}
    files = event_files(tmp_path, [(str(i), f"a{w}", f"c{answer}") for (i, w), answer in first.items()])
    question = LabelTask("class", classes=tuple(f"c{n}" for n in range(5)))
    roster = {f"a{name}": Annotator(trust=trust) for name, trust in given["skills"].items()}
    with open_duck() as duck:
        votes = counted_votes(duck, files, "late", Labelling(1, {"late": question}, roster))
        made = decide(votes, question, ConsensusOptions(method))
        found = duck.run(f"SELECT item, value, probability FROM {made.table}").fetchall()
    assert len(found) == len(reference[case][method])
    for item, value, probability in found:
        shares = sorted(
            ((share, f"c{label}") for label, share in reference[case][method][item].items()), reverse=True
        )
        assert probability == pytest.approx(shares[0][0], abs=1e-6)
        if len(shares) == 1 or shares[0][0] - shares[1][0] > 2e-6:
            assert value == shares[0][1]
