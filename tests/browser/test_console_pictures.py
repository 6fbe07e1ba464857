"""Editorial Images and Refine Image in a browser: from a half-written prompt to a comparison."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from serve.callers import auth
from serve.showcase import walk
from serve.showcase.samples import people, products

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def key(site) -> str:
    registry, now = site.services.registry, datetime.now(UTC)
    scopes = auth.SCOPES - {"admin"}
    return auth.create_key(registry, registry.by_name("demo").id, scopes, now)[1]


@pytest.fixture(scope="module")
def api(site, key) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=site.base_url, headers=headers, timeout=120) as client:
        yield client


@pytest.fixture(scope="module")
def model(api) -> Iterator[str]:
    """A model of these tests' own; it ends with them."""
    found = walk.enrol(api, people()[0], "pictures", duplicate=True)
    api.patch(f"/v1/models/{found}", json={"name": "Flora Picta"}).raise_for_status()
    yield found
    api.delete(f"/v1/models/{found}")


@pytest.fixture(scope="module")
def product(api) -> str:
    photo = {"photo": ("red.jpg", products()[0].photo.read_bytes(), "image/jpeg")}
    return str(api.post("/v1/products", files=photo, data={"name": "Red walk"}).json()["id"])


def test_a_prompt_says_what_is_missing_and_completes_itself(visitor, api, model, product):
    page = visitor.page
    visitor.open("editorial")
    visitor.see(f"#product-cards input[value={product}]")
    assert page.locator("#prompt textarea").input_value() == "$model wearing $product"
    told = visitor.see("[data-hm-prompt-state] li")
    assert "choose a model" in told.inner_text()
    page.click("#select-model")
    assert "Consent until" in visitor.see("#model-cards label:has-text('Flora Picta')").inner_text()
    assert page.get_by_role("link", name="Create custom model").is_visible()
    page.click("#model-cards label:has-text('Flora Picta')")
    visitor.see(".hm-chip:has-text('$model Flora Picta')")
    page.check(f"#product-cards input[value={product}]")
    visitor.see(".hm-chip:has-text('$product Red walk')")
    page.wait_for_function("!document.querySelector('[data-hm-prompt-state] li')")
    # typing: the list by keyboard alone, a word that is not known, a chip at the caret
    area = page.locator("#prompt textarea")
    area.fill("$model in a park, ")
    area.press_sequentially("$pr")
    visitor.see("#prompt-options li[aria-selected=true]:has-text('Red walk')")
    area.press("Enter")
    assert area.input_value() == "$model in a park, $product"
    assert page.locator("#prompt-options").count() == 0
    area.press_sequentially(" and $nobody")
    visitor.see(".hm-unresolved:has-text('$nobody is not known')")
    assert area.get_attribute("aria-invalid") == "true"
    area.fill("a park with ")
    visitor.see(".hm-hints:has-text('the prompt has no $model')")
    page.click(".hm-chip:has-text('$model')")
    assert area.input_value() == "a park with $model"


def test_a_model_that_ends_in_an_open_picker_is_not_taken(visitor, api, model):
    visitor.open("editorial")
    visitor.see("#product-cards :is(label, .hm-empty)")
    visitor.page.click("#select-model")
    card = visitor.see("#model-cards label:has-text('Flora Picta')")
    api.post(f"/v1/models/{model}/suspend").raise_for_status()
    try:
        card.click()
        visitor.see("[role=alert]:has-text('Flora Picta can\\'t be used now (suspended)')")
        assert visitor.page.locator(".hm-chosen[data-model]").count() == 0
        visitor.page.click("#select-model")
        visitor.see("#model-cards .hm-resting:has-text('Suspended')")
    finally:
        api.post(f"/v1/models/{model}/resume").raise_for_status()


