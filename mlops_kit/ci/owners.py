"""CODEOWNERS: who must review an edit of the KPI contract, of the lifecycle and of a step."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from mlops_kit.spec.load import KPIS, LIFECYCLE
from mlops_kit.spec.model import Kpis, Lifecycle

FILE = ".github/CODEOWNERS"
PLACES = (FILE, "CODEOWNERS", "docs/CODEOWNERS")
_HANDLE = re.compile(r"@[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9._-]+)?|[^@\s#]+@[^@\s#]+\.[^@\s#]+")


def code_owners(lifecycle: Lifecycle, kpis: Kpis | None) -> str:
    """Return the text of CODEOWNERS: paths and the owners that mlops.yaml and kpis.yaml name; empty when they name none.

    An owner is a handle (`@name`, `@organisation/team`) or an address of mail; other texts are for people and are left out here.
    """
    project = lifecycle.project.owner
    promised = [kpi.owner for kpi in kpis.kpis] if kpis else []
    rules = [
        ("*", [project]),
        *(
            (f"/{use.uses}", [use.owner or project])
            for use in lifecycle.steps.values()
            if use.owner and use.uses and use.uses.endswith(".py")
        ),
        (f"/{LIFECYCLE}", [project]),
        (f"/{KPIS}", [*promised, project]),
        (f"/{FILE}", [*promised, project]),
    ]
    lines = [
        f"{path.replace(' ', chr(92) + ' ')} {' '.join(named)}"
        for path, who in rules
        if (named := _handles(who))
    ]
    return "".join(f"{line}\n" for line in lines)


def has_foreign_owners(root: Path, notice: str) -> bool:
    """Return whether the repository has a CODEOWNERS that somebody wrote: one without `notice` in it."""
    return any(
        notice not in (root / place).read_text(encoding="utf-8", errors="replace")
        for place in PLACES
        if (root / place).is_file()
    )


def _handles(owners: Iterable[str]) -> list[str]:
    found = (handle for owner in owners for handle in re.split(r"[\s,]+", owner) if _HANDLE.fullmatch(handle))
    return list(dict.fromkeys(found))
