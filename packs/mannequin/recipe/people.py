"""Draws random adults: body shape, face sliders, skin, hair, eyes and brows, all from one seed."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from .assets import EYE_COLOURS, HAIR

FACE_SLIDERS = ("head-", "nose", "cheek", "chin", "mouth", "eye", "forehead", "ear")
UNSAFE_SLIDERS = ("trans-out", "head-angle", "head-trans", "neck-", "head-age")

# linear albedo of natural hair, black to blond, grey and red, with sampling weights
HAIR_COLOURS = (
    ((0.035, 0.03, 0.03), 5),
    ((0.09, 0.055, 0.035), 5),
    ((0.20, 0.11, 0.06), 4),
    ((0.34, 0.22, 0.12), 3),
    ((0.66, 0.50, 0.28), 4),
    ((0.80, 0.70, 0.50), 2),
    ((0.50, 0.18, 0.06), 2),
    ((0.55, 0.55, 0.56), 2),
)
HAIR_FOR = {
    "female": (
        "bob01",
        "bob02",
        "bob02",
        "braid01",
        "braid01",
        "long01",
        "long01",
        "ponytail01",
        "ponytail01",
        "afro01",
        "short01",
        "short02",
    ),
    "male": (
        "short01",
        "short01",
        "short02",
        "short02",
        "short03",
        "short04",
        "short04",
        "afro01",
        "ponytail01",
    ),
}


@dataclass(frozen=True)
class Person:
    """Everything that makes one synthetic adult; colours are linear multipliers or albedos."""

    gender: str
    phenotype: dict[str, float]
    sliders: dict[str, float]
    skin: str
    skin_tint: tuple[float, float, float]
    hair: str
    hair_colour: tuple[float, float, float]
    eyes: str
    brows: str
    lashes: str
    shoes: str


def face_sliders(labels: list[str]) -> list[str]:
    """The symmetric face sliders of the body model, left side standing for both."""
    return [
        label
        for label in labels
        if label.removeprefix("l-").startswith(FACE_SLIDERS)
        and not label.startswith("r-")
        and not any(bad in label for bad in UNSAFE_SLIDERS)
    ]


def sample_person(
    rng: np.random.Generator,
    labels: list[str],
    gender: str | None = None,
    skin: str | None = None,
    hair: str | None = None,
) -> Person:
    """One adult. `labels` are the body model's slider names."""
    gender = gender or ("female", "male")[rng.integers(2)]
    origin = skin or ("caucasian", "african", "asian")[rng.integers(3)]
    age_group = ("young", "young", "middleage")[rng.integers(3)]
    mix = {"african": 0.0, "asian": 0.0, "caucasian": 0.0}
    for name, share in zip(mix, rng.dirichlet((0.4, 0.4, 0.4)), strict=True):
        mix[name] = 0.35 * share
    mix[origin] += 0.65
    u = rng.uniform
    phenotype = {
        "gender": u(0.92, 1.0) if gender == "female" else u(0.0, 0.08),
        "age": u(0.5, 0.58) if age_group == "young" else u(0.62, 0.75),
        "muscle": u(0.35, 0.7),
        "weight": u(0.3, 0.75),
        "height": u(0.35, 0.7),
        "proportions": u(0.6, 0.9),
        "cupsize": u(0.35, 0.6),
        "firmness": u(0.5, 0.8),
        **mix,
    }
    sliders: dict[str, float] = {}
    for label in face_sliders(labels):
        if rng.random() < 0.6:
            value = float(np.clip(rng.normal(0, 0.36), -0.85, 0.9))
            sliders[label] = value
            if label.startswith("l-"):
                sliders["r-" + label[2:]] = value
    # MakeHuman's neutral eyes stare: lower the lids a little
    for k in (1, 2, 3):
        for side in "lr":
            name = f"{side}-eye-height{k}-incr"
            sliders[name] = min(sliders.get(name, 0.0), 0.2) * 0.5 - 0.25
    return Person(
        gender,
        phenotype,
        sliders,
        f"{age_group}_{origin}_{gender}",
        _skin_tint(rng, origin),
        hair or HAIR_FOR[gender][rng.integers(len(HAIR_FOR[gender]))],
        _hair_colour(rng, origin),
        EYE_COLOURS[rng.integers(len(EYE_COLOURS))] if origin == "caucasian" else "brown",
        f"eyebrow{rng.integers(1, 13):03d}",
        f"eyelashes0{rng.integers(1, 4) if gender == 'female' else 1}",
        f"shoes0{rng.integers(1, 7)}",
    )


def _skin_tint(rng: np.random.Generator, origin: str) -> tuple[float, float, float]:
    """Natural tones only: darker skins lose blue first, then green."""
    depth = {"caucasian": rng.uniform(0, 0.45), "asian": rng.uniform(0.0, 0.55)}.get(
        origin, rng.uniform(-0.9, 0.25)
    )
    warm = rng.normal(0, 0.02)
    red, green, blue = np.array([1.04, 1.0, 0.97]) - depth * np.array([0.42, 0.56, 0.66])
    return float(red * (1 + warm)), float(green), float(blue * (1 - warm))


def _hair_colour(rng: np.random.Generator, origin: str) -> tuple[float, float, float]:
    if rng.random() < 0.12:  # dyed
        return colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.5, 0.85), rng.uniform(0.3, 0.7))
    weights = np.array([w for _, w in HAIR_COLOURS], float)
    if origin != "caucasian":
        weights[2:] *= 0.25
    base = np.array(HAIR_COLOURS[rng.choice(len(weights), p=weights / weights.sum())][0])
    return tuple(float(x) for x in base * rng.uniform(0.8, 1.2) * rng.uniform(0.94, 1.06, 3))


assert all(h in HAIR for names in HAIR_FOR.values() for h in names)
