"""A person's own page in a real browser, without scripts: it fits a phone and does what it says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from compliance import campaigns
from serve.subjects import talent
from tests.talents import person_in
from workspace.types import Caller

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def page(chromium: Any, site: Any) -> Iterator[Any]:
    """A phone with the link of a person who was never enrolled, only recorded."""
    registry, now = site.services.registry, datetime.now(UTC)
    store = registry.store(registry.by_name("demo").id)
    model = person_in(store, "Liv")
    campaigns.propose(store, model, "Winter", "key_1", now, note="Four looks in the snow.")
    legal = Caller(store.workspace.id, "key_legal", frozenset())
    _, token = talent.create(registry, store, model, 1, legal, now)
    phone = {"width": 390, "height": 844}
    context = chromium.new_context(viewport=phone, java_script_enabled=False)
    opened = context.new_page()
    foreign: list[str] = []
    opened.on("request", lambda r: r.url.startswith(site.base_url) or foreign.append(r.url))
    opened.on("console", lambda m: "Content Security" in m.text and foreign.append(m.text))
    opened.goto(f"{site.base_url}/talent/{token}")
    yield opened
    context.close()
    assert foreign == []


def test_a_person_decides_on_a_phone_without_scripts(page: Any) -> None:
    assert "Liv" not in page.content()
    page.get_by_role("button", name="Open my page").click()
    page.get_by_role("heading", name="Your consent is in force").wait_for()
    assert page.locator("h1").count() == 1
    assert page.locator("main").bounding_box()["width"] <= 390
    widest = [box["x"] + box["width"] for box in map(box_of, page.locator("section").all())]
    assert widest and max(widest) <= 390
    for button in page.get_by_role("button").all():
        assert box_of(button)["height"] >= 44 and button.inner_text().strip()

    page.locator("#campaigns").get_by_role("button", name="Yes").click()
    page.get_by_role("status").get_by_text("You said yes to the campaign.").wait_for()
    page.get_by_role("button", name="Pause all use").click()
    page.get_by_role("heading", name="Paused").wait_for()
    page.get_by_role("button", name="Allow it again").click()
    page.get_by_role("heading", name="Your consent is in force").wait_for()

    page.get_by_label("Write WITHDRAW to confirm").fill("no")
    page.get_by_role("button", name="Withdraw for good").click()
    page.get_by_role("alert").get_by_text("Nothing was done").wait_for()
    page.get_by_label("Write WITHDRAW to confirm").fill("withdraw")
    page.get_by_role("button", name="Withdraw for good").click()
    page.get_by_role("heading", name="You have withdrawn").wait_for()
    with page.expect_download() as file:
        page.get_by_role("link", name="certificate").click()
    assert file.value.suggested_filename == "erasure-mdl_liv.json"


def box_of(node: Any) -> dict[str, float]:
    box = node.bounding_box()
    assert box is not None
    return dict(box)
