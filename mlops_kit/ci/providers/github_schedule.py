"""The scheduled acquisition on GitHub: when it runs, with which secrets, in which projects."""

from __future__ import annotations

import re

from mlops_kit.errors import SpecError
from mlops_kit.spec.model import Lifecycle

WORKFLOW = {".github/workflows/mlops-acquire.yml": "mlops-acquire.yml"}
# Minutes that are not full hours: at those the hosts' queues are longest.
CRON = {"hourly": "23 * * * *", "daily": "23 4 * * *", "weekly": "23 4 * * 1"}
COMMITTED = "acquire.file"
"""The acquiring step that reads one committed file, and so has nothing to fetch."""
_CRON = re.compile(r"[\d*/,-]+( [\d*/,A-Za-z-]+){4}")
_SECRET = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def acquires(lifecycle: Lifecycle) -> bool:
    """Return whether CI acquires for this project: some stage fetches, and mlops.yaml does not say `none`."""
    fetching = any(
        (step.uses or "").startswith("acquire.") and step.uses != COMMITTED
        for step in lifecycle.steps.values()
    )
    return fetching and lifecycle.ci.acquire != "none"


def cron_of(lifecycle: Lifecycle) -> str:
    """Return when the acquisition runs, as a cron expression. Raises SpecError for a word that is none."""
    wanted = CRON.get(lifecycle.ci.acquire, lifecycle.ci.acquire)
    if not _CRON.fullmatch(wanted):
        raise SpecError(
            f"`ci.acquire` is `{lifecycle.ci.acquire}`",
            where="mlops.yaml",
            fix=f"one of: {', '.join(CRON)}, none, or a cron expression such as `23 4 * * *`",
        )
    return wanted


def secrets_of(lifecycle: Lifecycle) -> str:
    """Return the lines that hand secrets to the acquisition. Raises SpecError for a name that can be none."""
    named = [
        name
        for step in lifecycle.steps.values()
        if (step.uses or "").startswith("acquire.")
        for name in step.environment
    ]
    names = sorted({*named, *lifecycle.ci.secrets})
    wrong = [name for name in names if not _SECRET.fullmatch(name) or name.upper().startswith("GITHUB_")]
    if wrong:
        raise SpecError(
            f"`{wrong[0]}` cannot be the name of a repository secret",
            where="mlops.yaml",
            fix="letters, digits and underscores, not starting with GITHUB_",
        )
    return "".join(f"\n          {name}: ${{{{ secrets.{name} }}}}" for name in names)
