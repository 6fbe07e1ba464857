"""The draft of an enrolment, as somebody meets it: reload, two tabs, sign-out, another's eyes."""

from __future__ import annotations

import time

import pytest

from serve.callers import auth, people
from serve.services import utc_now
from serve.showcase import samples
from tests.browser.test_console_look import LIGHT, found
from tests.browser.watch import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
NAME, PASSWORD = "drafting creator", "correct horse battery"


@pytest.fixture
def creator(chromium, site):
    """A person with the role of a creator, signed in with name and password."""
    registry = site.services.registry
    workspace = registry.by_name("demo")
    people.add(registry, workspace.id, NAME, ["creator"], PASSWORD, utc_now())
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    someone = Visitor(context.new_page(), site.base_url)
    sign_in(someone)
    someone.watch()
    yield someone
    context.close()
    assert someone.foreign == []
    # The browser notes the refusals that the old tab and the page that was left at sign-out got.
    expected = ("409 (Conflict)", "401 (Unauthorized)")
    assert [error for error in someone.errors if not any(e in error for e in expected)] == []


def sign_in(someone: Visitor) -> None:
    someone.page.goto(f"{someone.base_url}/sign-in")
    someone.page.get_by_label("Name").first.fill(NAME)
    someone.page.get_by_label("Password").first.fill(PASSWORD)
    someone.page.get_by_role("button", name="Sign in", exact=True).first.click()
    someone.page.wait_for_url("**/console/**")


def test_a_draft_survives_reload_and_sign_out_and_no_old_tab_overwrites_it(creator: Visitor, site):
    person, page = samples.people()[1], creator.page
    creator.open("enrol")
    creator.see("#guidelines h4")
    pictures = page.locator(".hm-examples img")
    assert pictures.count() == 16
    for picture in pictures.all():  # each comes from here, and has words for who can't see it
        picture.scroll_into_view_if_needed()
        assert picture.get_attribute("alt")
        assert picture.evaluate("(i) => i.decode().then(() => i.naturalWidth === 270, () => false)")
    page.click("#next-1")
    assert creator.see("[data-hm-missing='2']").inner_text() == (
        "Still missing: the full-body shot and the close-up shot."
    )
    before = time.process_time()  # the service is in this process; the machine may be crowded
    creator.choose_photo("full_body", person.full_body)
    creator.choose_photo("close_up", samples.products()[0].photo)  # a wrong photo is explained
    assert time.process_time() - before < 4.0, "two seconds for each photo"
    assert "No face" in creator.see("[data-hm-checks=close_up] .hm-fail").inner_text()
    assert page.locator("#next-2").is_disabled()
    assert found(page, LIGHT) == []

    page.reload()  # the good photo is here again, the wrong one was never kept
    creator.see("[data-hm-checks=full_body] .hm-pass")
    assert creator.loaded("#photo-pair img[data-hm-photo=full_body]")
    assert not page.locator("#photo-pair img[data-hm-photo=close_up]").is_visible()
    creator.choose_photo("close_up", person.close_up)
    page.click("#next-2")
    creator.name_person("Quirina Entwurf")
    page.get_by_label("Amount").fill("25 EUR")
    page.locator("#attestations input").first.check()
    assert creator.see("[data-hm-missing='4']").inner_text() == "Still missing: 5 ticks."
    assert found(page, LIGHT) == []
    page.wait_for_timeout(900)

    with page.expect_response("**/v1/drafts"):  # signed out and in again, with the old tab closed
        page.goto(f"{creator.base_url}/console/")
        page.locator("form[action='/sign-out'] button").evaluate("(b) => b.click()")
        page.wait_for_url("**/sign-in**")
        sign_in(creator)
        creator.open("enrol")
    creator.see("#attestations input")
    assert page.get_by_label("Amount").input_value() == "25 EUR"
    assert "Quirina Entwurf" in creator.see(".hm-lead strong").inner_text()
    assert page.locator("#attestations input:checked").count() == 0  # ticks are given anew
    assert creator.loaded("#review-photos img[data-hm-photo=close_up]")

    other = Visitor(page.context.new_page(), creator.base_url)  # a second tab has the same draft
    other.open("enrol")
    other.see("#attestations input")
    other.page.get_by_label("Amount").fill("30 EUR")
    other.page.wait_for_timeout(900)
    page.bring_to_front()
    page.get_by_label("Amount").fill("99 EUR")  # the first tab does not know of it yet
    creator.see("[data-hm-draft].hm-warn:has-text('another tab')")
    page.get_by_role("button", name="Show the newest").click()
    creator.see("#attestations input")
    page.wait_for_function(
        "() => document.querySelector('#consent-amount :is(input, textarea)')?.value === '30 EUR'"
    )
    other.page.close()

    key = stranger_with_every_right(site)
    answer = page.request.get(f"{creator.base_url}/v1/drafts", headers=key)
    assert answer.json()["items"] == []
    photo = f"{creator.base_url}/v1/drafts/enrolment/files/close_up"
    assert page.request.get(photo, headers=key).status == 404

    page.get_by_role("button", name="Discard draft").click()
    with page.expect_navigation():
        page.locator("dialog").get_by_role("button", name="Discard draft").click()
    creator.see("#guidelines h4")
    assert page.locator("[data-hm-draft]").is_hidden()
    store = site.services.registry.store(site.services.registry.by_name("demo").id)
    assert not store.count("drafts", "owner LIKE 'per_%'")
    orphans = "owner_id LIKE 'dft_%' AND owner_id NOT IN (SELECT id FROM drafts)"
    assert not store.count("assets", orphans)


def stranger_with_every_right(site) -> dict[str, str]:
    """An API key with every scope that there is, `admin` too."""
    registry = site.services.registry
    workspace = registry.by_name("demo")
    _, secret = auth.create_key(registry, workspace.id, auth.SCOPES, utc_now())
    return {"Authorization": f"Bearer {secret}", "Cookie": ""}
