"""Ways in without a real provider: order of locks, lost groups, names, passwords from outside."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compliance import audit
from serve.callers import people, signing_in
from serve.callers.provided import ProviderRules, enter
from serve.callers.provider import AT_ONCE, Begun, Provider
from serve.callers.throttle import PER_NAME, Throttle
from serve.callers.ways_in import Client
from tests.homes import NOW, ROOT_KEY
from workspace import sealing
from workspace.errors import RateLimited, Refused, Unauthenticated, Unavailable
from workspace.registry import Registry

ROLES = {"creators": ("creator",), "auditors": ("auditor",)}
RULES = ProviderRules("https://id.example", "atelier", ROLES)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    opened = Registry(Path(tmp_path_factory.mktemp("provided")) / "home", ROOT_KEY)
    opened.create("atelier", "pro", NOW)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "PASSWORD_MEMORY_KIB", 64)


@pytest.fixture
def registry(house: Registry) -> Iterator[Registry]:
    """The registry with nobody in it."""
    yield house
    for table in ("people", "sessions"):
        house.control.execute(f"DELETE FROM {table}")


def of_groups(*groups: str, **more: Any) -> dict[str, Any]:
    return {"sub": "s-1", "groups": list(groups), **more}


class First:
    """The registry's lock, which has to be the first that a thread takes."""

    def __init__(self, registry: Registry) -> None:
        self._lock: Any = threading.RLock()
        store = registry.store(registry.ids()[0])
        self._later: list[Any] = [registry.control.lock, store.db.lock]
        self.taken = 0

    def __enter__(self) -> None:
        if not self._lock._is_owned():
            assert not any(lock._is_owned() for lock in self._later)
        self.taken += 1
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_a_sign_in_takes_the_registrys_lock_before_any_other(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = First(registry)
    monkeypatch.setattr(registry, "opening", first)
    signing_in.with_provider(registry, RULES, of_groups("auditors"), "a", NOW, 1)
    for groups in (("auditors", "creators"), ()):  # more roles, then none
        with pytest.raises(Refused):
            signing_in.with_provider(registry, RULES, of_groups(*groups), "a", NOW, 1)
    assert first.taken >= 4


def test_who_was_in_no_group_waits_again_with_the_rights_of_before(registry: Registry) -> None:
    (of,) = registry.ids()
    trusting = replace(RULES, confirm=False)
    ines = enter(registry, trusting, of_groups("creators"), NOW)
    for rules, lets_in in ((trusting, True), (RULES, False)):
        with pytest.raises(Refused, match="None of your groups"):
            enter(registry, rules, of_groups(), NOW)
        if lets_in:
            assert enter(registry, rules, of_groups("creators"), NOW).id == ines.id
        else:
            with pytest.raises(Refused, match="confirm it first"):
                enter(registry, rules, of_groups("creators"), NOW)
    people.confirm(registry, of, ines.id, "per_legal", ["creator"])
    assert enter(registry, RULES, of_groups("creators"), NOW).id == ines.id


def test_an_address_counts_as_a_name_only_once_it_is_verified(registry: Registry) -> None:
    lea = "lea@house.example"
    for number, said in enumerate((None, False, "true", 1, True)):
        claims = {"sub": f"s-{number}", "groups": ["auditors"], "email": lea}
        shown = enter(registry, RULES, claims | {"email_verified": said}, NOW).name
        assert shown == (lea if said is True else f"provider: s-{number}")


def test_a_name_that_somebody_has_is_marked(registry: Registry) -> None:
    (of,) = registry.ids()
    people.add(registry, of, "Léa Roche", ["auditor"], "correct horse battery", NOW)
    rules = replace(RULES, name_claim="name")
    for number, name in enumerate(("L\u00c9A  ROCHE", "Tom", "tom ")):
        claims = {"sub": f"s-{number}", "groups": ["auditors"], "name": name}
        marked = "" if name == "Tom" else f" (provider: s-{number})"
        assert enter(registry, rules, claims, NOW).name == name.strip() + marked
    long = {"sub": "x" * 200, "groups": ["auditors"], "name": "Tom"}
    assert enter(registry, rules, long, NOW).name.startswith("Tom (provider: xxx")


def test_a_right_password_from_outside_of_the_networks_is_a_wrong_one(registry: Registry) -> None:
    (of,) = registry.ids()
    words, throttle, said = "correct horse battery", Throttle(), []
    people.add(registry, of, "ines", ["creator"], words, NOW)

    def guess(name: str, address: str = "192.0.2.7") -> str:
        return signing_in.with_password(registry, throttle, name, words, None, address, NOW, 1)

    registry.set_networks(of, ["10.0.0.0/8"])
    try:
        for name in ("somebody", *["ines"] * PER_NAME):
            with pytest.raises(Unauthenticated) as wrong:
                guess(name)
            said.append((wrong.value.code, wrong.value.detail))
        with pytest.raises(RateLimited):  # and each counts
            guess("ines")
        refused = [*audit.entries(registry.store(of), 0, 1000)][-PER_NAME:]
        assert {entry.action for entry in refused} == {"sign_in.refused"} and len({*said}) == 1
        assert not [*registry.control.query("SELECT * FROM sessions")]
        throttle = Throttle()
        assert guess("ines", "10.1.2.3")
    finally:
        registry.set_networks(of, [])


@pytest.fixture
def provider() -> Provider:
    """One whose document was read a moment ago, so that nothing is asked."""
    hosts = frozenset({"id.example:443"})
    ours = Client(RULES.issuer, "us", "", "https://us.example/back", ("openid",), hosts, None)
    made = Provider(ours, clock=lambda: 0.0)
    made._document, made._document_at = {"issuer": RULES.issuer}, 0.0
    return made


def test_only_so_many_sign_ins_are_finished_at_once(provider: Provider) -> None:
    begun = Begun("s", "n", "v")
    for _ in range(AT_ONCE + 1):  # each gives its place back
        with pytest.raises(Unauthenticated):
            provider.finish("code", "https://evil.example", begun, NOW)
    for _ in range(AT_ONCE):
        provider._exchanges.acquire()
    with pytest.raises(Unavailable) as busy:
        provider.finish("code", "https://evil.example", begun, NOW)
    assert busy.value.retry_after_seconds == 5


def test_another_port_of_a_host_is_another_service(provider: Provider) -> None:
    assert provider._check("https://id.example/keys") and provider._check("https://ID.example:443/")
    for url in ("https://id.example:8443/keys", "http://id.example/keys", "https://id.example:80/"):
        with pytest.raises(Unavailable):
            provider._check(url)
