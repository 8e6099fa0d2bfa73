"""A headless Chromium without a network, if this machine has one."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "no Chromium on this machine: `apt-get install chromium`, or `playwright install chromium`"
)


def executable(playwright):
    """Return the path of a Chromium, or skip the test."""
    own = Path(playwright.chromium.executable_path)
    asked = os.environ.get("CHROMIUM")
    found = [asked, str(own) if own.is_file() else None, *map(shutil.which, NAMES)]
    chosen = next((path for path in found if path), None)
    return chosen or pytest.skip(MISSING)


class Visit:
    """A page that was opened, and all that went wrong with it."""

    def __init__(self, page):
        self.page, self.errors, self.requests = page, [], []
        page.on("console", lambda said: self.errors.append(said.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))


@contextmanager
def chromium():
    """Start a browser, or skip the test."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(playwright))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(browser, path, *, width=1280):
    """Open a file in a browser without a network."""
    context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
    try:
        visit = Visit(context.new_page())
        visit.page.goto(path.as_uri())
        yield visit
    finally:
        context.close()
