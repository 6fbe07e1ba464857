"""Those who run and answer for a workspace, in a real browser: admin, legal, reviewer, one day."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from console.places import PLACES
from serve.callers import auth, people
from serve.services import utc_now
from serve.showcase.samples import people as samples
from tests.browser.test_console_compliance import enrol
from tests.browser.test_console_look import LIGHT, found
from tests.browser.watch import Visitor
from workspace import sealing
from workspace.types import Workspace

PASSWORD = "correct horse battery"
ROLES = ("admin", "legal", "reviewer", "creator", "auditor")
SERVICE = {"models:read", "models:write", "generate", "images:read"}
pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def cheap() -> Iterator[None]:
    """Passwords that are hashed at once; how slowly else is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "PASSWORD_MEMORY_KIB", 64)
        yield


@pytest.fixture(scope="module")
def desk(chromium: Any, site: Any, cheap: None) -> Iterator[Any]:
    """Signs in as a person of a role, each in a browser of their own; watched until the end."""
    registry = site.services.registry
    place: Workspace = registry.by_name("demo")
    seated: dict[str, Visitor] = {}

    def sit(role: str, name: str = "", password: str = PASSWORD) -> Visitor:
        name = name or f"{role}@desk"
        if name not in seated:
            if name == f"{role}@desk" and not people.workspaces_of(registry, name, None):
                people.add(registry, place.id, name, [role], PASSWORD, utc_now())
            context = chromium.new_context(viewport={"width": 1280, "height": 900})
            someone = Visitor(context.new_page(), site.base_url)
            someone.page.goto(f"{site.base_url}/sign-in")
            someone.page.get_by_label("Name", exact=True).fill(name)
            someone.page.get_by_label("Password").fill(password)
            someone.page.get_by_role("button", name="Sign in", exact=True).click()
            someone.page.wait_for_url("**/console/**")
            someone.watch()
            seated[name] = someone
        return seated[name]

    yield sit
    for someone in seated.values():
        assert someone.foreign == [], "a request left the appliance"
        assert someone.errors == [], "the browser's console has errors"
        someone.page.context.close()


@pytest.fixture
def client(site: Any) -> Iterator[httpx.Client]:
    """A creator's tool: a key of the same workspace; erases what it enrolled."""
    registry = site.services.registry
    _, key = auth.create_key(registry, registry.by_name("demo").id, SERVICE, utc_now())
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=site.base_url, headers=headers, timeout=60) as service:
        yield service
        for model in service.get("/v1/models").json()["items"]:
            if model["name"] == "Anna Zwei":
                service.delete(f"/v1/models/{model['id']}")


def test_an_admin_adds_a_person_whom_legal_confirms_and_makes_a_key_shown_once(desk: Any) -> None:
    admin = desk("admin")
    admin.open("admin-people")
    page = admin.page
    form = page.locator("#add-person")
    form.get_by_label("Name").fill("Nele Neu")
    form.get_by_label("First password").fill(PASSWORD)
    form.get_by_role("button", name="Add person").click()  # no role is ticked
    assert page.evaluate("!document.querySelector('#add-person').checkValidity()")
    form.get_by_label("Creator").check()
    form.get_by_role("button", name="Add person").click()
    admin.see("#page-said .hm-good:has-text('Added')")
    row = page.locator("#admin-people summary", has_text="Nele Neu")
    row.first.click()
    shuts_nobody_out(admin)
    assert "Waits for legal" in row.inner_text()
    assert page.locator("#add-person input[type=password]").input_value() == ""

    legal = desk("legal")
    legal.open("compliance")
    shuts_nobody_out(legal)
    legal.page.locator("#waiting label", has_text="Nele Neu").click()
    legal.page.click("#approve")
    legal.see("#compliance-notice .hm-good:has-text('Approved')")
    assert desk("creator", "Nele Neu").page.url.endswith("/console/")

    admin.open("admin-people")
    row = page.locator("#admin-people .hm-fold", has_text="Nele Neu").first
    row.locator("summary").first.click()
    row.get_by_text("End this account").click()
    row.get_by_role("button", name="End the account").click()
    admin.see("#page-said .hm-good:has-text('Nele Neu is out')")

    admin.open("admin-keys")
    form = page.locator("#make-key")
    form.get_by_label("Name of the key").fill("Web shop")
    form.get_by_label("Read the audit log").check()
    form.get_by_role("button", name="Make key").click()
    secret = admin.see("#make-key .hm-address").inner_text()
    headers = {"Authorization": f"Bearer {secret}"}
    asked = f"{admin.base_url}/v1/audit/verify"
    assert httpx.get(asked, headers=headers).status_code == 200
    row = page.locator("#admin-keys .hm-fold", has_text="Web shop").first
    row.locator("summary").first.click()
    shuts_nobody_out(admin)
    row.locator(".hm-fold summary").click()
    row.get_by_role("button", name="Revoke this key").click()
    admin.see("#page-said .hm-good:has-text('revoked')")
    assert httpx.get(asked, headers=headers).status_code == 401
    page.reload()
    admin.see("#admin-keys .hm-part")
    assert secret not in page.content()


