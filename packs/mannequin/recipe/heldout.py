"""Renders the held-out cases that ship with the pack, so that anyone can rerun the report.

    python -m recipe.heldout --assets DIR --garments DIR --out heldout

24 people and 24 products of seeds that no shard has, as a user would upload them, and the garment
photos that `photos.py` keeps out of training. The report (report.py) needs nothing else.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from .garments import PATTERNS, Product, dress, plain_outfit, sample_product
from .people import sample_person
from .photos import split
from .pictures import contact_shadow, over
from .poses import sample_pose_calm
from .renderer import Light
from .samples import studio_ground
from .studio import Studio

SEED = 8_000_000  # shards use seeds below 1,000,000
COUNT = 24
QUALITY = 90
CLOSE_UP, FULL_BODY, PRODUCT, PHOTO = (360, 480), (450, 600), (300, 400), (300, 400)


def save(picture: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, quality=QUALITY)


def render_person(studio: Studio, number: int, folder: Path) -> str:
    """Close-up and full body of one person in plain clothes; returns the gender."""
    rng = np.random.default_rng(SEED + number)
    person = sample_person(rng, studio.model.anny.local_change_labels)
    figure = studio.figure(person, float(rng.uniform(0.05, 0.17)), float(rng.uniform(0, 0.3)))
    figure.pose(sample_pose_calm(rng))
    parts = studio.person_parts(figure, person, dress(plain_outfit(rng, person.gender), None))
    marks, draw = studio.landmarks(figure), studio.renderer.draw
    camera = studio.face_camera(marks, 0.416, aspect=0.75)
    picture = draw(parts, camera, Light(), CLOSE_UP)
    save(over(picture, studio_ground(CLOSE_UP)), folder / f"{number:02}_close_up.jpg")
    picture = draw(parts, studio.full_body_camera(marks, 0.9), Light(), FULL_BODY)
    ground = contact_shadow(studio_ground(FULL_BODY, 0.8), (0.5, 0.945), (0.2, 0.02))
    save(over(picture, ground), folder / f"{number:02}_full_body.jpg")
    studio.renderer.release(parts)
    return person.gender


def pick(number: int) -> Product:
    """Every pattern in turn, on tops mostly: what a torso shows can be measured."""
    rng = np.random.default_rng(SEED + 100_000 + number)
    names = list(PATTERNS)
    pattern = "plain" if number % 2 else names[(number // 2) % len(names)]
    category = ("tops", "tops", "tops", "outerwear", "one-pieces", "tops")[number % 6]
    return sample_product(rng, "male", category, pattern)


def main() -> None:
    parser = argparse.ArgumentParser(description="Render the held-out cases.")
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--garments", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    studio = Studio(args.assets)
    lines = ["# Written by recipe/heldout.py.", ""]
    for number in range(COUNT):
        gender = render_person(studio, number, args.out / "people")
        product = pick(number)
        picture = over(
            studio.product_picture(product, PRODUCT, Light(), 0.8), studio_ground(PRODUCT)
        )
        save(picture, args.out / "products" / f"{number:02}.jpg")
        lines += ["[[cases]]", f"number = {number}", f'gender = "{gender}"']
        lines += [f'category = "{product.category}"', ""]
    for number, path in enumerate(split(args.garments)[1]):
        photo = Image.open(path).convert("RGB").resize(PHOTO, Image.Resampling.LANCZOS)
        save(np.asarray(photo), args.out / "photos" / f"{number:02}_{path.parent.name}.jpg")
    (args.out / "heldout.toml").write_text("\n".join(lines[:-1]) + "\n")


if __name__ == "__main__":
    main()
