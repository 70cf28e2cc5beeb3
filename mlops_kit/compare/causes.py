"""Why an output of a stage is not the same again: the vocabulary. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CauseKind(StrEnum):
    """What a result depends on besides its declared inputs."""

    CLOCK = "clock"
    RANDOMNESS = "randomness"
    ADDRESS = "address"
    HASH_SEED = "hash seed"
    THREADS = "threads"
    TIME_ZONE = "time zone"
    LOCALE = "locale"
    PATH = "path"
    FILE_ORDER = "file order"
    USER = "user"
    ENVIRONMENT_VARIABLE = "environment variable"
    NETWORK = "network"
    HIDDEN_INPUT = "hidden input"
    PACKAGE_VERSION = "package version"
    PYTHON_VERSION = "python version"
    PROCESS_ID = "process id"
    PROCESS_ORDER = "process order"
    NUMBER_FORMAT = "number format"
    DAMAGED_RECORD = "damaged record"
    UNKNOWN = "unknown"


MEANINGS: dict[CauseKind, str] = {
    CauseKind.CLOCK: "the clock",
    CauseKind.RANDOMNESS: "unseeded randomness",
    CauseKind.ADDRESS: "a memory address or object identity",
    CauseKind.HASH_SEED: "the order of a set or dict, or hash() of a text",
    CauseKind.THREADS: "the number of threads or processors",
    CauseKind.TIME_ZONE: "the time zone",
    CauseKind.LOCALE: "the locale or the default encoding",
    CauseKind.PATH: "the folder in which it runs, or a temporary path",
    CauseKind.FILE_ORDER: "the order in which a folder lists its files",
    CauseKind.USER: "the user, the home folder, the host name or the umask",
    CauseKind.ENVIRONMENT_VARIABLE: "an environment variable",
    CauseKind.NETWORK: "the network",
    CauseKind.HIDDEN_INPUT: "an input that the stage does not declare",
    CauseKind.PACKAGE_VERSION: "the version of a package",
    CauseKind.PYTHON_VERSION: "the version of Python",
    CauseKind.PROCESS_ID: "the number of the process",
    CauseKind.PROCESS_ORDER: "the order in which parallel work ends",
    CauseKind.NUMBER_FORMAT: "how numbers are written",
    CauseKind.DAMAGED_RECORD: "the record: it does not belong to this commit, or was damaged",
    CauseKind.UNKNOWN: "not found",
}


@dataclass(frozen=True)
class Cause:
    """One thing that explains why a stage does not give the same again."""

    kind: CauseKind
    """What it is."""
    evidence: str
    """What was seen that says so, one sentence."""
    output: str = ""
    """Path of the output; empty when it is about the whole stage."""
    place: str = ""
    """Where in the output, as the comparison of two versions says."""
    source: str = ""
    """`file:line` of the code, where it could be known."""

    def __str__(self) -> str:
        at = f"{self.output}: " if self.output else ""
        place = f" ({self.place})" if self.place else ""
        source = f", {self.source}" if self.source else ""
        return f"{at}{MEANINGS[self.kind]}: {self.evidence}{place}{source}"
