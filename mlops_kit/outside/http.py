"""JSON over HTTP, with time limits and a few repeats."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlops_kit.errors import OutsideError

TIMEOUT_SECONDS = 30
ATTEMPTS = 4
LONGEST_WAIT = 60.0
MAX_BYTES = 16 << 20
_NEXT = re.compile(r'<([^>]+)>;\s*rel="next"')


class HttpError(Exception):
    """The server answered with an error status."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail


def request_json(
    method: str,
    url: str,
    body: Mapping[str, Any] | Sequence[Any] | None,
    headers: Mapping[str, str],
    *,
    attempts: int = ATTEMPTS,
    timeout: float = TIMEOUT_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Any, str | None]:
    """Send `body` as JSON and return the answer with the address of the next page (None on the last).

    Status 429 and 5xx are tried again, as long as the server says or with growing pauses. Raises HttpError for other error
    answers, OutsideError when no answer comes. `attempts`: 1 for what must not be done twice.
    """
    if not url.startswith(("http://", "https://")):
        raise OutsideError(f"{url} is no web address")
    data = json.dumps(body).encode() if body is not None else None
    sent = {"Content-Type": "application/json", "User-Agent": "mlops-kit", **headers}
    for attempt in range(1, attempts + 1):
        request = urllib.request.Request(url, data=data, headers=sent, method=method)  # noqa: S310 - checked above
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 - likewise
                text = answer.read(MAX_BYTES)
                link = _NEXT.search(answer.headers.get("Link") or "")
                return (json.loads(text) if text else None), (link[1] if link else None)
        except urllib.error.HTTPError as error:
            with error:
                if (error.code != 429 and error.code < 500) or attempt == attempts:
                    raise HttpError(error.code, _message(error)) from None
                sleep(_pause(error.headers.get("Retry-After"), attempt))
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            if attempt == attempts:
                raise OutsideError(
                    f"no answer from {url.split('/')[2]}: {getattr(error, 'reason', error)}"
                ) from None
            sleep(_pause(None, attempt))
    raise AssertionError("unreachable")


def _pause(said: str | None, attempt: int) -> float:
    return min(LONGEST_WAIT, float(said) if said and said.isdigit() else 2.0 ** (attempt - 1))


def _message(error: urllib.error.HTTPError) -> str:
    try:
        said = json.loads(error.read(MAX_BYTES))
        return str(said.get("message") or said.get("validation_errors") or said.get("detail") or "")[:300]
    except (ValueError, AttributeError):
        return str(error.reason)[:300]
