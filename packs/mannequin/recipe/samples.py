"""Renders the sample people and products that ship with the pack.

    python -m recipe.samples --assets DIR --out samples

Training never sees them: their seeds lie outside the shards' range, their looks are set here.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from .garments import PATTERNS, Fabric, Product, dress
from .people import Person, sample_person
from .pictures import contact_shadow, over
from .poses import sample_pose_calm
from .renderer import Light
from .studio import Studio

SAMPLE_SEED = 9_000_000  # shards use seeds below 1,000,000
QUALITY = 88


@dataclass(frozen=True)
class SamplePerson:
    name: str
    seed: int
    gender: str
    skin: str
    hair: str
    hair_colour: tuple[float, float, float]
    skin_tint: tuple[float, float, float]
    top: tuple[str, tuple[float, float, float]]
    bottom: tuple[str, tuple[float, float, float]]


PEOPLE = (
    SamplePerson(
        "amara",
        1,
        "female",
        "african",
        "afro01",
        (0.05, 0.04, 0.035),
        (1.05, 1.0, 0.98),
        ("female_casualsuit01-top", (0.85, 0.85, 0.86)),
        ("male_casualsuit02-bottom", (0.12, 0.14, 0.2)),
    ),
    SamplePerson(
        "ingrid",
        12,
        "female",
        "caucasian",
        "long01",
        (0.62, 0.48, 0.30),
        (1.0, 0.96, 0.93),
        ("female_casualsuit01-top", (0.45, 0.48, 0.52)),
        ("male_casualsuit02-bottom", (0.2, 0.2, 0.22)),
    ),
    SamplePerson(
        "kenji",
        3,
        "male",
        "asian",
        "short01",
        (0.035, 0.03, 0.03),
        (0.98, 0.9, 0.84),
        ("male_casualsuit04-top", (0.8, 0.78, 0.74)),
        ("male_casualsuit02-bottom", (0.16, 0.18, 0.24)),
    ),
    SamplePerson(
        "mateo",
        4,
        "male",
        "caucasian",
        "short02",
        (0.22, 0.12, 0.06),
        (0.80, 0.69, 0.62),
        ("male_casualsuit06-top", (0.3, 0.34, 0.38)),
        ("male_casualsuit02-bottom", (0.45, 0.42, 0.36)),
    ),
)


def _product(category, pieces, pattern, a, b=(0.9, 0.9, 0.9), period=1.3, phase=0.2, drop=1.6):
    fabric = Fabric(PATTERNS[pattern], a, b, period, phase, drop, SAMPLE_SEED + 77)
    return Product(category, pieces, fabric)


PRODUCTS = {
    "red-tee": _product("tops", ("female_casualsuit01-top",), "plain", (0.78, 0.07, 0.09)),
    "navy-stripe-longsleeve": _product(
        "tops", ("male_casualsuit02-top",), "striped", (0.07, 0.1, 0.3), (0.93, 0.92, 0.88)
    ),
    "green-check-shirt": _product(
        "tops", ("male_casualsuit03-top",), "checked", (0.08, 0.38, 0.18), (0.9, 0.88, 0.75)
    ),
    "yellow-skirt": _product(
        "bottoms", ("female_elegantsuit01-bottom",), "plain", (0.92, 0.73, 0.1)
    ),
    "cobalt-trousers": _product(
        "bottoms", ("male_casualsuit02-bottom",), "plain", (0.1, 0.24, 0.72)
    ),
    "purple-dress": _product(
        "one-pieces",
        ("female_casualsuit01-top", "female_elegantsuit01-bottom"),
        "plain",
        (0.45, 0.13, 0.55),
    ),
    "orange-jacket": _product("outerwear", ("male_casualsuit05-top",), "plain", (0.9, 0.42, 0.08)),
    "teal-band-tee": _product(
        "tops", ("male_casualsuit06-top",), "banded", (0.05, 0.5, 0.5), (0.95, 0.8, 0.25)
    ),
}


def person_of(sample: SamplePerson, labels: list[str]) -> Person:
    rng = np.random.default_rng(SAMPLE_SEED + sample.seed)
    drawn = sample_person(rng, labels, sample.gender, sample.skin, sample.hair)
    return replace(
        drawn,
        skin=f"young_{sample.skin}_{sample.gender}",
        skin_tint=sample.skin_tint,
        hair_colour=sample.hair_colour,
    )


def base_outfit(sample: SamplePerson) -> tuple[Product, Product]:
    return (
        _product("tops", (sample.top[0],), "plain", sample.top[1]),
        _product("bottoms", (sample.bottom[0],), "plain", sample.bottom[1]),
    )


def studio_ground(size: tuple[int, int], floor: float | None = None) -> np.ndarray:
    """A light grey backdrop (H, W, 3); `floor` is the height share where the ground begins."""
    width, height = size
    y = np.linspace(0, 1, height)[:, None]
    x = np.linspace(-1, 1, width)[None]
    grey = 232 - 10 * y - 8 * x**2
    if floor is not None:
        grey = grey - 14 * np.clip((y - floor) / 0.05, 0, 1)
    return np.repeat(grey[..., None], 3, 2) + np.array([0, 0, 2])


def render_person(studio: Studio, sample: SamplePerson, folder: Path) -> None:
    rng = np.random.default_rng(SAMPLE_SEED + sample.seed)
    person = person_of(sample, studio.model.anny.local_change_labels)
    figure = studio.figure(person, blink=0.04, smile=0.12)
    figure.pose(sample_pose_calm(rng))
    parts = studio.person_parts(figure, person, dress(base_outfit(sample), None))
    marks = studio.landmarks(figure)
    folder.mkdir(parents=True, exist_ok=True)
    size = (1248, 1664)
    picture = studio.renderer.draw(parts, studio.full_body_camera(marks, 0.9), Light(), size)
    ground = contact_shadow(studio_ground(size, 0.8), (0.5, 0.945), (0.2, 0.02))
    Image.fromarray(over(picture, ground)).save(folder / "full_body.jpg", quality=QUALITY)
    size = (1080, 1440)
    picture = studio.renderer.draw(
        parts, studio.face_camera(marks, 0.416, aspect=0.75), Light(), size
    )
    Image.fromarray(over(picture, studio_ground(size))).save(
        folder / "close_up.jpg", quality=QUALITY
    )
    studio.renderer.release(parts)


def render_product(studio: Studio, product: Product, path: Path) -> None:
    size = (900, 1200)
    picture = studio.product_picture(product, size, Light(), fill=0.84)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(over(picture, studio_ground(size) + 8)).save(path, quality=QUALITY)


def write_index(out: Path) -> None:
    lines = ["# Rendered by recipe/samples.py; no real person is shown.", ""]
    for s in PEOPLE:
        lines += ["[[people]]", f'name = "{s.name}"', f'gender = "{s.gender}"', 'age = "adult"', ""]
    for name, product in PRODUCTS.items():
        lines += ["[[products]]", f'name = "{name}"', f'category = "{product.category}"', ""]
    (out / "samples.toml").write_text("\n".join(lines[:-1]) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    studio = Studio(args.assets)
    for sample in PEOPLE:
        render_person(studio, sample, args.out / "people" / sample.name)
    for name, product in PRODUCTS.items():
        render_product(studio, product, args.out / "products" / f"{name}.jpg")
    write_index(args.out)


if __name__ == "__main__":
    main()
