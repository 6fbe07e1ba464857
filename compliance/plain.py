"""The terms of a consent in the words of the person who gave it. Pure; English.

Each line is a heading and a sentence. Codes that are not in these tables are shown readable.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from compliance import territories
from compliance.compensation import Compensation
from compliance.terms import ConsentTerms

TOOLS = {
    "editorial": "new scenes with you in them",
    "flatlay_to_catalog": "catalogue pictures of you wearing a product",
}
ONE_PICTURE = {
    "editorial": "a new scene with you in it",
    "flatlay_to_catalog": "a catalogue picture of you wearing a product",
}
PURPOSES = {
    "ecommerce_pdp": "product pages of the shop",
    "lookbook": "lookbooks",
    "marketplace": "pages of marketplaces",
    "email": "letters to customers",
    "social_organic": "posts on social media",
    "paid_ads": "paid advertising",
    "press": "the press",
    "internal": "work inside the company",
}
CHANNELS = {
    "web": "websites",
    "app": "apps",
    "email": "e-mail",
    "social": "social media",
    "marketplace": "marketplaces",
    "print": "print",
    "out_of_home": "posters and screens in public",
    "in_store": "shops",
    "internal": "inside the company",
}
_ALTERATIONS = {
    "pose": "your pose",
    "garment": "what you wear",
    "background": "the background",
    "lighting": "the light",
    "hair": "your hair",
    "makeup": "your make-up",
}
_FORBIDDEN = {
    "intimate": "nudity and intimate scenes",
    "political": "politics",
    "medical": "medical subjects",
    "defamatory": "anything that makes you look bad",
    "body_reshape": "changes to the shape of your body",
    "competitor_brands": "brands that compete with this one",
    "religious": "religion",
    "gambling": "gambling",
    "alcohol_tobacco": "alcohol and tobacco",
}
_PLACES = {
    territories.WORLDWIDE: "the whole world",
    "EU": "the European Union",
    "US": "the United States",
    "US-NY": "New York (United States)",
    "US-CA": "California (United States)",
    "GB": "the United Kingdom",
    "CN": "China",
}
_APPROVALS = {
    "none": "You are not asked before a picture is used.",
    "per_image": "You are asked about every picture. It is used after a yes only, from you or from "
    "somebody here who answers for you; a no destroys it.",
    "per_campaign": "You are asked about every campaign. Pictures are made for it after a yes "
    "only, from you or from somebody here who answers for you.",
}
_SPEAKERS = {
    "none": "You agreed for yourself, without an agency or a lawyer.",
    "agency": "Your agency was with you when you agreed.",
    "counsel": "A lawyer was with you when you agreed.",
    "union": "A union was with you when you agreed.",
    "estate": "The estate agreed.",
}


def in_words(terms: ConsentTerms) -> list[tuple[str, str]]:
    """Say what was agreed: heading and sentence, in the order in which one asks."""
    limit = terms.max_images
    said = [
        ("May be made", _sentence(_words(terms.tools, TOOLS))),
        ("Used for", _sentence(_words(terms.purposes, PURPOSES))),
        ("Shown on", _sentence(_words(terms.channels, CHANNELS))),
        ("Shown in", _sentence(places(terms.territories))),
        ("Time", f"From {day(terms.starts_at)} until {day(terms.expires_at)}."),
        ("How many", f"At most {limit} pictures." if limit else "No limit on how many pictures."),
        ("Your pay", pay(terms.compensation)),
        ("Asking you", _APPROVALS.get(terms.approval, _readable(terms.approval))),
        ("May be changed", _sentence(_words(terms.alterations, _ALTERATIONS))),
        (
            "Never",
            _sentence([*_words(terms.forbidden, _FORBIDDEN), "training of other AI models"]),
        ),
        ("Who agreed", _SPEAKERS.get(terms.represented_by, _readable(terms.represented_by))),
    ]
    if terms.intended_use:
        said.append(("In the words of the agreement", terms.intended_use))
    return said


def pay(agreed: Compensation) -> str:
    """Say what is paid, and for what."""
    sum_ = f"{agreed.amount} {agreed.currency}"
    match agreed.basis:
        case "per_image":
            each = "published" if agreed.per == "published_image" else "made"
            return f"{sum_} for each picture that is {each}."
        case "flat":
            return f"{sum_}, once."
        case "period":
            return f"{sum_} for the whole time; less if it ends early."
    return agreed.words or "No pay is recorded here."


def places(codes: Sequence[str]) -> list[str]:
    """Say territories; a country without a name here keeps its code."""
    return [_PLACES.get(code, code) for code in codes]


def purpose(code: str) -> str:
    """Say a purpose."""
    return PURPOSES.get(code, _readable(code))


def channel(code: str) -> str:
    """Say a channel."""
    return CHANNELS.get(code, _readable(code))


def day(moment: datetime) -> str:
    """Write a day without doubt about its order: 22 November 2026."""
    return f"{moment.day} {moment:%B %Y}"


def _words(codes: Sequence[str], table: dict[str, str]) -> list[str]:
    return [table.get(str(code), _readable(str(code))) for code in codes]


def _sentence(words: Sequence[str]) -> str:
    if not words:
        return "Nothing."
    whole = " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
    return f"{whole[0].upper()}{whole[1:]}."


def _readable(code: str) -> str:
    return code.replace("_", " ")
