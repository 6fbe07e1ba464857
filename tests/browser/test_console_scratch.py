"""A person made from scratch, in a real browser: choices, candidates, boxes, model, Editorial."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

NAME = "#fiction-name textarea, #fiction-name input"


def candidates(visitor) -> int:
    return visitor.page.locator("#candidates .hm-card").count()


def test_from_choices_to_a_model_of_nobody(visitor):
    page = visitor.page
    visitor.open("scratch")
    assert "do not exist" in visitor.see("#scratch-about .hm-note").inner_text()  # a cast, plainly
    page.locator("#scratch-skin input").click()
    page.get_by_role("option", name="Dark", exact=True).click()
    page.locator("#scratch-seed textarea, #scratch-seed input").fill("no number")
    page.click("#show-candidates")
    visitor.see("#scratch-notice .hm-warn")
    page.locator("#scratch-seed textarea, #scratch-seed input").fill("7")
    page.click("#show-candidates")
    visitor.see("#candidate .hm-fiction img")
    assert candidates(visitor) == 4
    assert visitor.loaded("#candidates img") and visitor.loaded("#candidate img")
    assert "dark" in visitor.see("#candidate").inner_text()

    # what is missing is said, and the button opens with the last box
    assert "Still missing: a name and 6 boxes." in visitor.see("#fiction-missing p").inner_text()
    page.locator(NAME).fill("Vega")
    boxes = page.locator("#fiction-ticks input").all()
    for box in boxes[:-1]:
        box.check()
    page.get_by_text("Still missing: one box.").wait_for()
    assert page.locator("#create-fiction").is_disabled()

    # a reload and a second tab have the same candidates; one is discarded
    page.reload()
    visitor.see("#candidates .hm-card")
    assert candidates(visitor) == 4
    page.locator("#candidates .hm-card").nth(3).click()
    visitor.see("#discard-candidate").click()
    visitor.see("#scratch-notice .hm-good")
    assert candidates(visitor) == 3

    page.locator("#candidates .hm-card").nth(1).click()
    visitor.see("#candidate .hm-fiction img")
    page.locator(NAME).fill("Vega")
    for box in page.locator("#fiction-ticks input").all():
        box.check()
    visitor.see("#create-fiction:not([disabled])").click()
    visitor.see("#use-fiction", slow=True)
    assert candidates(visitor) == 2
    page.click("#use-fiction")
    chosen = visitor.see(".hm-chosen[data-model]")
    assert "Vega" in chosen.inner_text()
