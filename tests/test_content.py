"""Words in prompts: what is refused in which language, how it hides, and what must always pass."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, strategies

from compliance import content, wording
from compliance.agreed import ALTERATIONS, FORBIDDEN
from tests.homes import quick
from workspace.errors import ContentRefused, Fault

USUAL = ("pose", "garment", "background")
EVERYTHING = ("hair", "makeup", "lighting", *USUAL)
FOLDER = Path(__file__).parents[1] / "configs" / "content"


def refusal(prompt: str, forbidden=("body_reshape",), alterations=USUAL) -> str | None:
    """The clause that refuses a prompt; None if it passes."""
    try:
        content.check_prompt(prompt, forbidden, alterations)
    except ContentRefused as error:
        assert error.pointer == "/prompt" and error.detail.endswith(".")
        return error.detail.rsplit("(", 1)[1].rstrip(").") if "(" in error.detail else "minors"
    return None


@pytest.mark.parametrize(
    "prompt",
    [
        "$model wearing $product, full body, plain white studio",
        "lace lingerie set, bralette and briefs, hotel bedroom, soft daylight",
        "black triangle bikini on a beach at golden hour",
        "high-waist swimsuit, poolside; men's swim shorts, bare chest",
        "nude heels", "Nude suede ankle boots and a nude bodysuit", "dress in a nude tone",
        "skin-tone tights", "skin tone bra", "see-through mesh top over a bralette",
        "shot on location in Essex, Sussex and Middlesex", "sex-neutral outfit, unisex fit",
        "Scunthorpe, Penistone and Cockermouth, cockpit, peacock feathers",
        "analog photo, canal street, therapist, class, bass, grape coloured drapery",
        "a wine red cocktail dress, cigarette trousers and a smoking jacket",
        "baby blue sweater, babydoll dress, boyfriend jeans, kid leather gloves",
        "skinny jeans, slim fit shirt, wide leg trousers, longer hem",
        "monk strap shoes, bishop sleeves, cross-body bag",
        "ad campaign, party dress, vote of confidence, killer heels",
        "a 25 year old woman, an 18-year-old man", "sizes S M L XL, 50% off, $120, SS26, 3/4 view",
        "one of a kind coat, kind smile", "the pen is on the table", "field of rape seed",
        "pussy-bow blouse, boob tube, nipple covers, nude illusion dress", "bondage trousers",
        "hospitality uniform, friends socialising", "dégradé dye, injection-moulded sole",
        "prescription glasses, scene-stealing coat", "product demonstration in operation",
        "A-line silhouette, ultra-thin straps, thin waist belt, super skinny jeans",
        "non-iron, non-slip", "without further ado", "see the tennis court", "a drink of water",
        "schlanker Schnitt, jugendlicher Look, dünnere Träger", "slankere pasvorm, dunnere stof",
        "tirantes más delgados, cintura más alta", "vita più alta", "enfant terrible look",
        "hand-painted silk, painted nails, red hair band, braided belt, blonde wood floor",
        "weinrotes Kleid im Park, nackter Beton", "Unterwäsche, Dessous und Bademode am Strand",
        "escarpins nude, pieds nus sur la plage", "nu de zomer begint draagt ze een jurk",
        "un vestido color vino en la calle", "abito color nudo, spalle nude",
        "buty w kolorze nude, bielizna", "vestido cor de vinho, pés nus na areia",
    ],
)  # fmt: skip
def test_ordinary_fashion_words_pass(prompt: str) -> None:
    assert refusal(prompt, FORBIDDEN) is None


@pytest.mark.parametrize(
    ("clause", "prompts"),
    {
        "intimate": [
            "a nude woman in heels", "naked", "topless at the pool", "without clothes",
            "takes off her dress", "nackt am Strand", "oben ohne", "femme nue", "desnuda",
            "senza vestiti", "naakt op het strand", "naga kobieta", "mulher nua",
        ],
        "political": [
            "at an election rally", "Wahlplakat", "affiche électorale", "cartel electoral",
            "manifesto elettorale", "verkiezingsposter", "plakat wyborczy", "cartaz eleitoral",
        ],
        "medical": [
            "as a hospital patient", "im Krankenhaus", "à l'hôpital", "en el hospital",
            "in ospedale", "in het ziekenhuis", "w szpitalu", "no hospital",
        ],
        "defamatory": [
            "a mugshot", "betrunken", "ivre", "borracha", "ubriaca", "dronken", "pijana", "bêbada",
        ],
        "body_reshape": [
            "make her thinner", "bigger breasts", "größere Brüste", "plus mince", "más delgada",
            "più magra", "slankere versie", "szczuplejsza", "mais magra",
        ],
        "religious": ["in a church", "in der Kirche", "à l'église", "en la iglesia", "in chiesa"],
        "gambling": ["at the casino", "Spielautomat", "paris sportifs", "tragaperras", "azzardo"],
        "alcohol_tobacco": [
            "holding a glass of wine", "with a cigarette", "mit Bier", "fume une cigarette",
            "con una cerveza", "beve vino", "rookt", "z papierosem", "com um cigarro",
        ],
        "competitor_brands": ["with an Adidas logo", "H&M bag", "Levi's jeans", "Louis-Vuitton"],
        "minors": [
            "a child", "12 year old girl", "sixteen-year-old", "schoolgirl", "kleines Mädchen",
            "ein Kind", "14 Jahre alt", "une fillette", "una niña", "una bambina", "een kind",
            "dziewczynka", "uma criança", "teenager",
        ],
    }.items(),
)  # fmt: skip
def test_each_clause_is_found_in_the_main_languages(clause: str, prompts: list[str]) -> None:
    found = {prompt: refusal(f"{prompt}, studio", FORBIDDEN) for prompt in prompts}
    assert found == dict.fromkeys(prompts, clause)


@pytest.mark.parametrize(
    "hidden",
    [
        "NUDE", "Núdé", "ｎｕｄｅ", "𝓃𝓊𝒹𝑒", "nud3", "nuuuude", "n u d e", "n.u.d.e", "n-u-d-e",
        "n_u_d_3", "nu-de", "n*de", "n\u200bu\u200bde", "пude", "nudе", "n\u0336ude", "top less",
        "t0pl3ss", "p0rn", "pörno", "nude heels, nude", "heels nude", "huellenlos",
        "hu\u0308llenlos", "nude. heels", "$ex", "n4k3d", "na ked", "na.ked", "sex1", "undre$$ed",
    ],
)  # fmt: skip
def test_simple_disguises_do_not_help(hidden: str) -> None:
    expected = None if hidden in ("sex1",) else "intimate"  # sex1 is a word of its own
    assert refusal(f"the person, {hidden}, studio") == expected


def test_what_the_consent_allows_is_not_refused() -> None:
    assert refusal("in a church", ()) is None
    assert refusal("in a church", ("religious",)) == "religious"
    assert refusal("bigger breasts", ()) is None
    assert refusal("at an election rally", ()) == "political"  # forbidden in every consent


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        ("hair", "with long blonde hair"), ("hair", "mit Perücke"), ("hair", "cheveux roux"),
        ("makeup", "smoky eyes and red lips"), ("makeup", "stark geschminkt"),
        ("lighting", "neon light on the face"), ("lighting", "contre-jour"),
        ("pose", "sitting on a chair"), ("background", "on a beach"), ("garment", "wearing a coat"),
    ],
)  # fmt: skip
def test_an_alteration_needs_its_grant(name: str, prompt: str) -> None:
    without = tuple(one for one in EVERYTHING if one != name)
    assert refusal(prompt, (), EVERYTHING) is None
    assert refusal(prompt, (), without) == name


def test_without_a_custom_model_only_intimate_pictures_are_refused() -> None:
    content.check_prompt("kids t-shirt, flat lay, next to a glass of wine")
    with pytest.raises(ContentRefused):
        content.check_prompt("a naked mannequin")


def test_the_refusal_never_repeats_the_prompt() -> None:
    with pytest.raises(ContentRefused) as raised:
        content.check_prompt("zebrafink naked zebrafink", (), ())
    assert "zebrafink" not in str(raised.value) and "naked" not in str(raised.value)


def test_every_clause_and_alteration_of_a_consent_has_words_in_every_language() -> None:
    for path in FOLDER.glob("??.toml"):
        table = tomllib.loads(path.read_text())
        assert table["language"] == path.stem
        assert set(table["forbidden"]) == set(FORBIDDEN) - {"competitor_brands"}, path.name
        assert set(table["alterations"]) == set(ALTERATIONS), path.name
        assert all(table["minors"]) and all(table["allowed"])
    assert len(list(FOLDER.glob("??.toml"))) == 8


def test_own_brands_are_taken_out(tmp_path: Path) -> None:
    for path in FOLDER.glob("*.toml"):
        text = path.read_text().replace("own = []", 'own = ["Nike"]')
        (tmp_path / path.name).write_text(text)
    rules = content.load_rules(tmp_path)
    content.check_prompt("nike shoes", ("competitor_brands",), USUAL, rules)
    with pytest.raises(ContentRefused):
        content.check_prompt("adidas shoes", ("competitor_brands",), USUAL, rules)


@pytest.mark.parametrize("damage", ["forbidden = 5", "[forbidden]\nintimat = ['x']", "= ="])
def test_an_incomplete_word_list_stops_the_start(tmp_path: Path, damage: str) -> None:
    head = "version = '1'\nallowed = ['x']\nminors = ['y']\nalterations = {}\n"
    (tmp_path / "en.toml").write_text(head + damage)
    with pytest.raises(Fault):
        content.load_rules(tmp_path)
    with pytest.raises(Fault):
        content.load_rules(tmp_path / "nowhere")


def test_a_hostile_prompt_takes_no_time() -> None:
    import time

    started = time.perf_counter()
    for text in ("nude " * 400, "n u " * 500, "a" * 2000, "a*" * 1000, "nu-" * 660, "1!|" * 660):
        refusal(text, FORBIDDEN, ())
    assert time.perf_counter() - started < 1.0


@quick
@given(strategies.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    wording.read(text, content.shipped_rules().allowed)
    refusal(text, FORBIDDEN, ())
