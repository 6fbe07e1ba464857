"""Accounts by the word of a provider, without one: the order of locks, lost groups, shown names."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from serve.callers import people, signing_in
from serve.callers.provided import ProviderRules, enter
from tests.homes import NOW, ROOT_KEY
from workspace import sealing
from workspace.errors import Refused
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
    monkeypatch.setattr(registry, "_lock", first)
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
