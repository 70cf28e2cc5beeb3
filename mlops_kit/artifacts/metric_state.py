"""What the history says of the metrics at one commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# In a command that mends something: the commit that it is about.
SHA = "{sha}"


@dataclass(frozen=True)
class Lost:
    """Something that a commit declares and that cannot be read."""

    path: str
    """The file: a metric file, or a dvc.yaml whose metrics are unknown then."""
    reason: str
    """What happened."""
    fix: str
    """The command that mends it; `{sha}` stands for the commit."""
    key: str = ""
    """The one metric of the file; empty for all of them."""
    content: str = ""
    """Id of the content, so that two commits which lost the same thing are known to agree."""


@dataclass(frozen=True)
class MetricState:
    """The metrics of one commit, or of the work tree."""

    values: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """(file, dotted name) -> value."""
    lost: tuple[Lost, ...] = ()
    """What cannot be read."""
    unrecorded: tuple[str, ...] = ()
    """Metric files that are declared and of which the commit records no content: their stage has not run yet."""
    homes: Mapping[str, str] = field(default_factory=dict)
    """Metric file -> the dvc.yaml that declares it."""
