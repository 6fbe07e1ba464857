"""Real photos, the real face pack and ready-made enrolments, for the tests of `identity/`."""

from __future__ import annotations

import hashlib
import io
import sys
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from identity import face_pack
from identity.encoder import InsightFaceEncoder
from identity.enrolment import EnrolmentRequest
from identity.limits import Limits, load_limits
from tests.homes import guidelines, ticked
from workspace.types import RGB, Embedding, Face, Gender

ROOT = Path(__file__).parents[1]
PEOPLE = ROOT / "packs" / "mannequin" / "samples" / "people"
NAMES = ("amara", "ingrid", "kenji", "mateo")


@cache
def limits() -> Limits:
    """The limits that ship."""
    return load_limits(ROOT / "configs" / "quality.toml")


@cache
def pack_folder() -> Path:
    """The face pack that set-up built, or else one built now."""
    built = Path(sys.prefix) / "share" / "housemodel" / "faces"
    if face_pack.is_complete(built):
        return built
    return face_pack.build(Path(tempfile.gettempdir()) / "housemodel-test-faces")


@cache
def encoder() -> InsightFaceEncoder:
    return InsightFaceEncoder(pack_folder())


@cache
def small_sample(name: str, kind: str) -> bytes:
    """A rendered person as a JPEG of 3/4 of its size: still good enough, and faster."""
    image = Image.open(PEOPLE / name / f"{kind}.jpg").convert("RGB")
    file = io.BytesIO()
    image.resize((image.width * 3 // 4, image.height * 3 // 4)).save(file, "JPEG", quality=92)
    return file.getvalue()


@cache
def sample(name: str, kind: str) -> RGB:
    """A rendered person; do not write into the array."""
    return np.array(Image.open(PEOPLE / name / f"{kind}.jpg").convert("RGB"))


@cache
def faces_of(name: str, kind: str) -> tuple[Face, ...]:
    return encoder().detect(sample(name, kind))


def astronaut() -> RGB:
    """A public-domain portrait that ships with scikit-image: 512 px, face 91 px wide."""
    return _package_image("skimage", "data/astronaut.png")


def six_friends() -> RGB:
    """Six people, each face about 100 px wide; ships with insightface."""
    return _package_image("insightface", "data/images/t1.jpg")


def request(
    person: str = "amara", other: str | None = None, name: str = "Zélie Canary", **changes: object
) -> EnrolmentRequest:
    """A complete enrolment of a sample person; `other` stands in the close-up instead."""
    values: dict[str, object] = {
        "full_body": small_sample(person, "full_body"),
        "close_up": small_sample(other or person, "close_up"),
        "name": name,
        "gender": Gender.FEMALE,
        "attestations": ticked(guidelines()),
    }
    return EnrolmentRequest(**{**values, **changes})  # type: ignore[arg-type]


def _package_image(package: str, path: str) -> RGB:
    found = find_spec(package)
    assert found is not None and found.origin is not None
    return np.array(Image.open(Path(found.origin).parent / path).convert("RGB"))


class RememberingEncoder:
    """The real encoder, asked only once for each picture; counts the vectors it was asked for."""

    _faces: ClassVar[dict[bytes, tuple[Face, ...]]] = {}
    _vectors: ClassVar[dict[tuple[bytes, Face], Embedding]] = {}

    def __init__(self) -> None:
        self.embedded = 0

    @property
    def encoder_id(self) -> str:
        return encoder().encoder_id

    def detect(self, image: RGB) -> tuple[Face, ...]:
        key = _digest(image)
        if key not in self._faces:
            self._faces[key] = encoder().detect(image)
        return self._faces[key]

    def embed(self, image: RGB, face: Face) -> Embedding:
        self.embedded += 1
        key = (_digest(image), face)
        if key not in self._vectors:
            self._vectors[key] = encoder().embed(image, face)
        return self._vectors[key]


def _digest(image: RGB) -> bytes:
    return hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest()
