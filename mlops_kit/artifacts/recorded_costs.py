"""Bringing what the runs of a lock have cost from the remotes, for a machine that computed none of them."""

from __future__ import annotations

from pathlib import Path

from mlops_kit.artifacts.costs import cost_key, read_costs
from mlops_kit.artifacts.declared import read_pipelines
from mlops_kit.artifacts.remote_store import RemoteStore
from mlops_kit.artifacts.store import open_store
from mlops_kit.errors import MlopsKitError

MOST = 500
"""Stages of which costs are asked for: each is a request, and no verdict depends on them."""


def fetch_recorded_costs(root: Path, tree: Path) -> None:
    """Bring what the runs that the locks in `tree` record have cost into the cache of the DVC repository at `root`.

    `tree` is `root` or a work tree of it that shares the cache. Costs on remotes that are folders are read where they are. A remote that
    does not answer is no error: the cost is not known then, and whoever shows it says so.
    """
    if not open_store(root).elsewhere:
        return
    try:
        keys = {cost_key(stage.entry) for stage in read_pipelines(tree).locked.values()} - {""}
        missing = sorted(keys - read_costs(root, keys).keys())
        if missing:
            with RemoteStore(root) as store:
                store.fetch_costs(missing[:MOST])
    except (MlopsKitError, OSError):
        return
