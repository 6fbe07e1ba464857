"""What every page must keep: no sideways scrolling, labels, alternative texts, one heading."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LOADED = {  # page -> what can be seen once its load event has answered
    "": "#home-recent :is(.hm-empty, img)",
    "editorial": "#product-cards :is(label, .hm-empty)",
    "refine": "#past :is(a, .hm-empty)",
    "enrol": "#guidelines h4",
    "flatlay": "#product-cards :is(label, .hm-empty)",
    "background-swap": "#swap-state :is(.hm-note, .hm-empty)",
    "models": "#models-list :is(label, .hm-empty)",
    "verify": "#verify-picture [data-hm-verdict]",
}

_UNLABELLED = """() => [...document.querySelectorAll('input, select, textarea')]
  .filter((field) => field.type !== 'hidden' && field.offsetParent !== null)
  .filter((field) => !field.labels?.length && !field.getAttribute('aria-label')
    && !field.getAttribute('aria-labelledby') && !field.title)
  .map((field) => field.outerHTML.slice(0, 160))"""
_UNNAMED_BUTTONS = """() => [...document.querySelectorAll('button, a[href]')]
  .filter((node) => node.offsetParent !== null)
  .filter((node) => !node.textContent.trim() && !node.getAttribute('aria-label') && !node.title
    && !node.querySelector('img[alt]:not([alt=""])'))
  .map((node) => node.outerHTML.slice(0, 160))"""


@pytest.mark.parametrize("page", LOADED)
def test_a_page_fits_a_phone_and_is_labelled(visitor, page):
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    visitor.open(page)
    visitor.see(LOADED[page])
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert visitor.page.locator("h1").count() == 1
    assert visitor.page.locator("img:not([alt])").count() == 0
    assert visitor.page.evaluate(_UNLABELLED) == []
    assert visitor.page.evaluate(_UNNAMED_BUTTONS) == []


def test_the_tools_are_reached_by_keyboard_alone(visitor):
    visitor.open()
    visitor.see(".hm-tool")
    for _ in range(12):
        visitor.page.keyboard.press("Tab")
        if visitor.page.evaluate("document.activeElement.matches('.hm-tool')"):
            break
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_url("**/console/editorial")
