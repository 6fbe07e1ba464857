"""Wrong turns: a session that ends, a model that goes meanwhile, two tabs, a forged request.

Wrong photos, a missing tick and a reload are walked where the way itself is: `test_console_walk`.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from serve.api import sign_in as sign_in_page
from serve.callers import auth, people
from serve.callers.throttle import PER_NAME
from serve.services import utc_now
from serve.showcase import samples, walk
from tests.browser.watch import Visitor

PASSWORD = "correct horse battery"
pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def creator(site: Any) -> str:
    """The name of somebody who may create."""
    registry = site.services.registry
    if not people.workspaces_of(registry, "tove", None):
        place = registry.by_name("demo").id
        people.add(registry, place, "tove", ["creator"], PASSWORD, utc_now())
    return "tove"


def sign_in(page: Any, name: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def end_session(visitor: Visitor, site: Any) -> None:
    """Their session ends at the service, as after too many hours; the cookie stays."""
    cookie = next(c for c in visitor.page.context.cookies() if c["name"] == auth.COOKIE)
    auth.sign_out(site.services.registry, cookie["value"])


def test_a_session_that_ended_leads_to_sign_in_and_back_to_the_page(visitor, site, creator) -> None:
    end_session(visitor, site)
    visitor.page.goto(f"{visitor.base_url}/console/flatlay?generation=gen_none")
    visitor.page.get_by_text("you come back to the page").wait_for()
    sign_in(visitor.page, "nobody")
    visitor.page.get_by_role("alert").wait_for()  # a wrong name forgets nothing
    sign_in(visitor.page, creator)
    visitor.page.wait_for_url("**/console/flatlay?generation=gen_none")
    visitor.see("h1:has-text('Flatlay')")
    assert visitor.page.get_by_role("link", name="Compliance").count() == 0  # a creator's bar
    visitor.errors.clear()  # the browser notes the 401 of the wrong name


def test_a_click_after_the_session_ended_waits_for_sign_in_in_another_tab(
    visitor, site, creator
) -> None:
    page = visitor.page
    visitor.open("editorial")
    visitor.settle()
    prompt = page.get_by_label("Model prompt")
    prompt.fill("a linen coat on a wooden chair")
    end_session(visitor, site)
    page.click("#select-model")
    page.get_by_role("heading", name="You are signed out").wait_for()
    page.keyboard.press("Escape")  # there is nothing to go back to
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in in a new tab").click()
    sign_in(opened.value, creator)
    opened.value.wait_for_url("**/console/editorial*")
    opened.value.close()
    page.bring_to_front()
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    page.get_by_role("heading", name="You are signed out").wait_for(state="detached")
    visitor.see("#model-cards :is(label, .hm-empty)")  # the click went through after all
    assert prompt.input_value() == "a linen coat on a wooden chair"
    visitor.errors.clear()  # the browser notes each 401


def test_a_model_revoked_in_another_tab_is_said_in_the_open_picker(visitor, api) -> None:
    model = walk.enrol(api, samples.people()[2], "turns-revoked", duplicate=True)
    visitor.open("editorial")
    visitor.settle()
    visitor.page.click("#select-model")
    card = visitor.see(f"#model-cards label:has(input[value={model}])")
    api.post(f"/v1/models/{model}/revoke", json={"reason": "The person withdrew"})
    card.click()
    visitor.page.get_by_role("alert").get_by_text(
        re.compile("can't be used now|not there any more")
    ).wait_for()
    assert visitor.page.locator(".hm-chosen[data-model]").count() == 0
    visitor.open(f"editorial?model={model}")  # an old link
    visitor.settle()
    assert visitor.page.locator(".hm-chosen[data-model]").count() == 0


def test_the_door_is_shut_to_other_sites(visitor) -> None:
    page, base = visitor.page, visitor.base_url
    (cookie,) = (c for c in page.context.cookies() if c["name"] == auth.COOKIE)
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
    visitor.open("models")
    asked = page.context.request
    shown = asked.get(f"{base}/console/models").headers
    assert "frame-ancestors 'none'" in shown["content-security-policy"]
    assert "default-src 'self'" in shown["content-security-policy"]
    assert shown["x-frame-options"] == "DENY" and shown["referrer-policy"] == "same-origin"
    assert shown["cache-control"] == "no-store"
    # with the cookie, but without what only our own pages send
    evil = {"Origin": "https://elsewhere.test"}
    for path in ("/v1/generations", "/v1/models/mdl_none/revoke"):
        assert asked.post(base + path, data={}, headers=evil).status == 403
    assert asked.post(f"{base}/console/gradio_api/queue/join", data={}, headers=evil).status == 403
    assert asked.post(f"{base}/sign-out", headers=evil).status == 403
    assert asked.get(f"{base}/v1/account").status == 200  # and nobody was signed out
    for place in ("https://elsewhere.test/", "//elsewhere.test", "/console/../v1/audit"):
        assert place not in asked.get(f"{base}/sign-in?next={place}").text()


def test_too_many_wrong_passwords_are_slowed_down(chromium, site, monkeypatch) -> None:
    monkeypatch.setattr(sign_in_page, "REFUSAL_SECONDS", 0.0)
    context = chromium.new_context()
    page = context.new_page()
    wrong = {"name": "somebody-else", "password": "wrong"}
    for _ in range(PER_NAME):
        context.request.post(f"{site.base_url}/sign-in", form=wrong)
    page.goto(f"{site.base_url}/sign-in?next=/console/models")
    sign_in(page, "somebody-else")
    assert "too many" in page.get_by_role("alert").inner_text().lower()
    assert page.get_by_label("Password").is_visible()  # the page is still there, with its form
    context.close()
