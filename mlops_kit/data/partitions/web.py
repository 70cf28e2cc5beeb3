"""Files on the web as a source: each address is one piece, or each year, month or day of one address."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mlops_kit.data.formats.options import FormatOptions
from mlops_kit.data.partitions.naming import address_name, file_name
from mlops_kit.data.partitions.source import Fetched, Offer, Progress, State
from mlops_kit.errors import OutsideError, SpecError
from mlops_kit.outside.sources.http import LARGEST, WebAddress, ask_all, download
from mlops_kit.outside.sources.patience import Patience

_PLACE = re.compile(r"(?<!\$)\{(year|month|day)\}")
_FORMATS = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d"}
_MOST_PIECES = 10_000


@dataclass(frozen=True)
class WebFiles:
    """Files on the web; each is one piece, known by its ETag, else by its date and size."""

    urls: tuple[str, ...]
    """Addresses; secrets as `${NAME}`. One with `{year}`, `{month}` or `{day}` stands for a file of each of these."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent along, such as `Authorization: Bearer ${TOKEN}`."""
    first: str = ""
    """First year, month or day of an address with places, such as `2013-01`."""
    last: str = ""
    """Last one; the present one when empty."""
    options: FormatOptions | None = None
    """How to read them."""
    size_limit: int = LARGEST
    """Most bytes of one file."""
    time_limit: float = 6 * 3600.0
    """Seconds for one file."""

    @property
    def complete(self) -> bool:
        """Return True: all that is there is offered."""
        return True

    @property
    def single(self) -> bool:
        """Return whether it is one address for one file."""
        return len(self.urls) == 1 and not _PLACE.search(self.urls[0])

    @property
    def local(self) -> bool:
        """Return False."""
        return False

    def describe(self) -> str:
        """Return the addresses, without secrets."""
        return ", ".join(str(self._address(url)) for url in self.urls)

    def look(self, state: State) -> Sequence[Offer]:
        """Return what the servers have, asking for headers alone.

        A file of a year, month or day that is not there yet is not offered. Raises OutsideError when a server does not answer, refuses, or has
        nothing at an address that was never acquired.
        """
        pieces = list(self._pieces())
        known = {line.source: line.origin for line in state.lines}
        asked = [(self._address(url), known.get(str(self._address(url)), "")) for _, url in pieces]
        offers = []
        for (name, url), (address, _), said in zip(pieces, asked, ask_all(asked), strict=True):
            if said is not None:
                offers.append(Offer(name, str(address), said.identity(), said.size, handle=url))
            elif not _PLACE.search(self.urls[0]) and str(address) not in known:
                raise OutsideError(
                    f"{address}: nothing there (404)", fix="look at the address in params.yaml"
                )
        return offers

    def fetch(self, offer: Offer, into: Path, progress: Progress) -> Fetched:
        """Download a file, going on with what is in `into`. Raises OutsideError."""
        patience = Patience(time_limit=self.time_limit)
        raw = into / "download"
        said = download(self._address(str(offer.handle)), raw, patience=patience, progress=progress)
        named = into / file_name(str(offer.handle), said.kind, said.encoding, self.options)
        raw.replace(named)
        return Fetched(named, options=self.options, origin=said.identity())

    def _address(self, url: str) -> WebAddress:
        return WebAddress(url, self.headers, self.size_limit)

    def _pieces(self) -> Iterator[tuple[str, str]]:
        """Yield name and address of each file."""
        places = [_PLACE.search(url) for url in self.urls]
        if not self.urls or (any(places) and len(self.urls) > 1):
            raise SpecError(
                "one address with {year}, {month} or {day}, or any number without",
                where="params.yaml",
                fix="urls: [https://host/flights-{year}-{month}.csv], and a stage of its own for each such address",
            )
        if not any(places):
            yield from ((address_name(url), url) for url in self.urls)
            return
        for moment, period in self._periods():
            url = self.urls[0]
            for part, shape in (("year", "%Y"), ("month", "%m"), ("day", "%d")):
                url = re.sub(rf"(?<!\$)\{{{part}\}}", f"{moment:{shape}}", url)
            yield period, url

    def _periods(self) -> Iterator[tuple[datetime, str]]:
        used = {found[1] for found in _PLACE.finditer(self.urls[0])}
        unit = "day" if "day" in used else "month" if "month" in used else "year"
        shape = _FORMATS[unit]
        try:
            moment = datetime.strptime(self.first, shape).replace(tzinfo=UTC)
            if self.last:
                last = datetime.strptime(self.last, shape).replace(tzinfo=UTC)
            else:
                last = datetime.fromtimestamp(time.time(), UTC)
        except ValueError:
            raise SpecError(
                f"`first` and `last` of an address with {{{unit}}} look like {datetime(2013, 1, 1, tzinfo=UTC):{shape}}",
                where="params.yaml",
                fix="first: is needed, last: is the present one when empty",
            ) from None
        end = f"{last:{shape}}"
        for _ in range(_MOST_PIECES):
            if (period := f"{moment:{shape}}") > end:
                return
            yield moment, period
            moment = _next(moment, unit)
        raise SpecError(f"more than {_MOST_PIECES} files", where="params.yaml", fix="raise `first`")


def _next(moment: datetime, unit: str) -> datetime:
    if unit == "year":
        return moment.replace(year=moment.year + 1)
    if unit == "month":
        return moment.replace(year=moment.year + moment.month // 12, month=moment.month % 12 + 1)
    return datetime.fromtimestamp(moment.timestamp() + 86_400, UTC)
