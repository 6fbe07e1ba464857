"""Create from scratch: choices, candidates, a cast, and the way to a custom model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compliance import audit, consent, retention
from compliance.safety import SafetyGate, SafetyLimits
from compliance.synthetic import KIND, declared_terms
from identity import candidates, cast, likeness, models, synthetic
from identity.limits import Gates
from serve.line import casting
from tests.fictional import ToldEncoder, boxes, cast_in, picture, texts
from tests.homes import NOW, caller, plans
from tests.service import Service, open_service
from tests.simulated import SUMMARY, SimulatedDiffusion, SimulatedSafety
from workspace.errors import (
    AttestationMissing,
    Conflict,
    ImageCheckFailed,
    InvalidRequest,
    NotFound,
    PackInvalid,
    QuotaExceeded,
    ResemblesModel,
)
from workspace.store import WorkspaceStore
from workspace.types import Embedding, Face, Gender, ModelId, ModelStatus, PackSummary

GATES = Gates(same_person=0.58, good_same_person=0.65, duplicate=0.6)
TEXTS = texts()


# choices ------------------------------------------------------------------------------------


def test_only_what_the_texts_offer_can_be_chosen() -> None:
    assert TEXTS.checked({"age": ("thirties",), "features": ()}) == {"age": ("thirties",)}
    for wrong in ({"age": ("teens",)}, {"name": ("somebody",)}, {"age": ("twenties", "thirties")}):
        with pytest.raises(InvalidRequest) as refused:
            TEXTS.checked(wrong)
        assert "somebody" not in str(refused.value)


def test_a_prompt_says_what_was_chosen_and_names_nobody() -> None:
    words = TEXTS.prompt("full_body", Gender.FEMALE, {"age": ("thirties",), "eyes": ("green",)})
    assert "a woman, in their thirties, green eyes" in words
    assert "$" not in words


# the cast -----------------------------------------------------------------------------------


@pytest.fixture
def people(tmp_path: Path) -> cast.Cast:
    return cast_in(tmp_path / "pack")


def test_the_closest_of_the_gender_are_picked(people: cast.Cast) -> None:
    wanted = {"age": ("thirties",), "skin": ("dark",), "hair": ("afro",)}
    found = cast.choose(people.people, Gender.FEMALE, wanted, 2, 7)
    assert [one.id for one in found] == ["c03", "c01"]
    assert found[0].differs(wanted) == ()
    assert found[1].differs(wanted) == ("hair",)


def test_the_seed_decides_among_equals_and_nobody_comes_twice(people: cast.Cast) -> None:
    picks = [
        tuple(one.id for one in cast.choose(people.people, Gender.FEMALE, {}, 3, seed))
        for seed in range(12)
    ]
    assert len(set(picks)) > 1
    assert all(len(set(pick)) == 3 for pick in picks)
    again = cast.choose(people.people, Gender.FEMALE, {}, 3, 0)
    assert tuple(one.id for one in again) == picks[0]


def test_who_is_a_model_is_never_offered_and_who_was_seen_comes_last(people: cast.Cast) -> None:
    found = cast.choose(people.people, Gender.FEMALE, {}, 4, 1, taken={"c00"}, seen={"c01"})
    assert [one.id for one in found] == ["c03", "c01"]


def test_a_changed_picture_of_the_cast_is_not_shown(people: cast.Cast) -> None:
    assert people.picture("c00", "close_up").startswith(b"\xff\xd8")
    (people.folder / "people" / "c00_close_up.jpg").write_bytes(b"\xff\xd8 somebody else")
    with pytest.raises(PackInvalid):
        people.picture("c00", "close_up")
    with pytest.raises(NotFound):
        people.picture("../c00", "close_up")


# candidates ---------------------------------------------------------------------------------


def offered(store: WorkspaceStore, minutes: int = 0) -> candidates.Candidate:
    given, now = caller(store), NOW + timedelta(minutes=minutes)
    one = candidates.new(given, Gender.FEMALE, {"age": ("thirties",)}, 7, now, TEXTS.keep)
    candidates.put(store, [one], 4, given, now)
    return one


def test_a_candidate_is_its_makers_alone_and_ends_by_itself(store: WorkspaceStore) -> None:
    one, other = offered(store), replace(caller(store), actor="key_other")
    assert candidates.get(store, one.id, caller(store), NOW) == one
    assert candidates.owned(store, other, NOW) == []
    for who, at in ((other, NOW), (caller(store), NOW + timedelta(hours=25))):
        with pytest.raises(NotFound):
            candidates.get(store, one.id, who, at)
    assert candidates.sweep(store, NOW + timedelta(hours=23)) == 0
    assert candidates.sweep(store, NOW + timedelta(hours=25)) == 1
    assert store.count("candidates") == 0
    assert store.db.execute("SELECT COUNT(*) FROM object_keys WHERE object_id LIKE 'candidates:%'")
    assert audit.entries(store)[-1].action == "candidates.expired"


def test_of_more_candidates_than_allowed_the_oldest_end(store: WorkspaceStore) -> None:
    made = [offered(store, minutes) for minutes in range(5)]
    kept = [one.id for one in candidates.owned(store, caller(store), NOW)]
    assert kept == [one.id for one in reversed(made[1:])]


def test_what_has_ended_is_not_written_anew(store: WorkspaceStore) -> None:
    one, face = offered(store), Face((0.0, 0.0, 1.0, 1.0), ((0.0, 0.0),) * 5, 0.9)
    candidates.note_close_up(store, one, "gen_1")
    both = candidates.note_face(store, one, face)  # read before the close-up was noted
    assert both.close_up_id == "gen_1" and both.face is not None
    assert candidates.destroy(store, one, caller(store), NOW) is True
    assert candidates.destroy(store, one, caller(store), NOW) is False
    with pytest.raises(NotFound):
        candidates.note_close_up(store, one, "gen_2")
    with pytest.raises(NotFound):
        candidates.note_face(store, one, face)
    assert store.count("candidates") == 0


def test_what_drew_a_candidate_is_told_from_other_requests(store: WorkspaceStore) -> None:
    body = casting.full_body_asked(TEXTS, Gender.FEMALE, {}, 2, 7)
    head = casting.close_up_asked(TEXTS, offered(store), 7)
    assert casting.drew_candidate(body) and casting.drew_candidate(head)
    plain = replace(body, label_reason="A reason of my own.")
    assert not casting.drew_candidate(plain)


# promotion ----------------------------------------------------------------------------------


def fiction(**changes: Any) -> synthetic.Fiction:
    given: dict[str, Any] = {
        "full_body": picture(40),
        "close_up": picture(40),
        "name": "Vega",
        "gender": Gender.FEMALE,
        "attestations": boxes(),
        "least_alike": 0.5,
        "person": "simulated/c00",
    }
    return synthetic.Fiction(**{**given, **changes})


def promoted(store: WorkspaceStore, told: ToldEncoder | None = None, **changes: Any) -> ModelId:
    gate = SafetyGate(SimulatedSafety(), SafetyLimits())
    made = fiction(**changes)
    return synthetic.promote(
        store, plans()["pro"], TEXTS, told or ToldEncoder(), gate, GATES, made,
        caller(store), NOW, lambda _: None,
    )  # fmt: skip


def enrolled(store: WorkspaceStore, shade: int) -> ModelId:
    """A real person's row and face vector, as an enrolment leaves them."""
    model_id = ModelId("mdl_real")
    face = Face((0.0, 0.0, 1.0, 1.0), ((0.0, 0.0),) * 5, 0.9)
    vector = np.zeros(8, np.float32)
    vector[round(shade / 40)] = 1
    columns = {"status": "ready", "kind": "real_person", "version": 1}
    store.put(
        "models", model_id, {"name": "Real"}, created_at=NOW.isoformat(),
        updated_at=NOW.isoformat(), **columns,
    )  # fmt: skip
    likeness.save(store, model_id, Embedding(vector, "yunet_sface_fp32"), face, face)
    return model_id


