"""A person gets a copy of everything; the data protection officer a document to start from."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from compliance import audit, policy, records
from compliance.retention import RetentionRules
from serve.custody import withdrawal
from serve.subjects import subject_export
from tests.homes import NOW, caller, open_store
from tests.service import Service
from tests.test_retention import person, picture
from workspace.errors import NotFound, PayloadTooLarge
from workspace.store import WorkspaceStore

RULES = RetentionRules()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WorkspaceStore]:
    with open_store(tmp_path / "home") as opened:
        yield opened


def export(store: WorkspaceStore, model_id: str, images: bool = False) -> zipfile.ZipFile:
    content = subject_export.build(store, model_id, RULES, caller(store), NOW, images)  # type: ignore[arg-type]
    return zipfile.ZipFile(io.BytesIO(content))


def test_a_person_gets_everything_and_nothing_of_others(store) -> None:
    model_id, other = person(store), person(store)
    store.assets.put(b"%PDF-1.7 signed", "evidence", model_id, "application/pdf")
    store.assets.put(b"{}", "likeness", model_id, "application/json")
    image = picture(store, NOW)
    store.update("images", image, model_id=model_id)
    archive = export(store, model_id)
    names = set(archive.namelist())
    assert {"photos/close_up.jpg", "README.txt", "consents.json", "uses.json"} <= names
    assert archive.read("photos/close_up.jpg") == b"photo"
    (signed,) = [name for name in names if name.startswith("evidence/")]
    assert archive.read(signed).startswith(b"%PDF")
    about = json.loads(archive.read("about.json"))
    assert about["model"]["name"] == "Zebrafink" and about["face_measures"] is True
    assert about["retention"]["cause"] == "consent_ended" and about["damaged"] == []
    assert json.loads(archive.read("images.json"))[0]["id"] == image
    (given,) = json.loads(archive.read("consents.json"))
    assert given["terms"]["purposes"] and given["attestations"]
    logged = [json.loads(line) for line in archive.read("audit.jsonl").splitlines()]
    assert {entry["action"] for entry in logged} == {"consent.recorded", "subject.exported"}
    everything = b"".join(archive.read(name) for name in names)
    assert other.encode() not in everything


def test_it_is_audited_before_it_leaves_and_what_is_damaged_is_named(store) -> None:
    model_id = person(store)
    store.db.execute("UPDATE consents SET sealed = x'00'")
    store.db.execute("UPDATE models SET sealed = x'00'")
    about = json.loads(export(store, model_id).read("about.json"))
    (given,) = store.db.query("SELECT id FROM consents")
    assert about["damaged"] == sorted([model_id, given["id"], "retention"])
    assert audit.entries(store)[-1].action == "subject.exported"
    with pytest.raises(NotFound):
        export(store, "mdl_unknown")


def test_what_does_not_fit_into_memory_is_refused(store, monkeypatch) -> None:
    monkeypatch.setattr(subject_export, "MAX_BYTES", 100)
    with pytest.raises(PayloadTooLarge):
        export(store, person(store))


def test_after_an_erasure_only_codes_are_left(store) -> None:
    model_id = person(store)
    withdrawal.revoke(store, model_id, caller(store), NOW)
    archive = export(store, model_id)
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"Zebrafink" not in everything and "photos/close_up.jpg" not in archive.namelist()
    assert json.loads(archive.read("about.json"))["retention"] is None


def test_records_are_filled_in_from_this_workspace(store) -> None:
    person(store)
    policy.change(store, {"results_days": 0}, caller(store), NOW)
    known = records.figures(store, RULES, NOW)
    for make in (records.processing_record, records.dpia):
        text = make(known, RULES, NOW).as_markdown()
        assert "TO FILL" in text and "30 days after the consent ended" in text
        assert "ecommerce_pdp" in text and "destroyed once fetched" in text and "/policy" in text
        assert "Zebrafink" not in text and "No legal advice" in text


def test_the_routes_ask_for_their_scopes_and_keep_to_the_workspace(service: Service) -> None:
    model_id = person(service.store)
    url = f"/v1/models/{model_id}/export"
    answer = service.client.get(url)
    assert answer.headers["content-type"] == "application/zip"
    assert model_id in answer.headers["content-disposition"]
    assert zipfile.ZipFile(io.BytesIO(answer.content)).testzip() is None
    creator = service.client_of(scopes=frozenset({"models:read", "models:write"}))
    assert creator.get(url).json()["code"] == "scope_missing"
    assert service.client_of(service.other("else")).get(url).status_code == 404
    for name in ("processing-record", "dpia"):
        shown = service.client.get(f"/v1/exports/{name}").json()
        assert shown["parts"] and "atelier" in shown["title"]
        page = service.client.get(f"/v1/exports/{name}?format=markdown")
        assert page.headers["content-type"].startswith("text/markdown")
        assert creator.get(f"/v1/exports/{name}").json()["code"] == "scope_missing"
