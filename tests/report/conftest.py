"""One Chromium for each module of tests that looks at a report."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.browser import Browser, open_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a Chromium that reaches no host."""
    with open_browser() as opened:
        yield opened
