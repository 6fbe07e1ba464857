"""From two photos to a ready model: consent first, and nothing left behind when it is refused."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from compliance import audit, consent
from compliance.safety import SafetyGate
from identity import building, enrolment, evidence, likeness
from identity.enrolment import EnrolmentRequest, build, describe, enrol, erase
from identity.likeness import open_likeness
from identity.models import MAX_NAME_CHARACTERS
from tests import hostile
from tests.homes import NOW, bytes_under, caller, guidelines, open_store, plans, ticked
from tests.identity_fixtures import (
    RememberingEncoder,
    limits,
    request,
    sample,
    small_sample,
)
from tests.simulated import SimulatedSafety
from workspace.errors import (
    AttestationMissing,
    Conflict,
    ConsentMissing,
    EngineFailed,
    HousemodelError,
    ImageCheckFailed,
    InvalidRequest,
    ModelRevoked,
    NotFound,
    PayloadTooLarge,
    PlanExcludesCustomModels,
    QuotaExceeded,
    ToolNotAllowed,
    UnsupportedImage,
)
from workspace.store import WorkspaceStore
from workspace.types import RGB, ConsentStatus, Face, Gender, ModelId, ModelStatus, Tool

NAME = "Zélie Canary"
PDF = b"%PDF-1.7 signed by Canary"
GATE = SafetyGate(SimulatedSafety())
TABLES = ("models", "consents", "assets", "object_keys", "audit", "meta")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WorkspaceStore]:
    with open_store(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def encoder() -> RememberingEncoder:
    return RememberingEncoder()


def enrolled(
    store: WorkspaceStore,
    encoder: RememberingEncoder,
    asked: EnrolmentRequest | None = None,
    plan: str = "pro",
    **changes: Any,
) -> ModelId:
    asked = asked or request(**changes)
    return enrol(
        store, plans()[plan], guidelines(), encoder, GATE, limits(), asked, caller(store), NOW
    )  # fmt: skip


def built(store: WorkspaceStore, encoder: RememberingEncoder, **changes: Any) -> ModelId:
    model_id = enrolled(store, encoder, **changes)
    build(store, encoder, model_id, NOW)
    return model_id


def jpeg(image: RGB) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=92)
    return file.getvalue()


def nothing_is_left(store: WorkspaceStore, folder: Path) -> bool:
    counts = [store.db.execute(f"SELECT COUNT(*) FROM {t}").fetchone()[0] for t in TABLES]
    return not any(counts) and not list(folder.rglob("*.sealed"))


def test_a_person_becomes_a_ready_model(store, encoder):
    model_id = enrolled(store, encoder, evidence=(PDF,))
    model = describe(store, model_id)
    assert (model.status, model.name, model.gender) == (ModelStatus.BUILDING, NAME, Gender.FEMALE)
    assert build(store, encoder, model_id, NOW) is ModelStatus.READY
    model = describe(store, model_id)
    assert model.status is ModelStatus.READY and not model.synthetic and model.version == 1
    assert model.tools == (Tool.EDITORIAL, Tool.FLATLAY_TO_CATALOG)
    codes = [check.code for check in model.checks]
    assert codes[-2:] == ["same_person", "new_person"] and len(codes) == 20
    opened = open_likeness(store, model_id)
    sent = np.array(Image.open(io.BytesIO(small_sample("amara", "close_up"))))
    assert np.abs(opened.close_up.astype(int) - sent).mean() < 2
    assert opened.face == encoder.detect(sent)[0]
    assert np.linalg.norm(opened.embedding.vector) == pytest.approx(1, abs=1e-5)
    assert [entry.action for entry in audit.entries(store)] == [
        "consent.recorded", "model.enrolled", "model.ready"
    ]  # fmt: skip
    assert audit.verify(store).intact and store.verify().intact
    assert set(store.get("models", model_id).private) == {
        "name",
        "gender",
        "tools",
        "checks",
        "enrolled_by",
    }


def test_consent_is_committed_and_audited_before_any_vector_exists(store, tmp_path):
    class Watching(RememberingEncoder):
        def embed(self, image: RGB, face: Face) -> Any:
            assert not store.db.conn.in_transaction
            assert store.count("consents") == 1
            assert audit.entries(store)[0].action == "consent.recorded"
            return super().embed(image, face)

    encoder = Watching()
    model_id = enrolled(store, encoder)
    assert encoder.embedded == 0
    build(store, encoder, model_id, NOW)
    assert encoder.embedded == 2


def test_no_vector_is_computed_once_the_consent_is_not_in_force(store, encoder):
    model_id = enrolled(store, encoder)
    agreed = consent.current(store, model_id)
    consent.set_status(store, agreed.id, ConsentStatus.SUSPENDED, NOW, "key_test")
    with pytest.raises(ConsentMissing):
        build(store, encoder, model_id, NOW)
    assert encoder.embedded == 0


def two_people() -> bytes:
    return jpeg(np.hstack([sample("amara", "full_body"), sample("mateo", "full_body")]))


def dark() -> bytes:
    return jpeg((sample("amara", "close_up") * 0.25).astype(np.uint8))


def soft() -> bytes:
    return jpeg(cv2.GaussianBlur(sample("amara", "close_up"), (0, 0), 10))


def far() -> bytes:
    canvas = np.full((1440, 1080, 3), 225, np.uint8)
    small = cv2.resize(sample("amara", "close_up"), (400, 533), interpolation=cv2.INTER_AREA)
    canvas[400:933, 340:740] = small
    return jpeg(canvas)


def cut(share: float) -> bytes:
    whole = sample("amara", "full_body")
    return jpeg(whole[: int(len(whole) * share)])


@pytest.mark.parametrize(
    ("field", "make", "code"),
    [
        ("full_body", two_people, "several_people"),
        ("full_body", lambda: jpeg(hostile.photo_pixels()), "no_face"),
        ("close_up", lambda: jpeg(hostile.photo_pixels()), "no_face"),
        ("close_up", far, "face_too_small"),
        ("full_body", lambda: cut(0.94), "head_or_feet_cut"),
        ("full_body", lambda: cut(0.55), "head_or_feet_cut"),
        ("close_up", soft, "blurred"),
        ("close_up", dark, "too_dark"),
    ],
)
def test_unusable_photos_are_refused_with_reasons_and_leave_nothing(
    store, encoder, tmp_path, field, make, code
):
    with pytest.raises(ImageCheckFailed) as caught:
        enrolled(store, encoder, replace(request(), **{field: make()}))
    found = {check.code: check for check in caught.value.checks if check.status == "fail"}
    assert found[code].photo == field and found[code].hint in caught.value.detail
    assert found[code].measured is not None and found[code].threshold is not None
    assert nothing_is_left(store, tmp_path) and encoder.embedded == 0


OLD_TEXT = [{**box, "sha256": "0" * 64} for box in ticked(guidelines())]


@pytest.mark.parametrize(
    ("changes", "plan", "error"),
    [
        ({}, "starter", PlanExcludesCustomModels),
        ({"attestations": ticked(guidelines())[1:]}, "pro", AttestationMissing),
        ({"attestations": OLD_TEXT}, "pro", AttestationMissing),
        ({"name": "  "}, "pro", InvalidRequest),
        ({"name": "x" * (MAX_NAME_CHARACTERS + 1)}, "pro", InvalidRequest),
        ({"name": "a\nb"}, "pro", InvalidRequest),
        ({"consent_terms": {"training": True}}, "pro", InvalidRequest),
        ({"evidence": (b"MZ executable",)}, "pro", InvalidRequest),
        ({"evidence": (PDF,) * 11}, "pro", InvalidRequest),
        ({"evidence": (b"%PDF-" + b"x" * (20 << 20),)}, "pro", PayloadTooLarge),
        ({"close_up": b"<svg/>"}, "pro", UnsupportedImage),
        ({"full_body": hostile.truncated_jpeg()}, "pro", UnsupportedImage),
    ],
)
def test_refused_requests_leave_nothing(store, encoder, tmp_path, changes, plan, error):
    with pytest.raises(error) as caught:
        enrolled(store, encoder, plan=plan, **changes)
    assert type(caught.value) is error
    assert nothing_is_left(store, tmp_path) and encoder.embedded == 0


def test_an_unreadable_photo_is_named_by_its_field(store, encoder):
    for field in ("full_body", "close_up"):
        with pytest.raises(UnsupportedImage) as caught:
            enrolled(store, encoder, **{field: b"rubbish"})
        assert caught.value.pointer == f"/{field}"


def assert_only_the_reason_is_left(store: WorkspaceStore, model_id: ModelId, code: str) -> None:
    model = describe(store, model_id)
    assert model.status is ModelStatus.NEEDS_ATTENTION
    assert model.name is None and model.gender is None and model.tools == ()
    (failed,) = [check for check in model.checks if check.status == "fail"]
    assert failed.code == code and failed.measured is not None and failed.hint
    assert store.assets.owned_by(model_id) == []
    for read in (open_likeness, likeness.open_photos):
        with pytest.raises(NotFound):
            read(store, model_id)
    keys = [row["object_id"] for row in store.db.query("SELECT object_id FROM object_keys")]
    assert not any(key.startswith("assets:") for key in keys if model_id in key)
    assert set(store.get("models", model_id).private) == {"checks"}
    (ended,) = consent.versions(store, model_id)
    assert ended.status is ConsentStatus.EXPIRED
    assert (ended.terms.intended_use, ended.terms.compensation.words) == ("", "")


def test_different_people_are_refused_and_what_was_stored_is_destroyed(store, encoder, tmp_path):
    words = {"intended_use": "Lookbook of a brand"}
    model_id = enrolled(
        store, encoder, person="amara", other="ingrid", evidence=(PDF,), consent_terms=words
    )
    assert consent.current(store, model_id).terms.intended_use == words["intended_use"]
    before = {row["wrapped"] for row in store.db.query("SELECT wrapped FROM object_keys")}
    assert build(store, encoder, model_id, NOW) is ModelStatus.NEEDS_ATTENTION
    assert_only_the_reason_is_left(store, model_id, "different_people")
    assert not list(tmp_path.rglob("*.sealed"))
    after = {row["wrapped"] for row in store.db.query("SELECT wrapped FROM object_keys")}
    assert len(before & after) <= 1  # the head of the audit log; no other key lives on
    entry = audit.entries(store)[-1]
    assert entry.action == "model.refused" and entry.facts["codes"] == "different_people"
    assert audit.verify(store).intact and store.verify().intact


def test_the_same_person_twice_is_refused_unless_that_is_allowed(store, encoder):
    first = built(store, encoder)
    second = built(store, encoder)
    assert_only_the_reason_is_left(store, second, "possible_duplicate")
    assert first in next(c.hint for c in describe(store, second).checks if c.status == "fail")
    allowed = built(store, encoder, allow_duplicate=True)
    assert describe(store, allowed).status is ModelStatus.READY
    assert describe(store, allowed).checks[-1].code == "possible_duplicate"
    other = built(store, encoder, person="mateo")
    assert describe(store, other).status is ModelStatus.READY


def test_an_erased_person_is_no_duplicate(store, encoder):
    erase(store, built(store, encoder), caller(store), NOW)
    assert describe(store, built(store, encoder)).status is ModelStatus.READY


def test_building_twice_changes_nothing(store, encoder):
    model_id = built(store, encoder)
    assert build(store, encoder, model_id, NOW) is ModelStatus.READY
    assert len(store.assets.owned_by(model_id)) == 3
    with pytest.raises(NotFound):
        build(store, encoder, ModelId("mdl_none"), NOW)


def test_what_a_crash_interrupted_can_be_built_later(store, encoder):
    class Broken(RememberingEncoder):
        def embed(self, image: RGB, face: Face) -> Any:
            raise EngineFailed("broken")

    model_id = enrolled(store, encoder)
    with pytest.raises(EngineFailed):
        build(store, Broken(), model_id, NOW)
    assert describe(store, model_id).status is ModelStatus.BUILDING
    assert enrolment.unfinished(store) == (model_id,)
    assert build(store, encoder, model_id, NOW) is ModelStatus.READY
    assert enrolment.unfinished(store) == ()


def test_a_failed_save_leaves_the_model_building_and_no_vector(store, encoder, monkeypatch):
    model_id = enrolled(store, encoder)

    def fail(*_: object, **__: object) -> None:
        raise HousemodelError("disk")

    monkeypatch.setattr(building.audit, "append", fail)
    with pytest.raises(HousemodelError):
        build(store, encoder, model_id, NOW)
    assert describe(store, model_id).status is ModelStatus.BUILDING
    assert store.assets.owned_by(model_id, likeness.VECTOR) == []


def test_the_plan_bounds_how_many_models_there_are(store, encoder):
    plan = replace(plans()["pro"], max_models=1)
    first = enrol(store, plan, guidelines(), encoder, GATE, limits(), request(), caller(store), NOW)
    with pytest.raises(QuotaExceeded):
        enrol(store, plan, guidelines(), encoder, GATE, limits(), request(), caller(store), NOW)
    erase(store, first, caller(store), NOW)
    enrol(store, plan, guidelines(), encoder, GATE, limits(), request(), caller(store), NOW)


def test_erasing_destroys_everything_of_the_person_and_says_what(store, encoder, tmp_path):
    model_id = built(store, encoder, evidence=(PDF, PDF))
    record = erase(store, model_id, caller(store), NOW)
    assert record.destroyed == {"full_body": 1, "close_up": 1, "likeness": 1, "evidence": 2}
    assert record.status is ModelStatus.ERASED and not list(tmp_path.rglob("*.sealed"))
    with pytest.raises(NotFound):
        open_likeness(store, model_id)
    model = describe(store, model_id)
    assert model.name is None and model.checks == () and model.status is ModelStatus.ERASED
    assert erase(store, model_id, caller(store), NOW).destroyed == {}
    with pytest.raises(ModelRevoked):
        enrolment.change(store, model_id, caller(store), NOW, name="Other")
    assert store.verify().intact


def test_a_revoked_model_stays_revoked(store, encoder):
    model_id = built(store, encoder)
    who = caller(store)
    assert erase(store, model_id, who, NOW, ModelStatus.REVOKED).status is ModelStatus.REVOKED
    assert erase(store, model_id, who, NOW).status is ModelStatus.REVOKED


def test_a_model_is_renamed_and_allowed_fewer_tools_also_while_it_is_built(store, encoder):
    model_id = enrolled(store, encoder)
    changed = enrolment.change(
        store, model_id, caller(store), NOW, name=" Ada ", tools=[Tool.EDITORIAL]
    )
    assert (changed.name, changed.tools) == ("Ada", (Tool.EDITORIAL,))
    with pytest.raises(ToolNotAllowed):
        enrolment.change(store, model_id, caller(store), NOW, tools=[Tool.BACKGROUND_SWAP])
    assert build(store, encoder, model_id, NOW) is ModelStatus.READY
    assert describe(store, model_id).name == "Ada"


def test_a_refused_enrolment_cannot_be_renamed(store, encoder):
    model_id = built(store, encoder, person="amara", other="mateo")
    with pytest.raises(Conflict):
        enrolment.change(store, model_id, caller(store), NOW, name="Other")


def test_evidence_is_sealed_and_its_hash_is_part_of_the_consent(store, encoder):
    scan = jpeg(sample("amara", "close_up")[:64, :64])
    model_id = enrolled(store, encoder, evidence=(PDF, scan))
    kept = [store.assets.get(a) for a in store.assets.owned_by(model_id, likeness.EVIDENCE)]
    assert kept == [PDF, scan]
    hashes = consent.current(store, model_id).terms.evidence_sha256
    assert hashes == tuple(hashlib.sha256(data).hexdigest() for data in (PDF, scan))
    assert evidence.checked((PDF,), limits().evidence) == ((PDF, "application/pdf"),)


def test_nothing_of_the_person_is_on_disk_in_clear(store, encoder, tmp_path):
    marked = small_sample("amara", "close_up") + b"CANARY-IN-THE-FILE"
    model_id = built(store, encoder, close_up=marked, evidence=(PDF,))
    assert describe(store, model_id).status is ModelStatus.READY
    on_disk = bytes_under(tmp_path)
    for canary in (NAME.encode(), b"Canary", b"CANARY", b"JFIF", b"vector", b"%PDF"):
        assert canary not in on_disk
    data, media_type = likeness.photo(store, model_id, "close_up")
    assert media_type == "image/jpeg" and b"CANARY" not in data and b"Exif" not in data
