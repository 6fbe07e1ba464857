"""An appliance that starts locked opens nothing, until somebody hands over the right secret."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from serve.__main__ import main
from serve.api.unlock import UnlockRequest
from serve.callers.throttle import PER_NAME
from serve.callers.ways_in import WaysIn
from serve.locked import MOST_WAITING, LockableSite
from serve.services import Services
from serve.web import build_app
from tests.homes import NOW
from workspace import envelope
from workspace.errors import ApplianceLocked, Fault, HousemodelError, RateLimited
from workspace.registry import Registry
from workspace.unseal import KeySource, Unseal

WORDS = "seven green parrots on a wire"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that a passphrase unseals, with one workspace."""
    monkeypatch.setattr(envelope, "_MEMORY_KIB", 8 * 1024)
    monkeypatch.setattr(envelope, "_PASSES", 1)
    source = KeySource(Unseal("passphrase", tmp_path / "home", tmp_path / "none"))
    source.give_passphrase(WORDS)
    registry = Registry(tmp_path / "home", source)
    registry.create("atelier", "pro", NOW)
    registry.close()
    return tmp_path / "home"


class _Dispatcher:
    started = stopped = 0

    def start(self) -> None:
        self.started += 1

    def stop(self) -> None:
        self.stopped += 1


class _Services:
    """As much of the services as the application needs to start and to say whether it is ready."""

    max_upload_bytes = 1 << 20
    ways_in = WaysIn()

    def __init__(self, registry: Registry) -> None:
        self.registry, self.dispatcher = registry, _Dispatcher()


@pytest.fixture
def site(home: Path) -> Iterator[LockableSite]:
    source = KeySource(Unseal("passphrase", home, home / "none"))

    def open_home(opened: KeySource) -> Services:
        return _Services(Registry(home, opened))  # type: ignore[return-value]

    def build(services: Services) -> FastAPI:
        app = build_app(services)
        app.add_api_route("/opened", lambda: "yes")
        return app

    site = LockableSite(source, open_home, build)
    yield site
    if site.services is not None:
        site.services.registry.close()


def test_while_it_is_locked_it_lives_and_answers_nothing_else(site: LockableSite) -> None:
    with TestClient(site) as client:
        assert client.get("/healthz").text == "ok"
        for method, path in (("GET", "/readyz"), ("GET", "/v1/models"), ("POST", "/sign-in")):
            answer = client.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (503, "locked"), path
            assert "housemodel unlock" in answer.json()["remedy"]
        page = client.get("/console/", headers={"accept": "text/html"})
        assert page.status_code == 503 and "<h1>housemodel is locked</h1>" in page.text
        assert page.headers["x-frame-options"] == "DENY"
    assert site.services is None


def test_the_right_words_open_it_and_the_wrong_ones_do_not(site: LockableSite) -> None:
    with TestClient(site) as client:
        wrong = client.post("/unlock", json={"passphrase": "seven green parrots"})
        assert (wrong.status_code, wrong.json()["code"]) == (503, "locked")
        assert "parrots" not in wrong.text
        for body in ({}, {"passphrase": "a", "unseal_key": "b"}, {"unseal_key": "b"}, {"x": 1}):
            assert client.post("/unlock", json=body).status_code == 422
        assert client.post("/unlock", json={"passphrase": WORDS}).json() == {"status": "unlocked"}
        assert client.get("/opened").json() == "yes"
        assert client.post("/unlock", json={"passphrase": "x"}).status_code == 200  # nothing to do
        dispatcher = site.services.dispatcher
        assert dispatcher.started == 1
    assert dispatcher.stopped == 1


def test_the_unseal_key_itself_opens_it_too(site: LockableSite, home: Path) -> None:
    known = KeySource(Unseal("passphrase", home, home / "none"))
    known.give_passphrase(WORDS)
    with TestClient(site) as client:
        assert client.post("/unlock", json={"unseal_key": "00" * 32}).status_code == 503
        assert client.post("/unlock", json={"unseal_key": known.secret.hex()}).status_code == 200