def test_a_candidate_becomes_a_model_that_shows_nobody_real(store: WorkspaceStore) -> None:
    model_id = promoted(store)
    shown = models.describe(store, model_id)
    assert (shown.status, shown.synthetic, shown.name) == (ModelStatus.READY, True, "Vega")
    declared = consent.current(store, model_id)
    assert declared is not None and declared.kind == KIND
    assert [box.id for box in declared.attestations] == [box.id for box in TEXTS.attestations]
    assert declared.guidelines_version == TEXTS.version
    assert likeness.open_likeness(store, model_id).close_up.shape == (96, 72, 3)
    assert synthetic.taken(store) == {"simulated/c00"}
    log = audit.entries(store)
    assert "model.made_from_scratch" in [entry.action for entry in log]
    assert "Vega" not in str(log)


def test_nothing_is_destroyed_because_a_fictional_person_did_nothing(store: WorkspaceStore) -> None:
    model_id, rules = promoted(store), retention.RetentionRules()
    assert retention.standing(store, model_id, rules) is None
    assert retention.due(store, rules, NOW + timedelta(days=20_000)) == []
    assert declared_terms(NOW).expires_at > NOW + timedelta(days=20_000)


def test_every_box_is_ticked_before_a_face_is_looked_at(store: WorkspaceStore) -> None:
    told = ToldEncoder()
    for ticks in (boxes()[1:], [{**boxes()[0], "sha256": "0" * 64}, *boxes()[1:]]):
        with pytest.raises(AttestationMissing):
            promoted(store, told, attestations=ticks)
    assert told.embedded == []
    assert store.count("models") == 0


def test_who_looks_like_an_enrolled_person_is_refused_and_leaves_nothing(
    store: WorkspaceStore,
) -> None:
    real = enrolled(store, 40)
    with pytest.raises(ResemblesModel, match=real):
        promoted(store)
    assert store.count("models", "kind = 'synthetic'") == 0
    assert store.count("consents") == 0
    assert store.assets.owned_by(real, "full_body") == []
    refused = audit.entries(store)[-1]
    assert (refused.action, refused.object_id) == ("candidate.refused", real)
    promoted(store, full_body=picture(200), close_up=picture(200))  # somebody else's face


