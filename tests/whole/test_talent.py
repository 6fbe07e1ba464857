"""A person's own page: who gets in, what it shows, what it changes, what it never gives away."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from compliance import approvals, audit, campaigns, erasure
from serve.api.talent import Paces
from serve.callers import rights
from serve.callers.pace import Pace
from serve.subjects import person, talent
from tests.service import Service, new_client
from tests.talents import Desk, open_desk
from workspace.errors import RateLimited
from workspace.types import Caller, GenerationId, ImageId, ModelId


@dataclass
class Guest:
    """A browser with somebody's link."""

    desk: Desk
    model: ModelId
    link: str  # id
    path: str
    client: TestClient

    def look(self, **params: Any) -> str:
        page = self.client.get(self.path, params=params)
        assert page.status_code == 200, page.text
        return page.text

    def press(self, act: str, token: str | None = None, **form: str) -> Any:
        """Press one of the page's buttons."""
        if token is None:
            found = re.search(r'name="token" value="([^"]+)"', self.look())
            token = found[1] if found else ""
        return self.client.post(f"{self.path}/{act}", data={"token": token, **form})


@pytest.fixture(scope="module")
def desk(service: Service) -> Desk:
    return open_desk(service, "talent")


@pytest.fixture(scope="module")
def drawn(desk: Desk) -> str:
    """One image that was really drawn and marked."""
    return desk.picture(desk.person("Origin"))


def link_of(desk: Desk, model: ModelId, seated: bool = True, **body: Any) -> Guest:
    made = desk.client.post(f"/v1/models/{model}/talent-links", json=body)
    assert made.status_code == 201, made.text
    path = made.json()["url"].removeprefix("http://testserver")
    client = new_client(desk.service.app, {})
    if seated:
        assert client.post(f"{path}/open").status_code == 303
    return Guest(desk, model, made.json()["id"], path, client)


@pytest.fixture
def guest(desk: Desk) -> Guest:
    return link_of(desk, desk.person(f"Mira{desk.store.count('models')}"))


@pytest.fixture
def shown(guest: Guest, drawn: str) -> str:
    """An image of the guest: the drawn one's file and rows, under another id."""
    return guest.desk.copy_of(drawn, guest.model)


def test_the_link_shows_a_button_first_and_nothing_of_the_person(desk: Desk) -> None:
    model = desk.person("Zebrafink")
    guest = link_of(desk, model, seated=False)
    door = guest.look()
    assert (
        "Open my page" in door
        and "Zebrafink" not in door
        and "talent" not in door.split("<form")[0]
    )
    for way in ("images/img_x", "certificate"):
        answer = guest.client.get(f"{guest.path}/{way}")
        assert (answer.status_code, answer.headers["location"]) == (303, guest.path)
    assert guest.client.post(f"{guest.path}/pause", data={"token": "x"}).status_code == 303
    assert guest.client.post(f"{guest.path}/open").headers["location"] == guest.path
    cookie = next(iter(guest.client.cookies.jar))
    assert (cookie.path, cookie.has_nonstandard_attr("HttpOnly")) == (guest.path, True)
    assert "Zebrafink" in guest.look()


def test_the_page_says_the_terms_and_every_use(guest: Guest, shown: str) -> None:
    where = "<script>alert(1)</script>"
    guest.desk.client.post(f"/v1/images/{shown}/publications", json={"where": where})
    page = guest.look()
    for words in (
        "Your consent is in force",
        "25.00 EUR for each picture that is published.",
        "the European Union and New York (United States)",
        "websites and print",
        "Every picture of you (1)",
        "for lookbooks, on websites, in the European Union",
        '<p class="sum">25.00 EUR</p>',
        "&lt;script&gt;alert(1)&lt;/script&gt;",
    ):
        assert words.lower() in page.lower(), words
    assert "<script" not in page and "http" not in page and "javascript" not in page.lower()
    picture = guest.client.get(f"{guest.path}/images/{shown}")
    assert Image.open(io.BytesIO(picture.content)).format == "PNG"


