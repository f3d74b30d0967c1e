"""Pages opened from disk in the real Chromium of this computer, driven by Playwright.

A test module imports the fixture: `from browser import chromium`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
DESK, PHONE = (1280, 900), (360, 740)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is missing: apt-get install chromium")
    driver = pytest.importorskip(
        "playwright.sync_api", reason="playwright is missing: pip install -e '.[dev]'"
    )
    # Its sandbox does not start as root, as in a container.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: Browser, file: Path, *, size: tuple[int, int] = DESK, **options: Any
) -> Iterator[Page]:
    """The page in `file`. Whatever it complains of, and whatever it asks of anywhere else, fails
    the test when the page is closed."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url))
    address = file.resolve().as_uri()
    page.goto(address)
    try:
        yield page
        assert complaints == [address]
    finally:
        context.close()
