"""A draft of kpis.yaml: directions that are likely, promises to arm. Nothing in it fails by itself. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlops_kit.project.adopt.model import MetricSeen
from mlops_kit.spec.yamlfile import dump_yaml

MAX_METRICS = 40
# A first guess at the worsening that a team would let pass, as a share of the present value.
SHARE = 0.02
HEADER = """\
# The KPI contract, drafted by `mlops-kit adopt`; yours from now on. `mlops-kit compare` reads it, on your machine and in CI.
# A breached promise is exit code 3. Which way a metric is better was taken from its name: check it.
"""
EXAMPLE = """\
# No metric could be read yet. A promise looks like this (`metric` as `mlops-kit compare` names it):
#   kpis:
#     - metric: accuracy
#       min: 0.8
#       max_worsening: 0.01
kpis: []
"""


def draft_kpis(metrics: Sequence[MetricSeen]) -> str:
    """Return a kpis.yaml for these metrics: directions where the name tells them, promises as comments to be armed."""
    known = [one for one in metrics if one.direction is not None][:MAX_METRICS]
    unknown = [one for one in metrics if one.direction is None][:MAX_METRICS]
    text = HEADER
    if known:
        text += dump_yaml({"metrics": {one.name: {"direction": one.direction} for one in known}})
    if unknown:
        listed = dump_yaml({"metrics": {one.name: {"direction": "higher"} for one in unknown}})
        lines = listed if not known else listed.partition("\n")[2]
        text += "# Which way is better is not known for these: say it, then remove the `#`.\n" + commented(
            lines
        )
    if not known:
        return text + ("" if not unknown else "\n") + (EXAMPLE if not metrics else "kpis: []\n")
    promises = [{"metric": one.name, "max_worsening": allowance(one.value)} for one in known]
    text += "\n# Promises against the base commit, drafted from the present values (2 % of them). Remove the `#` of those that you mean.\n"
    text += commented(dump_yaml({"kpis": promises}))
    now = ", ".join(f"{one.name} {one.value:.6g}" for one in known)
    return text + commented(f"Now: {now}\n")


def allowance(value: float) -> float:
    """Return the drafted worsening for a metric that is `value` now: SHARE of it, with one digit."""
    share = abs(value) * SHARE
    if not math.isfinite(share) or share <= 0:
        return 0.01
    return float(f"{share:.0e}")


def commented(text: str) -> str:
    """Return `text` with every line commented out; removing `# ` gives it back."""
    return "".join(f"# {line}\n" for line in text.splitlines())
