"""From sign-in to the first picture of a new custom model on a phone, by keyboard alone.

Nothing here clicks: each part is reached by the Tab key from where the focus is, as somebody does
who can't hold a pointer. That every stop of the key can be seen is in `test_console_look.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from serve.showcase.samples import people, products
from tests.browser.watch import SLOW_MS, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
MOST_STOPS = 90
NAME = "Tabea Taste"
_AT = "(selector) => document.activeElement.matches(selector)"


class Keys:
    """Somebody at a keyboard."""

    def __init__(self, visitor: Visitor) -> None:
        self.page = visitor.page
        self.visitor = visitor

    def reach(self, selector: str) -> None:
        """Press Tab until the focus is there."""
        self.page.wait_for_selector(selector, state="attached")
        for _ in range(MOST_STOPS):
            if self.page.evaluate(_AT, selector):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{MOST_STOPS} stops of the Tab key don't lead to {selector}")

    def press(self, selector: str, key: str = "Enter") -> None:
        """Go there and press a key."""
        self.reach(selector)
        self.page.keyboard.press(key)

    def write(self, selector: str, words: str) -> None:
        """Go there and type."""
        self.reach(selector)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(words)

    def give(self, selector: str, *files: Path) -> None:
        """Go to a file field, open its chooser and choose."""
        self.reach(selector)
        with self.page.expect_file_chooser() as chooser:
            self.page.keyboard.press("Space")
        chooser.value.set_files([str(file) for file in files])


@pytest.fixture
def keys(chromium: Any, site: Any) -> Any:
    """A phone with a keyboard, at the sign-in page."""
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    visitor = Visitor(context.new_page(), site.base_url)
    visitor.watch()
    visitor.page.goto(site.sign_in_link())
    yield Keys(visitor)
    context.close()
    assert visitor.foreign == [] and visitor.errors == []


@pytest.fixture
def person(api: Any) -> Any:
    """Somebody whose model ends with the test."""
    yield people()[3]
    for each in api.get("/v1/models").json()["items"]:
        if each["name"] == NAME:
            api.delete(f"/v1/models/{each['id']}").raise_for_status()


def test_from_sign_in_to_the_first_picture_by_keyboard_alone(keys: Keys, person: Any) -> None:
    page, see = keys.page, keys.visitor.see
    keys.press("form button")
    page.wait_for_url("**/console/")
    keys.visitor.settle()
    keys.press("a[href$='/console/enrol']")
    page.wait_for_url("**/console/enrol")
    keys.visitor.settle()

    keys.press("#next-1")
    see("#photo-pair")
    for kind, photo in (("full_body", person.full_body), ("close_up", person.close_up)):
        keys.give(f"#photo-pair input[name={kind}]", photo)
        see(f"[data-hm-checks={kind}] .hm-pass", slow=True)
    keys.press("#next-2")
    keys.write("#person-name :is(input, textarea)", NAME)
    keys.reach("#person-gender input")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    keys.press("#next-3")
    see("#attestations input")
    for box in range(page.locator("#attestations input").count()):
        assert page.locator("#create-model").is_disabled()
        keys.press(f"#attestations label:nth-child({box + 1}) input", "Space")
    keys.press("#create-model:not([disabled])")
    see("#use-model", slow=True)
    keys.press("#use-model")
    see(".hm-chosen[data-model]")

    keys.give("#product-upload input", products()[0].photo)
    see("#product-cards input:checked", slow=True)
    keys.reach("#generate")
    # A list that was passed must not stay open over the form.
    page.wait_for_function("() => !document.querySelector('.options')")
    keys.press("#generate")
    page.locator("#pictures figure img").first.wait_for(timeout=SLOW_MS)
    assert keys.visitor.loaded("#pictures figure img")
    with page.expect_download() as got:
        keys.press("#pictures figure a[download]")
    assert Path(got.value.path()).stat().st_size > 10_000
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
