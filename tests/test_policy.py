"""A workspace's policy: defaults, changes, refusals, and the trace that a change leaves."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from compliance import audit, policy
from compliance.policy import Policy
from tests.homes import open_store
from workspace.errors import InvalidRequest
from workspace.types import Caller

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path) as opened:
        yield opened


@pytest.fixture
def legal(store):
    return Caller(store.workspace.id, "per_legal", frozenset({"consents:write"}))


def test_a_workspace_without_a_policy_has_the_defaults(store):
    assert policy.read(store) == Policy()


def test_a_change_keeps_the_rest_and_is_audited_without_its_words(store, legal):
    policy.change(store, {"two_person": True, "territories": ["US-NY"]}, legal, NOW)
    after = policy.change(
        store, {"label": "none", "label_reason": "internal moodboard"}, legal, NOW
    )
    assert after == policy.read(store)
    assert (after.two_person, after.territories, after.label) == (True, ("US-NY",), "none")
    entries = audit.entries(store)
    assert [entry.action for entry in entries] == ["policy.changed", "policy.changed"]
    assert entries[1].facts["changed"] == "label label_reason"
    assert "moodboard" not in str(entries)


@pytest.mark.parametrize(
    "wrong",
    [
        {"results_days": -1},
        {"results_days": True},
        {"territories": []},
        {"territories": ["Atlantis"]},
        {"label": "none"},
        {"label": "blue"},
        {"purpose": "revenge"},
        {"channel": "smoke signals"},
        {"retention_url": "http://example.com"},
        {"retention_url": "https://[x"},
        {"two_person": "yes"},
        {"three_person": True},
    ],
)
def test_what_makes_no_sense_is_refused_with_a_pointer_and_nothing_changes(store, legal, wrong):
    with pytest.raises(InvalidRequest) as caught:
        policy.change(store, wrong, legal, NOW)
    assert caught.value.pointer.startswith("/")
    assert policy.read(store) == Policy()
    assert audit.entries(store) == []
