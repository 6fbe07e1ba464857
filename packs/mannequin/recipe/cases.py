"""The held-out cases that ship with the pack, cropped as the appliance crops uploads."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from identity.encoder import InsightFaceEncoder
from serve.line.conditioning import crop_close_up, fit_full_body, fit_product
from serve.line.outline import garment
from workspace.types import RGB, Embedding, PackSummary, References

from .bars import CLOTH, cut


@dataclass(frozen=True)
class Person:
    """A custom model: what it was enrolled with, and its references for one pack."""

    gender: str
    embedding: Embedding
    close_up: RGB
    full_body: RGB


@dataclass(frozen=True)
class Item:
    """A product: its picture for one pack, and a piece of its cloth from the whole picture."""

    category: str
    picture: RGB
    cloth: RGB


@dataclass(frozen=True)
class Cases:
    people: list[Person]
    products: list[Item]
    photos: list[Item]


def read(path: Path) -> RGB:
    return np.asarray(Image.open(path).convert("RGB"))


def _item(path: Path, category: str, pack: PackSummary) -> Item:
    image = read(path)
    found = garment(image) or (0.0, 0.0, float(image.shape[1]), float(image.shape[0]))
    left, top, right, bottom = (int(side) for side in found)
    picture = fit_product(image, pack.reference_sizes["product"], pack.product_fill)
    return Item(category, picture, cut(image[top:bottom, left:right], CLOTH))


def load_cases(folder: Path, pack: PackSummary, encoder: InsightFaceEncoder) -> Cases:
    listed = tomllib.loads((folder / "heldout.toml").read_text())["cases"]
    people, products = [], []
    for case in listed:
        number = case["number"]
        close = read(folder / "people" / f"{number:02}_close_up.jpg")
        body = read(folder / "people" / f"{number:02}_full_body.jpg")
        face, small = encoder.detect(close)[0], encoder.detect(body)[0]
        crop = crop_close_up(
            close,
            face,
            pack.reference_sizes["close_up"],
            pack.close_up_face_width,
            pack.close_up_face_center,
        )
        full = fit_full_body(
            body, small, pack.reference_sizes["full_body"], pack.full_body_person_height
        )
        people.append(Person(case["gender"], encoder.embed(close, face), crop, full))
        products.append(_item(folder / "products" / f"{number:02}.jpg", case["category"], pack))
    photos = [
        _item(path, path.stem.split("_")[1], pack)
        for path in sorted((folder / "photos").glob("*.jpg"))
    ]
    return Cases(people, products, photos)


def references(person: Person, item: Item | None) -> References:
    return References(person.close_up, person.full_body, (item.picture,) if item else ())
