"""The console as a creative walks it, in a real browser against a real site."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from serve.showcase.samples import people, products

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_from_sign_in_to_the_first_picture_of_a_new_model(visitor):
    before = clear_files()
    visitor.enrol(people()[0], "Anna Canaria")
    visitor.page.click("#use-model")
    visitor.see(".hm-chosen[data-model]")
    assert visitor.loaded(".hm-chosen img")
    visitor.add_products(products()[0].photo)
    visitor.page.get_by_label("Seed").fill("42")
    visitor.page.click("#generate")
    visitor.see("#progress .hm-progress")
    visitor.see("#pictures figure", slow=True)
    assert visitor.page.locator("#pictures figure").count() == 2
    assert visitor.loaded("#pictures figure img")
    assert "42" in visitor.see("#pictures .hm-facts").inner_text()
    visitor.page.reload()  # the address remembers what was made
    visitor.see("#pictures figure")
    assert clear_files() == before, "Gradio kept a file in clear"


def test_photos_of_two_people_are_refused_and_can_be_corrected(visitor):
    person, other = people()[1], people()[2]
    visitor.begin()
    visitor.choose_photo("full_body", person.full_body)
    assert visitor.page.locator("#next-2").is_disabled()  # one photo is not enough
    visitor.choose_photo("close_up", other.close_up)
    visitor.page.click("#next-2")
    visitor.name_person("Bea Zwei")
    visitor.tick_every_box()
    visitor.page.click("#create-model")
    visitor.see("#making .hm-fail", slow=True)
    visitor.page.click("#photos-5")
    visitor.choose_photo("close_up", person.close_up)
    visitor.page.click("#next-2")
    assert visitor.page.get_by_label("Name").input_value() == "Bea Zwei"  # Back keeps it
    visitor.page.click("#next-3")
    visitor.see("#create-model:not([disabled])")
    visitor.page.click("#create-model")
    visitor.see("#use-model", slow=True)


def test_the_same_person_again_is_asked_about_before_it_is_made(visitor):
    twin = people()[2]
    visitor.enrol(twin, "Dora Eins")
    visitor.submit(twin, "Dora Zwei")
    visitor.see("#making .hm-warn:has-text('You may have this person already')", slow=True)
    visitor.page.get_by_label("This is a different person").check()
    visitor.page.click("#create-again")
    visitor.see("#use-model", slow=True)


def test_a_garment_is_no_close_up(visitor):
    visitor.begin()
    visitor.choose_photo("full_body", people()[0].full_body)
    visitor.choose_photo("close_up", products()[0].photo)
    assert visitor.see("[data-hm-checks=close_up] .hm-fail").inner_text()
    assert visitor.page.locator("#next-2").is_disabled()


def test_many_flat_photos_become_one_catalogue_picture_each(visitor):
    visitor.open("flatlay")
    first, second = products()[1], products()[2]
    visitor.add_products(first.photo, second.photo)
    visitor.page.click("#generate")
    visitor.see("#pictures figure >> nth=1", slow=True)
    assert visitor.page.locator("#pictures figure").count() == 2
    visitor.open("refine")
    assert visitor.see("#past .hm-past").is_visible()


def test_a_model_is_renamed_and_revoked_only_by_its_typed_name(visitor):
    visitor.enrol(people()[3], "Carla Draft")
    visitor.open("models")
    visitor.page.locator("#models-list label", has_text="Carla Draft").click()
    visitor.see("#model-detail h2:has-text('Carla Draft')")
    visitor.page.locator("#model-name input, #model-name textarea").fill("Carla Final")
    visitor.page.get_by_role("button", name="Rename").click()
    visitor.see("#model-detail h2:has-text('Carla Final')")
    typed = visitor.page.locator("#revoke-name input, #revoke-name textarea")
    typed.press_sequentially("Carla Draft")
    assert visitor.page.locator("#revoke").is_disabled()
    typed.clear()
    typed.press_sequentially("Carla Final")
    visitor.see("#revoke:not([disabled])").click()
    visitor.see("#models-notice .hm-good:has-text('Revoked')", slow=True)
    assert visitor.page.locator("#models-list", has_text="Carla Final").count() == 0


def clear_files() -> set[Path]:
    """What lies in the folder where Gradio would put files in clear."""
    return {path for path in (Path(tempfile.gettempdir()) / "gradio").rglob("*") if path.is_file()}
