"""Consent is recorded whole, sealed and audited, or not at all; terms are read strictly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance import audit, consent, territories
from compliance.compensation import Compensation
from compliance.terms import ALWAYS_FORBIDDEN, Vocabulary, parse_terms, terms_from_json
from tests.homes import NOW, bytes_under, caller, guidelines, open_store, quick, ticked
from workspace.errors import AttestationMissing, InvalidRequest, ModelRevoked, NotFound, SealBroken
from workspace.store import WorkspaceStore
from workspace.types import ConsentStatus, ModelId

MODEL = ModelId("mdl_1")
GUIDELINES = guidelines()
PAID = {"basis": "per_image", "amount": "25", "currency": "EUR"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WorkspaceStore]:
    with open_store(tmp_path) as opened:
        yield opened


def record(
    store: WorkspaceStore, raw: dict[str, Any] | None = None, now: datetime = NOW
) -> consent.Consent:
    terms = parse_terms(raw, now)
    return consent.record(store, MODEL, terms, ticked(GUIDELINES), GUIDELINES, caller(store), now)


def test_the_defaults_are_every_listed_use_for_one_year() -> None:
    terms = parse_terms(None, NOW)
    assert terms == parse_terms({}, NOW)
    assert terms.tools == ("editorial", "flatlay_to_catalog")
    assert terms.territories == ("*",)
    assert "ecommerce_pdp" in terms.purposes and "web" in terms.channels
    assert (terms.starts_at, terms.expires_at) == (NOW, NOW + timedelta(days=365))
    assert terms.max_images is None
    assert set(ALWAYS_FORBIDDEN) <= set(terms.forbidden)


def test_given_terms_are_read_as_given() -> None:
    terms = parse_terms(
        {
            "scope": {"tools": ["editorial"], "alterations": [], "forbidden": ["gambling"]},
            "purposes": ["lookbook", "lookbook"],
            "channels": ["print"],
            "territories": ["us-ny", "UK", "eu"],
            "starts_at": "2026-12-01",
            "expires_at": "2027-12-01T10:00:00+02:00",
            "max_images": 5000,
            "compensation": {"basis": "per_image", "amount": "25.50", "currency": "eur"},
            "intended_use_text": " AW26 catalogue ",
            "evidence_sha256": ["a" * 64],
            "training": False,
        },
        NOW,
    )
    assert terms.tools == ("editorial",)
    assert terms.alterations == ()
    assert terms.forbidden == (*ALWAYS_FORBIDDEN, "gambling")
    assert terms.purposes == ("lookbook",)
    assert terms.territories == ("US-NY", "GB", "EU")
    assert terms.starts_at == datetime(2026, 12, 1, tzinfo=UTC)
    assert terms.expires_at == datetime(2027, 12, 1, 8, tzinfo=UTC)
    assert terms.compensation == Compensation("per_image", "25.50", "EUR", "published_image")
    assert terms.intended_use == "AW26 catalogue"
    assert terms.evidence_sha256 == ("a" * 64,)
    assert terms_from_json(terms.as_json()) == terms


def test_who_agreed_and_how_is_part_of_the_terms() -> None:
    plain = parse_terms(None, NOW)
    assert (plain.approval, plain.represented_by, plain.adult, plain.deceased) == (
        "none",
        "none",
        True,
        False,
    )
    subject = {"represented_by": "estate", "deceased": True, "adult": True}
    given = parse_terms({"subject": subject, "approval": "per_image", "kind": "real_person"}, NOW)
    assert (given.approval, given.represented_by, given.deceased) == ("per_image", "estate", True)
    assert given.separate_from_representation_contract
    assert terms_from_json(given.as_json()) == given


def test_pay_in_free_words_is_kept_and_computes_nothing() -> None:
    for raw, words in (("900 EUR", "900 EUR"), (None, ""), ({"basis": "none"}, "")):
        pay = parse_terms({"compensation": raw}, NOW).compensation
        assert (pay.basis, pay.value, pay.words) == ("none", 0, words)


def test_terms_of_the_first_release_are_still_read() -> None:
    stored = parse_terms(None, NOW).as_json()
    for name in ("approval", "represented_by", "adult", "deceased"):
        del stored[name]
    stored["compensation"] = "flat 900 EUR per day"
    assert terms_from_json(stored).compensation.words == "flat 900 EUR per day"
    assert terms_from_json(stored).approval == "none"


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        ([], "/consent"),
        ("yes", "/consent"),
        ({"purpose": ["lookbook"]}, "/consent/purpose"),
        ({"scope": []}, "/consent/scope"),
        ({"scope": {"purposes": ["lookbook"]}}, "/consent/scope/purposes"),
        ({"scope": {"tools": ["editorial"]}, "tools": ["editorial"]}, "/consent/scope/tools"),
        ({"tools": ["background_swap"]}, "/consent/tools/0"),
        ({"tools": []}, "/consent/tools"),
        ({"purposes": ["lookbook", "spying"]}, "/consent/purposes/1"),
        ({"purposes": "lookbook"}, "/consent/purposes"),
        ({"purposes": [1]}, "/consent/purposes"),
        ({"purposes": ["lookbook"] * 400}, "/consent/purposes"),
        ({"channels": ["tv"]}, "/consent/channels/0"),
        ({"territories": ["EU", "Europe"]}, "/consent/territories/1"),
        ({"territories": [""]}, "/consent/territories/0"),
        ({"alterations": ["face"]}, "/consent/alterations/0"),
        ({"forbidden": ["fun"]}, "/consent/forbidden/0"),
        ({"training": True}, "/consent/training"),
        ({"scope": {"training": "no"}}, "/consent/training"),
        ({"starts_at": "soon"}, "/consent/starts_at"),
        ({"starts_at": 5}, "/consent/starts_at"),
        ({"starts_at": "2026-12-01T10:00:00"}, "/consent/starts_at"),
        ({"starts_at": "0001-01-01T00:00:00+23:00"}, "/consent/starts_at"),
        ({"expires_at": "2026-13-01"}, "/consent/expires_at"),
        ({"expires_at": "2026-11-22"}, "/consent/expires_at"),
        ({"starts_at": "2025-01-01"}, "/consent/expires_at"),
        ({"starts_at": "2027-01-01", "expires_at": "2026-12-01"}, "/consent/expires_at"),
        ({"expires_at": "2099-01-01"}, "/consent/expires_at"),
        ({"max_images": 0}, "/consent/max_images"),
        ({"max_images": True}, "/consent/max_images"),
        ({"max_images": "5"}, "/consent/max_images"),
        ({"compensation": 5}, "/consent/compensation"),
        ({"compensation": {"bonus": 1}}, "/consent/compensation/bonus"),
        ({"compensation": {"basis": "tip"}}, "/consent/compensation/basis"),
        ({"compensation": {"basis": "flat", "currency": "EUR"}}, "/consent/compensation/amount"),
        ({"compensation": {**PAID, "amount": "-5"}}, "/consent/compensation/amount"),
        ({"compensation": {**PAID, "amount": 1e30}}, "/consent/compensation/amount"),
        ({"compensation": {**PAID, "amount": True}}, "/consent/compensation/amount"),
        ({"compensation": {**PAID, "currency": "XXX"}}, "/consent/compensation/currency"),
        ({"compensation": {**PAID, "per": "day"}}, "/consent/compensation/per"),
        ({"compensation": {**PAID, "basis": "flat", "per": "image"}}, "/consent/compensation/per"),
        ({"compensation": {**PAID, "basis": "none"}}, "/consent/compensation/amount"),
        ({"approval": "sometimes"}, "/consent/approval"),
        ({"represented_by": "a friend"}, "/consent/represented_by"),
        ({"adult": False}, "/consent/adult"),
        ({"adult": 1}, "/consent/adult"),
        ({"subject": {"adult": None}, "adult": False}, "/consent/subject/adult"),
        ({"subject": {"name": "x"}}, "/consent/subject/name"),
        ({"deceased": True}, "/consent/deceased"),
        ({"deceased": "no"}, "/consent/deceased"),
        ({"represented_by": "estate"}, "/consent/deceased"),
        (
            {"separate_from_representation_contract": False},
            "/consent/separate_from_representation_contract",
        ),
        ({"kind": "synthetic"}, "/consent/kind"),
        ({"intended_use": "x" * 2001}, "/consent/intended_use"),
        ({"evidence_sha256": ["abc"]}, "/consent/evidence_sha256/0"),
    ],
)
def test_terms_that_make_no_sense_are_refused_with_their_field(raw: Any, pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_terms(raw, NOW)
    assert refused.value.pointer == pointer
    assert refused.value.detail


def test_an_installation_without_a_word_refuses_it() -> None:
    small = Vocabulary(purposes=("lookbook",), channels=("web",))
    assert parse_terms(None, NOW, small).purposes == ("lookbook",)
    with pytest.raises(InvalidRequest) as refused:
        parse_terms({"purposes": ["paid_ads"]}, NOW, small, "")
    assert refused.value.pointer == "/purposes/0"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.just("2027-01-01"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["tools", "training", "basis"]) | st.text(), inner)
    ),
    max_leaves=5,
)
FIELDS = [*parse_terms(None, NOW).as_json(), "scope", "training", "intended_use_text"]


@quick
@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_json_is_terms_or_a_refusal(raw: dict[str, Any]) -> None:
    try:
        terms = parse_terms(raw, NOW)
    except InvalidRequest:
        return
    assert terms.expires_at > max(terms.starts_at, NOW)
    assert terms_from_json(terms.as_json()) == terms


@pytest.mark.parametrize(
    ("granted", "asked", "covered"),
    [
        (("*",), "US-NY", True),
        (("*",), "*", True),
        (("EU",), "DE", True),
        (("EU",), "DE-BY", True),
        (("EU",), "EU", True),
        (("EU",), "GB", False),
        (("EU",), "*", False),
        (("DE",), "EU", False),
        (("US",), "US-NY", True),
        (("US-NY",), "US", False),
        (("US-NY",), "us-ny", True),
        (("US",), "", False),
        (("US",), "everywhere", False),
        ((), "US", False),
    ],
)
def test_a_wider_territory_covers_a_narrower_one(granted, asked: str, covered: bool) -> None:
    assert territories.covers(granted, asked) is covered


def test_all_boxes_ticked_is_enough() -> None:
    consent.check_attestations(ticked(GUIDELINES), GUIDELINES)
    consent.check_attestations([*ticked(GUIDELINES), {"id": "more", "sha256": ""}], GUIDELINES)


@pytest.mark.parametrize("box", [box.id for box in GUIDELINES.attestations])
def test_each_missing_box_is_named(box: str) -> None:
    given = [tick for tick in ticked(GUIDELINES) if tick["id"] != box]
    with pytest.raises(AttestationMissing) as refused:
        consent.check_attestations(given, GUIDELINES)
    assert refused.value.detail == f"Not ticked: {box}."
    assert refused.value.pointer == "/attestations"


@pytest.mark.parametrize("box", [box.id for box in GUIDELINES.attestations])
def test_each_box_of_an_old_text_is_named(box: str) -> None:
    given = [
        {**tick, "sha256": "0" * 64} if tick["id"] == box else tick for tick in ticked(GUIDELINES)
    ]
    with pytest.raises(AttestationMissing) as refused:
        consent.check_attestations(given, GUIDELINES)
    assert refused.value.detail == f"Of an old text: {box}."


@pytest.mark.parametrize(
    "given", [[], "all", None, [None, 5], [{"id": None}], [{"sha256": "x"}], {"id": "adult"}]
)
def test_anything_else_is_not_a_ticked_box(given: Any) -> None:
    with pytest.raises(AttestationMissing):
        consent.check_attestations(given, GUIDELINES)


def test_a_recorded_consent_comes_back_whole(store) -> None:
    made = record(store, {"purposes": ["lookbook"], "compensation": "900 EUR"})
    assert consent.current(store, MODEL) == made
    assert (made.version, made.status, made.kind) == (1, ConsentStatus.ACTIVE, "real_person")
    assert [(box.id, box.sha256, box.by, box.at) for box in made.attestations] == [
        (box.id, box.sha256, "key_test", NOW) for box in GUIDELINES.attestations
    ]
    assert made.guidelines_version == "2026-11"
    assert consent.current(store, "mdl_other") is None


def test_recording_is_audited_without_the_terms(store) -> None:
    made = record(store, {"intended_use": "Canary campaign 7731"})
    (entry,) = audit.entries(store)
    assert (entry.action, entry.object_id, entry.actor) == (
        "consent.recorded",
        made.id,
        "key_test",
    )
    assert entry.facts["model_id"] == MODEL
    assert "7731" not in str(entry)


def test_terms_are_not_on_disk_in_clear(store, tmp_path: Path) -> None:
    record(store, {"intended_use": "Canary campaign 7731", "compensation": "Canary pay 7731"})
    assert b"Canary" not in bytes_under(tmp_path)


def test_without_every_box_nothing_is_recorded(store) -> None:
    with pytest.raises(AttestationMissing):
        consent.record(
            store,
            MODEL,
            parse_terms(None, NOW),
            ticked(GUIDELINES)[1:],
            GUIDELINES,
            caller(store),
            NOW,
        )
    assert store.count("consents") == 0
    assert audit.entries(store) == []


def test_a_consent_that_can_not_be_audited_is_not_recorded(store, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise SealBroken

    monkeypatch.setattr("compliance.audit.append", refuse)
    with pytest.raises(SealBroken):
        record(store)
    assert store.count("consents") == 0


def test_a_new_agreement_is_a_new_version_and_the_old_one_stays(store) -> None:
    first = record(store, {"purposes": ["lookbook", "paid_ads"]})
    second = record(store, {"purposes": ["lookbook"]}, NOW + timedelta(days=1))
    assert second.version == 2
    assert consent.current(store, MODEL) == second
    assert consent.versions(store, MODEL) == [second, first]


@pytest.mark.parametrize("status", [ConsentStatus.SUSPENDED, ConsentStatus.EXPIRED])
def test_a_status_changes_and_is_audited(store, status: ConsentStatus) -> None:
    made = record(store)
    changed = consent.set_status(store, made.id, status, NOW, "key_legal")
    assert changed == replace(made, status=status) == consent.current(store, MODEL)
    entry = audit.entries(store)[-1]
    assert (entry.action, entry.actor) == (f"consent.{status}", "key_legal")
    assert entry.facts["before"] == "active"
    resumed = consent.set_status(store, made.id, ConsentStatus.ACTIVE, NOW, "key_legal")
    assert resumed == made


def test_a_revoked_consent_stays_revoked(store) -> None:
    made = record(store)
    consent.set_status(store, made.id, ConsentStatus.REVOKED, NOW, "key_legal")
    with pytest.raises(ModelRevoked):
        consent.set_status(store, made.id, ConsentStatus.ACTIVE, NOW, "key_legal")
    with pytest.raises(ModelRevoked):
        record(store)
    current = consent.current(store, MODEL)
    assert current is not None and current.status is ConsentStatus.REVOKED


def test_an_unknown_consent_has_no_status(store) -> None:
    with pytest.raises(NotFound):
        consent.set_status(store, "cns_none", ConsentStatus.REVOKED, NOW, "key_legal")


@pytest.mark.parametrize(
    "change",
    ["status = 'active'", "expires_at = '2099-01-01T00:00:00+00:00'", "model_id = 'mdl_2'"],
)
def test_a_consent_that_was_widened_behind_our_back_no_longer_opens(store, change: str) -> None:
    made = record(store)
    consent.set_status(store, made.id, ConsentStatus.SUSPENDED, NOW, "key_legal")
    store.db.execute(f"UPDATE consents SET {change}")
    with pytest.raises(SealBroken):
        store.get("consents", made.id)
    assert store.verify().damaged == (f"consents/{made.id}",)
