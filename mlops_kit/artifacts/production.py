"""Which model is in production: the revision that kpis.yaml names, else what git's tags say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.artifacts.side import Side, read_side
from mlops_kit.outside import git

if TYPE_CHECKING:
    from mlops_kit.spec.model import Kpis

# The tag grammar of GTO: NAME#STAGE#NUMBER assigns, NAME#STAGE!#NUMBER takes back.
_PROD = re.compile(r"(?:[^#]+#)?prod(?P<off>!?)#(?P<number>[0-9]{1,9})")


def read_production(root: Path, kpis: Kpis | None) -> Side | None:
    """Return the side whose model is in production, None when there is none, or when no promise of `kpis` asks for it.

    Raises UnreadableSideError when kpis.yaml names a revision that does not exist.
    """
    if kpis is None or all(kpi.against != "production" for kpi in kpis.kpis):
        return None
    rev = kpis.production or find_production(root)
    return read_side(root, rev, label="production") if rev else None


def find_production(root: Path) -> str | None:
    """Return the tag whose commit is in production: the one with the highest number, None if there is none or it was taken back."""
    tags = git.tag_names(root)
    if git.is_shallow(root) and not any(_PROD.fullmatch(tag) for tag in tags):
        tags = git.remote_tags(root)  # a shallow clone may lack them
    found = [(int(match["number"]), match["off"], tag) for tag in tags if (match := _PROD.fullmatch(tag))]
    if not found:
        return None
    _, off, tag = max(found)
    if off:
        return None
    if git.find_commit(root, f"refs/tags/{tag}") is None:
        git.fetch_branch(root, tag)
    return f"refs/tags/{tag}"
