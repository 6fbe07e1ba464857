"""Every page against the real service: what it loads, what it sends, what it shows."""

from __future__ import annotations

import asyncio
from dataclasses import fields, replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from console import app
from console.app import build_console, in_process
from console.client import Api
from console.frame import Frame
from console.pages.editorial import request_body
from console.pages.flatlay import body_of
from console.parts.runner import Runner
from serve.callers import auth
from tests.console_pages import asked_by, loads_of, run
from tests.service import EVERYTHING

PAGES = {"", *(address for address, _, _ in app.PAGES)}


@pytest.fixture(scope="module")
def desk(service):
    """The console over the real service, with somebody signed in."""
    now = datetime.now(UTC)
    code = auth.create_sign_in(service.services.registry, service.workspace.id, EVERYTHING, now, 5)
    session = auth.redeem(service.services.registry, code, now, 1)
    make_client = in_process(service.app)
    blocks = build_console(make_client)
    request = asked_by(session)
    return SimpleNamespace(
        blocks=blocks, request=request, service=service, api=Api(make_client, request)
    )


def a_line():
    """The right side of a tool, with the names of its parts instead of the parts."""
    return Runner(*(field.name for field in fields(Runner)))


def test_every_page_loads_from_the_real_service_without_a_problem(desk):
    loads = loads_of(desk.blocks)
    assert set(loads) == PAGES
    for page, event in loads.items():
        values = run(event, desk.request)
        assert len(values) == len(event.outputs), page
        if not page.startswith("admin"):  # who looks here is no admin
            assert 'role="alert"' not in str(values), page


def test_every_page_says_that_somebody_is_signed_out(desk):
    for page, event in loads_of(desk.blocks).items():
        values = run(event, asked_by("ended"))
        assert len(values) == len(event.outputs), page
        assert "You are signed out" in str(values), page


def test_the_guidelines_and_every_box_reach_the_wizard(desk):
    shown = str(run(loads_of(desk.blocks)["enrol"], desk.request))
    guide = desk.service.client.get("/v1/guidelines").json()
    assert guide["photos"][0]["topics"][0]["good"][0] in shown
    for box in guide["attestations"]:
        assert box["id"] in shown


def test_a_ready_model_is_chosen_when_the_address_names_it(desk):
    model = desk.service.model("amara")
    shown = str(run(loads_of(desk.blocks)["editorial"], desk.request, model, ""))
    assert f'data-model="{model}"' in shown
    other = str(run(loads_of(desk.blocks)["editorial"], desk.request, "mdl_gone", ""))
    assert "No model chosen" in other


def test_a_generation_is_followed_from_the_request_to_its_pictures(desk):
    model, product = desk.service.model("amara"), desk.service.product()
    body = request_body(
        *("editorial", model, [product], "$model wearing $product", "3:4", 2, "lookbook", "web"),
        " 42 ",
    )
    line = a_line()
    started = asyncio.run(line.start([("", body)], desk.request, desk.api))
    jobs = started[line.outputs.index("jobs")]
    assert len(jobs) == 1 and not started[line.outputs.index("notice")]
    desk.service.generate(tool="editorial", prompt="a plain wall")  # waits; FIFO: ours is done too
    done = asyncio.run(line.follow(jobs, desk.request, desk.api))
    shown = done[line.outputs.index("pictures")]
    assert shown.count("<figure") == 2 and "<dd>42</dd>" in shown and "<dd>43</dd>" in shown
    assert "Copy as curl" in shown
    assert done[line.outputs.index("cancel")]["visible"] is False


def test_a_refusal_is_shown_with_its_reason_and_nothing_is_followed(desk):
    body = request_body("editorial", "", [], "$model in the rain", "3:4", 1, "lookbook", "web")
    line = a_line()
    told = asyncio.run(line.start([("", body)], desk.request, desk.api))
    assert "placeholder" in told[line.outputs.index("notice")]
    jobs = told[line.outputs.index("jobs")]
    again = asyncio.run(line.follow(jobs, desk.request, desk.api))
    assert "placeholder" in again[line.outputs.index("notice")]  # it stays until the next start
    assert not told[line.outputs.index("address")] and not again[-1].active


def test_flatlay_asks_for_one_catalogue_picture_of_each_product(desk):
    product = desk.service.product()
    for model in ("", desk.service.model("amara")):
        sent = body_of(model, product, "full body, front view", "3:4", "lookbook", "web")
        assert sent["n"] == 1 and sent["product_ids"] == [product]
        assert desk.service.generate(**sent)["status"] == "completed"


def test_the_frame_names_the_pages_under_its_own_path():
    frame = Frame(in_process(None), "/desk")
    assert frame.link("editorial", model="mdl_1") == "/desk/editorial?model=mdl_1"


def test_the_wizard_opens_only_where_a_retention_policy_is_published(desk, monkeypatch):
    event = loads_of(desk.blocks)["enrol"]
    assert 'href="/policy"' in str(run(event, desk.request))
    without = replace(desk.service.services.retention, own_page=False)
    parts = replace(desk.service.services.parts, retention=without)
    services = replace(desk.service.services, parts=parts)
    monkeypatch.setitem(desk.service.app.state._state, "services", services)
    shown = run(event, desk.request)
    assert "published no retention policy" in str(shown)
    assert any(value.get("interactive") is False for value in shown if isinstance(value, dict))
