"""The verify page in a real browser: a picture in, the answer in plain words."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from compliance.provenance import Marked
from identity.photos import encode
from serve.showcase import samples

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def made(site) -> Marked:
    """A marked picture of this appliance that no workspace keeps."""
    marker = site.services.parts.marker
    photo = Image.open(samples.people()[0].full_body).convert("RGB").resize((384, 512))
    pixels, _ = marker.watermarked(np.asarray(photo), "img_browser")
    return marker.mark(*encode(pixels, "png", marker.xmp), "img_browser")


@pytest.mark.parametrize("width", [1440, 390])
def test_a_picture_is_verified_without_leaving_the_page(site, visitor, width):
    page, whole = visitor.page, made(site).data
    stripped = io.BytesIO()
    Image.open(io.BytesIO(whole)).convert("RGB").save(stripped, "JPEG", quality=80)
    stranger = io.BytesIO()
    Image.open(samples.products()[0].photo).save(stranger, "JPEG")
    page.set_viewport_size({"width": width, "height": 900})
    visitor.open("verify")
    visitor.see("#verify-picture [data-hm-verdict]")
    verdict = page.locator("[data-hm-verdict]")
    for data, title, line in (
        (whole, "Made by this appliance", "Signed manifest: whole"),
        (stripped.getvalue(), "Made by this appliance", "No signed manifest"),
        (stranger.getvalue(), "Not recognised as made here", "No watermark"),
    ):
        file = {"name": "any.png", "mimeType": "image/png", "buffer": data}
        page.locator("#verify-picture input[type=file]").set_input_files(file)
        page.wait_for_function(
            "line => document.querySelector('[data-hm-verdict]').textContent.includes(line)",
            arg=line,
        )
        assert title in verdict.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
