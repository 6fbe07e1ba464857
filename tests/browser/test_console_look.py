"""What every page must keep: it fits a phone, axe finds nothing, and the keyboard is enough."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from console.app import PAGES
from serve.callers import auth
from serve.services import utc_now
from tests.browser.watch import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

ADDRESSES = ["", *(address for address, _, _ in PAGES)]
AXE = Axe()
LIGHT = {"resultTypes": ["violations"]}
DARK = {**LIGHT, "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
# Every stop of the Tab key, from the top of the page to its end: what has no size on the screen,
# and what does not look focused.
_STOP = """() => {
  const node = document.activeElement;
  if (!node || node === document.body) return null;
  if (node.dataset.hmSeen) return { again: true };
  node.dataset.hmSeen = '1';
  const shows = (each) => {
    const look = getComputedStyle(each);
    return (look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) > 0)
      || look.boxShadow !== 'none';
  };
  let around = node;
  let focused = false;
  for (let up = 0; up < 5 && around; up += 1, around = around.parentElement) {
    focused = focused || shows(around);
  }
  const box = node.getBoundingClientRect();
  return { again: false, sized: box.width > 0 && box.height > 0, focused,
    what: node.outerHTML.slice(0, 140) };
}"""


@pytest.fixture(scope="module")
def everywhere(chromium: Any, site: Any) -> Any:
    """Somebody with every scope there is, on a phone."""
    registry = site.services.registry
    place = registry.by_name("demo").id
    code = auth.create_sign_in(registry, place, auth.SCOPES, utc_now(), minutes=5)
    session = auth.redeem(registry, code, utc_now(), 1)
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    context.add_cookies([{"name": "hm_session", "value": session, "url": site.base_url}])
    someone = Visitor(context.new_page(), site.base_url)
    someone.watch()
    yield someone
    context.close()
    assert someone.foreign == [] and someone.errors == []


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_fits_a_phone_shuts_nobody_out_and_shows_where_the_focus_is(
    everywhere: Visitor, address: str
) -> None:
    page = everywhere.page
    page.emulate_media(color_scheme="light")
    everywhere.open(address)
    everywhere.settle()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("h1").count() == 1
    assert found(page, LIGHT) == []
    page.emulate_media(color_scheme="dark")
    page.wait_for_selector("body.dark")
    assert found(page, DARK) == []
    assert lost_stops(page) == []


def test_the_sign_in_page_keeps_the_same(door_page: Any) -> None:
    for scheme in ("light", "dark"):
        door_page.emulate_media(color_scheme=scheme)
        assert found(door_page, LIGHT) == []
    assert lost_stops(door_page) == []
    door_page.set_content("<main><h1>No words</h1><img src='data:,'></main>")
    assert any("image-alt" in each for each in found(door_page, LIGHT)), "axe looks for nothing"


@pytest.fixture
def door_page(chromium: Any, site: Any) -> Any:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, bypass_csp=True)
    page = context.new_page()
    page.goto(f"{site.base_url}/sign-in?next=/console/models")
    yield page
    context.close()


def test_the_tools_are_reached_by_keyboard_alone(visitor: Visitor) -> None:
    visitor.open()
    visitor.see(".hm-tool")
    for _ in range(14):
        visitor.page.keyboard.press("Tab")
        if visitor.page.evaluate("document.activeElement.matches('.hm-tool')"):
            break
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_url("**/console/editorial")


def test_the_bar_folds_on_a_phone_and_opens_by_its_button(visitor: Visitor) -> None:
    page = visitor.page
    page.set_viewport_size({"width": 390, "height": 844})
    visitor.open("models")
    assert not page.get_by_role("link", name="Verify").is_visible()
    button = page.get_by_role("button", name="Menu")
    button.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Escape")
    assert not page.get_by_role("link", name="Verify").is_visible()
    button.click()
    page.get_by_role("link", name="Verify").click()
    page.wait_for_url("**/console/verify")


def found(page: Any, options: dict[str, Any]) -> list[str]:
    """What axe calls serious or critical, with the first place of each."""
    # Half a fade between two colour schemes is a contrast that nobody sees.
    page.wait_for_function(
        "document.getAnimations().every((one) => one.playState !== 'running' ||"
        " one.effect.getTiming().iterations === Infinity)"
    )
    told = AXE.run(page, options=options).response["violations"]
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:160]} ({len(each['nodes'])})"
        for each in told
        if each["impact"] in ("serious", "critical")
    ]


def lost_stops(page: Any) -> list[str]:
    """Where the Tab key goes without anybody seeing it."""
    lost = []
    page.evaluate("() => { document.activeElement.blur(); window.scrollTo(0, 0); }")
    for _ in range(80):
        page.keyboard.press("Tab")
        stop = page.evaluate(_STOP)
        if stop is None or stop["again"]:
            break
        if not (stop["sized"] and stop["focused"]):
            lost.append(stop["what"])
    return lost