def test_many_uses_come_a_page_at_a_time(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(person, "USES_ON_A_PAGE", 2)
    for number in range(3):
        guest.desk.note(guest.model, f"img_{guest.model}{number}", GenerationId("gen_x"))
    first, last = guest.look(), guest.look(page=2)
    assert "Every picture of you (3)" in first and first.count("no longer kept") == 2
    assert f'href="{guest.path}?page=2#uses">Older' in first and "Newer" not in first
    assert last.count("no longer kept") == 1 and "Newer" in last and "Older" not in last
    assert "Page 2 of 2" in guest.look(page=99)


def test_what_others_wrote_is_shown_as_text(desk: Desk) -> None:
    evil = "<img src=x onerror=alert(1)>\"'&"
    model = desk.person("Evil", intended_use=evil, compensation=evil)
    row = desk.store.get("models", model)
    desk.store.put("models", model, {**row.private, "name": evil})
    page = link_of(desk, model).look(done="<b>")
    assert page.count("&lt;img src=x onerror=alert(1)&gt;&quot;&#x27;&amp;") == 3
    assert "<img" not in page and "<b>" not in page


def test_nothing_is_kept_indexed_framed_or_told_to_others(guest: Guest) -> None:
    headers = guest.client.get(guest.path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy
    assert "unsafe-inline" not in policy and "frame-ancestors 'none'" in policy
    assert headers["referrer-policy"] == "no-referrer" and "noindex" in headers["x-robots-tag"]
    assert headers["cache-control"] == "no-store" and headers["x-frame-options"] == "DENY"


def test_every_address_that_does_not_open_gives_the_same_page(guest: Guest, desk: Desk) -> None:
    registry, now = desk.service.services.registry, datetime.now(UTC)
    ended, forged, expired = (link_of(desk, guest.model) for _ in range(3))
    url = f"/v1/models/{guest.model}/talent-links/{ended.link}"
    assert desk.client.delete(url).json()["revoked_at"]
    control = registry.control
    control.execute("UPDATE talent_links SET model_id = 'mdl_x' WHERE id = ?", [forged.link])
    row = rights.by_id(registry, talent.TABLE, expired.link)
    assert row is not None
    rights.change(registry, talent.TABLE, row, {"expires_at": now.isoformat()})
    pages = [one.client.get(one.path) for one in (ended, forged, expired)]
    nobody = new_client(desk.service.app, {})
    pages += [nobody.get(f"/talent/{word}") for word in ("x", "y" * 43, "z" * 500)]
    pages += [ended.client.post(f"{ended.path}/open"), nobody.get("/talent/x/images/img_1")]
    assert {page.status_code for page in pages} == {404}
    assert len({page.content for page in pages}) == 1
    assert {page.headers["x-robots-tag"] for page in pages} == {"noindex, nofollow, noarchive"}


def test_another_persons_picture_and_campaign_are_not_there(
    guest: Guest, desk: Desk, drawn: str
) -> None:
    assert guest.client.get(f"{guest.path}/images/{drawn}").status_code == 404
    now = datetime.now(UTC)
    approvals.await_images(desk.store, [ImageId(drawn)], ModelId("mdl_origin"), now)
    other = campaigns.propose(desk.store, ModelId("mdl_origin"), "Other", "key_1", now)
    for kind, about in (("image", drawn), ("campaign", other.id)):
        answer = guest.press("answer", kind=kind, about=about, answer="decline")
        assert answer.status_code == 404
    assert approvals.state_of(desk.store, drawn) == "pending"
    approvals.decide_image(desk.store, drawn, True, "key_1", now)


def test_the_person_says_yes_or_no_to_a_picture(guest: Guest, drawn: str) -> None:
    desk, now = guest.desk, datetime.now(UTC)
    images = [ImageId(desk.copy_of(drawn, guest.model)) for _ in range(2)]
    approvals.await_images(desk.store, images, guest.model, now)
    page = guest.look()
    assert "Waiting for your answer (2)" in page and page.count("<img ") == 2
    assert guest.client.get(f"{guest.path}/images/{images[0]}").status_code == 200
    yes = guest.press("answer", kind="image", about=images[0], answer="approve")
    assert yes.status_code == 303 and "You said yes" in guest.look(done="approved")
    guest.press("answer", kind="image", about=images[1], answer="decline")
    assert approvals.state_of(desk.store, images[0]) == "approved"
    assert guest.client.get(f"{guest.path}/images/{images[1]}").status_code == 404
    assert desk.store.count("images", "id = ?", (images[1],)) == 0
    assert "no longer kept (you said no)" in guest.look()
    assert guest.press("answer", kind="image", about=images[1], answer="approve").status_code == 404
    assert guest.press("answer", kind="image", about=images[0], answer="maybe").status_code == 422
    guest.press("answer", kind="image", about=images[0], answer="decline")  # a yes may become a no
    assert desk.store.count("images", "model_id = ?", (guest.model,)) == 0
    answers = [e for e in audit.entries(desk.store, limit=10_000) if e.actor == guest.link]
    assert {"image.approved", "image.declined"} <= {entry.action for entry in answers}


def test_the_person_answers_a_campaign(guest: Guest) -> None:
    store, now = guest.desk.store, datetime.now(UTC)
    one = campaigns.propose(store, guest.model, "<b>Winter</b>", "key_1", now, "paid_ads", ["web"])
    page = guest.look()
    assert "&lt;b&gt;Winter" in page and "<b>" not in page and "paid advertising" in page
    guest.press("answer", kind="campaign", about=one.id, answer="approve")
    assert campaigns.campaign(store, one.id).status == "approved"
    assert "wait for your answer" not in guest.look()
    guest.press("answer", kind="campaign", about=one.id, answer="decline")
    assert campaigns.campaign(store, one.id).status == "declined"
    refused = guest.press("answer", kind="campaign", about=one.id, answer="approve")
    assert refused.status_code == 409 and "final" in refused.text


def test_a_pause_of_the_person_is_lifted_by_nobody_else(guest: Guest) -> None:
    legal, url = guest.desk.client, f"/v1/models/{guest.model}"
    assert guest.press("pause").status_code == 303
    assert legal.get(url).json()["status"] == "suspended"
    assert "only you can allow it again" in guest.look()
    refused = legal.post(f"{url}/resume")
    assert (refused.status_code, refused.json()["code"]) == (403, "consent_suspended")
    assert guest.press("resume").status_code == 303
    assert legal.get(url).json()["status"] == "ready"
    legal.post(f"{url}/suspend")
    assert "talent paused it" in guest.look()
    assert guest.press("resume").status_code == 404  # not the person's own pause
    guest.press("pause")
    assert legal.post(f"{url}/resume").status_code == 403


def test_withdrawing_takes_the_written_word_and_gives_a_certificate(
    guest: Guest, shown: str
) -> None:
    store = guest.desk.store
    guest.desk.client.post(f"/v1/images/{shown}/publications", json={"where": "zebra.example"})
    for word in ("", "yes", "withdraw!"):
        answer = guest.press("withdraw", word=word)
        assert answer.status_code == 422 and "Nothing was done" in answer.text
    done = guest.press("withdraw", word=" Withdraw ")
    assert done.status_code == 200 and "zebra.example" in done.text  # this once
    page = guest.look()
    assert "You have withdrawn" in page and "Mira" not in page and "zebra" not in page
    assert "Withdraw for good" not in page and "Pause" not in page
    assert '<p class="sum">25.00 EUR</p>' in page  # it is still owed
    file = guest.client.get(f"{guest.path}/certificate")
    assert "attachment" in file.headers["content-disposition"]
    statement = erasure.check(file.json(), store.signer.public_pem)
    assert (statement["cause"], statement["actor"]) == ("withdrawn", guest.link)
    assert store.count("images", "model_id = ?", (guest.model,)) == 0
    assert guest.client.get(f"{guest.path}/images/{shown}").status_code == 404
    assert audit.verify(store).intact


def test_legal_is_told_once_what_to_take_down(guest: Guest, shown: str) -> None:
    client, url = guest.desk.client, f"/v1/models/{guest.model}/revoke"
    client.post(f"/v1/images/{shown}/publications", json={"where": "zebra.example"})
    told = [client.post(url, json={}).json()["published"] for _ in range(2)]
    assert [(one["image_id"], one["where"]) for one in told[0]] == [(shown, "zebra.example")]
    assert [one["where"] for one in told[1]] == [""]
    assert "zebra" not in str(client.get(f"/v1/models/{guest.model}/ledger").json())


def test_damaged_records_take_neither_the_page_nor_the_withdrawal(guest: Guest, drawn: str) -> None:
    store, model = guest.desk.store, guest.model
    image = guest.desk.copy_of(drawn, model)
    approvals.await_images(store, [ImageId(image)], model, datetime.now(UTC))
    for table, column in (("models", "version"), ("consents", "expires_at"), ("uses", "made_at")):
        where = "id" if table == "models" else "model_id"
        store.db.execute(f"UPDATE {table} SET {column} = 2026 WHERE {where} = ?", [model])
    store.db.execute("UPDATE image_approvals SET created_at = 'x' WHERE id = ?", [image])
    assert "can&#x27;t be read" in guest.look() or "can't be read" in guest.look()
    assert guest.press("withdraw", word="WITHDRAW").status_code == 200
    assert "You have withdrawn" in guest.look()
    assert store.count("images", "model_id = ?", (model,)) == 0


def test_an_answer_that_others_gave_is_not_called_the_persons_own(guest: Guest, drawn: str) -> None:
    store, now = guest.desk.store, datetime.now(UTC)
    image = ImageId(guest.desk.copy_of(drawn, guest.model))
    approvals.await_images(store, [image], guest.model, now)
    approvals.decide_image(store, image, True, "per_reviewer", now)
    assert "somebody said yes for you" in guest.look() and "you said yes" not in guest.look()
    one = campaigns.propose(store, guest.model, "Spring", "key_1", now)
    campaigns.decide(store, one.id, True, "per_legal", now)
    assert "Somebody said yes for you." in guest.look()


def test_another_site_can_press_no_button(guest: Guest) -> None:
    found = re.search(r'name="token" value="([^"]+)"', guest.look())
    assert found is not None
    right, form = found[1], {"word": "WITHDRAW", "kind": "image", "answer": "approve"}
    other = talent.form_token(guest.desk.store, other_link(guest), datetime.now(UTC))
    at, _, mac = right.partition(".")
    old = f"{int(at) - 3 * 3600}.{mac}"
    for token in ("", ".", f"{at}.", other, old, f"{at}.{mac[:-1]}", "1" * 50 + "." + mac):
        assert guest.press("withdraw", token, **form).status_code == 403
    evil = {"Sec-Fetch-Site": "cross-site"}
    for act in ("answer", "pause", "resume", "withdraw"):
        data = {"token": right, **form}
        answer = guest.client.post(f"{guest.path}/{act}", data=data, headers=evil)
        assert answer.status_code == 403
        assert guest.client.post(f"{guest.path}/{act}", content=b"\xff\xfe").status_code == 403
    assert guest.desk.client.get(f"/v1/models/{guest.model}").json()["status"] == "ready"


def other_link(guest: Guest) -> talent.Link:
    registry = guest.desk.service.services.registry
    legal = Caller(guest.desk.workspace.id, "key_1", frozenset())
    return talent.create(registry, guest.desk.store, guest.model, 1, legal, datetime.now(UTC))[0]


def test_looking_is_audited_and_the_address_is_kept_nowhere(guest: Guest) -> None:
    guest.look()
    entry = audit.entries(guest.desk.store, limit=10_000)[-1]
    assert (entry.action, entry.object_id, entry.actor) == (
        "talent.looked",
        guest.model,
        guest.link,
    )
    token = guest.path.rpartition("/")[2]
    rows = guest.desk.service.services.registry.control.query("SELECT * FROM talent_links")
    assert token not in str(list(rows)) and token not in str(audit.entries(guest.desk.store))


def test_links_that_ended_long_ago_are_swept(guest: Guest) -> None:
    registry = guest.desk.service.services.registry
    for later, kept in ((timedelta(days=119), True), (timedelta(days=121), False)):
        talent.sweep(registry, datetime.now(UTC) + later)
        assert (rights.by_id(registry, talent.TABLE, guest.link) is not None) is kept


def test_links_are_made_once_listed_without_their_address_and_limited(
    guest: Guest, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talent, "MOST_OPEN", 3)
    url = f"/v1/models/{guest.model}/talent-links"
    client, once = guest.desk.client, {"Idempotency-Key": "link"}
    first = client.post(url, json={"days": 90}, headers=once).json()
    again = client.post(url, json={"days": 90}, headers=once).json()
    assert first["url"].startswith("http://testserver/talent/") and again == {**first, "url": None}
    left = datetime.fromisoformat(first["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=89) < left <= timedelta(days=90)
    listed = client.get(url).json()["items"]
    assert [one["id"] for one in listed] == [first["id"], guest.link] and "url" not in listed[0]
    for wrong in ({"days": 91}, {"days": 0}, {"dais": 1}):
        assert client.post(url, json=wrong).status_code == 422
    for scope in ("models:write", "review", "admin", "audit:read"):
        other = service.client_of(guest.desk.workspace, frozenset({scope}))
        assert other.post(url, json={}).json()["code"] == "scope_missing"
        assert other.get(url).status_code == 403
    assert service.client.get(url).status_code == 404
    assert service.client.delete(f"{url}/{guest.link}").status_code == 404
    other_link(guest)
    assert client.post(url, json={}).json()["code"] == "conflict"


def test_a_locked_workspace_and_a_flood_are_told_in_words(guest: Guest) -> None:
    services, app = guest.desk.service.services, guest.desk.service.app
    services.registry.lock(guest.desk.workspace.id)
    page = guest.client.get(guest.path)
    assert page.status_code == 503 and page.headers["content-type"].startswith("text/html")
    services.registry.unlock(guest.desk.workspace.id)
    app.state.paces.misses = Pace(2, timedelta(minutes=1))
    answers = [new_client(app, {}).get("/talent/wrong") for _ in range(3)]
    app.state.paces = Paces()
    assert [answer.status_code for answer in answers] == [404, 404, 429]
    assert int(answers[2].headers["retry-after"]) in range(1, 61)


def test_a_pace_lets_the_next_one_through_after_its_window() -> None:
    pace, now = Pace(2, timedelta(seconds=60)), datetime(2026, 11, 22, tzinfo=UTC)
    pace.step("a", now)
    pace.step("a", now + timedelta(seconds=30))
    pace.step("b", now)
    with pytest.raises(RateLimited) as caught:
        pace.step("a", now + timedelta(seconds=40))
    assert caught.value.retry_after_seconds == 20
    pace.step("a", now + timedelta(seconds=61))
