"""What the console draws: words, cards, progress, pictures."""

from __future__ import annotations

import json
import shlex

import pytest

from console.pages import enrol_terms as terms
from console.pages.editorial import request_body
from console.pages.home import tool_cards
from console.parts import cards, comparing, html, meaning, past, results

BOXES = [{"id": "a", "sha256": "1"}, {"id": "b", "sha256": "2"}]
EVIL = '"><script>alert(1)</script>'


def test_names_from_outside_are_escaped_everywhere():
    model = {"id": EVIL, "name": EVIL, "status": EVIL, "consent_expires_at": EVIL}
    product = {"id": EVIL, "name": EVIL, "category": EVIL}
    generation = {"id": EVIL, "tool": EVIL, "prompt": EVIL, "images": [{"id": EVIL, "seed": EVIL}]}
    drawn = (
        cards.model_choices([model], ""),
        cards.chosen_model(model),
        cards.product_choices([product], [], several=True),
        past.listed([generation], {EVIL: EVIL}, "/console/refine"),
        past.filters([model], [product], {"day": EVIL, "model": EVIL}),
        comparing.side_by_side([generation["images"][0] | {"generation": generation}], {}, {}, {}),
        results.gallery(generation, EVIL, EVIL),
        results.progress(generation | {"error": {"title": EVIL}}, EVIL),
    )
    for shown in drawn:
        assert "<script" not in shown


def test_a_waiting_generation_says_its_place_and_a_running_one_its_step():
    queued = {"status": "queued", "position": 3, "progress": {"step": 0, "steps": 4}}
    assert "3 before yours" in results.progress(queued)
    running = {"status": "running", "progress": {"step": 2, "steps": 4}}
    shown = results.progress(running)
    assert "Step 2 of 4" in shown and 'max="4" value="2"' in shown


def test_the_time_left_is_rounded_and_said_only_where_it_is_known():
    for seconds, said in ((None, ""), (2, "a few seconds left"), (33, "about 35 s left")):
        assert results.time_left(seconds) == said
    assert results.time_left(200) == "about 3 min left"
    running = {"status": "running", "progress": {"step": 0, "steps": 1, "eta_seconds": 12}}
    shown = results.progress(running)
    assert "Drawing · about 10 s left" in shown and "value=" not in shown  # one step: no share


def test_a_failure_after_the_start_reads_as_a_sentence():
    error = {"title": "No picture", "detail": "The engine stopped", "remedy": "Try again."}
    shown = results.progress({"status": "failed", "error": error})
    assert "No picture. The engine stopped. Try again." in shown


def test_a_small_picture_is_shown_enlarged_and_says_its_true_size():
    shown = results.figure({"id": "img_1", "width": 96, "height": 128, "seed": 7}, 1, 2)
    assert 'width="288" height="384"' in shown
    assert "96 × 128 px, shown enlarged" in shown
    assert 'alt="Image 1 of 2"' in shown
    assert all(f"format={each}" in shown for each in ("png", "jpeg", "webp"))


def test_a_missing_score_is_a_dash_not_a_zero():
    shown = results.figure({"id": "img_1", "identity_score": None, "product_score": 0.5}, 1, 1)
    assert "<dd>–</dd>" in shown and "<dd>0.50</dd>" in shown


def test_the_curl_line_survives_quotes_in_a_prompt():
    body = {"tool": "editorial", "prompt": "it's $model's \"best\" look", "n": 1}
    line = results.as_curl("http://studio.test:8000", body)
    words = shlex.split(line)
    assert json.loads(words[words.index("-d") + 1]) == body
    assert "http://studio.test:8000/v1/generations" in words


def test_the_curl_line_asks_for_what_was_asked():
    generation = {
        **{"id": "gen_1", "status": "completed", "tool": "editorial", "prompt": "$product"},
        **{"model_id": None, "n": 2, "seed": 5, "created_at": "now", "images": []},
    }
    assert results.body_of(generation) == {
        **{"tool": "editorial", "prompt": "$product", "n": 2, "seed": 5}
    }
    assert results.body_of(generation | {"seed": 0})["seed"] == 0  # else another picture would come


def test_scores_are_put_into_words_by_the_gates_of_the_pack():
    pack = {"identity_pass": 0.55, "identity_warn": 0.42}
    for found, said in ((0.6, "clearly the"), (0.5, "probably the"), (0.1, "not clearly the")):
        shown = results.figure({"id": "i", "model_version": 1, "identity_score": found}, 1, 1, pack)
        assert said in shown
    assert "no face to compare" in results.figure({"id": "i", "model_version": 1}, 1, 1, pack)
    nobody = results.figure({"id": "i", "model_version": None, "identity_score": None}, 1, 1, pack)
    assert "Identity" not in nobody
    assert "0.55 or more" in meaning.explained(pack)


def test_the_marks_of_a_picture_are_named_and_what_is_missing_as_well():
    image = {"c2pa": {"state": "signed", "certificate": "development"}, "label_applied": "eu+us_ny"}
    shown = meaning.marks(image | {"watermark_id": "ab12", "caption": {"en": "Made with AI."}})
    for words in ("signed, watermark, label", "ab12", "European Union, New York", "Made with AI."):
        assert words in shown
    bare = meaning.marks({"c2pa": {"state": "signed"}, "label_applied": "too_small"})
    assert bare.count("too small for one") == 2