def test_the_engines_are_shown_and_break_glass_opens_one_persons_photos(
    desk: Any, client: httpx.Client
) -> None:
    enrolled = enrol(client, samples()[0])
    admin = desk("admin")
    page = admin.page
    admin.open("admin-engines")
    assert "mannequin" in admin.see("#admin-engines [data-pack]").inner_text()
    assert "Ready" in admin.see("#admin-engines .hm-table").inner_text()
    admin.open("admin-glass")
    form = page.locator("#break-glass")
    form.get_by_label("Id of the model").fill(enrolled)
    form.get_by_label("Reason").fill("A court asks")
    form.get_by_role("button", name="Break the glass").click()
    link = admin.see("#admin-glass a:has-text('Close-up')")
    photo = page.request.get(admin.base_url + link.get_attribute("href"))
    assert photo.status == 200 and photo.headers["content-type"] == "image/jpeg"
    legal = desk("legal")
    legal.open("compliance")
    assert "A court asks" in legal.see("#glass-log table").inner_text()
    legal.page.locator("#glass-log").get_by_role("button", name="Close").first.click()
    legal.see("#page-said .hm-good:has-text('Closed')")
    page.reload()
    admin.see("#admin-glass .hm-badge:has-text('Closed')")
    assert page.request.get(admin.base_url + link_of(enrolled)).status == 403


def test_a_model_is_paused_renewed_and_published_and_revoking_lists_what_to_take_down(
    desk: Any, client: httpx.Client
) -> None:
    enrolled = enrol(client, samples()[1])
    sent = {"tool": "editorial", "prompt": "$model in a park", "model_id": enrolled, "seed": 7}
    made = client.post("/v1/generations", json=sent).json()
    done = wait_for(client, made["status_url"])
    image = done["images"][0]["id"]

    reviewer = desk("reviewer")
    reviewer.open(f"review?image={image}")
    form = reviewer.page.locator("#publish")
    form.get_by_label("Found at").fill("shop.test/anna")
    form.get_by_role("button", name="Report publication").click()
    reviewer.see("#review-picture li:has-text('shop.test/anna')")
    shuts_nobody_out(reviewer)

    legal = desk("legal")
    page = legal.page
    legal.open(f"models?model={enrolled}")
    legal.see("#model-detail h2:has-text('Anna Zwei')")
    assert legal.loaded("#model-detail .hm-photos img") and legal.see(".hm-chart")
    shuts_nobody_out(legal)
    page.get_by_role("button", name="Suspend").click()
    legal.see("#model-detail .hm-badge:has-text('Suspended')")
    assert client.post("/v1/generations", json=sent).status_code == 403
    page.get_by_role("button", name="Resume").click()
    legal.see("#model-detail .hm-badge:has-text('Ready')")

    page.get_by_text("Renew the consent").click()
    legal.see("#renew-ticks input")
    assert page.locator("#renew").is_disabled()
    for box in page.locator("#renew-ticks input[type=checkbox]").all():
        box.check()
    page.locator("#renew-until input, #renew-until textarea").fill("2029-06-30")
    legal.see("#renew:not([disabled])").click()
    legal.see("#models-notice .hm-good:has-text('Version 2')")

    assert "1 image" in legal.see("#revoke-effects").inner_text()
    assert "1 publication" in legal.see("#revoke-effects").inner_text()
    page.locator("#revoke-name input, #revoke-name textarea").press_sequentially("Anna Zwei")
    legal.see("#revoke:not([disabled])").click()
    legal.see("#models-notice a[download]", slow=True)
    assert "shop.test/anna" in legal.see("#models-notice .hm-warn").inner_text()


def test_each_role_has_only_its_pages(desk: Any) -> None:
    for role in ROLES:
        someone = desk(role)
        scopes = set(someone.page.request.get(f"{someone.base_url}/v1/account").json()["scopes"])
        someone.open("verify")
        shown = someone.page.locator("#hm-pages a").all_inner_texts()
        expected = [p.name for p in PLACES if p.in_bar and (not p.needs or p.needs & scopes)]
        assert shown == expected, role


def shuts_nobody_out(someone: Visitor) -> None:
    """A filled page has no serious finding of axe's."""
    assert found(someone.page, LIGHT) == []


def link_of(model_id: str) -> str:
    return f"/v1/models/{model_id}/photos/close_up"


def wait_for(client: httpx.Client, url: str) -> Any:
    """Poll a generation to its end."""
    for _ in range(600):
        found = client.get(url).json()
        if found["status"] not in {"queued", "running"}:
            return found
        time.sleep(0.1)
    raise AssertionError("the generation does not end")
