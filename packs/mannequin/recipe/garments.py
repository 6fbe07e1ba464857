"""Garment colours and patterns, and the outfits that are put together from suit pieces."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .assets import Library
from .renderer import Material
from .wardrobe import Piece, cut_suit

TOPS = (
    "female_casualsuit01-top",
    "female_elegantsuit01-top",
    "female_sportsuit01-top",
    "male_casualsuit02-top",
    "male_casualsuit03-top",
    "male_casualsuit04-top",
    "male_casualsuit06-top",
)
OUTERWEAR = ("male_casualsuit05-top", "male_elegantsuit01-top")
BOTTOMS = (
    "female_casualsuit01-bottom",
    "male_casualsuit02-bottom",
    "male_elegantsuit01-bottom",
    "female_casualsuit02-bottom",
    "female_elegantsuit01-bottom",
)
LOGO_TEXTURES = (
    "female_casualsuit01-top",
    "male_casualsuit02-top",
    "male_casualsuit04-top",
    "male_casualsuit06-top",
)
FEMALE_ONLY = ("female_sportsuit01-top", "female_elegantsuit01-bottom")
SKIRT = "female_elegantsuit01-bottom"
PATTERNS = {
    "plain": 0,
    "striped": 1,
    "pinstriped": 2,
    "checked": 3,
    "dotted": 4,
    "two-tone": 5,
    "printed": 6,
    "banded": 7,
    "logo": 8,
}
PHOTO = 9  # a garment photo, laid over the garment's front
PATTERN_WEIGHTS = np.array([9, 2.5, 1.5, 1.5, 1, 1.5, 1, 1.5, 1.5])


@dataclass(frozen=True)
class Fabric:
    """Two colours and a pattern; the numbers are those of the fragment shader."""

    pattern: int
    colour_a: tuple[float, float, float]
    colour_b: tuple[float, float, float]
    period: float
    phase: float
    drop: float
    print_seed: int
    photo: Path | None = None


@dataclass(frozen=True)
class Product:
    """What is sold: one or two pieces in one fabric. category is one of the product's words."""

    category: str
    pieces: tuple[str, ...]
    fabric: Fabric


def _colour(rng: np.random.Generator) -> tuple[float, float, float]:
    """Any hue, with greys, blacks and whites as common as they are in shops."""
    if rng.random() < 0.22:
        v = float(rng.choice([0.04, 0.12, 0.3, 0.55, 0.8, 0.95]))
        return v, v, v
    return colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.35, 1.0), rng.uniform(0.25, 1.0))


def sample_fabric(rng: np.random.Generator, pattern: str | None = None) -> Fabric:
    names = list(PATTERNS)
    weights = PATTERN_WEIGHTS / PATTERN_WEIGHTS.sum()
    name = pattern or names[rng.choice(len(names), p=weights)]
    a, b = _colour(rng), _colour(rng)
    while np.abs(np.subtract(a, b)).sum() < 0.5:  # two colours that can be told apart
        b = _colour(rng)
    return Fabric(
        PATTERNS[name],
        a,
        b,
        float(rng.uniform(0.8, 2.0)),
        float(rng.random()),
        float(rng.uniform(1.2, 2.4)),
        int(rng.integers(1, 1 << 30)),
    )


def sample_product(
    rng: np.random.Generator, gender: str, category: str | None = None, pattern: str | None = None
) -> Product:
    weights = np.array([5, 2, 2, 1.5])
    category = (
        category
        or ("tops", "bottoms", "one-pieces", "outerwear")[rng.choice(4, p=weights / weights.sum())]
    )
    allowed = lambda names: [n for n in names if gender == "female" or n not in FEMALE_ONLY]  # noqa: E731
    if category == "tops":
        pieces = (str(rng.choice(allowed(TOPS))),)
    elif category == "bottoms":
        pieces = (str(rng.choice(allowed(BOTTOMS))),)
    elif category == "outerwear":
        pieces = (str(rng.choice(OUTERWEAR)),)
    else:
        lower = SKIRT if gender == "female" and rng.random() < 0.75 else BOTTOMS[1]
        upper = [t for t in TOPS if t != "female_sportsuit01-top"]
        pieces = (str(rng.choice(upper)), lower)
    fabric = sample_fabric(rng, pattern)
    while category == "bottoms" and fabric.pattern in (PATTERNS["logo"], PATTERNS["banded"]):
        fabric = sample_fabric(rng)  # chest patterns make no sense on trousers
    return Product(category, pieces, fabric)


def plain_outfit(rng: np.random.Generator, gender: str) -> tuple[Product, Product]:
    """The simple clothes of a full-body reference: a plain top and plain trousers or skirt."""
    top = sample_product(rng, gender, "tops", "plain")
    bottom = sample_product(rng, gender, "bottoms", "plain")
    if rng.random() < 0.6:  # muted, as people are asked to wear
        grey = float(rng.uniform(0.05, 0.9))
        muted = tuple(0.35 * c + 0.65 * grey for c in bottom.fabric.colour_a)
        f = bottom.fabric
        fabric = Fabric(0, muted, f.colour_b, f.period, f.phase, f.drop, f.print_seed)
        bottom = Product(bottom.category, bottom.pieces, fabric)
    return top, bottom


def dress(base: tuple[Product, Product], product: Product | None) -> dict[str, Product]:
    """Slot -> what is worn there: the product replaces the slots that it covers."""
    worn = {"top": base[0], "bottom": base[1]}
    for name in product.pieces if product else ():
        worn[name.rsplit("-", 1)[1]] = product
    return worn


def _relief(piece: Piece) -> float:
    """How much of the texture's own shading shows; none where it would print a logo."""
    if piece.name in LOGO_TEXTURES:
        return 0.0
    return 0.55 if piece.slot == "bottom" or piece.name in OUTERWEAR else 0.35


class Wardrobe:
    """All pieces of the library by name."""

    def __init__(self, library: Library, body_heights: np.ndarray) -> None:
        names = (*TOPS, *OUTERWEAR, *BOTTOMS)
        suits = sorted({n.rsplit("-", 1)[0] for n in names})
        pieces = [p for suit in suits for p in cut_suit(library, suit, body_heights)]
        self.pieces: dict[str, Piece] = {p.name: p for p in pieces if p.name in names}
        self.library = library

    def material(self, piece: Piece, fabric: Fabric, low: np.ndarray, high: np.ndarray) -> Material:
        """The fabric on a piece. low, high: corners of the whole garment at rest (3,), in dm."""
        layout = (fabric.period, fabric.phase, fabric.drop, float(high[1]))
        if fabric.pattern == PHOTO:
            layout = tuple(float(v) for v in (*low[:2], *(high - low)[:2]))
        return Material(
            self.library.texture("clothes", piece.suit),
            mode=2,
            mean_light=piece.mean_light,
            relief=0.0 if fabric.pattern == PHOTO else _relief(piece),
            pattern=fabric.pattern,
            colour_a=fabric.colour_a,
            colour_b=fabric.colour_b,
            layout=layout,
            print_seed=fabric.photo
            or (fabric.print_seed if fabric.pattern == PATTERNS["printed"] else 0),
            shine=0.02,
        )