def test_two_pictures_show_what_differs_and_what_is_the_same():
    def made(seed, prompt):
        generation = {"id": "gen_1", "prompt": prompt, "aspect_ratio": "3:4", "tool": "editorial"}
        return {"id": f"img_{seed}", "seed": seed, "generation": generation}

    two = [made(1, "$model on a beach"), made(2, "$model on a roof")]
    differs, same = comparing.side_by_side(two, {}, {}, {}).split("The same in both")
    assert "<mark>beach</mark>" in differs and "<mark>roof</mark>" in differs
    assert "<td>1</td><td>2</td>" in differs and "3:4" in same and "3:4" not in differs
    assert "Nothing differs" in comparing.side_by_side([two[0], two[0]], {}, {}, {})
    assert comparing.asked("gen_a.img_b,x.y,gen_c.img_d") == [
        ("gen_a", "img_b"),
        ("gen_c", "img_d"),
    ]


def test_the_filters_remember_what_was_chosen():
    shown = past.filters([{"id": "mdl_1", "name": "Anna"}], [], {"model": "mdl_1"})
    assert '<option value="mdl_1" selected>Anna</option>' in shown
    assert "data-hm-exact hidden" in shown and "data-hm-exact>" in past.filters(
        [], [], {"day": "2026-11-22"}
    )


def test_a_model_that_rests_is_shown_with_its_state_and_can_not_be_chosen():
    ready, resting = {"id": "mdl_1", "status": "ready"}, {"id": "mdl_2", "status": "suspended"}
    shown = cards.model_choices([ready, resting, {"id": "mdl_3", "status": "erased"}], "")
    assert 'value="mdl_1"' in shown and 'value="mdl_2"' not in shown and "Suspended" in shown
    assert "mdl_3" not in shown


def test_only_open_checks_are_listed_with_what_was_measured():
    checks = [
        {"status": "pass", "hint": "Fine"},
        {"status": "fail", "hint": "Step closer.", "measured": 120, "threshold": 200},
    ]
    shown = html.check_list(checks)
    assert "Fine" not in shown
    assert "Step closer." in shown and "Measured 120, threshold 200" in shown


def test_a_tool_that_the_pack_lacks_says_so():
    class Frame:
        @staticmethod
        def link(page):
            return page

    shown = tool_cards(Frame, ["editorial", "flatlay_to_catalog"])
    assert shown.count("Not offered yet") == 1
    assert tool_cards(Frame, []).count("Not offered yet") == 0  # not known yet


def test_create_your_model_opens_only_with_every_tick():
    assert not terms.all_ticked([], BOXES)
    assert not terms.all_ticked(["a"], BOXES)
    assert terms.all_ticked(["b", "a"], BOXES)
    assert not terms.all_ticked([], [])  # boxes that did not load are not ticked


def test_ticks_are_sent_with_the_hash_of_the_words_that_were_shown():
    assert terms.attestations(BOXES, ["b"]) == [{"id": "b", "sha256": "2"}]


def test_the_consent_ends_with_its_last_day():
    assert terms.end_of("2027-11-22") == "2027-11-22T23:59:59Z"
    assert terms.end_of("") == "" and terms.end_of(None) == ""
    with pytest.raises(ValueError):
        terms.end_of("soon")  # never taken for the service's own default


def test_what_was_left_open_is_left_to_the_service():
    given = terms.consent(["lookbook"], [], [], "", "per_image", " 25 EUR ", " ")
    pay = {"basis": "per_image", "amount": "25", "currency": "EUR"}
    assert given == {"purposes": ["lookbook"], "compensation": pay}


def test_approval_is_sent_only_where_the_person_asks_for_it():
    for approval, sent in (("none", None), ("per_image", "per_image")):
        given = terms.consent(["lookbook"], [], [], "", "flat", "", "", approval)
        assert given.get("approval") == sent


def test_a_campaign_is_named_only_with_a_person():
    for model, sent in (("mdl_1", "autumn"), ("", None)):
        body = request_body("editorial", model, [], "x", "3:4", 1, "lookbook", "web", "", "autumn")
        assert body.get("campaign") == sent


def test_an_amount_that_is_no_plain_number_stays_in_words():
    assert terms.paid("flat", "12,50 usd") == {
        "basis": "flat",
        "amount": "12.50",
        "currency": "USD",
    }
    for amount in ("1.000 EUR", "25", "twenty-five EUR", "25 EUR a day", "25 €"):
        assert terms.paid("flat", amount) == f"Flat fee: {amount}"
    assert terms.paid("period", "") == "For a period"


def test_a_picture_that_waits_for_the_person_offers_no_download():
    waiting = results.figure({"id": "img_1", "approval": "pending"}, 1, 1)
    assert results.WAITS in waiting and "download" not in waiting and "data-hm-optional" in waiting
    assert "download" in results.figure({"id": "img_1", "approval": "none"}, 1, 1)
