"""A real Chromium for the tests of what people look at. `python -m tests.support.browser` installs it where that is allowed.

Where there is none, tests that need it are skipped, except in CI: there they fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.support.world import ROOT

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Taken when this module is first imported, before a test scrubs its environment.
IN_CI = os.environ.get("CI", "").lower() in ("true", "1")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]  # fmt: skip
MODULES = ROOT / ".tools" / "node_modules"
# What GitHub's own style does to a comment, as far as sizes go.
COMMENT_STYLE = """
html { background: #ffffff; color: #1f2328; --line: #d1d9e0; --band: #f6f8fa; }
@media (prefers-color-scheme: dark) { html { background: #0d1117; color: #f0f6fc; --line: #3d444d; --band: #151b23; } }
body { margin: 0; padding: 16px; font: 14px/1.5 "Noto Sans", Helvetica, Arial, sans-serif; overflow-wrap: break-word; }
h3 { font-size: 1.25em; } h3, p, table, pre, details { margin: 0 0 16px; } summary { cursor: pointer; }
table { display: block; width: max-content; max-width: 100%; overflow: auto; border-spacing: 0; border-collapse: collapse; }
th, td { padding: 6px 13px; border: 1px solid var(--line); } tr:nth-child(2n) { background: var(--band); }
pre { padding: 16px; background: var(--band); overflow: auto; font-size: 85%; } sub { font-size: 75%; }
"""


def find_chromium() -> str | None:
    """Return the Chromium of this machine."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def require(what: object, name: str, fix: str) -> None:
    """Skip the test without `what`; fail it in CI."""
    if what:
        return
    if IN_CI:
        pytest.fail(f"{name} is missing: {fix}", pytrace=False)
    pytest.skip(f"{name} is missing: {fix}")


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start Chromium, which reaches no host."""
    path = find_chromium()
    require(path, "Chromium", "apt-get install chromium, or make tools as root")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Watched:
    """A page, and what it did that it must not do: requests, messages on the console, dialogs."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on(
            "dialog", lambda dialog: (self.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss())
        )
        page.on("request", lambda request: self._log(request.url, file.as_uri()))
        page.goto(file.as_uri())

    def _log(self, url: str, own: str) -> None:
        if url != own and not url.startswith("data:"):
            self.complaints.append(f"request: {url}")


@contextmanager
def show(browser: Browser, file: Path, *, width: int = 1280, scheme: str = "light") -> Iterator[Watched]:
    """Open `file` in a page of its own; fail when it asks for anything, complains or opens a dialog."""
    size: ViewportSize = {"width": width, "height": 900}
    with browser.new_context(viewport=size, color_scheme=scheme) as context:  # type: ignore[arg-type]
        watched = Watched(context.new_page(), file)
        yield watched
        assert watched.complaints == []


def comment_page(markdown: str) -> str:
    """Return a comment as a page that looks about as on GitHub."""
    parser = MarkdownIt("commonmark", {"html": True, "linkify": True})
    body = parser.enable(["table", "strikethrough", "linkify"]).render(markdown)
    return f'<!doctype html><html lang="en"><meta charset="utf-8"><title>x</title><style>{COMMENT_STYLE}</style><body>{body}'


def main() -> int:
    """Install Chromium with apt where this process may; it is no failure of `make tools` when it may not."""
    if find_chromium():
        return 0
    if os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        command = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", "chromium"]
        subprocess.run(command, check=False, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    if not find_chromium():
        print(
            "Chromium is missing and cannot be installed here; tests that need it are skipped",
            file=sys.stderr,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
