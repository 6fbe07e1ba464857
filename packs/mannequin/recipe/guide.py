"""Renders the good and bad examples of the guidelines page, one small WebP each.

    python -m recipe.guide --assets DIR --out ../../configs/guidelines/pictures

The people are as synthetic as the samples, with seeds of their own. A bad example shows one fault
and is otherwise as good as its neighbour, so that the fault is what one sees.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from .garments import dress
from .people import sample_person
from .pictures import contact_shadow, over
from .poses import rotation, sample_pose_calm
from .renderer import Camera, Light, Part
from .samples import PEOPLE, SAMPLE_SEED, base_outfit, studio_ground
from .studio import Studio

Colour = tuple[float, float, float]
BLACK: Colour = (0.035, 0.03, 0.03)
BROWN: Colour = (0.2, 0.11, 0.06)
SIZE = (270, 360)
LARGEST_BYTES = 12_000
SOFT = Light((0.2, 0.5, 0.9), (0.5, 0.5, 0.5), (0.62, 0.62, 0.62), (0.46, 0.46, 0.46))
HALF_SHADOW = Light((1.0, 0.1, -0.05), (1.25, 1.2, 1.15), (0.07, 0.07, 0.07), (0.05, 0.05, 0.05))
COLOURED = Light((0.3, 0.4, 0.8), (0.85, 0.12, 0.55), (0.42, 0.12, 0.6), (0.3, 0.1, 0.5))
DARK = Light((0.2, 0.5, 0.9), (0.07, 0.07, 0.08), (0.1, 0.1, 0.11), (0.07, 0.07, 0.08))


@dataclass(frozen=True)
class Sitter:
    """One person, ready to be drawn."""

    parts: list[Part]
    marks: dict


def sitter(
    studio: Studio, seed: int, gender: str, skin: str, hair: str, colour: Colour, turn: float = 0.0
) -> Sitter:
    """A calm, standing person; `turn` is how far the head looks to the side, in radians."""
    rng = np.random.default_rng(SAMPLE_SEED + seed)
    drawn = sample_person(rng, studio.model.anny.local_change_labels, gender, skin, hair)
    person = replace(drawn, hair_colour=colour)
    clothes = PEOPLE[2] if gender == "male" else PEOPLE[3]
    figure = studio.figure(person, blink=0.04, smile=0.1)
    figure.pose(sample_pose_calm(rng) | {"head": rotation("y", turn)})
    parts = studio.person_parts(figure, person, dress(base_outfit(clothes), None))
    return Sitter(parts, studio.landmarks(figure))


class Guide:
    """Draws every example, with three people."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.her = sitter(studio, 334, "female", "caucasian", "long01", BROWN)
        self.him = sitter(studio, 305, "male", "african", "short02", BLACK)
        self.them = sitter(studio, 338, "female", "asian", "long01", BLACK)
        self.turned = sitter(studio, 338, "female", "asian", "long01", BLACK, turn=0.8)

    def examples(self) -> dict[str, Callable[[], np.ndarray]]:
        """File name -> its picture."""
        return {
            "full_framing_good": self.standing,
            "full_framing_cropped": lambda: self.standing(fill=1.28, rise=-2.6),
            "full_framing_two": self.two,
            "full_light_good": lambda: self.standing(self.him),
            "full_light_dark": lambda: self.standing(self.him, light=DARK, dim=0.3),
            "full_light_back": lambda: self.standing(self.him, light=DARK, dim=1.12),
            "full_angle_good": lambda: self.standing(self.them),
            "full_angle_above": lambda: self.standing(self.them, fill=0.95, lift=19.0, fov=44.0),
            "full_angle_tilted": self.tilted,
            "close_framing_good": self.face,
            "close_framing_far": lambda: self.face(share=0.13, down=0.3),
            "close_light_good": lambda: self.face(self.him),
            "close_light_half": lambda: self.face(self.him, light=HALF_SHADOW, dim=0.55),
            "close_light_coloured": lambda: self.face(self.him, light=COLOURED, tint=(0.8, 0.5, 1)),
            "close_angle_good": lambda: self.face(self.them),
            "close_angle_profile": lambda: self.face(self.turned, yaw=0.35),
        }

    def standing(
        self,
        who: Sitter | None = None,
        light: Light = SOFT,
        fill: float = 0.88,
        rise: float = 0.0,
        lift: float = 0.0,
        fov: float = 24.0,
        dim: float = 1.0,
        size: tuple[int, int] = SIZE,
    ) -> np.ndarray:
        """A person in the studio. `rise` moves the picture's foot up (dm), `lift` the camera."""
        who = who or self.her
        middle = np.array([0.0, (who.marks["top"] + who.marks["bottom"]) / 2 - rise, 0.0])
        height = (who.marks["top"] - who.marks["bottom"] + 0.6) / fill
        camera = self.studio.camera(middle, height, 0.0, lift, fov)
        ground = studio_ground(size, 0.8)
        if not rise and not lift:
            ground = contact_shadow(ground, (0.5, 0.93), (0.2, 0.02))
        return self.drawn(who, camera, light, ground * dim, size)

    def two(self) -> np.ndarray:
        """A second person comes into the picture."""
        behind = self.standing(self.him)
        camera = self.studio.full_body_camera(self.her.marks, 0.88)
        moved = np.array([1.9, 0.0, 0.0])
        beside = Camera(
            tuple(np.array(camera.eye) + moved), tuple(np.array(camera.target) + moved), camera.fov
        )
        first = np.roll(behind, SIZE[0] // 5, axis=1)
        return self.drawn(self.her, beside, SOFT, first, SIZE)

    def tilted(self) -> np.ndarray:
        """The camera was not held straight."""
        large = (SIZE[0] * 2, SIZE[1] * 2)
        straight = Image.fromarray(self.standing(self.them, fill=0.44, size=large))
        turned = straight.rotate(13, Image.Resampling.BICUBIC)
        left, top = SIZE[0] // 2, SIZE[1] // 2
        return np.asarray(turned.crop((left, top, left + SIZE[0], top + SIZE[1])))

    def face(
        self,
        who: Sitter | None = None,
        light: Light = SOFT,
        share: float = 0.42,
        down: float = 0.46,
        yaw: float = 0.0,
        dim: float = 1.0,
        tint: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> np.ndarray:
        """Head and shoulders; `share` of the width is the face."""
        who = who or self.her
        camera = self.studio.face_camera(who.marks, share, down, SIZE[0] / SIZE[1], yaw)
        return self.drawn(who, camera, light, studio_ground(SIZE) * dim * np.array(tint), SIZE)

    def drawn(
        self, who: Sitter, camera: Camera, light: Light, ground: np.ndarray, size: tuple[int, int]
    ) -> np.ndarray:
        """The person over a ground."""
        return over(self.studio.renderer.draw(who.parts, camera, light, size), ground)


def write(picture: np.ndarray, path: Path) -> int:
    """Write as small as it must be; the bytes."""
    for quality in (82, 74, 66, 58, 50):
        Image.fromarray(picture).save(path, "WEBP", quality=quality, method=6)
        if path.stat().st_size <= LARGEST_BYTES:
            break
    return path.stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    guide = Guide(Studio(args.assets))
    for name, draw in guide.examples().items():
        print(name, write(draw(), args.out / f"{name}.webp"), flush=True)


if __name__ == "__main__":
    main()
