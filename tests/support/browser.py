"""A real browser without a window, for pages that people look at."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Error, Page, Request, expect, sync_playwright

from tests.support.runs import DEADLINE_S

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Chromium as the system has it; the test is skipped where there is none."""
    program = next((path for name in _PROGRAMS if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no browser is installed ({', '.join(_PROGRAMS)}): on Debian, apt-get install chromium")
    expect.set_options(timeout=1000 * DEADLINE_S)  # its own 5 s are too short on a busy machine
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Observed:
    """What a page did."""

    page: Page
    requests: list[str] = field(default_factory=list)
    """Addresses of all requests, those for ``data:`` not counted."""
    errors: list[str] = field(default_factory=list)
    """Errors and warnings on the console, exceptions, dialogs."""

    def note_request(self, request: Request) -> None:
        """``data:`` addresses are no requests."""
        if not request.url.startswith("data:"):
            self.requests.append(request.url)

    def note_message(self, message: ConsoleMessage) -> None:
        """Of the console."""
        if message.type in {"error", "warning"}:
            self.errors.append(message.text)

    def note_error(self, error: Error) -> None:
        """An exception that nothing caught."""
        self.errors.append(str(error))

    def note_dialog(self, dialog: Dialog) -> None:
        """A dialog, which is closed."""
        self.errors.append(dialog.message)
        dialog.dismiss()


@contextmanager
def opened(
    browser: Browser,
    address: Path | str,
    *,
    size: tuple[int, int] = (1280, 800),
    dark: bool = False,
    calm: bool = False,
) -> Iterator[Observed]:
    """A page in a fresh context, loaded; ``calm`` is a system that asks for less motion."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce" if calm else "no-preference",
    )
    context.set_default_timeout(1000 * DEADLINE_S)
    seen = Observed(context.new_page())
    page = seen.page
    page.on("request", seen.note_request)
    page.on("console", seen.note_message)
    page.on("pageerror", seen.note_error)
    page.on("dialog", seen.note_dialog)
    try:
        page.goto(address.as_uri() if isinstance(address, Path) else address)
        yield seen
    finally:
        context.close()
