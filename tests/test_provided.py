"""Accounts by the word of a provider, without one: the order of locks, lost groups, shown names."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serve.callers import signing_in
from serve.callers.provided import ProviderRules
from tests.homes import NOW, ROOT_KEY
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
