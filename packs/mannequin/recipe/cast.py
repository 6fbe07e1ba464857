"""Renders the cast: fictional adults that the appliance offers where a person is made from scratch.

    python -m recipe.cast --assets DIR --faces DIR --out people

COUNT people of seeds that neither training, nor the held-out cases, nor the samples use. Each is
drawn to a description (`plan`), which goes into `people.toml` with the two pictures. A drawing
whose face can't be found, that does not look like itself in the two pictures, or that comes too
close to a sample person is drawn anew; of several that come close to others, the least close stays.
Needs the face networks of the appliance (`--faces`, see identity/face_pack.py) to look at them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from identity.encoder import InsightFaceEncoder

from .garments import PATTERNS, Fabric, Product, dress
from .people import Person, sample_person
from .pictures import contact_shadow, over
from .poses import sample_pose_calm
from .renderer import Light
from .samples import studio_ground
from .studio import Studio

SEED = 7_000_000  # shards use seeds below 1,000,000, held-out cases 8, samples 9 million
COUNT = 96
TRIES = 2
SIZE = (480, 640)  # px, of both pictures
QUALITY = 84
ALIKE = 0.68  # cosine from which on two people of the cast look alike
LIKE_A_SAMPLE = 0.57  # the appliance refuses likenesses from 0.60 on
LIKE_ITSELF = 0.62  # close-up against full body; the appliance asks for 0.58

AGES = {  # years: (anny's age, texture)
    "twenties": ((0.50, 0.53), "young"),
    "thirties": ((0.56, 0.60), "young"),
    "forties_fifties": ((0.64, 0.73), "middleage"),
}
SKINS = {  # tone: origins and how deep the texture is tinted (see people.py)
    "fair": (("caucasian", "asian"), (0.0, 0.12)),
    "medium": (("caucasian", "asian"), (0.26, 0.42)),
    "brown": (("african",), (-0.85, -0.55)),
    "dark": (("african",), (-0.15, 0.2)),
}
HAIRS = {
    "female": ("long", "short", "tied_back", "bob", "afro", "long"),
    "male": ("short", "short", "afro", "short", "tied_back", "short"),
    "non_binary": ("short", "bob", "afro", "tied_back", "long", "short"),
}
MESHES = {  # those that leave both eyes free; braid01 looks like a bob from the front
    "short": ("short01", "short02", "short04"),
    "bob": ("braid01",),
    "long": ("long01",),
    "tied_back": ("ponytail01",),
    "afro": ("afro01",),
}
HAIR_COLOURS = {  # linear albedo
    "black": (0.035, 0.03, 0.03),
    "brown": (0.20, 0.115, 0.06),
    "blond": (0.70, 0.56, 0.34),
    "red": (0.50, 0.18, 0.06),
    "grey": (0.55, 0.55, 0.56),
}
COLOUR_ORDER = ("brown", "black", "blond", "black", "red", "brown", "grey")
EYES = {
    "brown": ("brown", "brownlight"),
    "blue": ("blue", "lightblue"),
    "green": ("green", "bluegreen"),
    "grey": ("grey",),
}
EYE_ORDER = ("brown", "blue", "brown", "green", "grey")
BUILDS = {  # muscle, weight
    "slim": ((0.38, 0.5), (0.28, 0.36)),
    "average": ((0.42, 0.55), (0.46, 0.55)),
    "athletic": ((0.66, 0.74), (0.42, 0.5)),
    "full": ((0.4, 0.52), (0.68, 0.76)),
}
FEATURES: dict[str, dict[str, float]] = {
    "full_lips": {
        "mouth-lowerlip-volume-incr": 0.7,
        "mouth-upperlip-volume-incr": 0.7,
        "mouth-scale-vert-incr": 0.3,
    },
    "high_cheekbones": {"l-cheek-bones-incr": 0.7, "head-fat-incr": -0.2},
    "round_face": {"head-fat-incr": 0.6, "head-scale-horiz-incr": 0.25},
    "narrow_face": {"head-scale-horiz-incr": -0.45, "head-fat-incr": -0.4},
    "strong_jaw": {"chin-width-incr": 0.65, "chin-bones-incr": 0.5, "chin-prominent-incr": 0.3},
    "strong_nose": {"nose-scale-depth-incr": 0.45, "nose-hump-incr": 0.4},
}
# Sliders that make a neutral face look angry, odd or unkempt: kept close to the middle.
CALM = {
    "eyebrows-angle-up": (-0.15, 0.1),
    "mouth-angles-up": (0.0, 0.35),
    "mouth-laugh-lines-out": (-0.2, 0.1),
    "mouth-trans-up": (-0.3, 0.3),
    "mouth-philtrum-volume-incr": (-0.3, 0.2),
    "chin-jaw-drop-incr": (-0.2, 0.2),
    "nose-scale-horiz-incr": (-0.4, 0.4),
    "nose-point-width-incr": (-0.4, 0.4),
}
CALM_PARTS = ("ear-", "eye-bag", "eye-push", "eyebrows", "lip-ext", "lip-middle")
CLOTHES = {  # plain and muted, as people are asked to come
    "tops": ("female_casualsuit01-top", "male_casualsuit06-top", "male_casualsuit02-top"),
    "greys": ((0.82, 0.82, 0.83), (0.3, 0.33, 0.38), (0.1, 0.12, 0.16), (0.55, 0.5, 0.44)),
}


@dataclass(frozen=True)
class Description:
    """What one person of the cast is to look like, in the words that people choose by."""

    gender: str
    age: str
    skin: str
    hair: str
    hair_colour: str
    eyes: str
    build: str
    features: tuple[str, ...]


class Try:
    """One person, drawn step by step: the close-up first, the full body when the face is right."""

    def __init__(self, artist: Artist, wanted: Description, seed: int) -> None:
        rng = np.random.default_rng(seed)
        studio = artist.studio
        person = person_of(wanted, rng, studio.model.anny.local_change_labels)
        figure = studio.figure(person, float(rng.uniform(0.04, 0.1)), float(rng.uniform(0.12, 0.3)))
        figure.pose(sample_pose_calm(rng))
        parts = studio.person_parts(figure, person, dress(outfit(rng), None))
        self._draw = partial(studio.renderer.draw, parts)
        self._release = partial(studio.renderer.release, parts)
        self._artist, self._marks = artist, studio.landmarks(figure)
        camera = studio.face_camera(self._marks, 0.416, aspect=0.75)
        self.close_up = over(self._draw(camera, Light(), SIZE), studio_ground(SIZE))
        self.vector = artist.vector(self.close_up)

    def full_body(self) -> np.ndarray | None:
        """The second picture; None if its face is not found, or not the one of the close-up."""
        camera = self._artist.studio.full_body_camera(self._marks, 0.9)
        ground = contact_shadow(studio_ground(SIZE, 0.8), (0.5, 0.945), (0.2, 0.02))
        picture = over(self._draw(camera, Light(), SIZE), ground)
        vector = self._artist.vector(picture)
        if vector is None or float(vector @ self.vector) < LIKE_ITSELF:
            return None
        return picture

    def end(self) -> None:
        """Give back what it holds of the renderer."""
        self._release()


def plan() -> list[Description]:
    """Descriptions of the whole cast: every gender over all skins, ages, builds and hairs."""
    genders = ("female", "male", "female", "male", "female", "male", "non_binary")
    seen = dict.fromkeys(HAIRS, 0)
    found = []
    for number in range(COUNT):
        gender = genders[number % len(genders)]
        k = seen[gender]
        seen[gender] += 1
        skin = tuple(SKINS)[k % 4]
        light = skin in ("fair", "medium")
        colours = COLOUR_ORDER if light else ("black", "brown", "black", "grey")
        eyes = EYE_ORDER if light else ("brown",)
        features = tuple(FEATURES)
        chosen = (features[(k + number) % 6], features[(k // 2 + 3) % 6])
        found.append(
            Description(
                gender,
                tuple(AGES)[(k // 4) % 3],
                skin,
                HAIRS[gender][(k + k // 4) % 6],
                colours[(k + k // 3) % len(colours)],
                eyes[(k // 2 + k // 5) % len(eyes)],
                tuple(BUILDS)[(k // 2 + k // 7) % 4],
                tuple(sorted(set(chosen[: 1 + k % 2]))),
            )
        )
    return found


def person_of(wanted: Description, rng: np.random.Generator, labels: list[str]) -> Person:
    """Draw one person to a description; what it leaves open is left to chance."""
    shape = wanted.gender
    if shape == "non_binary":
        shape = ("female", "male")[rng.integers(2)]
    origins, depths = SKINS[wanted.skin]
    origin = str(rng.choice(origins))
    (youngest, oldest), texture = AGES[wanted.age]
    muscle, weight = BUILDS[wanted.build]
    drawn = sample_person(rng, labels, shape, origin, str(rng.choice(MESHES[wanted.hair])))
    phenotype = drawn.phenotype | {
        "age": float(rng.uniform(youngest, oldest)),
        "muscle": float(rng.uniform(*muscle)),
        "weight": float(rng.uniform(*weight)),
    }
    if wanted.gender == "non_binary":
        phenotype |= {"gender": float(rng.uniform(0.4, 0.6)), "cupsize": 0.25}
    sliders = dict(drawn.sliders)
    for name, value in drawn.sliders.items():
        low, high = CALM.get(name.removeprefix("r-").removeprefix("l-"), (-0.7, 0.7))
        if any(part in name for part in CALM_PARTS):
            low, high = max(low, -0.25), min(high, 0.25)
        sliders[name] = float(np.clip(value, low, high))
    for feature in wanted.features:
        for name, value in FEATURES[feature].items():
            sliders[name] = value
            if name.startswith("l-"):
                sliders["r-" + name[2:]] = value
    return replace(
        drawn,
        phenotype=phenotype,
        sliders=sliders,
        skin=f"{texture}_{origin}_{shape}",
        skin_tint=_tint(rng.uniform(*depths)),
        hair_colour=tuple(
            float(c) for c in np.array(HAIR_COLOURS[wanted.hair_colour]) * rng.uniform(0.88, 1.12)
        ),
        eyes=str(rng.choice(EYES[wanted.eyes])),
    )


def _tint(depth: float) -> tuple[float, float, float]:
    red, green, blue = np.array([1.04, 1.0, 0.97]) - depth * np.array([0.42, 0.56, 0.66])
    return float(red), float(green), float(blue)


def outfit(rng: np.random.Generator) -> tuple[Product, Product]:
    """A plain top and plain trousers in two different greys."""
    greys = CLOTHES["greys"]
    upper, lower = rng.permutation(len(greys))[:2]
    top = str(rng.choice(CLOTHES["tops"]))

    def plain(category: str, piece: str, grey: int) -> Product:
        fabric = Fabric(PATTERNS["plain"], greys[grey], (0.9, 0.9, 0.9), 1.3, 0.2, 1.6, SEED)
        return Product(category, (piece,), fabric)

    return plain("tops", top, upper), plain("bottoms", "male_casualsuit02-bottom", lower)


class Artist:
    """Draws people and looks at their faces."""

    def __init__(self, assets: Path, faces: Path) -> None:
        self.studio = Studio(assets)
        self.encoder = InsightFaceEncoder(faces.resolve())

    def vector(self, picture: np.ndarray) -> np.ndarray | None:
        """The face vector of a picture that is enlarged as the appliance enlarges small ones."""
        scale = max(1.0, 768 / min(picture.shape[:2]))
        large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        faces = self.encoder.detect(large)
        return self.encoder.embed(large, faces[0]).vector if len(faces) == 1 else None


def sample_vectors(artist: Artist, samples: Path) -> list[np.ndarray]:
    """Face vectors of the people that ship as samples: nobody of the cast may pass for them."""
    pictures = sorted(samples.glob("people/*/close_up.jpg"))
    vectors = [artist.vector(np.asarray(Image.open(path).convert("RGB"))) for path in pictures]
    return [vector for vector in vectors if vector is not None]


def drawings(
    artist: Artist, samples: Path
) -> Iterator[tuple[int, Description, dict[str, np.ndarray]]]:
    """Draw everybody; each the least like the others of a few tries."""
    others = sample_vectors(artist, samples)
    cast: list[np.ndarray] = []
    for number, wanted in enumerate(plan()):
        found: list[tuple[float, np.ndarray, dict[str, np.ndarray]]] = []
        for one_try in range(6 * TRIES):
            if found and (min(one[0] for one in found) < ALIKE or one_try >= TRIES):
                break
            drawn = Try(artist, wanted, SEED + 100 * number + one_try)
            if drawn.vector is not None and not any(
                float(drawn.vector @ other) > LIKE_A_SAMPLE for other in others
            ):
                closest = max((float(drawn.vector @ other) for other in cast), default=0.0)
                if not found or closest < min(one[0] for one in found):
                    picture = drawn.full_body()
                    if picture is not None:
                        pictures = {"full_body": picture, "close_up": drawn.close_up}
                        found.append((closest, drawn.vector, pictures))
            drawn.end()
        if not found:
            print(f"{number:02} nobody fits, left out", flush=True)
            continue
        closest, vector, pictures = min(found, key=lambda one: one[0])
        cast.append(vector)
        print(f"{number:02} closest {closest:.2f}", flush=True)
        yield number, wanted, pictures


def entry(number: int, wanted: Description) -> str:
    """One person's table in `people.toml`."""
    features = ", ".join(f'"{feature}"' for feature in wanted.features)
    lines = ["[[people]]", f'id = "c{number:02}"']
    for name in ("gender", "age", "skin", "hair", "hair_colour", "eyes", "build"):
        lines.append(f'{name} = "{getattr(wanted, name)}"')
    return "\n".join([*lines, f"features = [{features}]", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description="Render the cast.")
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--faces", type=Path, required=True, help="folder of the face networks")
    parser.add_argument("--samples", type=Path, default=Path("samples"))
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    tables = ["# Rendered by recipe/cast.py from CC0 meshes; nobody here exists.", ""]
    for number, wanted, pictures in drawings(Artist(args.assets, args.faces), args.samples):
        for name, picture in pictures.items():
            Image.fromarray(picture).save(
                args.out / f"c{number:02}_{name}.jpg", quality=QUALITY, optimize=True
            )
        tables.append(entry(number, wanted))
    (args.out / "people.toml").write_text("\n".join(tables))


if __name__ == "__main__":
    main()
