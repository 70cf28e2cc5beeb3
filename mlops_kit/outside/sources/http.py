"""Files from the web: asked about without their content, and fetched in pieces that go on where they stopped.

What identifies content is its ETag, else its date and size. A download goes on with `Range` and `If-Range`, so that pieces of two versions
never come together (RFC 9110, sections 13.1.5 and 14.2); where the server gives no strong validator it starts over.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from mlops_kit.errors import OutsideError, UsageError
from mlops_kit.outside.sources.disk import appending, disk
from mlops_kit.outside.sources.patience import Patience
from mlops_kit.outside.sources.secrets import expanded, masked, scrubbed, secrets_of

CHUNK = 1 << 18
LARGEST = 1 << 40
SOCKET_SECONDS = 60.0
MOST_REDIRECTS = 10
SIDE_BY_SIDE = 8
GONE = (404, 410)
_MOVED = (301, 302, 303, 307, 308)
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
Progress = Callable[[int, int | None], None]
"""Told the bytes that are here and the bytes that there are, None where nobody says."""


@dataclass(frozen=True)
class WebAddress:
    """Where a file is, and how to ask for it; secrets as `${NAME}`."""

    url: str
    """An http:// or https:// address."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent along, such as `Authorization: Bearer ${TOKEN}`; not to other hosts that the server points to."""
    size_limit: int = LARGEST
    """Most bytes to take."""
    socket_timeout: float = SOCKET_SECONDS
    """Seconds to wait for the next bytes."""

    def __str__(self) -> str:
        return masked(self.url)

    def secrets(self) -> tuple[str, ...]:
        """Return the values that no message may show."""
        values = [*secrets_of(self.url), *(s for value in self.headers.values() for s in secrets_of(value))]
        return tuple(dict.fromkeys(values))


@dataclass(frozen=True)
class WebContent:
    """What the server says about the content of an address."""

    etag: str = ""
    modified: str = ""
    """The Last-Modified header."""
    size: int | None = None
    encoding: str = ""
    """The Content-Encoding header: how the bytes are packed on top of what the name says."""
    dated: str = ""
    """The Date header of the answer."""
    kind: str = ""
    """The Content-Type header, without parameters."""

    def identity(self) -> str:
        """Return what changes when the content does: the ETag, else date and size, else the size, else nothing."""
        if self.etag:
            return f"etag:{self.etag}"
        size = "" if self.size is None else f"size:{self.size}"
        return f"modified:{self.modified} {size}".rstrip() if self.modified else size

    def validator(self) -> str:
        """Return what If-Range takes: a strong ETag, or a date that is at least a second older than the answer; else nothing."""
        if self.etag:
            return "" if self.etag.startswith("W/") else self.etag
        try:
            age = parsedate_to_datetime(self.dated) - parsedate_to_datetime(self.modified)
        except (TypeError, ValueError):
            return ""
        return self.modified if age.total_seconds() >= 1 else ""

    def same_as(self, other: WebContent) -> bool:
        """Return whether an answer to a ranged request is about the same content."""
        return (self.etag, self.modified if not self.etag else "") == (
            other.etag,
            other.modified if not other.etag else "",
        )