def test_from_a_first_picture_to_refined_ones_side_by_side(visitor, site, api, key, model, product):
    page = visitor.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.open(f"editorial?model={model}")
    visitor.see(".hm-chosen[data-model]")
    page.check(f"#product-cards input[value={product}]")
    page.locator("#prompt textarea").fill("$model wearing $product, half body, in a park")
    page.get_by_label("Seed").fill("0")
    page.locator("#count").get_by_label("1", exact=True).check()
    # while it waits: place, bar, Cancel
    site.services.dispatcher.stop()
    page.click("#generate")
    visitor.see("#progress .hm-progress:has-text('Next in the queue')")
    visitor.see("#progress progress")
    page.click("#cancel")
    visitor.see("#progress .hm-progress:has-text('Cancelled')")
    site.services.dispatcher.start()
    page.click("#generate")
    visitor.see("#pictures figure", slow=True)
    assert page.locator("#cancel").count() == 0 or page.locator("#cancel").is_hidden()
    told = visitor.see("#pictures figure").inner_text()
    assert "Identity" in told and "the model" in told and "Marks: signed" in told
    page.click("#pictures figure summary")
    assert "Signed manifest" in visitor.see("#pictures figure details ul").inner_text()
    first = made_by(page, "generation")[0]
    hold_downloads(page)
    as_pasted_twice(visitor, api, key, first)
    # past generations: filters, which the address keeps
    page.get_by_role("link", name="View past generations").click()
    visitor.see(f"#past a[href*={first}]")
    page.select_option("select[name=status]", "cancelled")
    page.wait_for_function("!document.querySelector('#past img')")
    page.select_option("select[name=status]", "completed")
    page.select_option("select[name=model]", model)
    page.select_option("select[name=day]", "today")
    visitor.see(f"#past a[href*={first}]")
    page.reload()
    visitor.see(f"#past a[href*={first}]")
    assert page.locator("select[name=model]").input_value() == model
    page.select_option("select[name=day]", "yesterday")
    visitor.see("#past .hm-empty:has-text('Nothing fits')")
    page.click("[data-hm-clear]")
    # refine: the prompt changes and the seed stays; variations change the seed and nothing else
    page.click(f"#past article:has(a[href*={first}]) >> text=Refine")
    visitor.see("#original figure")
    assert page.get_by_label("Seed").input_value() == "0"
    page.locator("#prompt textarea").fill("$model wearing $product, half body, on a beach")
    page.click("#generate")
    visitor.see("#pictures figure", slow=True)
    second = made_by(page, "made")[0]
    page.click("#pictures label:has-text('Compare')")
    page.click("#original label:has-text('Compare')")
    compare = visitor.see("#compare-bar a")
    page.click("#variations")
    page.wait_for_function(f"!location.search.includes('{second}')")
    visitor.see("#pictures figure", slow=True)
    third = made_by(page, "made")[0]
    new, varied = (api.get(f"/v1/generations/{each}").json() for each in (second, third))
    assert (new["refined_from"], new["seed"]) == (first, 0) and "beach" in new["prompt"]
    assert varied["seed"] != 0 and varied["prompt"] == new["prompt"]
    compare.click()
    table = visitor.see("#compared table")
    assert [mark.inner_text() for mark in table.locator("mark").all()] == [
        *("on", "beach"),
        *("in", "park"),
    ]
    assert visitor.loaded("#compared figure:nth-child(2) img")
    assert "Seed" in visitor.see("#compared .hm-same").inner_text()


def made_by(page: Any, name: str) -> list[str]:
    """The generations that the page's address has under this name."""
    page.wait_for_function(f"new URLSearchParams(location.search).get('{name}')")
    found = page.evaluate(f"new URLSearchParams(location.search).get('{name}')")
    return str(found).split(",")


def hold_downloads(page: Any) -> None:
    """Every download is a picture of its kind."""
    for link in page.locator("#pictures figure a[download]").all():
        with page.expect_download() as waiting:
            link.click()
        name = waiting.value.suggested_filename
        with Image.open(waiting.value.path()) as picture:
            kind = "jpeg" if name.endswith(".jpeg") else name.rpartition(".")[2]
            assert (picture.format or "").lower() == kind


def as_pasted_twice(visitor: Any, api: httpx.Client, key: str, generation: str) -> None:
    """What 'Copy as curl' copies, pasted into a shell, makes the same picture again."""
    visitor.page.click("#pictures >> text=Copy as curl")
    visitor.see("#pictures button:has-text('Copied')")
    line = visitor.page.evaluate("navigator.clipboard.readText()")
    env = {"PATH": "/usr/bin:/bin", "HOUSEMODEL_KEY": key}
    run = subprocess.run(["bash", "-c", line], env=env, capture_output=True, check=True, text=True)
    again = walk.wait(api, json.loads(run.stdout)["status_url"], {"queued", "running"})
    old = api.get(f"/v1/generations/{generation}").json()
    kept = ("tool", "prompt", "model_id", "product_ids", "seed", "n", "purpose", "channel", "label")
    assert {name: again[name] for name in kept} == {name: old[name] for name in kept}
    one, two = (pixels(api, each["images"][0]["url"]) for each in (old, again))
    assert np.abs(one - two).mean() < 1.5  # the watermark differs, the picture does not


def pixels(api: httpx.Client, url: str) -> np.ndarray:
    with Image.open(io.BytesIO(api.get(url).content)) as picture:
        return np.asarray(picture.convert("RGB"), np.int16)
