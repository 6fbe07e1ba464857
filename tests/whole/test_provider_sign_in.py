"""Sign-in through a real OpenID Connect provider, which runs in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient

from compliance import audit
from serve.api.provider import COOKIE, PER_MINUTE
from serve.callers import people, provided
from serve.callers.pace import Pace
from serve.callers.provided import ProviderRules
from serve.callers.provider import Provider
from serve.callers.ways_in import CALLBACK, Client, WaysIn
from tests.homes import NOW, ROOT_KEY
from tests.provider import CLIENT, SECRET, running_provider
from tests.service import Service, new_client, open_service
from workspace.errors import NotFound, Refused
from workspace.registry import Registry
from workspace.root import OneKey
from workspace.rotation import seal_again

pytestmark = pytest.mark.whole
ROLES = {"creators": ("creator",), "lawyers": ("legal",), "auditors": ("auditor",)}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with running_provider(f"http://testserver{CALLBACK}") as found:
        yield found


def ask(url: str, be: str) -> httpx.Response:
    """What a browser does at the provider: somebody signs in there, and is sent back."""
    return httpx.get(f"{url}&{urlencode({'be': be})}", trust_env=False)


@dataclass
class House:
    """A service whose people come through the provider."""

    service: Service
    issuer: str

    def change(self, rules: dict[str, Any] | None = None, **client: Any) -> None:
        """Configure it anew."""
        services = self.service.services
        ours = Client(
            issuer=self.issuer,
            client_id=CLIENT,
            client_secret=SECRET,
            redirect_uri=f"http://testserver{CALLBACK}",
            scopes=("openid", "email"),
            hosts=frozenset({urlsplit(self.issuer).netloc}),
            ca_file=None,
        )
        ours = replace(ours, **client)
        told = ProviderRules(ours.issuer, "atelier", ROLES, **(rules or {}))
        ways = WaysIn(False, "House <ID>", ours, told)
        self.service.app.state.services = replace(services, ways_in=ways, provider=Provider(ours))

    def begin(self, browser: TestClient, be: str) -> str:
        """Go to the provider and come back with its answer: the address of our own page."""
        begun = browser.get("/sign-in/provider?next=/console/models")
        assert begun.status_code == 303, begun.text
        answer = ask(begun.headers["location"], be)
        assert answer.status_code == 302, answer.text
        there = urlsplit(answer.headers["location"])
        return f"{there.path}?{there.query}"

    def enter(self, be: str, browser: TestClient | None = None) -> Any:
        """Sign in as somebody; the last page."""
        browser = browser or new_client(self.service.app, {})
        return browser.get(self.begin(browser, be))

    def known(self) -> list[people.Person]:
        found = people.people(self.service.services.registry, self.service.workspace.id)
        return [person for person in found if person.by == "provider"]

    def actions(self) -> list[str]:
        return [entry.action for entry in audit.entries(self.service.store, 0, 1000)]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, encoder: Any) -> Iterator[Service]:
    with open_service(tmp_path_factory.mktemp("house") / "home", encoder, start=False) as service:
        yield service


@pytest.fixture
def house(opened: Service, issuer: str) -> Iterator[House]:
    """A house whose people come through the provider, and that nobody has entered yet."""
    made, state = House(opened, issuer), opened.app.state
    made.change()
    state.provider_pace = Pace(10**6, timedelta(minutes=1))
    yield made
    state.services = opened.services
    registry = opened.services.registry
    registry.set_networks(opened.workspace.id, [])
    for table in ("people", "sessions"):
        registry.control.execute(f"DELETE FROM {table}")


def test_somebody_whose_role_opens_nothing_comes_in_at_once(house: House) -> None:
    browser = new_client(house.service.app, {})
    page = house.enter("audrey", browser)
    assert page.status_code == 200 and 'content="0;url=/console/models"' in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    session = page.headers["set-cookie"]
    assert "HttpOnly" in session and "SameSite=strict" in session and COOKIE not in browser.cookies
    account = browser.get("/v1/account").json()
    assert (account["name"], account["roles"]) == ("audrey@house.example", ["auditor"])
    assert browser.get("/v1/models").status_code == 403
    assert house.actions()[-2:] == ["person.added", "sign_in.ok"]
    words = str([*audit.entries(house.service.store, 0, 1000)])
    assert "audrey" not in words and "sub-" not in words


def test_who_would_see_likenesses_waits_for_legal(house: House) -> None:
    refused = house.enter("ines")
    assert refused.status_code == 403 and "confirm it first" in refused.text
    (ines,) = house.known()
    assert (ines.status, ines.roles) == ("awaiting_confirmation", ("creator",))
    registry, of = house.service.services.registry, house.service.workspace.id
    people.confirm(registry, of, ines.id, "per_legal", ["creator"])
    browser = new_client(house.service.app, {})
    assert house.enter("ines", browser).status_code == 200
    assert browser.get("/v1/models").status_code == 200
    assert [person.id for person in house.known()] == [ines.id]


def test_nobody_is_admin_or_legal_by_the_name_of_a_group(house: House) -> None:
    refused = house.enter("tom")  # in groups called `admin` and `legal`, which no line names
    assert refused.status_code == 403 and "None of your groups" in refused.text
    assert not house.known() and house.actions()[-1] == "sign_in.refused"
    for groups in (None, "lawyers ", {"lawyers": 1}, [["lawyers"]], 7, ["LAWYERS"]):
        claims = {"sub": "x", "groups": groups}
        assert house.enter(json.dumps(claims)).status_code == 403


def test_the_word_of_the_provider_is_enough_where_that_is_configured(house: House) -> None:
    house.change({"confirm": False})
    browser = new_client(house.service.app, {})
    assert house.enter("lea", browser).status_code == 200
    assert browser.get("/v1/account").json()["roles"] == ["legal"]


def test_roles_follow_the_groups(house: House) -> None:
    person = {"sub": "moves", "email": "m@house.example"}
    browser = new_client(house.service.app, {})
    assert house.enter(json.dumps({**person, "groups": ["auditors"]}), browser).status_code == 200
    more = json.dumps({**person, "groups": ["auditors", "creators"]})
    assert house.enter(more).status_code == 403  # more rights wait
    assert browser.get("/v1/account").status_code == 401  # and end what there was
    registry, of = house.service.services.registry, house.service.workspace.id
    people.confirm(registry, of, house.known()[0].id, "per_legal")
    assert house.enter(more, browser).status_code == 200
    fewer = json.dumps({**person, "groups": "creators"})
    assert house.enter(fewer).status_code == 200  # fewer count at once
    assert browser.get("/v1/account").status_code == 401
    house.enter(fewer, browser)
    assert house.enter(json.dumps(person)).status_code == 403
    assert browser.get("/v1/account").status_code == 401
    assert len(house.known()) == 1


def test_who_was_removed_stays_out_until_readmitted(house: House) -> None:
    browser = new_client(house.service.app, {})
    house.enter("audrey", browser)
    (audrey,) = house.known()
    registry, of = house.service.services.registry, house.service.workspace.id
    people.remove(registry, of, audrey.id, house.service.services.now())
    assert browser.get("/v1/account").status_code == 401
    refused = house.enter("audrey")
    assert refused.status_code == 403 and "was removed" in refused.text
    with pytest.raises(NotFound):
        provided.readmit(registry, of, "per_other")
    provided.readmit(registry, of, audrey.id)
    assert house.enter("audrey").status_code == 200
    assert [person.status for person in house.known()] == ["removed", "active"]
    assert registry.verify().intact


def test_a_local_account_of_the_same_name_is_somebody_else(house: House) -> None:
    registry, of = house.service.services.registry, house.service.workspace.id
    words = "correct horse battery"
    now = house.service.services.now()
    local = people.add(registry, of, "audrey@house.example", ["legal"], words, now)
    browser = new_client(house.service.app, {})
    house.enter("audrey", browser)
    account = browser.get("/v1/account").json()
    assert account["roles"] == ["auditor"] and not account["actor"].startswith(local.id)
    own = {"X-Housemodel-Console": "1"}
    change = {"old": words, "new": words + "!"}
    assert browser.post("/v1/account/password", json=change, headers=own).status_code == 403
    admin = house.service.client_of(scopes=frozenset({"admin"}))
    (provided_one,) = house.known()
    patch = admin.patch(f"/v1/admin/people/{provided_one.id}", json={"roles": ["admin"]})
    assert patch.status_code == 409
    as_local = {"name": "audrey@house.example", "password": words}
    off = new_client(house.service.app, {}).post("/sign-in", json=as_local)
    assert off.status_code == 403 and "switched off" in off.json()["detail"]


def test_the_sign_in_page_offers_what_there_is(house: House) -> None:
    page = new_client(house.service.app, {}).get("/sign-in?next=/console/models").text
    assert "Sign in with House &lt;ID&gt;" in page and 'autocomplete="username"' not in page
    assert 'href="/sign-in/provider?next=%2Fconsole%2Fmodels"' in page and "One-time code" in page
    house.service.app.state.services = house.service.services
    client = new_client(house.service.app, {})
    assert "Sign in with <" not in client.get("/sign-in").text
    assert client.get("/sign-in/provider").status_code == 404
    assert client.get(f"{CALLBACK}?code=a&state=b").status_code == 404


def test_an_answer_counts_only_in_the_browser_that_asked_and_only_once(house: House) -> None:
    mine, theirs = new_client(house.service.app, {}), new_client(house.service.app, {})
    here = house.begin(mine, "audrey")
    their_own = house.begin(theirs, "audrey")
    assert theirs.get(here).status_code == 401  # their cookie is for another state
    for _ in range(2):  # a link that somebody sends them ends nothing
        assert theirs.get(f"{CALLBACK}?state=x&error=y").status_code == 401
    assert theirs.get(their_own).status_code == 200 and COOKIE not in theirs.cookies
    assert new_client(house.service.app, {}).get(here).status_code == 401
    cookie = mine.cookies[COOKIE]
    assert mine.get(here).status_code == 200
    mine.cookies.set(COOKIE, cookie, path="/sign-in/provider")
    again = mine.get(here)  # the provider takes a code once
    assert again.status_code == 401 and "did not accept" in again.text
    forged = house.begin(mine, "audrey").replace("state=", "state=x")
    assert mine.get(forged).status_code == 401
    assert mine.get(CALLBACK).status_code == 401


def test_cancel_at_the_provider_or_a_wrong_issuer_signs_nobody_in(house: House) -> None:
    browser = new_client(house.service.app, {})
    here = house.begin(browser, "nobody")
    page = browser.get(here)
    assert page.status_code == 401 and "did not let you in" in page.text
    here = house.begin(browser, "audrey")
    assert browser.get(here + "&iss=https%3A%2F%2Fevil.example").status_code == 401
    here = house.begin(browser, "audrey")
    assert browser.get(f"{here}&iss={house.issuer}").status_code == 200


def test_pkce_and_nonce_bind_the_code_to_this_sign_in(house: House) -> None:
    provider = house.service.app.state.services.provider
    (url, first), (_, second) = provider.begin(), provider.begin()
    asked = parse_qs(urlsplit(url).query)
    assert asked["code_challenge_method"] == ["S256"] and asked["response_type"] == ["code"]
    assert len({first.state, first.nonce, first.verifier, second.nonce}) == 4

    def code() -> str:
        back = urlsplit(ask(url, "audrey").headers["location"])
        return parse_qs(back.query)["code"][0]

    now = house.service.services.now()
    for wrong in (
        replace(first, verifier=second.verifier),
        replace(first, nonce=second.nonce),
    ):
        with pytest.raises(Exception, match="start it again"):
            provider.finish(code(), None, wrong, now)
    assert provider.finish(code(), None, first, now)["sub"] == "sub-audrey"


def test_new_keys_of_the_provider_are_fetched(house: House) -> None:
    assert house.enter("audrey").status_code == 200
    httpx.post(f"{house.issuer}/new-keys", trust_env=False).raise_for_status()
    assert house.enter("audrey").status_code == 401  # keys are asked for once a minute at most
    provider = house.service.app.state.services.provider
    provider._keys_at -= 61
    assert house.enter("audrey").status_code == 200


def test_a_sign_in_obeys_the_networks_of_the_workspace(house: House) -> None:
    registry, of = house.service.services.registry, house.service.workspace.id
    registry.set_networks(of, ["10.0.0.0/8"])
    browser = new_client(house.service.app, {})
    refused = house.enter("audrey", browser)
    assert refused.status_code == 403 and "hm_session" not in browser.cookies
    assert not [*registry.control.query("SELECT * FROM sessions")]


def test_a_provider_that_is_silent_or_another_one_is_503(house: House) -> None:
    for change in (
        {"issuer": "http://127.0.0.1:9"},  # nobody listens there
        {"issuer": house.issuer + "/"},  # calls itself by another name
        {"hosts": frozenset({"id.example:443"})},  # is at a host that nobody allowed
        {"hosts": frozenset({"127.0.0.1:80"})},  # is another service of a host
        {"client_secret": "wrong"},
    ):
        house.change(None, **change)
        browser = new_client(house.service.app, {})
        if "client_secret" in change:
            assert house.enter("audrey", browser).status_code == 401
        else:
            page = browser.get("/sign-in/provider")
            assert page.status_code == 503 and page.headers["retry-after"]
            assert "location" not in page.headers


def test_one_address_may_begin_only_so_often(house: House) -> None:
    house.service.app.state.provider_pace = Pace(PER_MINUTE, timedelta(minutes=1))
    browser = new_client(house.service.app, {})
    found = [browser.get("/sign-in/provider").status_code for _ in range(PER_MINUTE + 1)]
    assert found == [303] * PER_MINUTE + [429]


def test_a_new_root_key_makes_nobody_a_stranger(tmp_path: Path) -> None:
    class Keys(OneKey):
        def candidates(self) -> list[bytes]:
            return [ROOT_KEY, b"n" * 32]

    rules = ProviderRules("https://id.example", "atelier", ROLES)
    audrey, tom = ({"sub": sub, "groups": ["auditors"]} for sub in ("audrey", "tom"))
    registry = Registry(tmp_path / "home", Keys(ROOT_KEY))
    of = registry.create("atelier", "pro", NOW).id
    before = [provided.enter(registry, rules, who, NOW) for who in (audrey, tom)]
    people.remove(registry, of, before[1].id, NOW)
    assert seal_again(registry, b"n" * 32)
    try:
        assert provided.enter(registry, rules, audrey, NOW) == before[0]
        with pytest.raises(Refused, match="was removed"):
            provided.enter(registry, rules, tom, NOW)
        provided.readmit(registry, of, before[1].id)
        assert provided.enter(registry, rules, tom, NOW).id != before[1].id
        assert registry.verify().intact
    finally:
        registry.close()
