"""Hidden inputs: what a stage really uses, seen by several mechanisms, against what it declares.

`audit` (Python's own events, with lines), `probes` (stat and exists), `environment`, `inotify` or `times` (files, below Python too) and
`landlock` (the kernel refuses). `watching` starts them; MLOPS_KIT_WATCH is `off`, `warn` (the default) or `refuse`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_kit.steps.watch.declared import Declared
    from mlops_kit.steps.watch.mode import WatchMode
    from mlops_kit.steps.watch.session import Session

_running: list[Session] = []


@contextmanager
def watching(root: Path, declared: Declared, mode: WatchMode | None = None) -> Iterator[Session | None]:
    """Watch what this process and its children use until the end of the block; take over the session that is already running.

    Yields the session, whose `check()` refuses early in the mode `refuse`; None when watching is off. Raises StaleError at the end in
    that mode when something undeclared was used, else tells it on standard error.
    """
    session = _running[0] if _running else begin(root, declared, mode)
    if session is None:
        yield None
        return
    try:
        yield session
    except BaseException as error:
        end(session, error)
        raise
    end(session)


def begin(root: Path, declared: Declared, mode: WatchMode | None = None) -> Session | None:
    """Start watching this process, in the mode of MLOPS_KIT_WATCH when `mode` is None; None when it is off, and for a stage that gathers."""
    from mlops_kit.steps.environment import stage_environment
    from mlops_kit.steps.watch.mode import WatchMode, watch_mode
    from mlops_kit.steps.watch.places import Places
    from mlops_kit.steps.watch.session import Session

    mode = mode or watch_mode(os.environ)
    if mode is WatchMode.OFF or declared.gathers:
        return None
    session = Session(
        root,
        declared,
        mode,
        Places(root),
        portable=os.environ.get("MLOPS_KIT_WATCH_MECHANISMS") == "portable",
        fixed_variables=frozenset(stage_environment({})),
    )
    session.start()
    _running.append(session)
    return session


def end(session: Session, error: BaseException | None = None) -> None:
    """Stop `session`; see Session.finish."""
    if session in _running:
        _running.remove(session)
    session.finish(error)
