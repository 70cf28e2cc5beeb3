"""Secrets of sources: they stand in environment variables, params.yaml names them as `${NAME}`, and no text that is shown holds them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from mlops_kit.errors import UsageError

HIDDEN = "***"
_REFERENCE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")
_USER = re.compile(r"(?P<scheme>\b[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^/?#\s]*)@")
# Signed addresses of S3, Google, Azure and CloudFront, and what interfaces call their keys.
_TELLTALE = re.compile(
    r"(?P<key>[?&;](?:[^=&;#\s]*(?:token|secret|passw|pwd|signature|credential|api[-_.]?key|access[-_.]?key|auth|session)[^=&;#\s]*"
    r"|sig|key|policy|code|googleaccessid|x-amz-[^=&;#\s]*|x-goog-[^=&;#\s]*|key-pair-id))=(?P<value>[^&;#\s]*)",
    re.IGNORECASE,
)


def expanded(text: str, environment: Mapping[str, str] | None = None) -> str:
    """Return `text` with each `${NAME}` replaced by the environment variable of that name.

    Raises UsageError, without a value, for a variable that is not set or is empty.
    """
    known = os.environ if environment is None else environment

    def look_up(found: re.Match[str]) -> str:
        if not known.get(found["name"]):
            raise UsageError(
                f"{masked(text)}: the environment variable {found['name']} is not set",
                fix=f"export {found['name']}=..., or a secret of that name in CI",
            )
        return known[found["name"]]

    return _REFERENCE.sub(look_up, text)


def references(text: str) -> tuple[str, ...]:
    """Return the names of the environment variables that `text` refers to."""
    return tuple(found["name"] for found in _REFERENCE.finditer(text))


def masked(text: str) -> str:
    """Return `text`, an address or a message with addresses in it, without user names, passwords and signatures.

    References to environment variables stay, since they give nothing away.
    """
    text = _USER.sub(lambda found: f"{found['scheme']}{HIDDEN}@", text)
    return _TELLTALE.sub(
        lambda found: found[0] if _REFERENCE.fullmatch(found["value"]) else f"{found['key']}={HIDDEN}",
        text,
    )


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """Return a message of somebody else's code without `secrets`, without addresses' secrets, and as one line."""
    spellings = {spelling for secret in secrets for spelling in _spellings(secret)}
    for spelling in sorted(spellings, key=len, reverse=True):
        text = text.replace(spelling, HIDDEN)
    return masked(" ".join(text.split()))[:600]


def secrets_of(template: str, environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return every value in the address or header `template` that no message may show."""
    known = os.environ if environment is None else environment
    found = [known.get(name, "") for name in references(template)]
    full = _REFERENCE.sub(lambda reference: known.get(reference["name"], ""), template)
    for text in [full, *found]:
        try:
            parts = urlsplit(text)
        except ValueError:
            continue
        user = parts.netloc.rpartition("@")[0]
        found += [user, user.partition(":")[2]]
        found += [value for key, value in parse_qsl(parts.query) if _TELLTALE.match(f"?{key}={value}")]
    return tuple(dict.fromkeys(value for value in found if len(value) >= 3))


def _spellings(secret: str) -> tuple[str, ...]:
    return (secret, unquote(secret), quote(secret), quote(secret, safe=""), quote_plus(secret))
