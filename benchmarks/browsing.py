"""A real appliance and a real browser beside it, for what is measured and shown of the console."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks import appliance

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
TIMEOUT_MS = 60_000
# A page that asks the service when it opens (session.js says how far it is), or one that does not.
ANSWERED = """() => document.documentElement.dataset.hm === 'ready'
  || !window.gradio_config.dependencies.some(
    (each) => each.backend_fn && each.targets.some(([, event]) => event === 'load'))"""


@dataclass(frozen=True)
class Desk:
    """Somebody with every scope, signed in by the link that the start printed."""

    browser: Any
    base_url: str
    running: appliance.Running
    cookies: list[Any]

    def page(self, width: int, scheme: str = "light", signed_in: bool = True) -> Any:
        """A new page in a context of its own; close it with `page.context.close()`."""
        view = {"width": width, "height": 900}
        context = self.browser.new_context(viewport=view, color_scheme=scheme)
        if signed_in:
            context.add_cookies(self.cookies)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        return page

    def open(self, page: Any, address: str) -> None:
        """Go to a page of the console and wait for its answers."""
        page.goto(f"{self.base_url}/console/{address}")
        settled(page)


def settled(page: Any) -> None:
    """Wait until a page has drawn what it asked for, pictures included."""
    page.wait_for_selector("h1")
    page.wait_for_function(ANSWERED)
    # A lazy picture below the fold would never come; a picture of the whole page needs it.
    page.evaluate("[...document.images].forEach((image) => { image.loading = 'eager'; })")
    page.wait_for_function("[...document.images].every((image) => image.complete)")


@contextmanager
def desk() -> Iterator[Desk]:
    """Start an appliance with a filled demo workspace and Chromium; end both."""
    from playwright.sync_api import sync_playwright

    with appliance.running() as running, sync_playwright() as playwright:
        link = re.search(r"The console: +(\S+)", running.printed)
        if link is None:
            raise RuntimeError("the start printed no link to the console")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context()
        page = context.new_page()
        page.goto(link[1])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/console/**")
        base_url = link[1].partition("/sign-in")[0]
        yield Desk(browser, base_url, running, context.cookies())
        browser.close()
