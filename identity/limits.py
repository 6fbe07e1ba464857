"""Every number that judges a photo, read once from `configs/quality.toml`.

The classes are frozen and their units stand in the file beside each number. This module reads and
checks the file; what the numbers mean is in `photos.py`, `quality.py` and `matching.py`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from identity.photos import PhotoLimits
from workspace.errors import Fault
from workspace.types import PhotoKind

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class PeopleLimits:
    """Which detected faces count as people."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    min_relative_width: float
    min_score: float


@dataclass(frozen=True, slots=True)
class KindLimits:
    """What one of the two photos must be."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    min_short_side: int
    good_height: int
    min_face_width: int
    min_head_space: float
    min_body_space: float
    sure_body_space: float
    max_edge_contact: float
    max_turn: float
    good_turn: float
    min_sharpness: float
    good_sharpness: float
    sharpness_face_width: int


@dataclass(frozen=True, slots=True)
class LightLimits:
    """How a face must be lit."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    min_face_highlight: float
    good_face_highlight: float
    min_picture_highlight: float
    good_picture_highlight: float
    max_clipped: float
    good_clipped: float
    max_half_ratio: float
    good_half_ratio: float


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """All limits of the checks that need no biometric template."""

    people: PeopleLimits
    full_body: KindLimits
    close_up: KindLimits
    light: LightLimits

    def of(self, kind: PhotoKind) -> KindLimits:
        """Pick the limits of one photo."""
        return self.full_body if kind == "full_body" else self.close_up


@dataclass(frozen=True, slots=True)
class Gates:
    """Cosine similarities that decide about faces."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    same_person: float
    good_same_person: float
    duplicate: float


@dataclass(frozen=True, slots=True)
class EvidenceLimits:
    """How much evidence may come with a consent."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    max_files: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Limits:
    """The whole of `configs/quality.toml`."""

    photos: PhotoLimits
    quality: QualityLimits
    gates: Gates
    evidence: EvidenceLimits


@dataclass(frozen=True, slots=True)
class _File:
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    photos: PhotoLimits
    people: PeopleLimits
    full_body: KindLimits
    close_up: KindLimits
    light: LightLimits
    gates: Gates
    evidence: EvidenceLimits


def load_limits(path: Path) -> Limits:
    """Read `configs/quality.toml`.

    Raises:
        Fault: the file is missing, is not TOML, or has a missing, unknown or wrong key.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        file = TypeAdapter(_File).validate_python(table)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise Fault(f"{path.name} is missing or is not valid TOML.") from error
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise Fault(f"{path.name}: `{where}`: {problem['msg']}.") from error
    quality = QualityLimits(file.people, file.full_body, file.close_up, file.light)
    return Limits(file.photos, quality, file.gates, file.evidence)
