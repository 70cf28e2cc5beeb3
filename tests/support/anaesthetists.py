"""Fitness for surgery of 45 patients as five anaesthetists saw it, the first of them three times: table 1 of Dawid and Skene, Maximum Likelihood
Estimation of Observer Error-Rates Using the EM Algorithm, Applied Statistics 28(1), 1979, 20-28."""

from __future__ import annotations

_TABLE = """
1111111 3334343 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 1111111 2223212 1211111
1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 1111111 1111111 2322222 1111111 1111111 1121121
1111111 3333233 1111111 2222222 2223232 4334343 2212232 2323233 3333432 1111111 1111111 1212111 2322222 1211111 2222222
"""
"""For each patient three answers of the first, and one of each of the others."""

PRIORS = (0.40, 0.42, 0.11, 0.07)
"""Shares of the four classes that the paper estimates."""


def anaesthetist_votes() -> list[tuple[int, int, int]]:
    """Return patient, anaesthetist and answer, each from 0, of the 315 answers."""
    observers = (0, 0, 0, 1, 2, 3, 4)
    return [
        (patient, observer, int(answer) - 1)
        for patient, answers in enumerate(_TABLE.split())
        for observer, answer in zip(observers, answers, strict=True)
    ]