def test_guesses_are_throttled_by_address(site: LockableSite) -> None:
    with TestClient(site) as client:
        for _ in range(PER_NAME):
            assert client.post("/unlock", json={"unseal_key": "11" * 32}).status_code == 503
        answer = client.post("/unlock", json={"passphrase": WORDS})
        assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0


def test_a_burst_tries_few_secrets_and_does_not_keep_the_operator_out(site, monkeypatch) -> None:
    tried: list[str] = []

    def slow(passphrase: str | None, key: bytes | None) -> None:
        tried.append(str(passphrase))
        time.sleep(0.01)
        if passphrase != WORDS:
            raise ApplianceLocked()

    monkeypatch.setattr(site, "_give", slow)
    monkeypatch.setattr(site, "_open_home", lambda source: (_ for _ in ()).throw(Fault("stop")))

    async def ask(words: str, address: str) -> str:
        try:
            await site.unlock(UnlockRequest(passphrase=words), address)
        except HousemodelError as error:
            return error.code
        return "unlocked"

    async def burst() -> tuple[list[str], str]:
        crowd = [asyncio.create_task(ask("wrong", f"10.0.0.{n % 60}")) for n in range(200)]
        await asyncio.sleep(0)
        operator = await ask(WORDS, "127.0.0.1")
        return list(await asyncio.gather(*crowd)), operator

    answers, operator = asyncio.run(burst())
    assert operator == "internal"  # its turn came; this site opens nothing
    assert tried.count("wrong") == answers.count("locked") == MOST_WAITING
    assert set(answers) == {"locked", "rate_limited"}


def test_those_who_wait_are_counted_before_their_turn(site, monkeypatch) -> None:
    monkeypatch.setattr(site, "_give", lambda *_: (_ for _ in ()).throw(ApplianceLocked()))

    async def ask() -> None:
        async with site._one:
            waits = asyncio.create_task(site.unlock(UnlockRequest(passphrase="wrong"), "10.0.0.1"))
            await asyncio.sleep(0)
            for _ in range(PER_NAME):
                site._throttle.failed("unlock elsewhere", "10.0.0.2", datetime.now(UTC))
        await waits

    with pytest.raises(RateLimited):
        asyncio.run(ask())


def test_many_addresses_have_the_guesses_of_one_and_the_machine_its_own(site, monkeypatch) -> None:
    monkeypatch.setattr(site, "_give", lambda *_: (_ for _ in ()).throw(ApplianceLocked()))

    async def ask(address: str) -> str:
        with pytest.raises(HousemodelError) as refused:
            await site.unlock(UnlockRequest(passphrase="wrong"), address)
        return refused.value.code

    async def ask_all() -> list[str]:
        return [await ask(f"10.0.1.{n}") for n in range(PER_NAME + 2)] + [await ask("127.0.0.1")]

    codes = asyncio.run(ask_all())
    assert codes == ["locked"] * PER_NAME + ["rate_limited"] * 2 + ["locked"]


class _Post:
    """Answers in the place of the appliance, and remembers how it was asked."""

    def __init__(self, body: object) -> None:
        self.body, self.asked = body, dict[str, object]()

    def __call__(self, url: str, **how: object) -> httpx.Response:
        self.asked = how
        return httpx.Response(200, json=self.body)


def test_the_command_takes_no_proxy_and_believes_only_an_appliance(
    home: Path, monkeypatch, tmp_path: Path, capsys
) -> None:
    words = tmp_path / "words"
    words.touch(mode=0o600)
    words.write_text(WORDS)
    monkeypatch.setenv("HOUSEMODEL_UNSEAL", "passphrase")
    monkeypatch.setenv("HOUSEMODEL_PASSPHRASE_FILE", str(words))
    for body, status in (({"status": "unlocked"}, 0), ({"status": "ok"}, 1), ([], 1)):
        post = _Post(body)
        monkeypatch.setattr(httpx, "post", post)
        assert main(["unlock", "--home", str(home)]) == status
        assert post.asked["trust_env"] is False
        assert post.asked["json"] == {"passphrase": WORDS}
    assert WORDS not in str(capsys.readouterr())
