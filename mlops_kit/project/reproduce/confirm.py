"""Do several builders agree? Attestations are checked and compared; two that agree, signed by different keys, are the top rung."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_kit.compare.ladder import Rung
from mlops_kit.errors import BadDataError, ExitCode, UsageError
from mlops_kit.outside.git import configured_path
from mlops_kit.outside.sshsign import Signer, verify_file
from mlops_kit.project.reproduce.attest import BUILD_TYPE, BUILDER, NAMESPACE, PREDICATE, STATEMENT

MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Attestation:
    """One builder's statement, as far as it could be checked."""

    file: str
    """The file as it was named."""
    commit: str
    """Full commit id."""
    builder: str
    """Name that the builder gives itself."""
    level: Rung
    """The rung that it says was reached."""
    partial: bool
    """Whether it speaks of some of the stages only."""
    subjects: Mapping[str, str] = field(repr=False)
    """Output -> SHA-256."""
    signer: Signer | None = None
    """Whose signature holds; None without one."""


@dataclass(frozen=True)
class Confirmation:
    """What several attestations say together."""

    attestations: tuple[Attestation, ...]
    """The attestations."""
    rung: Rung
    """R5 when two independent builders agree, else the lowest rung that one of them says."""
    reasons: tuple[str, ...]
    """Why it is not R5; empty when it is."""

    @property
    def exit_code(self) -> ExitCode:
        """Return 0 for R5, else 5."""
        return ExitCode.OK if self.rung is Rung.R5 else ExitCode.BAD_DATA


def confirm_attestations(root: Path, files: Sequence[Path], allowed: Path | None) -> Confirmation:
    """Check attestations and say whether two independent builders agree on every output of one commit.

    Independent are builders with different names and different keys; `allowed` is the file of allowed signers, by default the one
    that git is configured with. Raises BadDataError for a file that is no such attestation, UsageError for fewer than two.
    """
    if len(files) < 2:
        raise UsageError(
            "one attestation confirms nothing", fix="mlops-kit reproduce --confirm ONE.json OTHER.json"
        )
    signers = allowed or configured_path(root, "gpg.ssh.allowedSignersFile")
    if signers is not None and not signers.is_file():
        raise UsageError(f"{signers}: no such file of allowed signers", fix="--allowed-signers FILE")
    found = tuple(read_attestation(file, signers) for file in files)
    reasons = list(_reasons(found, signers))
    return Confirmation(found, Rung.R5 if not reasons else min(one.level for one in found), tuple(reasons))


def _reasons(found: Sequence[Attestation], signers: Path | None) -> Sequence[str]:
    first, *others = found
    reasons: list[str] = []
    for other in others:
        if other.commit != first.commit:
            reasons.append(
                f"{other.file} is of commit {other.commit[:12]}, {first.file} of {first.commit[:12]}"
            )
            continue
        names = sorted({*first.subjects, *other.subjects})
        different = [name for name in names if first.subjects.get(name) != other.subjects.get(name)]
        reasons += [f"{first.file} and {other.file} disagree on {name}" for name in different]
    for one in found:
        if one.level < Rung.R3 or one.partial:
            some = " of some stages" if one.partial else ""
            reasons.append(f"{one.file} says {one.level.name}{some}, and R5 needs R3 of all stages")
        if one.signer is None:
            how = (
                "no signature of an allowed signer"
                if signers
                else "no signature that can be checked (--allowed-signers FILE)"
            )
            reasons.append(f"{one.file} has {how}")
    if not _two({one.builder for one in found}):
        reasons.append(f"all are of the builder `{first.builder}`: name each with --builder")
    if not _two({one.signer.key for one in found if one.signer}) and all(one.signer for one in found):
        reasons.append("all are signed with the same key")
    return reasons


def _two(values: set[str]) -> bool:
    return len(values) >= 2


def read_attestation(file: Path, signers: Path | None) -> Attestation:
    """Return the attestation in `file`, trusting nothing in it. Raises BadDataError when it is none of ours."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise BadDataError(f"{file} is larger than {MOST_BYTES:,} bytes")
        value: Any = json.loads(file.read_bytes())
        predicate = value["predicate"]
        definition = predicate["buildDefinition"]
        if (value["_type"], value["predicateType"], definition["buildType"]) != (
            STATEMENT,
            PREDICATE,
            BUILD_TYPE,
        ):
            raise BadDataError(f"{file} is another kind of statement")
        subjects = {str(one["name"]): str(one["digest"]["sha256"]) for one in value["subject"]}
        if len(subjects) != len(value["subject"]) or not subjects:
            raise BadDataError(f"{file} has no subjects, or one twice")
        return Attestation(
            str(file),
            str(definition["externalParameters"]["commit"]),
            str(predicate["runDetails"]["builder"]["id"]).removeprefix(BUILDER),
            Rung[str(predicate["mlopskit_level"])],
            bool(predicate["mlopskit_partial"]),
            subjects,
            verify_file(file, signers, NAMESPACE) if signers else None,
        )
    except FileNotFoundError:
        raise UsageError(f"{file}: no such file", fix="mlops-kit reproduce --attest FILE makes one") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadDataError(
            f"{file} is no attestation of `mlops-kit reproduce`: {type(error).__name__}: {error}",
            fix="mlops-kit reproduce --attest FILE makes one",
        ) from None