def test_two_fictional_people_may_look_alike_but_one_is_not_made_twice(
    store: WorkspaceStore,
) -> None:
    promoted(store)
    promoted(store, person="simulated/c01")
    with pytest.raises(Conflict):
        promoted(store)


@pytest.mark.parametrize("faces", [0, 2])
def test_pictures_without_one_face_make_no_model(store: WorkspaceStore, faces: int) -> None:
    with pytest.raises(ImageCheckFailed):
        promoted(store, ToldEncoder(faces=faces))
    assert store.count("models") == 0


def test_a_close_up_of_somebody_else_makes_no_model(store: WorkspaceStore) -> None:
    with pytest.raises(ImageCheckFailed) as refused:
        promoted(store, close_up=picture(200))
    assert [check.code for check in refused.value.checks][-1] == "different_people"


def test_the_plan_counts_fictional_people_too(store: WorkspaceStore) -> None:
    plan = replace(plans()["pro"], max_models=1)
    gate = SafetyGate(SimulatedSafety(), SafetyLimits())
    promoted(store)
    with pytest.raises(QuotaExceeded):
        synthetic.promote(
            store, plan, TEXTS, ToldEncoder(), gate, GATES, fiction(person="simulated/c01"),
            caller(store), NOW, lambda _: None,
        )  # fmt: skip


def test_an_erased_person_of_the_cast_is_remembered_as_used(store: WorkspaceStore) -> None:
    model_id = promoted(store)
    models.erase(store, model_id, caller(store), NOW)
    assert synthetic.taken(store) == frozenset()
    assert candidates.used(store) == {"simulated/c00"}


# the routes ---------------------------------------------------------------------------------

BASE = "/v1/models/synthetic"


class Casting(SimulatedDiffusion):
    """A pack with a cast."""

    def describe(self) -> PackSummary:
        return replace(SUMMARY, people="cast")


@pytest.fixture
def picking(tmp_path: Path) -> Iterator[Service]:
    """A service whose pack has a cast of four."""
    with open_service(tmp_path / "home", ToldEncoder(), diffusion=Casting()) as opened:
        services = replace(opened.services, cast=cast_in(tmp_path / "pack"))
        opened.app.state.services = opened.services = services
        yield opened


def test_a_cast_is_offered_as_what_it_is_and_becomes_a_model(picking: Service) -> None:
    told = picking.client.get(BASE).json()
    assert (told["way"], told["cast_size"], told["cast_left"]) == ("cast", 4, 4)
    ages = next(one for one in told["attributes"] if one["id"] == "age")["values"]
    assert [one["id"] for one in ages] == ["twenties", "thirties"]  # nobody else is there
    body = {"gender": "female", "skin": "dark", "n": 2, "seed": 1}
    headers = {"Idempotency-Key": "once"}
    made = picking.client.post(BASE, json=body, headers=headers).json()["items"]
    assert picking.client.post(BASE, json=body, headers=headers).json()["items"] == made
    assert [one["status"] for one in made] == ["complete", "complete"]
    assert made[0]["differs"] == [] and made[0]["shows"]["skin"] == ["dark"]
    one = f"{BASE}/candidates/{made[0]['id']}"
    for kind in ("full_body", "close_up"):
        shown = picking.client.get(made[0]["photos"][kind])
        assert shown.headers["content-type"] == "image/jpeg"
    ticked = {"name": "Vega", "attestations": boxes()}
    assert picking.client.post(f"{one}/promote", json={"name": "Vega"}).status_code == 422
    done = picking.client.post(f"{one}/promote", json=ticked, headers=headers)
    assert done.status_code == 409  # the key was used for something else
    done = picking.client.post(f"{one}/promote", json=ticked, headers={"Idempotency-Key": "two"})
    again = picking.client.post(f"{one}/promote", json=ticked, headers={"Idempotency-Key": "two"})
    assert done.status_code == 201 and again.json() == done.json()
    assert picking.client.get(one).status_code == 404
    model = picking.client.get(f"/v1/models/{done.json()['id']}").json()
    assert model["synthetic"] and model["status"] == "ready"
    assert model["consent_expires_at"] is None
    assert picking.client.get(BASE).json()["cast_left"] == 3
    unlike = {"gender": "female", "age": "sixty_plus"}
    assert picking.client.post(BASE, json=unlike).json()["code"] == "invalid_request"


def test_a_candidate_becomes_one_model_only(
    picking: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = picking.client.post(BASE, json={"gender": "female", "n": 1, "seed": 1}).json()["items"]
    url, store = f"{BASE}/candidates/{made[0]['id']}", picking.store
    encoder: Any = picking.services.encoder
    looked = encoder.embed

    def meanwhile(image: Any, face: Face) -> Embedding:
        # Another promotion of the same candidate (or its maker, discarding it) is faster.
        store.destroy(candidates.TABLE, made[0]["id"])
        return looked(image, face)

    monkeypatch.setattr(encoder, "embed", meanwhile)
    answer = picking.client.post(f"{url}/promote", json={"name": "Vega", "attestations": boxes()})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert store.count("models") == 0 and store.count("assets") == 0
