"""The wizard's words and values: what a draft fills in, what the steps show."""

from __future__ import annotations

import json

import pytest

from console.frame import Frame
from console.pages import enrol, enrol_guide, enrol_making, enrol_steps
from console.pages import enrol_terms as terms
from tests.homes import guidelines

EVIL = '"><script>alert(1)</script>'
FRAME = Frame(lambda request: None, "/console")  # type: ignore[arg-type,return-value]
LOOKS_LIKE = {
    "id": "mdl_2",
    "status": "needs_attention",
    "checks": [
        {"code": "possible_duplicate", "status": "fail", "hint": "This looks like mdl_1a2b, which"}
    ],
}


def test_a_draft_fills_in_what_was_entered_and_leaves_the_rest_as_it_is_offered():
    entered = {"channels": ["web"], "territories": [], "amount": "25 EUR", "tools": None}
    values = terms.resumed(entered, ["lookbook", "email"], ["web", "app"])
    asked = terms.consent(*values)
    assert asked["purposes"] == ["lookbook", "email"] and asked["channels"] == ["web"]
    assert "territories" not in asked  # taken out by whoever entered it, not put back
    assert asked["compensation"] == {"basis": "per_image", "amount": "25", "currency": "EUR"}
    assert asked["tools"] == ["editorial", "flatlay_to_catalog"]
    assert asked["expires_at"].endswith("T23:59:59Z")


@pytest.mark.parametrize("said", ["", "no JSON", "[]", '{"draft": 7}', '{"draft": {"entered": 7}}'])
def test_what_is_no_draft_opens_the_first_step(said: str):
    assert enrol.read_opened(said) == ({}, "")


def test_a_reload_finds_the_draft_and_the_model_that_is_being_made():
    said = json.dumps({"draft": {"entered": {"step": 3}}, "made": "mdl_1"})
    assert enrol.read_opened(said) == ({"step": 3}, "mdl_1")
    assert enrol.read_opened(json.dumps({"draft": None, "made": "../x"})) == ({}, "")


def test_the_guidelines_show_each_example_once_with_its_alternative():
    page = guidelines().as_json()
    for number, example in enumerate(page["examples"]):
        example["url"] = f"/pictures/{number}"
    shown = enrol_guide.guidelines_html(page)
    assert shown.count("<img ") == len(page["examples"]) == 16
    for example in page["examples"]:
        assert shown.count(f'src="{example["url"]}"') == 1 and example["text"] in shown
        assert "'" in example["alt"] or f'alt="{example["alt"]}"' in shown


def test_nothing_from_outside_becomes_part_of_the_page():
    topic = {"topic": "framing", "text": EVIL, "good": [EVIL], "bad": [EVIL]}
    example = {"photo": "close_up", "topic": "framing", "good": True}
    page = {
        "title": EVIL,
        "photos": [{"kind": "close_up", "title": EVIL, "topics": [topic]}],
        "examples": [{**example, "url": EVIL, "alt": EVIL, "text": EVIL}],
        "draft_hours": EVIL,
        "draft_most_days": EVIL,
    }
    assert "<script" not in enrol_guide.guidelines_html(page) + enrol_steps.how_long_kept(page)


def test_the_page_says_how_many_hours_photos_are_kept():
    assert "for 24 hours after" in enrol_steps.how_long_kept({"draft_hours": 24})
    told = enrol_steps.how_long_kept({"draft_hours": 24, "draft_most_days": 7})
    assert "for 24 hours after your last change, 7 days in all at most, then" in told
    assert "for one hour after" in enrol_steps.how_long_kept({"draft_hours": 1})


def test_somebody_who_is_there_already_is_shown_by_name_and_without_a_word_of_the_api():
    assert enrol_making.resembled(LOOKS_LIKE) == "mdl_1a2b"
    known = {"id": "mdl_1a2b", "name": "Anna", "status": "ready"}
    told = enrol_making.making_state(FRAME, LOOKS_LIKE, known)
    assert "Anna" in told[0] and "mdl_2" not in told[0] and "possible_duplicate" not in told[0]
    assert told[-2]["visible"] is True  # 'This is a different person'
    other = {"status": "needs_attention", "checks": [{"code": "different_people", "hint": "Two"}]}
    assert enrol_making.resembled(other) == ""
    assert enrol_making.making_state(FRAME, other)[-2]["visible"] is False
