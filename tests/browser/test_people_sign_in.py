"""People at the door: a name and a password open the console; an admin's console shows nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from serve.callers import people
from serve.services import utc_now
from tests.browser.watch import Visitor

PASSWORD = "correct horse battery"
pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def door(chromium: Any, site: Any) -> Iterator[Any]:
    """The sign-in page, with people of two roles who may come in."""
    registry = site.services.registry
    place = registry.by_name("demo").id
    for name, role in (("ada", "admin"), ("cleo", "creator")):
        if not people.workspaces_of(registry, name, None):
            people.add(registry, place, name, [role], PASSWORD, utc_now())
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{site.base_url}/sign-in")
    yield Visitor(page, site.base_url)
    context.close()


def come_in(door: Visitor, name: str, password: str) -> None:
    door.page.get_by_label("Name", exact=True).fill(name)
    door.page.get_by_label("Password").fill(password)
    door.page.get_by_role("button", name="Sign in", exact=True).click()


def test_a_wrong_password_says_so_and_the_right_one_opens_the_console(door: Visitor) -> None:
    come_in(door, "cleo", "wrong horse battery")
    assert "wrong" in door.see("[role=alert]").inner_text()
    come_in(door, "Cleo", PASSWORD)
    door.page.wait_for_url("**/console/")
    assert door.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_an_admin_is_told_what_is_missing_and_sees_no_picture(door: Visitor) -> None:
    come_in(door, "ada", PASSWORD)
    door.page.wait_for_url("**/console/admin")
    assert door.see("h1").inner_text()
    told = door.page.goto(f"{door.base_url}/console/models")
    assert told is not None and told.status == 403
    assert "creator" in door.see("main").inner_text().lower()
    assert door.page.locator("img[src^='data:image/jpeg']").count() == 0
