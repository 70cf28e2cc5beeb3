"""The figures of labels' quality that KPIs bind, flat and by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MOST_CLASSES = 50


def flat_figures(document: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of a quality document by name; what cannot be told is left out, so that a KPI on it is told as missing."""
    coverage, work, functions = document["coverage"], document["work"], document["functions"]
    made: dict[str, Any] = {}
    for name in ("krippendorff_alpha", "fleiss_kappa", "cohen_kappa", "f1"):
        made |= _ends("mark_f1" if name == "f1" else name, document["agreement"].get(name))
    made |= {
        f"items_{name}": coverage[name] for name in ("labelled", "answered", "enough_votes", "cannot_tell")
    }
    made |= {
        "items_in_all": coverage["items"],
        "coverage": coverage["labelled_share"],
        "enough_votes_share": coverage["enough_share"],
    }
    made |= {name: work[name] for name in ("answers", "annotators", "changes", "cost")}
    made |= {
        "abstention_share": work["abstentions"] / work["answers"] if work["answers"] else None,
        "hours": work["seconds_total"] / 3600 if work["timed"] else None,
        "seconds_median": work["seconds_median"],
    }
    made |= _against(document["annotators"].values())
    made |= _balance(document["balance"], document["type"])
    if functions:
        made |= {f"function_{name}": functions[name] for name in ("coverage", "overlap", "conflicts")}
        made |= _ends("function_accuracy", functions["accuracy"])
    return {name: float(value) for name, value in made.items() if value is not None}


def _ends(name: str, found: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: found["value"], f"{name}_low": found["low"], f"{name}_high": found["high"]} if found else {}


def _against(annotators: Any) -> dict[str, Any]:
    """Return the shares of all people's answers that are right by gold, and like the majority of the others; and those of the worst."""
    made: dict[str, Any] = {}
    people = [one for one in annotators if not {"function", "model"} & set(one["source"].split(","))]
    for key, name in (("against_gold", "gold_accuracy"), ("against_others", "others_agreement")):
        found = [one[key] for one in people if one.get(key)]
        of = sum(one["items"] for one in found)
        if of:
            made[name] = sum(one["value"] * one["items"] for one in found) / of
            made[f"{name}_answers"] = of
            made[f"{name}_worst"] = min(one["value"] for one in found)
    return made


def _balance(balance: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the share of each class, and of the rarest."""
    values = balance["values"]
    count = sum(values.values()) + balance["others"]
    if kind != "class" or not count or len(values) > MOST_CLASSES:
        return {}
    shares = {f"share_{_word(text)}": n / count for text, n in sorted(values.items())}
    return {**shares, "rarest_share": min(shares.values())}


def _word(text: str) -> str:
    value = json.loads(text)
    return value if isinstance(value, str) else text
