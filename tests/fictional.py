"""Fictional people for tests: a small cast on disk, an encoder that sees what it is told to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from compliance.synthetic import SyntheticTexts, load_synthetic
from identity.cast import Cast, load_cast
from identity.photos import encode
from serve.settings import PROJECT
from workspace.types import RGB, Embedding, Face

FOLK = (
    ("c00", "female", "twenties", "fair", "long", "red", "green", "slim", "freckles"),
    ("c01", "female", "thirties", "dark", "short", "black", "brown", "full", "full_lips"),
    ("c02", "male", "thirties", "medium", "short", "brown", "brown", "athletic", "strong_jaw"),
    ("c03", "female", "thirties", "dark", "afro", "black", "brown", "slim", "round_face"),
)
_NAMES = ("id", "gender", "age", "skin", "hair", "hair_colour", "eyes", "build")


def texts() -> SyntheticTexts:
    """The words that ship."""
    return load_synthetic(PROJECT / "configs" / "guidelines" / "synthetic")


def boxes() -> list[dict[str, str]]:
    """Every box of a fictional person, ticked."""
    return [{"id": box.id, "sha256": box.sha256} for box in texts().attestations]


def picture(shade: int) -> bytes:
    """A JPEG of one shade of grey, which the encoder below can tell from others."""
    return encode(np.full((96, 72, 3), shade, np.uint8), "jpeg")[0]


def cast_in(folder: Path, pack: str = "simulated") -> Cast:
    """Write a cast of four and read it as the appliance does."""
    people = folder / "people"
    people.mkdir(parents=True)
    tables = []
    for number, folk in enumerate(FOLK):
        for kind in ("full_body", "close_up"):
            (people / f"{folk[0]}_{kind}.jpg").write_bytes(picture(40 * (number + 1)))
        lines = [f'{name} = "{value}"' for name, value in zip(_NAMES, folk, strict=False)]
        tables.append("\n".join(["[[people]]", *lines, f'features = ["{folk[-1]}"]', ""]))
    (people / "people.toml").write_text("\n".join(tables))
    files = {
        f"people/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in people.iterdir()
    }
    return load_cast(pack, folder, "people/people.toml", files)


@dataclass
class ToldEncoder:
    """A face encoder for tests: one face in every picture; its vector follows the brightness.

    Set `faces` to another number of faces, `alike` to make everybody look the same.
    """

    faces: int = 1
    alike: bool = False
    encoder_id: str = "yunet_sface_fp32"
    embedded: list[tuple[int, ...]] = field(default_factory=list)  # sizes of what was embedded

    def detect(self, image: RGB) -> tuple[Face, ...]:
        height, width = image.shape[:2]
        box = (width * 0.3, height * 0.2, width * 0.7, height * 0.6)
        return tuple(Face(box, ((0.0, 0.0),) * 5, 0.9) for _ in range(self.faces))

    def embed(self, image: RGB, face: Face) -> Embedding:
        self.embedded.append(image.shape)
        vector = np.zeros(8, np.float32)
        shade = float(image.mean())
        vector[0 if self.alike else min(7, round(shade / 40))] = 1
        return Embedding(vector, self.encoder_id)
