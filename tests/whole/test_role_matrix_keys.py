"""The role matrix for services: an API key of every single scope, on every route."""

from __future__ import annotations

from serve.callers.scopes import SCOPES
from tests.service import Service
from tests.test_role_matrix import by_key, let_in_wrongly


def test_a_key_gets_through_exactly_where_its_scope_does(service: Service) -> None:
    place = service.other("keys-of-every-scope").id
    keys = [by_key(service, place, frozenset({one}), f"key {one}") for one in sorted(SCOPES)]
    assert not let_in_wrongly(service, keys)
