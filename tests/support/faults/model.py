"""What a planted fault is."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_kit.compare.causes import CauseKind


@dataclass(frozen=True)
class Fault:
    """One stage that does not give the same again."""

    name: str
    """Name of the stage and of its script."""
    causes: frozenset[CauseKind]
    """Causes of which at least one has to be named."""
    code: str
    """The script; `OUT` is the path of its output."""
    suffix: str = "json"
    """Suffix of its output."""
    command: str = ""
    """The stage's command, where it is not its script."""
    deps: tuple[str, ...] = ("data/rows.csv",)
    """Inputs beside the script."""
    after: tuple[tuple[str, str], ...] = ()
    """Files that are changed after the run was recorded: (path, content)."""
    files: tuple[tuple[str, str], ...] = ()
    """Further files of the commit: (path, content)."""

    @property
    def out(self) -> str:
        """Return the path of its output."""
        return f"out/{self.name}.{self.suffix}"


def fault(name: str, causes: str, code: str, **more: object) -> Fault:
    """Return a fault; `causes` are their names, joined by `|`."""
    kinds = frozenset(CauseKind(one.strip()) for one in causes.split("|"))
    return Fault(name, kinds, code, **more)  # type: ignore[arg-type]
