"""Signatures by ssh-keygen: whoever can push to a git host has a key for it already."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.errors import OutsideError
from mlops_kit.outside.process import run_command

_INSTALL = "install OpenSSH 8.2 or later"


@dataclass(frozen=True)
class Signer:
    """Who signed a file."""

    name: str
    """The principal that the file of allowed signers gives the key."""
    key: str
    """Fingerprint of the key."""


def sign_file(path: Path, key: Path, namespace: str) -> Path:
    """Sign the file `path` with the private key `key` (or the public one, when an agent holds the other half); return the signature's path.

    Raises OutsideError when ssh-keygen cannot.
    """
    signature = path.with_name(path.name + ".sig")
    signature.unlink(missing_ok=True)
    done = run_command(
        ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key.absolute()), "-n", namespace, str(path.absolute())],
        cwd=path.absolute().parent,
        env=_environment(),
    )
    if done.code != 0 or not signature.is_file():
        raise OutsideError(
            f"{path} could not be signed with {key}: {done.complaint}", fix=f"check the key, or {_INSTALL}"
        )
    return signature


def verify_file(path: Path, allowed: Path, namespace: str) -> Signer | None:
    """Return who signed the file `path` (its signature lies beside it, `.sig`), None when there is no signature that holds.

    `allowed` is a file of allowed signers, as git's `gpg.ssh.allowedSignersFile`. Raises OutsideError without ssh-keygen.
    """
    signature = path.with_name(path.name + ".sig")
    if not signature.is_file():
        return None
    common = ["-n", namespace, "-s", str(signature.absolute()), "-f", str(allowed.absolute())]
    where = path.absolute().parent
    found = run_command(
        [
            "ssh-keygen",
            "-Y",
            "find-principals",
            "-s",
            str(signature.absolute()),
            "-f",
            str(allowed.absolute()),
        ],
        cwd=where,
        env=_environment(),
    )
    for name in found.text.splitlines() if found.code == 0 else []:
        done = run_command(
            ["ssh-keygen", "-Y", "verify", "-I", name, *common],
            cwd=where,
            env=_environment(),
            stdin=path.read_bytes(),
        )
        if done.code == 0:
            return Signer(name, done.text.rpartition(" ")[2])
    return None


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C"}