def ask(address: WebAddress, known: str = "", patience: Patience | None = None) -> WebContent | None:
    """Return what the server says about an address without taking its content, None when there is nothing (404, 410).

    `known` is the identity of the content that is here already: a server need not say more than that it is the same. Raises OutsideError
    when it does not answer or refuses, UsageError for an address that is none.
    """
    patience = patience or Patience()
    method, mine = "HEAD", _from_identity(known)
    conditions = {"If-None-Match": mine.etag, "If-Modified-Since": "" if mine.etag else mine.modified}
    headers = {name: value for name, value in conditions.items() if value}
    while True:
        try:
            with _open(address, method, headers) as answer:
                return _content(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                if error.code in GONE:
                    return None
                if error.code == 304:
                    return mine
                if method == "HEAD" and error.code not in _PASSING:
                    method = "GET"  # servers without HEAD, and addresses signed for GET alone
                    continue
                _pause_or_raise(address, error, patience)
        except (OSError, http.client.HTTPException) as error:
            patience.failed(_no_answer(address, error))


def ask_all(asked: Sequence[tuple[WebAddress, str]]) -> list[WebContent | None]:
    """Return what `ask` says about each address and known identity, a few at a time."""
    crowd = ThreadPoolExecutor(max_workers=SIDE_BY_SIDE)
    try:
        return list(crowd.map(lambda one: ask(*one), asked))
    finally:
        crowd.shutdown(cancel_futures=True)  # the first that fails is the end of all


def last_part(url: str) -> str:
    """Return the last part of the path of an address, decoded; empty when there is no path."""
    path = url.partition("://")[2].partition("?")[0].partition("#")[0].rstrip("/")
    return unquote(path.rpartition("/")[2]) if "/" in path else ""


def download(
    address: WebAddress,
    into: Path,
    *,
    patience: Patience | None = None,
    progress: Progress = lambda here, whole: None,
) -> WebContent:
    """Fetch the content of an address as the file `into` and return what the server said about it.

    The file appears when all of it is there; until then `<into>.part` grows, and a later call goes on with it. Raises
    OutsideError when the server refuses or is silent, or when there is more than `size_limit`.
    """
    patience = patience or Patience()
    part = into.with_name(f"{into.name}.part")
    furthest = _bytes_here(part)
    while True:
        try:
            content = _fetch_on(address, part, patience, progress)
        except urllib.error.HTTPError as error:
            with error:
                _pause_or_raise(address, error, patience)
        except (OSError, http.client.HTTPException) as error:
            here = _bytes_here(part)
            patience.failed(_no_answer(address, error), after_progress=here > furthest)
            furthest = max(furthest, here)
        else:
            with disk(into):
                os.replace(part, into)  # noqa: PTH105 - the one call that also replaces on Windows
                _note(part).unlink(missing_ok=True)
            return content


def _fetch_on(address: WebAddress, part: Path, patience: Patience, progress: Progress) -> WebContent:
    """Fetch what is missing of `part`; return when it is whole. Raises what the network raises, with `part` as long as it got."""
    known = _read_note(part)
    here = _bytes_here(part) if known and known.validator() else 0
    headers = {"Range": f"bytes={here}-", "If-Range": known.validator()} if known and here else {}
    try:
        answer = _open(address, "GET", headers)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not known:
            raise
        with error:
            if known.size == here:
                return known
        _note(part).unlink(missing_ok=True)  # longer than what is there: from the start
        return _fetch_on(address, part, patience, progress)
    with answer:
        said = _content(answer.headers)
        start = 0
        if answer.status == 206:
            start, said = _resumed(answer.headers.get("Content-Range"), said)
            if known is None or start != here or not said.same_as(known):
                _note(part).unlink(missing_ok=True)
                raise http.client.HTTPException("the answer is not the part that was asked for")
        _check_size(address, said.size)
        with disk(part), part.open("r+b" if start else "wb") as file:
            file.truncate(start)  # before the note: a part never stands beside the note of other content
            _write_note(part, said)
        _copy(answer, part, said, address, patience, progress)
    return said


def _copy(
    answer: http.client.HTTPResponse,
    part: Path,
    said: WebContent,
    address: WebAddress,
    patience: Patience,
    progress: Progress,
) -> None:
    here = _bytes_here(part)
    with appending(part) as write:
        while chunk := answer.read1(CHUNK):
            write(chunk)
            here += len(chunk)
            _check_size(address, here)
            progress(here, said.size)
            patience.check_time()
    if said.size is not None and here != said.size:
        raise http.client.IncompleteRead(b"", said.size - here)


def _open(address: WebAddress, method: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
    """Send a request, and follow the server elsewhere: without secrets to another host, and never from encryption to none."""
    url = expanded(address.url)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{address}: not a web address", fix="http://... or https://...")
    own = {name: expanded(value) for name, value in address.headers.items()}
    user, _, host = parts.netloc.rpartition("@")
    if user:
        own.setdefault("Authorization", _basic(user))
        url = url.replace(f"//{parts.netloc}", f"//{host}", 1)
    opener = urllib.request.build_opener(_Staying())
    for _ in range(MOST_REDIRECTS):
        sent = {"User-Agent": "mlops-kit", "Accept-Encoding": "identity", **own, **headers}
        request = urllib.request.Request(url, headers=sent, method=method)  # noqa: S310 - checked above and below
        try:
            answer: http.client.HTTPResponse = opener.open(request, timeout=address.socket_timeout)
        except http.client.InvalidURL as error:
            raise UsageError(scrubbed(f"{address}: {error}", address.secrets())) from None
        except urllib.error.HTTPError as error:
            target = error.headers.get("Location") if error.code in _MOVED else None
            if target is None:
                raise
            error.close()
            old, url = url, _checked_target(address, url, target)
            own = own if urlsplit(old)[:2] == urlsplit(url)[:2] else {}
        else:
            return answer
    raise OutsideError(
        f"{address}: more than {MOST_REDIRECTS} redirects", fix="look at the address in params.yaml"
    )


def _checked_target(address: WebAddress, url: str, target: str) -> str:
    """Return where a server points to. Raises OutsideError when that is not the web, or no longer encrypted."""
    found = urljoin(url, target)
    scheme = urlsplit(found).scheme
    if scheme not in ("http", "https") or (url.startswith("https:") and scheme == "http"):
        raise OutsideError(
            scrubbed(f"{address} points to {found}, which is not as safe", address.secrets()),
            fix="write the final address into params.yaml if you trust it",
        )
    return found


class _Staying(urllib.request.HTTPRedirectHandler):
    """Leaves redirects to `_open`."""

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> None:
        """Follow nowhere."""

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _basic(user: str) -> str:
    import base64

    name, _, password = user.partition(":")
    return "Basic " + base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()


def _content(headers: Message) -> WebContent:
    length = headers.get("Content-Length") or ""
    return WebContent(
        etag=headers.get("ETag") or "",
        modified=headers.get("Last-Modified") or "",
        size=int(length) if length.isdecimal() else None,
        encoding=(headers.get("Content-Encoding") or "").strip().lower().replace("identity", ""),
        dated=headers.get("Date") or "",
        kind=(headers.get("Content-Type") or "").partition(";")[0].strip().lower(),
    )


def _from_identity(identity: str) -> WebContent:
    """Return what `WebContent.identity` was made of."""
    kind, _, value = identity.partition(":")
    if kind == "etag":
        return WebContent(etag=value)
    found = re.fullmatch(r"(.*?)(?: size:(\d+))?", value) if kind == "modified" else None
    return WebContent(modified=found[1], size=int(found[2]) if found[2] else None) if found else WebContent()


def _resumed(said_range: str | None, said: WebContent) -> tuple[int, WebContent]:
    """Return where the part begins, and what the answer says about the whole."""
    found = _RANGE.fullmatch(said_range or "")
    if found is None:
        return -1, said
    whole = (
        int(found[3])
        if found[3].isdecimal()
        else (int(found[1]) + said.size if said.size is not None else None)
    )
    return int(found[1]), replace(said, size=whole)


def _check_size(address: WebAddress, size: int | None) -> None:
    if size is not None and size > address.size_limit:
        raise OutsideError(
            f"{address}: {size:,} bytes, more than the limit of {address.size_limit:,}",
            fix="raise size_limit in params.yaml",
        )


def _pause_or_raise(address: WebAddress, error: urllib.error.HTTPError, patience: Patience) -> None:
    said = scrubbed(f"{address}: {error.code} {error.reason}", address.secrets())
    if error.code not in _PASSING:
        fix = {
            401: "set the environment variable with the token, and name it under headers",
            403: "is the token allowed to read this?",
            404: "look at the address in params.yaml",
        }.get(error.code, "look at the address in params.yaml")
        raise OutsideError(said, fix=fix) from None
    wait = error.headers.get("Retry-After") or ""
    patience.failed(said, wait=float(wait) if wait.isdecimal() else None)


def _no_answer(address: WebAddress, error: Exception) -> str:
    reason = getattr(error, "reason", None) or str(error) or type(error).__name__
    return scrubbed(f"{address}: {reason}", address.secrets())


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _write_note(part: Path, said: WebContent) -> None:
    """Keep what `part` is a part of, before its first byte: a part without a note is worth nothing."""
    fresh = part.with_name(f"{part.name}.json.new")
    fresh.write_text(json.dumps(asdict(said)), encoding="utf-8", newline="\n")
    os.replace(fresh, _note(part))  # noqa: PTH105 - the one call that also replaces on Windows


def _read_note(part: Path) -> WebContent | None:
    with suppress(OSError, ValueError, TypeError):
        return WebContent(**json.loads(_note(part).read_text(encoding="utf-8")))
    return None


def _bytes_here(part: Path) -> int:
    try:
        return part.stat().st_size
    except OSError:
        return 0
