"""A begun enrolment: its owner's alone, sealed, never overwritten unseen, gone when its time is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from compliance import audit
from compliance.retention import RetentionRules
from serve.custody import drafts
from serve.work.upkeep import Upkeep
from tests.service import Service, new_client
from workspace.errors import Conflict, NotFound
from workspace.store import WorkspaceStore
from workspace.types import Caller, WorkspaceId

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
RULES = RetentionRules(draft_hours=24)
ANNA = Caller(WorkspaceId("ws_1"), "per_anna", frozenset({"models:write"}))
BEN = Caller(WorkspaceId("ws_1"), "per_ben", frozenset({"models:write", "admin", "audit:read"}))
CANARY = b"JPEG of Quirina Canary" * 400


def begun(store: WorkspaceStore, who: Caller = ANNA, now: datetime = NOW) -> drafts.Draft:
    """A draft with a name and one photo."""
    draft = drafts.save(store, who, ("", 0), {"step": 2, "name": "Quirina"}, RULES, now)
    file = (CANARY, "image/jpeg", "quirina.heic")
    return drafts.keep(store, who, draft.id, "full_body", file, RULES, now)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_draft_is_opened_by_whoever_began_it_and_by_nobody_else(store):
    begun(store)
    found = drafts.find(store, ANNA, NOW)
    assert found is not None and found.entered["name"] == "Quirina"
    assert [(file.kind, file.name) for file in found.files] == [("full_body", "quirina.heic")]
    assert drafts.open_file(store, ANNA, "full_body", NOW) == (CANARY, "image/jpeg")
    assert drafts.find(store, BEN, NOW) is None  # also with every scope that there is
    with pytest.raises(NotFound):
        drafts.open_file(store, BEN, "full_body", NOW)
    with pytest.raises(Conflict):
        drafts.keep(store, BEN, found.id, "close_up", (b"x", "image/jpeg", ""), RULES, NOW)


def test_nothing_of_a_draft_is_on_the_disk_in_clear(store):
    begun(store)
    store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for path in files(store.folder):
        content = path.read_bytes()
        assert b"Quirina" not in content and b"quirina" not in content, path.name
    assert b"uirina" not in str(audit.entries(store)).encode()


def test_an_old_page_neither_overwrites_nor_brings_back(store):
    first = begun(store)
    newer = drafts.save(store, ANNA, (first.id, 1), {"step": 3, "name": "Q"}, RULES, NOW)
    assert newer.revision == 2
    with pytest.raises(Conflict):
        drafts.save(store, ANNA, (first.id, 1), {"step": 1, "name": "old"}, RULES, NOW)
    with pytest.raises(Conflict):  # a second tab that knows of no draft
        drafts.save(store, ANNA, ("", 0), {"step": 1}, RULES, NOW)
    assert drafts.discard(store, ANNA, NOW)
    with pytest.raises(Conflict):
        drafts.save(store, ANNA, (first.id, 2), {"step": 1}, RULES, NOW)
    with pytest.raises(Conflict):
        drafts.keep(store, ANNA, first.id, "close_up", (b"x", "image/jpeg", ""), RULES, NOW)
    assert drafts.find(store, ANNA, NOW) is None


def test_discarding_destroys_keys_rows_and_files(store):
    draft = begun(store)
    [kept] = draft.files
    assert drafts.discard(store, ANNA, NOW)
    assert not drafts.discard(store, ANNA, NOW)
    left = store.db.execute(
        "SELECT COUNT(*) FROM object_keys WHERE object_id LIKE '%' || ? OR object_id LIKE '%' || ?",
        [draft.id, kept.asset],
    ).fetchone()[0]
    assert left == 0 and files(store.folder / "assets") == []
    last = audit.entries(store)[-1]
    assert (last.action, last.facts) == ("draft.destroyed", {"cause": "discarded"})


def test_another_photo_replaces_the_first_and_destroys_it(store):
    draft = begun(store)
    again = drafts.keep(
        store, ANNA, draft.id, "full_body", (b"other", "image/jpeg", ""), RULES, NOW
    )
    assert len(again.files) == 1 and again.files[0].asset != draft.files[0].asset
    assert drafts.open_file(store, ANNA, "full_body", NOW)[0] == b"other"
    assert len(files(store.folder / "assets")) == 1


def test_after_its_time_a_draft_is_not_opened_and_the_sweep_destroys_it(store, registry):
    draft = begun(store)
    assert draft.expires_at == NOW + timedelta(hours=24)
    later = NOW + timedelta(hours=23)
    drafts.save(store, ANNA, (draft.id, 1), {"step": 2, "name": "Quirina"}, RULES, later)
    assert drafts.find(store, ANNA, NOW + timedelta(hours=46)) is not None  # a change moves it
    end = NOW + timedelta(hours=47)
    assert drafts.find(store, ANNA, end) is None
    with pytest.raises(NotFound):
        drafts.open_file(store, ANNA, "full_body", end)
    Upkeep(RULES).of_store(registry, store, end)
    assert store.count("drafts") == 0 and files(store.folder / "assets") == []


def test_however_often_it_is_changed_a_draft_ends(store):
    draft, now = begun(store), NOW
    for revision in range(1, 9):
        now += timedelta(hours=20)
        drafts.save(store, ANNA, (draft.id, revision), {"step": 2}, RULES, now)
        drafts.keep(store, ANNA, draft.id, "close_up", (b"x", "image/jpeg", ""), RULES, now)
    found = drafts.find(store, ANNA, now)
    assert found is not None and found.expires_at == NOW + timedelta(days=7)
    end = NOW + timedelta(days=7)
    with pytest.raises(Conflict):
        drafts.save(store, ANNA, (draft.id, 9), {"step": 2}, RULES, end)
    assert drafts.sweep(store, end) == 1 and files(store.folder / "assets") == []


def test_who_begins_anew_after_the_time_destroys_what_was_left(store):
    old = begun(store)
    end = NOW + timedelta(hours=25)
    new = drafts.save(store, ANNA, ("", 0), {"step": 1}, RULES, end)
    assert new.id != old.id and new.files == ()
    assert store.count("drafts") == 1 and files(store.folder / "assets") == []


def test_where_nobody_can_be_enrolled_nothing_of_a_person_is_kept(service: Service):
    starter = service.client_of(service.other("drafts on starter", "starter"))
    answer = starter.put("/v1/drafts/enrolment", json={"entered": {"name": "Quirina"}})
    assert answer.json()["code"] == "plan_excludes_custom_models"
    read_only = service.client_of(scopes=frozenset({"models:read", "admin"}))
    assert read_only.get("/v1/drafts").status_code == 403
    assert new_client(service.app, {}).get("/v1/drafts").status_code == 401
