"""Many product photos and an own photo, as a creative brings them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from serve.showcase.samples import people, products
from tests.browser.watch import SLOW_MS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_many_photos_a_bad_one_two_shots_and_all_of_a_product_in_one_file(
    visitor, tmp_path: Path
) -> None:
    page = visitor.page
    broken = tmp_path / "holiday_plan.jpg"
    broken.write_text("no picture")
    visitor.open("flatlay")
    visitor.see("#product-upload input[type=file] >> xpath=..")
    chosen = [str(products()[4].photo), str(products()[0].photo), str(broken)]
    page.set_input_files("#product-upload input", chosen)
    visitor.see(".hm-upload[data-state=done] >> nth=1", slow=True)
    failed = visitor.see(".hm-upload[data-state=failed]", slow=True)
    assert "holiday plan" in failed.inner_text() and "Try again" in failed.inner_text()
    visitor.see("#product-cards input:checked >> nth=1", slow=True)
    trousers = page.locator(".hm-upload", has_text="cobalt trousers")
    assert trousers.locator("select").input_value() == "trousers"  # by its shape
    page.get_by_label("Three-quarter").check()
    failed.get_by_role("button", name="Remove").click()
    page.click("#generate")
    visitor.see("#pictures figure >> nth=3", slow=True)
    assert page.locator("#pictures section").count() == 2
    with page.expect_download(timeout=SLOW_MS) as download:
        page.locator("#pictures [data-hm-zip]").first.click()
    found = zipfile.ZipFile(download.value.path())
    assert len(found.namelist()) == 2 and found.testzip() is None
    page.reload()  # the address remembers the batch
    visitor.see("#pictures figure >> nth=3", slow=True)
    visitor.errors[:] = [each for each in visitor.errors if "415" not in each]  # the bad photo


def test_an_own_photo_gets_a_new_background_once_its_boxes_are_ticked(visitor) -> None:
    page = visitor.page
    visitor.open("background-swap")
    assert "closed here" in visitor.see("#swap-rule").inner_text()
    visitor.see(".hm-own-boxes input")
    page.click("#generate")
    assert "photo first" in visitor.see("#notice [role=alert]").inner_text()
    page.set_input_files("#own-photo input[type=file]", str(people()[1].full_body))
    use = page.locator("[data-hm-own=use]")
    boxes = page.locator(".hm-own-boxes input").all()
    boxes[0].check()
    assert use.is_disabled()  # one tick is missing
    assert "every box" in page.locator("[data-hm-own=said]").inner_text()
    boxes[1].check()
    use.click()
    visitor.see("[data-hm-own=figure]", slow=True)
    assert visitor.loaded("[data-hm-own=figure]")
    page.fill("#prompt textarea", "in a park")
    page.click("#generate")
    visitor.see("#pictures figure", slow=True)
    assert visitor.loaded("#pictures figure img")
    page.reload()  # the address remembers the photo and the picture
    visitor.see("[data-hm-own=figure]")
    visitor.see("#pictures figure")
    page.click("[data-hm-own=remove]")
    visitor.see("[data-hm-own=choose]")
    assert "destroyed" in page.locator("[data-hm-own=said]").inner_text()
