"""Models, Review, Compliance and Admin against the real service: what each role gets to see."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from console.app import build_console, in_process
from console.client import Api
from console.pages import models, review
from console.parts import capabilities as can
from console.parts import model_detail, renewing, waiting
from console.parts.score_chart import chart
from tests.console_pages import PASSWORD, everybody, loads_of, run

SOME = "Nora Example"


@pytest.fixture(scope="module")
def desks(service):
    """One person of each role over a workspace with a model and pictures; `run` opens a page."""
    asked = everybody(service, "desks")
    model_id = service.model()
    service.client.patch(f"/v1/models/{model_id}", json={"name": SOME})
    made = service.generate(tool="editorial", prompt="$model at noon", model_id=model_id, n=2)
    make_client = in_process(service.app)
    loads = loads_of(build_console(make_client))
    yield SimpleNamespace(
        service=service,
        model_id=model_id,
        made=made,
        api=lambda role: Api(make_client, asked[role]),
        open=lambda page, role, *given: str(run(loads[page], asked[role], *given)),
    )
    service.client.patch(f"/v1/models/{model_id}", json={"name": "Amara"})


def known(desks, role, model_id=""):
    async def ask():
        api = desks.api(role)
        return await models._known(
            api, model_id or desks.model_id, await api.get("/v1/capabilities")
        )

    return asyncio.run(ask())


def test_a_model_shows_its_photos_consents_images_and_scores(desks):
    shown = desks.open("models", "creator", desks.model_id)
    for words in (SOME, "Consents", "Images made", "Identity score over time", "close_up"):
        assert words in shown, words
    assert desks.made["images"][0]["id"] in shown and "hm-chart" in shown


@pytest.mark.parametrize(
    ("role", "offered", "kept_away"),
    [
        ("creator", ["/suspend", "Revoking can", "/console/enrol"], ["talent-links"]),
        ("legal", ["/suspend", "Revoking can", "talent-links"], ["/console/enrol"]),
        ("reviewer", [SOME], ["/suspend", "Revoking can", "talent-links", "/console/enrol"]),
    ],
)
def test_each_role_is_offered_what_it_may_do(desks, role, offered, kept_away):
    shown = desks.open("models", role, desks.model_id)
    assert all(words in shown for words in offered)
    assert not [words for words in kept_away if words in shown]


def test_revoking_says_with_counts_what_it_would_do(desks):
    told = model_detail.effects(known(desks, "legal").effects)
    images = desks.service.client.get(f"/v1/models/{desks.model_id}/images").json()["items"]
    assert f"<strong>{len(images)}</strong> images" in told
    assert "<strong>2</strong> reference photos" in told and "can't be undone" in told


def test_a_consent_is_renewed_on_the_same_terms_for_longer(desks):
    client = desks.service.client
    before = client.get(f"/v1/models/{desks.model_id}/consents").json()["items"][0]
    until = (datetime.now(UTC) + timedelta(days=700)).date().isoformat()
    able = client.get("/v1/capabilities").json()
    ticked = [box["id"] for box in can.attestations(able)]
    body = renewing.request(before, until, able, ticked)
    made = client.post(f"/v1/models/{desks.model_id}/consents", json=body)
    assert made.status_code == 201, made.text
    after = made.json()["terms"]
    assert after["expires_at"].startswith(until) and made.json()["version"] == 1 + before["version"]
    for name in before["terms"].keys() - {"starts_at", "expires_at"}:
        assert after[name] == before["terms"][name], name
    with pytest.raises(ValueError, match="date"):
        renewing.request(before, "", able, ticked)


def test_the_chart_says_in_words_what_it_draws():
    images = [
        {"identity_score": score, "created_at": f"2026-11-2{k}T10:00:00Z"}
        for k, score in enumerate((0.8, 0.5, None, 0.6), 1)
    ]
    drawn = chart(images, 0.55, 0.4)
    assert "3 pictures: newest 0.80, on average 0.63, lowest 0.50." in drawn
    assert drawn.count("hm-dot") == 3 and "0.55" in drawn
    assert chart([{"identity_score": None}], None, None) == ""


def test_a_reviewer_finds_pictures_and_what_was_published(desks):
    image = desks.made["images"][0]["id"]
    sent = {"purpose": "lookbook", "channel": "web", "territories": ["EU"], "where": "shop.test"}
    answer = desks.service.client.post(f"/v1/images/{image}/publications", json=sent)
    assert answer.status_code == 201, answer.text
    shown = desks.open("review", "reviewer", image)
    assert "shop.test" in shown and f"POST /v1/images/{image}/publications" in shown
    assert "Nothing waits" in shown


def test_a_picture_that_waits_has_both_answers_and_destroying_takes_a_second_step():
    told = review.waiting([{"image_id": "img_1", "created_at": "2026-11-22T10:00:00Z"}], [])
    assert "POST /v1/images/img_1/approve" in told and "POST /v1/images/img_1/decline" in told
    assert told.index("<details") < told.index("img_1/decline")


def test_legal_confirms_exactly_what_an_admin_made(desks):
    admin = desks.service.client_of(scopes=frozenset({"admin"}))
    sent = {"name": "nele@desks", "roles": ["creator", "reviewer"], "password": PASSWORD}
    made = admin.post("/v1/admin/people", json=sent).json()
    key = admin.post("/v1/admin/keys", json={"scopes": ["images:read"], "label": "shop"}).json()
    waits = asyncio.run(waiting.listed(desks.api("legal")))
    cards = waiting.drawn(waits)
    for item, words in (
        (f"{made['id']}:creator+reviewer", "New account: Creator, Reviewer"),
        (f"{key['id']}:images:read", "New API key: Fetch pictures"),
    ):
        assert f'value="{item}"' in cards and words in cards
        path, body = waiting.path_of(item, "approve"), waiting.body_of(item)
        assert asyncio.run(desks.api("legal").post(path, body))["status"] == "active"
        assert waiting.path_of(item, "decline") == "" and "admin" in waiting.why_not(item)
    admin.delete(f"/v1/admin/people/{made['id']}")
    admin.delete(f"/v1/admin/keys/{key['id']}")


def test_the_auditor_reads_the_log_with_names_and_no_answer_is_offered(desks):
    shown = desks.open("compliance", "auditor")
    assert "none missing or changed" in shown and "auditor@desks" not in shown
    assert "legal@desks" not in desks.open("compliance", "creator")


def test_an_admin_sees_figures_people_keys_and_engines_and_nobody(desks):
    for page, words in (
        ("admin", "Custom models"),
        ("admin-people", "creator@desks"),
        ("admin-keys", "Revoke this key"),
        ("admin-engines", "Engines and replicas"),
        ("admin-glass", "What you opened"),
    ):
        shown = desks.open(page, "admin")
        assert words in shown and 'role="alert"' not in shown, page
        assert SOME not in shown and desks.model_id not in shown, page
    assert "somebody else" in desks.open("admin-people", "admin").casefold()  # one's own account
    assert "scope" in desks.open("admin-people", "creator")  # refused by the service
